"""Trials: how close subset sums of random coefficients come to one target, or to all of an interval.

One trial gives an error, so that it counts for every epsilon at once, and success can only grow with epsilon.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery import subset_sum
from lottery.errors import LotteryError
from lottery.subset_sum.kernels import covering_radii, errors_of_cardinality
from lottery.theory.coefficients import BLOCK, draw_sides, draw_targets, kind_named

Targets = Literal["one", "all"]
TARGETS: tuple[str, ...] = get_args(Targets)
HALF_WIDTH = 0.5  # targets are those of [-1/2, 1/2]
EASY = 12  # coefficients whose sums cost little: whether they are enough is tried first


@dataclass(frozen=True)
class Experiment:
    """What a trial is.

    kind: of coefficients.            coefficients: n, how many a trial draws.
    targets: `one` target, drawn uniformly from [-1/2, 1/2], or `all` targets of that interval at once.
    cardinality: the only size of subsets that counts; None for subsets of any size.
    """

    kind: str
    targets: str
    coefficients: int
    trials: int
    seed: int = 1
    cardinality: int | None = None

    def __post_init__(self) -> None:
        kind_named(self.kind)
        if self.targets not in TARGETS:
            raise LotteryError(f"targets: {self.targets!r} is not one of {', '.join(TARGETS)}")
        if self.trials < 1 or self.coefficients < 1 or self.seed < 0:
            raise LotteryError("theory: one trial and one coefficient are the least, and seeds are not negative")
        if self.cardinality is not None and (self.targets != "one" or self.cardinality < 1):
            raise LotteryError("cardinality: subsets of one size, 1 or more, are tried for one target only")


def _nearest(weights: np.ndarray, sets: np.ndarray) -> np.ndarray:
    errors: np.ndarray = subset_sum.solve(weights[None, :], sets[None, :, :]).errors[0]
    return errors


def _radii(sets: np.ndarray, enough: float) -> np.ndarray:
    """Covering radii of the interval of targets: of whole sets, or of a beginning that brings it to `enough`."""
    found = np.empty(len(sets))
    left = np.arange(len(sets))
    coefficients = sets.shape[1]
    for size in (*range(EASY, coefficients, 2), coefficients):
        radii = np.empty(len(left))
        covering_radii(np.ascontiguousarray(sets[left, :size]), -HALF_WIDTH, HALF_WIDTH, radii)
        found[left] = radii
        left = left[radii > enough]
        if not len(left):
            break
    return found


def _by_useful(sets: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(trials, their sets without zeros) for each number of coefficients that are not zero: a zero adds no sum, but time."""
    useful = sets != 0
    counts = useful.sum(axis=1)
    order = np.argsort(~useful, axis=1, kind="stable")
    front = np.take_along_axis(sets, order, axis=1)
    return [
        (rows := np.flatnonzero(counts == count), np.ascontiguousarray(front[rows, :count]))
        for count in np.unique(counts)
    ]


def _errors_of_side(experiment: Experiment, weights: np.ndarray, sets: np.ndarray, enough: float) -> np.ndarray:
    errors = np.empty(len(sets))
    if experiment.cardinality is not None:
        errors_of_cardinality(weights, sets, experiment.cardinality, errors)
        return errors
    for trials, useful in _by_useful(sets):
        one = experiment.targets == "one"
        errors[trials] = _nearest(weights[trials], useful) if one else _radii(useful, enough)
    return errors


def trial_errors(experiment: Experiment, trials: range, enough: float = 0.0) -> np.ndarray:
    """The error of each of some trials (len(trials),): of the target, or of the target that is served worst.

    Where the kind has two sides, positive and negative inputs, both have to serve the target; the worse one counts.
    For `all` targets an error within `enough` may be that of fewer coefficients, which is larger: more never make it worse,
    and the sums of a few are far fewer.
    """
    sides = draw_sides(experiment.kind, experiment.coefficients, trials, experiment.seed)
    targets = draw_targets(experiment.kind, trials, experiment.seed)
    errors = [
        _errors_of_side(experiment, sign * targets, sets, enough)
        for sign, sets in zip((1.0, -1.0), sides, strict=False)
    ]
    largest: np.ndarray = np.max(errors, axis=0)
    return largest


def count_successes(experiment: Experiment, epsilons: Sequence[float]) -> list[int]:
    """For each epsilon, the trials whose error is no more than that."""
    if not epsilons or not all(math.isfinite(epsilon) and epsilon > 0 for epsilon in epsilons):
        raise LotteryError(f"epsilons: positive numbers are needed, not {', '.join(map(str, epsilons))}")
    counts = np.zeros(len(epsilons), np.int64)
    for start in range(0, experiment.trials, BLOCK):
        trials = range(start, min(start + BLOCK, experiment.trials))
        errors = trial_errors(experiment, trials, enough=min(epsilons))
        counts += (errors[:, None] <= np.asarray(epsilons)).sum(axis=0)
    return counts.tolist()
