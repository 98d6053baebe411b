"""HiGHS, the MIP solver inside SciPy: no licence, and no process per weight."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from lottery.subset_sum import SOLVERS, Objective, SolverKind, Status, exact_count
from lottery.subset_sum.mip import MipSolver, Model, bound, costs, gap


class HighsModel(Model):
    """The paper's model for one set of coefficients (n,), measured in epsilons.

    HiGHS has fixed tolerances of 1e-6, which so mean 1e-6 of an epsilon.
    """

    def __init__(
        self, coefficients: np.ndarray, epsilon: float, objective: Objective, time_limit: float | None
    ) -> None:
        of_x, of_z = costs(coefficients, epsilon, objective)
        ones, rows = np.ones(coefficients.size), coefficients / epsilon
        self.epsilon, self.costs = epsilon, np.append(of_x, of_z * epsilon)
        self.rows = np.array([[*rows, 1.0], [*rows, -1.0], [*ones, 0.0]])
        count = exact_count(objective)
        self.min_count, self.max_count = (0, coefficients.size) if count is None else (count, count)
        self.given = {
            "bounds": Bounds(0, np.append(ones, bound(epsilon, objective) / epsilon)),
            "integrality": np.append(ones, 0),
            "options": {"mip_rel_gap": gap(objective), "time_limit": time_limit},
        }

    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        scaled = weight / self.epsilon
        limits = LinearConstraint(self.rows, [scaled, -np.inf, self.min_count], [np.inf, scaled, self.max_count])
        found = milp(self.costs, constraints=limits, **self.given)
        status = {0: Status.SOLVED, 1: Status.TIME_LIMIT, 2: Status.INFEASIBLE}.get(found.status, Status.FAILED)
        return (None if found.x is None else found.x[:-1]), status


class HighsSolver(MipSolver):
    """The paper's MIP in HiGHS."""

    name = "highs"

    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        return HighsModel(coefficients, epsilon, objective, self.time_limit)


SOLVERS.register("highs", SolverKind(HighsSolver))
