"""Trials on a grid: how many integer coefficients it takes until a subset sum equals a target, or until one does for every target."""

from dataclasses import dataclass

import numpy as np

from lottery.errors import LotteryError
from lottery.theory.coefficients import BLOCK
from lottery.theory.integers import draw_integer_targets, draw_integers, integer_kind_named
from lottery.theory.kernels import first_numbers


@dataclass(frozen=True)
class ExactExperiment:
    """What a trial is: up to `coefficients` integers of `bits` bits, one after the other, against targets of [-M/2, M/2].

    kind: of integers, see `lottery.theory.integers`.
    """

    kind: str
    bits: int
    coefficients: int
    trials: int
    seed: int = 1

    def __post_init__(self) -> None:
        integer_kind_named(self.kind).factor_bits(self.bits)
        if self.trials < 1 or self.coefficients < 1 or self.seed < 0:
            raise LotteryError("theory: one trial and one coefficient are the least, and seeds are not negative")


def trial_numbers(experiment: ExactExperiment, trials: range) -> dict[str, np.ndarray]:
    """For `one` target and for `all`: the coefficients that each trial took (len(trials),), n + 1 where n were not enough."""
    sets = draw_integers(experiment.kind, experiment.bits, experiment.coefficients, trials, experiment.seed)
    targets = draw_integer_targets(experiment.kind, experiment.bits, trials, experiment.seed)
    one, every = first_numbers(sets, targets, 2 ** (experiment.bits - 1))
    return {"one": one, "all": every}


def count_exact(experiment: ExactExperiment) -> dict[str, list[int]]:
    """For `one` target and for `all`, the trials that n coefficients are enough for, for n = 1, 2, ... in turn.

    Sums that are reached stay reached, so that one pass over a trial counts for every n.
    """
    n = experiment.coefficients
    counts = {"one": np.zeros(n + 2, np.int64), "all": np.zeros(n + 2, np.int64)}
    for start in range(0, experiment.trials, BLOCK):
        trials = range(start, min(start + BLOCK, experiment.trials))
        for targets, numbers in trial_numbers(experiment, trials).items():
            counts[targets] += np.bincount(numbers, minlength=n + 2)
    return {targets: np.cumsum(found)[1 : n + 1].tolist() for targets, found in counts.items()}
