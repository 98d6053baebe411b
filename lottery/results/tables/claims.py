"""Experiment 2 compared with the paper, claim by claim.

A claim is a statement that the published points satisfy.  It is tested on our points of one network and one protocol:

published: runs of the length behind the published point.  The half-width of a point is how far the accuracy of this one
    run moves by rounding (or by the seed, where it has other random numbers), in 95 of 100 cases.
held_out: means over seeds, with half of their 95% interval.

A difference that these half-widths can explain decides nothing: the answer is "undecided".
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from lottery.published import figures
from lottery.results.tables.comparable import as_published

HOLDS, PARTLY, OPEN, FAILS, UNTESTED = "holds", "holds where run", "undecided", "does not hold", "not tested"
CHANCE = 20.0  # percent: untrained networks of ten classes stay below
FALL = 5.0  # points that a curve loses at least from its peak to s = 0.99; of the published ones 10 and more
PUBLISHED_SPARSITIES = tuple(sorted({float(s) for s in figures().query("structure != 'dense'").sparsity}))
ROUNDING = 1e-9


@dataclass(frozen=True)
class Value:
    """An accuracy or a difference of accuracies (percent), and the half-width of its 95% interval (0: not known)."""

    value: float
    half: float

    def __sub__(self, other: "Value") -> "Value":
        return Value(self.value - other.value, self.half + other.half)

    def __str__(self) -> str:
        return f"{self.value:.2f}" + (f" ± {self.half:.2f}" if self.half else "")

    def above(self, bound: float) -> str:
        """Whether it is more than `bound`: holds, undecided or does not hold."""
        if self.value - self.half > bound + ROUNDING:
            return HOLDS
        return OPEN if self.half and self.value + self.half > bound + ROUNDING else FAILS

    def at_least(self, bound: float) -> str:
        """`above`, but a tie holds."""
        return HOLDS if self.value - self.half >= bound - ROUNDING else self.above(bound)


class Curves:
    """Accuracies of one network and protocol by structure and sparsity."""

    def __init__(self, values: Mapping[tuple[str, float], Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: tuple[str, float]) -> Value:
        return self._values[key]

    def sparsities(self, *structures: str, lowest: float = 0, highest: float = 1) -> list[float]:
        """Those of the range at which all these structures were run."""
        each = [{s for name, s in self._values if name == structure} for structure in structures]
        return [s for s in sorted(set.intersection(*each)) if lowest <= s <= highest]

    def missing(self, *structures: str, wanted: Iterable[float] = PUBLISHED_SPARSITIES) -> str:
        """Which of these sparsities were not run, in words; empty where all were."""
        gaps = []
        for structure in structures:
            lacking = [f"{s:g}" for s in wanted if (structure, s) not in self._values]
            gaps += [f"{structure} at s = {', '.join(lacking)}"] if lacking else []
        return "; ".join(gaps)


@dataclass(frozen=True)
class Answer:
    """One of the five answers, and the numbers behind it."""

    answer: str
    evidence: str


Test = Callable[[Curves], Answer]


def _worst(answers: Iterable[str]) -> str:
    """The answer to several conditions that must all hold."""
    found = set(answers)
    return next(answer for answer in (FAILS, OPEN, HOLDS) if answer in found)


def _not_run(missing: str) -> Answer:
    return Answer(UNTESTED, f"not run: {missing}")


def _answered(answer: str, missing: str, evidence: str) -> Answer:
    """`holds` only where nothing is missing."""
    if answer == HOLDS and missing:
        return Answer(PARTLY, f"{evidence}; not run: {missing}")
    return Answer(answer, evidence)


def _answered_by_best(answer: str, missing: str, evidence: str) -> Answer:
    """Not tested where it does not hold of the best point that was run, but a better one may be among those that were not."""
    return _not_run(missing) if missing and answer != HOLDS else _answered(answer, missing, evidence)


def inverted_u(structure: str) -> Test:
    """Chance at s = 0, the highest point between 0.25 and 0.75, at 0.99 at least `FALL` points below it.

    It takes a point on either slope, since three points alone would have their peak in the middle.
    """

    def test(curves: Curves) -> Answer:
        ran = curves.sparsities(structure)
        middle = [s for s in ran if 0.25 <= s <= 0.75]
        slopes = [s for s in ran if 0 < s < 0.25], [s for s in ran if 0.75 < s < 0.99]
        if not {0.0, 0.99} <= set(ran) or not middle or not all(slopes):
            return _not_run(curves.missing(structure))
        peak = max(middle, key=lambda s: curves[structure, s].value)
        top, start, end = curves[structure, peak], curves[structure, 0.0], curves[structure, 0.99]
        chance = (Value(CHANCE, 0) - start).above(0)
        of_peak = [
            (top - end).at_least(FALL),
            *((top - curves[structure, s]).above(0) for slope in slopes for s in slope),
        ]
        highest = max((s for s in ran if s not in middle), key=lambda s: curves[structure, s].value)
        text = (
            f"{start}% at s = 0, {top}% at s = {peak:g}, at most {curves[structure, highest]}% outside 0.25 to 0.75"
            f" (s = {highest:g}), {end}% at s = 0.99"
        )
        if chance != HOLDS:
            return Answer(_worst([chance, *of_peak]), text)
        unknown = curves.missing(structure, wanted=[s for s in PUBLISHED_SPARSITIES if 0.25 <= s <= 0.75])
        found = _answered_by_best(_worst(of_peak), unknown, text)
        return _answered(HOLDS, curves.missing(structure), text) if found.answer in (HOLDS, PARTLY) else found

    return test


def above(better: str, worse: str, lowest: float, highest: float, ties: bool = False) -> Test:
    """`better` has the higher accuracy at all sparsities of the range (not lower, with `ties`).

    With `ties`, two networks at chance are equal.
    """

    def test(curves: Curves) -> Answer:
        wanted = [s for s in PUBLISHED_SPARSITIES if lowest <= s <= highest]
        missing = curves.missing(better, worse, wanted=wanted)
        found: dict[str, list[str]] = {FAILS: [], OPEN: [], HOLDS: []}
        for sparsity in curves.sparsities(better, worse, lowest=lowest, highest=highest):
            high, low = curves[better, sparsity], curves[worse, sparsity]
            difference = high - low
            chance = ties and max(high.value, low.value) < CHANCE
            answer = HOLDS if chance else difference.at_least(0) if ties else difference.above(0)
            found[answer].append(f"s = {sparsity:g}: {better} {high}, {worse} {low}")
        if not any(found.values()):
            return _not_run(missing)
        answer = next(answer for answer, lines in found.items() if lines)
        held = f"; holds at {len(found[HOLDS])} other sparsities" if answer != HOLDS and found[HOLDS] else ""
        return _answered(answer, missing, "; ".join(found[answer]) + held)

    return test


def near_baseline(structure: str, sparsity: float, gap: float) -> Test:
    """At this sparsity within `gap` points of the trained baseline."""

    def test(curves: Curves) -> Answer:
        missing = "; ".join(
            part
            for part in (curves.missing(structure, wanted=[sparsity]), curves.missing("dense", wanted=[0.0]))
            if part
        )
        if missing:
            return _not_run(missing)
        baseline, accuracy = curves["dense", 0.0], curves[structure, sparsity]
        left = Value(gap, 0) - (baseline - accuracy)
        return Answer(
            left.at_least(0), f"baseline {baseline}, {structure} {accuracy}: {baseline - accuracy} points below"
        )

    return test


def best_in_order(*structures: str) -> Test:
    """The best point of each structure is above the best one of the next (the baseline is above all of them)."""

    def test(curves: Curves) -> Answer:
        common, missing = curves.sparsities(*structures), curves.missing(*structures)
        if len(common) < 2:
            return _not_run(missing)
        best = [max((curves[name, s] for s in common), key=lambda value: value.value) for name in structures]
        text = ", ".join(f"{name} {value}" for name, value in zip(structures, best, strict=True))
        answers = [(first - second).above(0) for first, second in pairwise(best)]
        return _answered_by_best(_worst(answers), missing, f"at best {text}")

    return test


@dataclass(frozen=True)
class Claim:
    """A statement that is true of the published points, for some networks, and how it is tested on ours."""

    key: str
    statement: str
    networks: tuple[str, ...]
    test: Test


_ALL, _FULLY_CONNECTED = ("fc2", "fc4", "lenet5"), ("fc2", "fc4")
CLAIMS = (
    *(
        Claim("Q1", f"{name}: chance at s = 0, a peak in 0.25 to 0.75, a fall towards 0.99", _ALL, inverted_u(name))
        for name in ("linear", "relu", "wide")
    ),
    Claim("Q2", "wide is above linear at every s > 0", _FULLY_CONNECTED, above("wide", "linear", 0.01, 1)),
    Claim("Q2", "best points: wide is nearest to the baseline, then linear, then relu", _FULLY_CONNECTED,
          best_in_order("wide", "linear", "relu")),
    Claim("Q3", "low sparsity (0.05): wide is above relu", _FULLY_CONNECTED, above("wide", "relu", 0.05, 0.05)),
    Claim("Q3", "low sparsity (0.05): relu is above linear", _FULLY_CONNECTED, above("relu", "linear", 0.05, 0.05)),
    Claim("Q3", "high sparsity (0.75 and more): wide is above linear", _FULLY_CONNECTED, above("wide", "linear", 0.75, 1)),
    Claim("Q3", "high sparsity (0.75 and more): linear is not below relu", _FULLY_CONNECTED,
          above("linear", "relu", 0.75, 1, ties=True)),
    Claim("Q4", "linear is above wide for 0.05 <= s <= 0.75", ("lenet5",), above("linear", "wide", 0.05, 0.75)),
    Claim("Q4", "wide is above linear for s >= 0.9", ("lenet5",), above("wide", "linear", 0.9, 1)),
    Claim("Q5", "linear at a quarter of its weights (s = 0.75) is within 1.1 points of the baseline", _FULLY_CONNECTED,
          near_baseline("linear", 0.75, 1.1)),
)  # fmt: skip


def _of_network(table: pd.DataFrame, network: str, accuracy: str, half: str, scale: float) -> Curves:
    own = table[(table.network == network) & table[accuracy].notna()]
    halves = own[half].astype(float).fillna(0.0) * scale
    return Curves(
        {
            (str(point.structure), float(point.sparsity)): Value(float(getattr(point, accuracy)), width)
            for point, width in zip(own.itertuples(), halves, strict=True)
        }
    )


def answer_claims(points: pd.DataFrame, compared: pd.DataFrame) -> pd.DataFrame:
    """Each claim answered by network and protocol.

    points: as `lottery.results.points.points` makes them, of which the held-out ones are used.
    compared: as `lottery.results.tables.replays.compare_points` makes them, of which those with a run are.
    No row where nothing was run with the published settings.
    """
    held_out = as_published(points[points.protocol == "held_out"])
    # `spread` is how far two runs differ: sqrt(2) times the half-width of one.
    tables = {
        "published": (compared[compared.ours.notna()], "ours", "spread", float(np.sqrt(0.5))),
        "held_out": (held_out, "accuracy", "half_interval", 1.0),
    }
    rows = [
        {"claim": claim.key, "protocol": protocol, "network": network, "statement": claim.statement}
        | vars(claim.test(_of_network(table, network, accuracy, half, scale)))
        for protocol, (table, accuracy, half, scale) in tables.items()
        for network in _ALL
        for claim in CLAIMS
        if network in claim.networks and any(len(found[0]) for found in tables.values())
    ]
    return pd.DataFrame(rows, columns=["claim", "protocol", "network", "statement", "answer", "evidence"])
