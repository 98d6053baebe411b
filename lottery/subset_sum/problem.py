"""A subset sum problem and its solution: for each weight, which of its coefficients to keep."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from lottery.registry import Registry
from lottery.subset_sum.kernels import masked_sums

Objective = str  # one of OBJECTIVES, or `exactly_K`
EPSILON = 0.01  # the published error of a weight, and the default
MOST_COEFFICIENTS = 64  # bits of a mask


class SubsetSumError(ValueError):
    """A problem that cannot be posed or solved as asked; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class MipObjective:
    """What a MIP solver minimises for an objective.

    costs: of coefficients (n,) and epsilon: the costs of x (n,) and of the error z.
    gap: how near to the optimum, relative to it, the solver has to come.
    """

    costs: Callable[[np.ndarray, float], tuple[np.ndarray, float]]
    gap: float


OBJECTIVES = Registry(
    "objective",
    {
        "min_error": MipObjective(
            lambda coefficients, epsilon: (np.zeros(coefficients.size), 1.0), 0.01
        ),  # the paper's gap
        # z <= epsilon costs at most a half, so it only breaks ties.  The fewest must be proved to the unit: a tighter gap.
        "min_cardinality": MipObjective(
            lambda coefficients, epsilon: (np.ones(coefficients.size), 1 / (2 * epsilon)), 1e-4
        ),
        "first_feasible": MipObjective(lambda coefficients, epsilon: (np.zeros(coefficients.size), 0.0), 0.01),
    },
    SubsetSumError,
)


def exact_count(objective: Objective) -> int | None:
    """K of `exactly_K`, None for any other objective."""
    found = re.fullmatch(r"exactly_([0-9]{1,2})", objective)
    return int(found[1]) if found else None


def check_objective(objective: Objective) -> None:
    """Refuses a name that stands for no objective."""
    if objective not in OBJECTIVES and exact_count(objective) is None:
        raise SubsetSumError(f"objective: {objective!r} is not one of {', '.join(OBJECTIVES)}, exactly_K")


class Status(IntEnum):
    """What a solver says of one weight (kept apart from `feasible`, which is checked on the mask itself)."""

    SOLVED = 0
    INFEASIBLE = 1
    TIME_LIMIT = 2
    FAILED = 3


@dataclass(frozen=True)
class Problem:
    """Weights and the coefficients that may be added up to each of them.

    weights: (R, T) float, finite.
    coefficients: (R, n), one set for all weights of a row, or (R, T, n), a set for each weight; n <= 64.
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
                raise SubsetSumError(f"{name}: {np.count_nonzero(~np.isfinite(array))} values are NaN or infinite")
            object.__setattr__(self, name, array)
        weights, coefficients = self.weights, self.coefficients
        if weights.ndim != 2:
            raise SubsetSumError(f"weights: shape (R, T) is needed, not {weights.shape}")
        if coefficients.shape[:-1] not in (weights.shape[:1], weights.shape):
            raise SubsetSumError(
                f"coefficients: shape {coefficients.shape} fits neither (R, n) nor (R, T, n) for weights {weights.shape}"
            )
        if self.n > MOST_COEFFICIENTS:
            raise SubsetSumError(f"coefficients: {self.n} a weight, but a mask holds {MOST_COEFFICIENTS}")
        if not (np.isfinite(self.epsilon) and self.epsilon > 0):
            raise SubsetSumError(f"epsilon: a positive number is needed, not {self.epsilon}")
        check_objective(self.objective)
        if (exact_count(self.objective) or 0) > self.n:
            raise SubsetSumError(f"objective: {self.objective} keeps more than the {self.n} coefficients of a weight")
        with np.errstate(over="ignore"):
            reach = np.abs(coefficients).sum(axis=-1).max(initial=0) + np.abs(weights).max(initial=0)
            representable = np.isfinite(4 * reach)
        if not representable:
            raise SubsetSumError("coefficients: their sums leave the range of float64")

    @property
    def n(self) -> int:
        """Coefficients a weight."""
        return int(self.coefficients.shape[-1])


def approximations(masks: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """(R, T) float64 sums of the kept coefficients, added in index order, for (R, n) or (R, T, n) coefficients."""
    sets = masks if coefficients.ndim == 2 else masks.reshape(-1, 1)
    sums = np.empty(sets.shape)
    masked_sums(np.ascontiguousarray(coefficients).reshape(len(sets), coefficients.shape[-1]), sets, sums)
    return sums.reshape(masks.shape)


@dataclass(frozen=True)
class Solution:
    """What was kept for each weight, and what comes of it; all but `masks` and `status` is computed from the masks.

    masks: (R, T) uint64, bit k set: coefficient k is kept.   approximation: (R, T) float64, the subset sums.
    errors: (R, T) float64, |approximation - weight|.         cardinality: (R, T) int64, coefficients kept.
    feasible: (R, T) bool, error <= epsilon (and K coefficients kept, for `exactly_K`).    status: (R, T) uint8, see `Status`.
    solver: the name of the solver that ran (never `auto` or `mip`).
    """

    masks: np.ndarray
    approximation: np.ndarray
    errors: np.ndarray
    cardinality: np.ndarray
    feasible: np.ndarray
    status: np.ndarray
    solver: str

    @classmethod
    def of(cls, problem: Problem, masks: np.ndarray, status: np.ndarray, solver: str) -> "Solution":
        """The solution that keeps `masks`, checked: no bit beyond the n coefficients."""
        if problem.n < MOST_COEFFICIENTS and (masks >> np.uint64(problem.n)).any():
            raise SubsetSumError(f"masks: bits beyond the {problem.n} coefficients are set")
        approximation = approximations(masks, problem.coefficients)
        errors = np.abs(approximation - problem.weights)
        cardinality = np.bitwise_count(masks).astype(np.int64)
        feasible = errors <= problem.epsilon
        if (count := exact_count(problem.objective)) is not None:
            feasible &= cardinality == count
        return cls(masks, approximation, errors, cardinality, feasible, status, solver)
