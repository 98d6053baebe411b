"""The paper's solver, Gurobi: one environment per process, one thread, one model per coefficient set."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import gurobipy as gp
import numpy as np
from gurobipy import GRB

from lottery.subset_sum.mip import TOLERANCE, MipSolver, Model, bound, costs, gap
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

logging.getLogger("gurobipy").setLevel(logging.WARNING)  # it prints the licence banner on every start

SIZE_LIMIT = 2000  # variables (and constraints) that the licence inside pip's gurobipy allows


@dataclass(frozen=True)
class Licence:
    """Which models Gurobi may solve here, and until when or why not (`detail`)."""

    kind: Literal["none", "size-limited", "full"]
    detail: str

    def fits(self, n: int) -> bool:
        """Whether a model of n coefficients (n + 1 variables) is allowed."""
        return self.kind == "full" or (self.kind == "size-limited" and n + 1 <= SIZE_LIMIT)


def _environment() -> gp.Env:
    environment = gp.Env(empty=True)
    environment.setParam("OutputFlag", 0)
    environment.start()
    return environment


def licence() -> Licence:
    """The licence that Gurobi has.  This has to be tested, because the pip package comes with a size-limited one."""
    try:
        with _environment() as environment, gp.Model(env=environment) as model:
            expires = str(model.LicenseExpiration)
            model.addVars(SIZE_LIMIT + 1, ub=1.0)
            try:
                model.optimize()
            except gp.GurobiError as error:
                if error.errno != GRB.Error.SIZE_LIMIT_EXCEEDED:
                    raise
                limit = f"models up to {SIZE_LIMIT} variables, not for production, until {expires}"
                return Licence("size-limited", limit)
    except gp.GurobiError as error:
        return Licence("none", str(error))
    return Licence("full", f"until {expires}" if expires != "99999999" else "does not expire")


@contextmanager
def _solver_errors() -> Iterator[None]:
    """Raise SubsetSumError for a Gurobi error: it concerns the solver (licence, token, network, memory), not the weight."""
    try:
        yield
    except gp.GurobiError as error:
        raise SubsetSumError(
            f"gurobi: {' '.join(str(error).split())} (error {error.errno}); check licence, network and token server,"
            " or use solver: exact or cbc"
        ) from error


class _GurobiModel(Model):
    def __init__(
        self,
        environment: gp.Env,
        coefficients: np.ndarray,
        epsilon: float,
        objective: Objective,
        time_limit: float | None,
    ) -> None:
        model = gp.Model(env=environment)
        model.Params.Threads = 1
        model.Params.MIPGap = gap(objective)
        if time_limit is not None:
            model.Params.TimeLimit = time_limit
        self.x = model.addMVar(coefficients.size, ub=coefficients != 0, vtype=GRB.BINARY)  # a zero is padding
        z = model.addVar(ub=bound(epsilon, objective))
        total = coefficients @ self.x
        self.below = model.addConstr(total + z >= 0.0)
        self.above = model.addConstr(total - z <= 0.0)
        if (count := exact_count(objective)) is not None:
            model.addConstr(self.x.sum() == count)
        of_x, of_z = costs(coefficients, epsilon, objective)
        model.setObjective(of_x @ self.x + of_z * z)
        if objective != "min_error":
            model.Params.FeasibilityTol = model.Params.IntFeasTol = TOLERANCE
        self.model = model

    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        with _solver_errors():
            self.model.reset()  # no warm start from the previous weight: results must not depend on the order
            self.below.RHS = weight
            self.above.RHS = weight
            self.model.optimize()
        if self.model.Status == GRB.INTERRUPTED:  # Gurobi catches the signal
            raise KeyboardInterrupt
        status = {
            GRB.OPTIMAL: Status.SOLVED,
            GRB.INFEASIBLE: Status.INFEASIBLE,
            GRB.INF_OR_UNBD: Status.INFEASIBLE,
            GRB.TIME_LIMIT: Status.TIME_LIMIT,
        }.get(self.model.Status, Status.FAILED)
        with _solver_errors():
            return (np.asarray(self.x.X) if self.model.SolCount else None), status


class GurobiSolver(MipSolver):
    """The paper's MIP (Pensia et al., section 4) in Gurobi; raises SubsetSumError without a licence."""

    name = "gurobi"

    def __init__(self, time_limit: float | None = None) -> None:
        super().__init__(time_limit)
        try:
            self._environment = _environment()
        except gp.GurobiError as error:
            raise SubsetSumError(
                f"gurobi: no licence ({error}); set GRB_LICENSE_FILE, or use solver: exact, cbc or mip"
            ) from error

    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        with _solver_errors():
            return _GurobiModel(self._environment, coefficients, epsilon, objective, self.time_limit)
