"""The measurements that a configuration asks for, and where each one's file is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.errors import LotteryError
from lottery.theory.coefficients import kind_named
from lottery.theory.exactness import ExactExperiment
from lottery.theory.first_moment import MOST, expected_hits_of_cardinality

TOGETHER = 8  # coefficients up to which trials take less time than a job: one job for all of them
FEWER_TRIALS_ABOVE = 16
DENSE = 20
COEFFICIENTS_PER_BIT, COEFFICIENTS_BEYOND = 2, 10  # with so many integers nearly all trials reach every target
HITS = 4.0  # expected subsets of one size at which nearly all trials have one


@dataclass(frozen=True)
class Measurement:
    """One job: a kind, and the numbers of coefficients it tries.  cardinality: None for subsets of any size."""

    kind: str
    targets: tuple[str, ...]
    coefficients: tuple[int, ...]
    trials: int
    seed: int
    cardinality: int | None = None

    @property
    def path(self) -> str:
        """Below the folder of all measurements, without suffix."""
        subsets = "any" if self.cardinality is None else f"exactly_{self.cardinality}"
        ends = sorted({self.coefficients[0], self.coefficients[-1]})
        return f"{self.kind}/{subsets}/coefficients_{'_to_'.join(map(str, ends))}"


def _of_any_size(kind: str, settings: Mapping[str, Any]) -> Iterator[Measurement]:
    """A job for each number of coefficients, but one for all small ones; a kind that is half zeros gets twice as many."""
    step = kind_named(kind).step
    most = settings["max_coefficients"]
    groups = [range(1, min(TOGETHER, most) + 1), *(range(n, n + 1) for n in range(TOGETHER + 1, most + 1))]
    for group in groups:
        trials = settings["trials_above_16" if group[0] > FEWER_TRIALS_ABOVE else "trials"]
        numbers = tuple(step * n for n in group)
        yield Measurement(kind, ("one", "all"), numbers, trials, settings["seed"])


def cardinality_grid(kind: str, members: int, epsilon: float) -> tuple[int, ...]:
    """Numbers of coefficients up to where `HITS` subsets of that size are expected: all up to `DENSE`, then a fifth apart."""
    grid = [members]
    while grid[-1] < MOST and expected_hits_of_cardinality(kind, grid[-1], members, epsilon) < HITS:
        grid.append(grid[-1] + 1 if grid[-1] < DENSE else round(1.19 * grid[-1]))
    return tuple(grid)


def _of_one_size(settings: Mapping[str, Any]) -> Iterator[Measurement]:
    for kind in settings["cardinality_kinds"]:
        for members in settings["cardinalities"]:
            grid = cardinality_grid(kind, members, min(settings["epsilons"]))
            yield Measurement(kind, ("one",), grid, settings["cardinality_trials"], settings["seed"], members)


def planned_measurements(settings: Mapping[str, Any] | None) -> dict[str, Measurement]:
    """All measurements of the section `theory` of a completed configuration, by path; none where it is null."""
    if settings is None:
        return {}
    planned = [found for kind in settings["kinds"] for found in _of_any_size(kind, settings)]
    return {found.path: found for found in (*planned, *_of_one_size(settings))}


def theory_figures(settings: Mapping[str, Any] | None) -> Sequence[str]:
    """Names of the figures that the measurements give something to."""
    if settings is None:
        return []
    names = ["success", "thresholds"]
    if 1 in settings["cardinalities"]:
        names.append("single")
    if any(members > 1 for members in settings["cardinalities"]):
        names.append("cardinality")
    return names


def planned_exact_experiments(settings: Mapping[str, Any] | None) -> dict[str, ExactExperiment]:
    """All experiments of the section `exactness` of a completed configuration, by path; none where it is null.

    Raises LotteryError if a kind cannot have a number of bits.
    """
    if settings is None:
        return {}
    planned = {}
    for kind, bits in product(settings["kinds"], settings["bits"]):
        n = COEFFICIENTS_PER_BIT * bits + COEFFICIENTS_BEYOND
        try:
            experiment = ExactExperiment(kind, bits, n, settings["trials"], settings["seed"])
        except LotteryError as problem:
            raise LotteryError(f"exactness: {kind}: {problem}") from problem
        planned[f"{kind}/bits_{bits}"] = experiment
    return planned
