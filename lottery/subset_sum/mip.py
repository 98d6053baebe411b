"""The base of the MIP solvers: one model per coefficient set, solved for one weight after another.

Model (Pensia et al., section 4, as in the released code), for binary x and z >= 0:

    minimise z   subject to   a.x + z >= w,   a.x - z <= w,   z <= epsilon.

Other objectives minimise other costs under the same constraints (see `costs`); `exactly_K` adds the constraint sum(x) = K.
Shapes: T weights of a row, n coefficients per set.
"""

from abc import ABC, abstractmethod

import numpy as np

from lottery.subset_sum.problem import OBJECTIVES, MipObjective, Objective, Status, SubsetSumError, exact_count

# Except for min_error, the solver gets tight tolerances and an epsilon smaller by `MARGIN`, so that every subset it calls
# feasible is feasible, even right at epsilon.  min_error keeps the solver's defaults, as published.
TOLERANCE = 1e-9
MARGIN = 1e-8


def _mip_objective(objective: Objective) -> MipObjective:
    return OBJECTIVES["min_error" if exact_count(objective) is not None else objective]


def gap(objective: Objective) -> float:
    """The relative MIP gap at which a solver may stop."""
    return _mip_objective(objective).gap


def bound(epsilon: float, objective: Objective) -> float:
    """The upper bound of the error z in the model."""
    return epsilon if objective == "min_error" else max(epsilon - MARGIN, epsilon / 2)


def costs(coefficients: np.ndarray, epsilon: float, objective: Objective) -> tuple[np.ndarray, float]:
    """The costs that the model minimises: of x (n,), and of z."""
    return _mip_objective(objective).costs(coefficients, epsilon)


class Model(ABC):
    """The MIP of one coefficient set; only the right-hand sides differ between weights."""

    @abstractmethod
    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        """The values of x (n,), or None without a subset to report, and the solver's status.

        Raises SubsetSumError if the solver itself fails, which says nothing about the weight.
        """


class MipSolver(ABC):
    """Solves rows weight by weight, and reuses the model while the coefficient set stays the same.

    time_limit: seconds per weight; None: no limit.
    """

    name: str
    block: int | None = 16  # weights per call, after each of which work can be saved: about ten seconds

    def __init__(self, time_limit: float | None = None) -> None:
        self.time_limit = time_limit
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

    def self_test(self) -> None:
        """Solve a small problem with a known answer, because an installed solver may still not run.

        Raises SubsetSumError if the answer is wrong or the solver fails.
        """
        masks, status = self.solve_row(np.array([0.3]), np.array([0.1, 0.2, 0.5]), 0.05, "min_error")
        if (masks[0], status[0]) != (0b011, Status.SOLVED):
            answer = f"mask {masks[0]}, {Status(status[0]).name.lower()}"
            raise SubsetSumError(
                f"{self.name}: got {answer} for 0.3 = 0.1 + 0.2, expected mask 3, solved; use another solver"
            )

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and statuses (T,) uint8 for one row of weights (T,) and coefficients (n,) or (T, n).

        Raises SubsetSumError if the solver fails at a weight; that is never reported as a weight without a subset.
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
                raise SubsetSumError(f"{self.name}: failed at the weight {weight!s}; use another solver")
            if chosen is not None:
                bits = np.flatnonzero(chosen > 0.5).astype(np.uint64)
                masks[t] = np.bitwise_or.reduce(np.uint64(1) << bits) if bits.size else 0
        return masks, status
