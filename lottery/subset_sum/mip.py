"""What the MIP solvers share: one model a coefficient set, solved for one weight after another.

Model (Pensia et al., section 4, as in the released code), for binary x and z >= 0:

    minimise z   subject to   a.x + z >= w,   a.x - z <= w,   z <= epsilon.

The other objectives minimise something else under the same constraints: see `costs`; for `exactly_K`, the sum of x is K besides.
"""

from abc import ABC, abstractmethod

import numpy as np

from lottery.subset_sum.problem import OBJECTIVES, MipObjective, Objective, Status, SubsetSumError, exact_count

# Where a subset may lie right at epsilon, the solver gets tight tolerances and an epsilon smaller by `MARGIN`,
# so that what it calls feasible is feasible.  min_error keeps the defaults: the published ones.
TOLERANCE = 1e-9
MARGIN = 1e-8


def _minimised(objective: Objective) -> MipObjective:
    return OBJECTIVES["min_error" if exact_count(objective) is not None else objective]


def gap(objective: Objective) -> float:
    """How near to the optimum, relative to it, a solver has to come."""
    return _minimised(objective).gap


def bound(epsilon: float, objective: Objective) -> float:
    """The epsilon that the model gets."""
    return epsilon if objective == "min_error" else max(epsilon - MARGIN, epsilon / 2)


def costs(coefficients: np.ndarray, epsilon: float, objective: Objective) -> tuple[np.ndarray, float]:
    """What the model minimises: the costs of x (n,) and of z."""
    return _minimised(objective).costs(coefficients, epsilon)


class Model(ABC):
    """The MIP of one coefficient set; only the right-hand sides change from weight to weight."""

    @abstractmethod
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        """The values of x (n,), or None where there is no subset to report, and what the solver says.

        Raises SubsetSumError where the solver itself is broken: that says nothing about the weight.
        """


class MipSolver(ABC):
    """Solves rows weight by weight, keeping the model of the coefficient set it saw last."""

    name: str
    block: int | None = 16  # weights between two chances to save: about ten seconds

    def __init__(self, time_limit: float | None = None) -> None:
        self.time_limit = time_limit  # seconds a weight
        self._model: Model | None = None
        self._key: tuple[bytes, float, str] | None = None

    @abstractmethod
    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        """The model of one set of coefficients (n,)."""

    def _model_of(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        key = (coefficients.tobytes(), epsilon, objective)
        if self._model is None or key != self._key:
            self._model, self._key = self.build(coefficients, epsilon, objective), key
        return self._model

    def prove(self) -> None:
        """Solve a small problem with a known answer, as a solver that is installed may still not run."""
        masks, status = self.solve_row(np.array([0.3]), np.array([0.1, 0.2, 0.5]), 0.05, "min_error")
        if (masks[0], status[0]) != (0b011, Status.SOLVED):
            said = f"mask {masks[0]}, {Status(status[0]).name.lower()}"
            raise SubsetSumError(f"{self.name}: does not solve 0.3 = 0.1 + 0.2 ({said}); take another solver")

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and statuses (T,) uint8 for one row; see `solvers.Solver`.

        A solver that fails at a weight is an error, never a weight without a subset.
        """
        masks = np.zeros(weights.shape, np.uint64)
        status = np.full(weights.shape, Status.INFEASIBLE, np.uint8)
        n = coefficients.shape[-1]
        for t, weight in enumerate(weights):
            if n == 0:
                status[t] = Status.SOLVED if abs(weight) <= epsilon else Status.INFEASIBLE
                continue
            own = coefficients if coefficients.ndim == 1 else coefficients[t]
            chosen, status[t] = self._model_of(own, epsilon, objective).solve(float(weight))
            if status[t] == Status.FAILED:
                raise SubsetSumError(f"{self.name}: failed at the weight {weight!s}; take another solver for it")
            if chosen is not None:
                bits = np.flatnonzero(chosen > 0.5).astype(np.uint64)
                masks[t] = np.bitwise_or.reduce(np.uint64(1) << bits) if bits.size else 0
        return masks, status
