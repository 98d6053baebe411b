"""Experiment 2 held against the paper, claim by claim."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY, figures

HOLDS, PARTLY, OPEN, FAILS, UNTESTED = "holds", "holds where run", "undecided", "does not hold", "not tested"
CHANCE = 20.0  # percent: untrained networks of ten classes stay below


def as_published(points: pd.DataFrame) -> pd.DataFrame:
    """Points, or runs, with the published settings, length and seed apart.

    Where the published protocol was run with both streams of random numbers, the released one.
    """
    dense = points.structure == "dense"
    found = points[
        (points.dataset == "mnist")
        & (points.variant == RELEASED)
        & ((points.redundancy == PUBLISHED_REDUNDANCY) | dense)
    ]
    published = found.protocol == "published"
    replayed = set(found[published & (found.stream == "released")].network)
    return found[~(published & (found.stream == "keyed") & found.network.isin(replayed))]


PUBLISHED_SPARSITIES = tuple(sorted({float(s) for s in figures().query("structure != 'dense'").sparsity}))
ROUNDING = 1e-9


class Curves:
    """Accuracy by structure and sparsity, of one network and protocol, with half of its interval (0 for one seed)."""

    def __init__(self, points: pd.DataFrame) -> None:
        keys = [(str(p.structure), float(p.sparsity)) for p in points.itertuples()]
        self._accuracy = dict(zip(keys, points.accuracy.astype(float), strict=True))
        self._half = dict(zip(keys, points.half_interval.astype(float).fillna(0.0), strict=True))

    def __getitem__(self, key: tuple[str, float]) -> float:
        return self._accuracy[key]

    def at(self, structure: str, sparsity: float) -> float | None:
        return self._accuracy.get((structure, sparsity))

    def half(self, structure: str, sparsity: float) -> float:
        return self._half[structure, sparsity]

    def sparsities(self, *structures: str) -> list[float]:
        """Those at which all these structures were run."""
        each = [{s for name, s in self._accuracy if name == structure} for structure in structures]
        return sorted(set.intersection(*each))

    def complete(self, *structures: str, lowest: float = 0, highest: float = 1) -> bool:
        """Whether they were run at all published sparsities of the range."""
        wanted = {s for s in PUBLISHED_SPARSITIES if lowest <= s <= highest}
        return wanted <= set(self.sparsities(*structures))

    @property
    def baseline(self) -> float | None:
        return self.at("dense", 0.0)


@dataclass(frozen=True)
class Answer:
    """One of the five answers, and the numbers behind it."""

    answer: str
    evidence: str


Test = Callable[[Curves], Answer]
_NONE = Answer(UNTESTED, "the sparsities that it speaks of were not run")


def _yes_or_no(holds: bool, complete: bool, evidence: str) -> Answer:
    return Answer((HOLDS if complete else PARTLY) if holds else FAILS, evidence)


def inverted_u(structure: str) -> Test:
    """Chance at s = 0, a peak between 0.25 and 0.75, lower again at 0.99."""

    def test(curves: Curves) -> Answer:
        start, end = curves.at(structure, 0.0), curves.at(structure, 0.99)
        middle = [s for s in curves.sparsities(structure) if 0.25 <= s <= 0.75]
        if start is None or end is None or not middle:
            return _NONE
        everywhere = {s: curves[structure, s] for s in curves.sparsities(structure)}
        peak = max(everywhere, key=lambda s: everywhere[s])
        text = f"{start:.1f}% at s = 0, peak {everywhere[peak]:.2f}% at s = {peak:g}, {end:.1f}% at s = 0.99"
        holds = start < CHANCE and 0.25 <= peak <= 0.75 and end < everywhere[peak]
        return _yes_or_no(holds, curves.complete(structure), text)

    return test


def above(better: str, worse: str, lowest: float, highest: float, ties: bool = False) -> Test:
    """`better` has the higher accuracy at all sparsities of the range (not lower, with `ties`).

    A difference within the intervals of both decides nothing.  With `ties`, two networks at chance are equal.
    """

    def test(curves: Curves) -> Answer:
        found: dict[str, list[str]] = {HOLDS: [], OPEN: [], FAILS: []}
        for sparsity in (s for s in curves.sparsities(better, worse) if lowest <= s <= highest):
            high, low = curves[better, sparsity], curves[worse, sparsity]
            doubt = curves.half(better, sparsity) + curves.half(worse, sparsity)
            tie = ties and (high == low or max(high, low) < CHANCE)
            answer = HOLDS if tie or high - low > doubt else OPEN if doubt and high - low >= -doubt else FAILS
            found[answer].append(f"s = {sparsity:g}: {better} {high:.2f}, {worse} {low:.2f}")
        for answer in (FAILS, OPEN):
            if found[answer]:
                return Answer(answer, "; ".join(found[answer]))
        complete = curves.complete(better, worse, lowest=lowest, highest=highest)
        return _yes_or_no(True, complete, "; ".join(found[HOLDS])) if found[HOLDS] else _NONE

    return test


def near_baseline(structure: str, sparsity: float, gap: float) -> Test:
    """At this sparsity within `gap` points of the trained baseline."""

    def test(curves: Curves) -> Answer:
        accuracy, baseline = curves.at(structure, sparsity), curves.baseline
        if accuracy is None or baseline is None:
            return _NONE
        holds = baseline - accuracy <= gap + ROUNDING
        return _yes_or_no(holds, True, f"baseline {baseline:.2f}, {structure} {accuracy:.2f}")

    return test


def best_gaps_ordered(*structures: str) -> Test:
    """The best point of each structure is nearer to the baseline than the next one's."""

    def test(curves: Curves) -> Answer:
        baseline, common = curves.baseline, curves.sparsities(*structures)
        if baseline is None or len(common) < 2:
            return _NONE
        gaps = [baseline - max(curves[structure, s] for s in common) for structure in structures]
        text = ", ".join(f"{structure} {gap:.2f}" for structure, gap in zip(structures, gaps, strict=True))
        return _yes_or_no(
            gaps == sorted(gaps), curves.complete(*structures), f"points below the baseline at best: {text}"
        )

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
          best_gaps_ordered("wide", "linear", "relu")),
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


def answer_claims(points: pd.DataFrame) -> pd.DataFrame:
    """The qualitative claims, each answered from our points: by network and protocol, never from both together."""
    ours = as_published(points)
    rows = []
    for (protocol, network), found in ours.groupby(["protocol", "network"], sort=False):
        curves = Curves(found)
        rows += [
            {"claim": claim.key, "protocol": protocol, "network": network, "statement": claim.statement}
            | vars(claim.test(curves))
            for claim in CLAIMS
            if network in claim.networks
        ]
    return pd.DataFrame(rows, columns=["claim", "protocol", "network", "statement", "answer", "evidence"])
