"""A subset sum problem and its solution: for each weight, which of its coefficients to keep.

Shapes: W rows, T weights per row, n coefficients per set.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from lottery.registry import Registry
from lottery.subset_sum.kernels import masked_sums

Objective = str  # one of OBJECTIVES, or `exactly_K`
EPSILON = 0.01  # the published error of a weight, and the default
MAX_COEFFICIENTS = 64  # bits of a mask


class SubsetSumError(ValueError):
    """A problem that is invalid or cannot be solved as requested; the message says what is wrong and how to fix it."""


@dataclass(frozen=True)
class MipObjective:
    """The costs that a MIP solver minimises for an objective.

    costs: function of the coefficients (n,) and epsilon; returns the costs of x (n,), and of the error z.
    gap: relative MIP gap at which the solver may stop.
    """

    costs: Callable[[np.ndarray, float], tuple[np.ndarray, float]]
    gap: float


OBJECTIVES = Registry(
    "objective",
    {
        "min_error": MipObjective(
            lambda coefficients, epsilon: (np.zeros(coefficients.size), 1.0), 0.01
        ),  # the paper's gap
        # z <= epsilon costs at most 1/2, so it only breaks ties.  The cardinality must be exact, hence a tighter gap.
        "min_cardinality": MipObjective(
            lambda coefficients, epsilon: (np.ones(coefficients.size), 1 / (2 * epsilon)), 1e-4
        ),
        "first_feasible": MipObjective(lambda coefficients, epsilon: (np.zeros(coefficients.size), 0.0), 0.01),
    },
    SubsetSumError,
)


def exact_count(objective: Objective) -> int | None:
    """K for the objective `exactly_K`, None for any other."""
    found = re.fullmatch(r"exactly_([0-9]{1,2})", objective)
    return int(found[1]) if found else None


def check_objective(objective: Objective) -> None:
    """Raise SubsetSumError unless `objective` is a known name or `exactly_K`."""
    if objective not in OBJECTIVES and exact_count(objective) is None:
        raise SubsetSumError(f"objective: {objective!r} is not one of {', '.join(OBJECTIVES)}, exactly_K")


class Status(IntEnum):
    """A solver's status for one weight; `Solution.feasible` does not depend on it, but is computed from the mask."""

    SOLVED = 0
    INFEASIBLE = 1
    TIME_LIMIT = 2
    FAILED = 3


@dataclass(frozen=True)
class Problem:
    """Weights, and the coefficients whose subset sums approximate them.  Raises SubsetSumError if they are invalid.

    weights: (W, T) float, finite.
    coefficients: (W, n), one set per row, or (W, T, n), one set per weight; n <= 64.
    epsilon: the largest |sum - weight| that counts as feasible, > 0.
    objective: `min_error` (nearest sum), `min_cardinality` (fewest coefficients within epsilon, ties by
        error), `first_feasible` (any subset within epsilon) or `exactly_K` (nearest sum of exactly K coefficients, the
        random fixed-size subset sum of Natale et al., NeurIPS 2024).
    """

    weights: np.ndarray
    coefficients: np.ndarray
    epsilon: float = EPSILON
    objective: Objective = "min_error"

    def __post_init__(self) -> None:
        for name in ("weights", "coefficients"):
            array = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if not np.isfinite(array).all():
                raise SubsetSumError(
                    f"{name}: {np.count_nonzero(~np.isfinite(array))} values are NaN or infinite; give finite numbers"
                )
            object.__setattr__(self, name, array)
        weights, coefficients = self.weights, self.coefficients
        if weights.ndim != 2:
            raise SubsetSumError(f"weights: got shape {weights.shape}, expected two dimensions (rows, weights)")
        if coefficients.shape[:-1] not in (weights.shape[:1], weights.shape):
            raise SubsetSumError(
                f"coefficients: got shape {coefficients.shape} for weights {weights.shape}, expected (rows, n) or (rows,"
                " weights, n)"
            )
        if self.n > MAX_COEFFICIENTS:
            raise SubsetSumError(
                f"coefficients: got {self.n} per weight, expected at most {MAX_COEFFICIENTS}, the bits of a mask"
            )
        if not (np.isfinite(self.epsilon) and self.epsilon > 0):
            raise SubsetSumError(f"epsilon: got {self.epsilon}, expected a positive number")
        check_objective(self.objective)
        if (exact_count(self.objective) or 0) > self.n:
            raise SubsetSumError(f"objective: {self.objective} needs more than the {self.n} coefficients per weight")
        with np.errstate(over="ignore"):
            reach = np.abs(coefficients).sum(axis=-1).max(initial=0) + np.abs(weights).max(initial=0)
            representable = np.isfinite(4 * reach)
        if not representable:
            raise SubsetSumError("coefficients: their sums exceed the range of float64; scale them down")

    @property
    def n(self) -> int:
        """Coefficients per weight."""
        return int(self.coefficients.shape[-1])


def approximations(masks: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Sums (W, T) float64 of the coefficients that masks (W, T) keep, added in index order.

    coefficients: (W, n) or (W, T, n).
    """
    sets = masks if coefficients.ndim == 2 else masks.reshape(-1, 1)  # one set per row: (W, T), per weight: (W*T, 1)
    sums = np.empty(sets.shape)
    # (W, n) stays, (W, T, n) -> (W*T, n)
    masked_sums(np.ascontiguousarray(coefficients).reshape(len(sets), coefficients.shape[-1]), sets, sums)
    return sums.reshape(masks.shape)  # -> (W, T)


@dataclass(frozen=True)
class Solution:
    """Which coefficients are kept per weight, and the resulting sums; all but `masks` and `status` is computed from the masks.

    masks: (W, T) uint64; bit k is set if coefficient k is kept.
    approximation: (W, T) float64, the subset sums.
    errors: (W, T) float64, |approximation - weight|.
    cardinality: (W, T) int64, number of coefficients kept.
    feasible: (W, T) bool, error <= epsilon (and K coefficients kept, for `exactly_K`).
    status: (W, T) uint8, see `Status`.
    solver: the name of the solver that ran, never `auto` or `mip`.
    """

    masks: np.ndarray
    approximation: np.ndarray
    errors: np.ndarray
    cardinality: np.ndarray
    feasible: np.ndarray
    status: np.ndarray
    solver: str

    @classmethod
    def from_masks(cls, problem: Problem, masks: np.ndarray, status: np.ndarray, solver: str) -> "Solution":
        """The solution with these masks (W, T) and statuses (W, T).

        Raises SubsetSumError if a mask has a bit beyond the n coefficients.
        """
        if problem.n < MAX_COEFFICIENTS and (masks >> np.uint64(problem.n)).any():
            raise SubsetSumError(f"masks: bits beyond the {problem.n} coefficients are set; solver {solver} is faulty")
        approximation = approximations(masks, problem.coefficients)
        errors = np.abs(approximation - problem.weights)
        cardinality = np.bitwise_count(masks).astype(np.int64)
        feasible = errors <= problem.epsilon
        if (count := exact_count(problem.objective)) is not None:
            feasible &= cardinality == count
        return cls(masks, approximation, errors, cardinality, feasible, status, solver)
