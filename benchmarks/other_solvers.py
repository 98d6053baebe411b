"""Solvers that one might take instead: CP-SAT, HiGHS and SCIP, with the same model as Gurobi and CBC, on one thread.

They are no part of the package.  Objectives: `min_error` and `min_cardinality`.
"""

from abc import abstractmethod
from importlib.util import find_spec

import numpy as np

from lottery.subset_sum import Objective, Status, SubsetSumError
from lottery.subset_sum.mip import MipSolver, Model, bound, costs, gap

UNIT = 2.0**-40  # CP-SAT has integers only: a sum of 21 coefficients is rounded by less than 2^-35


class _Model(Model):
    """The model is built anew for each weight, which takes a small part of the time that solving takes."""

    def __init__(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> None:
        self.coefficients = coefficients
        self.upper = (coefficients != 0).astype(int)  # (n,), of x: a zero is padding and never kept
        self.bound = bound(epsilon, objective)
        self.of_x, self.of_z = costs(coefficients, epsilon, objective)
        self.gap = gap(objective)

    @abstractmethod
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]: ...


class _CpSatModel(_Model):
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        from ortools.sat.python import cp_model

        def units(value: float) -> int:
            return round(value / UNIT)

        model = cp_model.CpModel()
        x = [model.new_int_var(0, int(upper), "") for upper in self.upper]
        z = model.new_int_var(0, units(self.bound), "")
        difference = sum(units(a) * kept for a, kept in zip(self.coefficients, x, strict=True)) - units(weight)
        model.add(difference + z >= 0)
        model.add(difference - z <= 0)
        model.minimize(z + sum(units(cost / self.of_z) * kept for cost, kept in zip(self.of_x, x, strict=True)))
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.relative_gap_limit = self.gap
        status = {cp_model.OPTIMAL: Status.SOLVED, cp_model.INFEASIBLE: Status.INFEASIBLE}.get(
            solver.solve(model), Status.FAILED
        )
        return (np.array([solver.value(kept) for kept in x]) if status == Status.SOLVED else None), status


class _HighsModel(_Model):
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        from scipy.optimize import Bounds, LinearConstraint, milp

        rows = np.array([[*self.coefficients, 1.0], [*self.coefficients, -1.0]])  # (2, n + 1), for x and z
        found = milp(
            np.append(self.of_x, self.of_z),
            integrality=np.append(np.ones(self.upper.size), 0),
            bounds=Bounds(0, np.append(self.upper, self.bound)),
            constraints=LinearConstraint(rows, [weight, -np.inf], [np.inf, weight]),
            options={"mip_rel_gap": self.gap},
        )
        status = {0: Status.SOLVED, 2: Status.INFEASIBLE}.get(found.status, Status.FAILED)
        return (found.x[:-1] if status == Status.SOLVED else None), status


class _ScipModel(_Model):
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        from pyscipopt import Model as Scip
        from pyscipopt import quicksum

        model = Scip()
        model.hideOutput()
        model.setParam("limits/gap", self.gap)
        x = [model.addVar(vtype="B", ub=int(upper)) for upper in self.upper]
        z = model.addVar(ub=self.bound)
        total = quicksum(float(a) * kept for a, kept in zip(self.coefficients, x, strict=True))
        model.addCons(total + z >= weight)
        model.addCons(total - z <= weight)
        cost = quicksum(float(cost) * kept for cost, kept in zip(self.of_x, x, strict=True))
        model.setObjective(cost + self.of_z * z)
        model.optimize()
        status = {
            "optimal": Status.SOLVED,
            "gaplimit": Status.SOLVED,
            "infeasible": Status.INFEASIBLE,
        }.get(model.getStatus(), Status.FAILED)
        return (np.array([model.getVal(kept) for kept in x]) if status == Status.SOLVED else None), status


MODELS = {"cp-sat": _CpSatModel, "highs": _HighsModel, "scip": _ScipModel}
PACKAGES = {"cp-sat": "ortools", "highs": "scipy", "scip": "pyscipopt"}  # as they are imported and installed


class OtherSolver(MipSolver):
    """One of `MODELS`; raises SubsetSumError where its package is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        if find_spec(PACKAGES[name]) is None:
            raise SubsetSumError(f"{name}: not installed; pip install {PACKAGES[name]}")

    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        return MODELS[self.name](coefficients, epsilon, objective)
