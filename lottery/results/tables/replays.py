"""Experiment 2 held against the paper, point by point, by how far a run lands from itself.

A run with the paper's random numbers on another machine differs from the published one by rounding, which learning
amplifies.  How far that moves its accuracy is measured: the same run is repeated from starts that differ by noise of the
size of rounding (`perturbation`), and the standard deviation of the accuracies is its spread.  Two runs that differ by
rounding alone then differ by less than `t * sqrt(2) * deviation` in 95 of 100 cases.  Where a point was not repeated itself,
the spread of points of a similar accuracy is taken, since curves are flat at the top and steep below.

Where a run has other random numbers than the paper's, the spread over seeds takes this place, measured by the runs of the
held-out protocol.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from lottery.published import PUBLISHED_SEED, figures
from lottery.results.tables.comparable import as_published
from lottery.results.tables.intervals import student_t
from lottery.results.tables.runs import GROUP
from lottery.results.tables.verdicts import DIFFERS, NOT_COMPARABLE, NOT_RUN, REPRODUCED

POINT = ["network", "structure", "sparsity"]
_COMPARED = [*POINT, "epochs", "published", "ours", "difference", "spread", "stream", "verdict", "why"]
LEVELS = (0.0, 20.0, 80.0, 95.0, 97.5)  # percent: from which accuracy on; curves are flat in the last one
ROUNDING, SEED = "rounding", "seed"
OWN_SPREAD = "of this point"  # ends the reason of a verdict by such a spread
_ENOUGH = 3  # repetitions from which on a point's own spread is taken
_ENOUGH_FREEDOM = 2  # from which on a level's spread is
_ONE_IMAGE = 0.01 + 1e-9  # of 10,000: what another processor may read otherwise where nothing else differs


@dataclass(frozen=True)
class Spread:
    """A standard deviation of accuracies (points), its degrees of freedom, and what it was measured on."""

    deviation: float
    freedom: int
    measured_on: str

    @property
    def half_width(self) -> float:
        """How far two runs differ in 95 of 100 cases."""
        return float(student_t(self.freedom) * np.sqrt(2) * self.deviation)


def level(accuracy: float) -> float:
    """The lower end of an accuracy's level."""
    return max(floor for floor in LEVELS if accuracy >= floor)


def _plain(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs without noise."""
    return runs[runs.perturbation.isna()]


def is_replay(runs: pd.DataFrame) -> pd.Series:
    """Whether each run has the random numbers of the paper's own: those of the released stream under seed 1."""
    return (runs.protocol == "published") & (runs.stream == "released") & (runs.seed == PUBLISHED_SEED)


def _repeated(runs: pd.DataFrame, source: str) -> pd.DataFrame:
    """A row a run that was repeated: mean, deviation, extremes and number of its accuracies."""
    apart = "perturbation" if source == ROUNDING else "seed"
    same = [name for name in [*GROUP, "epochs", "seed"] if name != apart]
    ours = as_published(runs)
    ours = ours[is_replay(ours)] if source == ROUNDING else _plain(ours[ours.protocol == "held_out"])
    accuracy = ours.groupby(same, sort=False).test_accuracy
    table = accuracy.agg(mean="mean", deviation="std", lowest="min", highest="max", runs="count").reset_index()
    return table[table.runs > 1]


def spread_levels(runs: pd.DataFrame) -> pd.DataFrame:
    """Pooled standard deviations by level of accuracy: what rounding moves, and what a seed moves.

    A row a source and level that was measured: `freedom` counts repetitions less points, `points` the points.  At
    sparsity 0 there is nothing to learn, so that nothing can spread.
    """
    rows = []
    for source in (ROUNDING, SEED):
        found = _repeated(runs, source)
        found = found[(found.sparsity > 0) | (found.structure == "dense")]
        for floor, same in found.groupby(found["mean"].astype(float).map(level)):
            freedom = same.runs - 1
            variance = float((freedom * same.deviation**2).sum() / freedom.sum())
            rows.append(
                {
                    "source": source,
                    "lowest_accuracy": floor,
                    "deviation": round(float(np.sqrt(variance)), 4),
                    "freedom": int(freedom.sum()),
                    "points": len(same),
                }
            )
    return pd.DataFrame(rows, columns=["source", "lowest_accuracy", "deviation", "freedom", "points"])


def measured_levels() -> pd.DataFrame:
    """`spread_levels` of the runs behind results/reference, for tables of runs in which nothing was repeated."""
    with files(__package__).joinpath("spread_levels.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


class Spreads:
    """What is known of the spread of each point, from these runs or else from the ones behind results/reference."""

    def __init__(self, runs: pd.DataFrame) -> None:
        self._own = {
            (source, *(getattr(row, name) for name in POINT), row.epochs): Spread(
                float(row.deviation), int(row.runs) - 1, f"spread of {row.runs} runs {OWN_SPREAD}"
            )
            for source in (ROUNDING, SEED)
            for row in _repeated(runs, source).itertuples()
            if row.runs >= _ENOUGH
        }
        self._levels = {
            (row.source, row.lowest_accuracy): Spread(
                row.deviation,
                row.freedom,
                f"spread of {row.points} repeated point{'s' * (row.points > 1)} of similar accuracy{where}",
            )
            for table, where in ((measured_levels(), " in results/reference"), (spread_levels(runs), ""))
            for row in table.itertuples()
            if row.freedom >= _ENOUGH_FREEDOM
        }

    def of(self, source: str, point: Any, accuracy: float) -> Spread | None:
        """Of a point that has this accuracy in the paper; None where nothing was measured."""
        if point.sparsity == 0 and point.structure != "dense":
            return Spread(0.0, 1, "with all weights kept nothing spreads") if source == ROUNDING else None
        own = self._own.get((source, *(getattr(point, name) for name in POINT), point.epochs))
        return own or self._levels.get((source, level(accuracy)))


def _verdict(point: Any, spreads: Spreads) -> dict[str, Any]:
    replay = point.stream == "released" and point.seed == PUBLISHED_SEED
    spread = spreads.of(ROUNDING if replay else SEED, point, point.accuracy)
    kind = "a replay" if replay else "another random network"
    if spread is None:
        return {"verdict": NOT_COMPARABLE, "why": f"{kind}; no spread was measured at this accuracy"}
    within = abs(point.test_accuracy - point.accuracy) <= spread.half_width + _ONE_IMAGE
    return {
        "spread": round(spread.half_width, 4),
        "verdict": REPRODUCED if within else DIFFERS,
        "why": f"{kind}; {spread.measured_on}",
    }


def compare_points(runs: pd.DataFrame) -> pd.DataFrame:
    """Every published point beside a run by the same protocol: difference, spread, verdict.

    spread: how far two runs of the point differ in 95 of 100 cases (points of accuracy).  A point is compared with a run
    of its own length; where there are only others, it is not comparable.  No row where no run has the published settings.
    """
    ours = _plain(as_published(runs[runs.protocol == "published"]))
    if ours.empty:
        return pd.DataFrame(columns=_COMPARED)
    ours = ours.assign(other=~is_replay(ours)).sort_values(["other", "seed"]).drop_duplicates([*POINT, "epochs"])
    lengths = ours.groupby(POINT).epochs.agg(lambda found: " ".join(map(str, sorted(set(found)))))
    spreads = Spreads(runs)
    merged = figures().merge(ours, on=[*POINT, "epochs"], how="left")
    rows = []
    for point in merged.itertuples():
        key = tuple(getattr(point, name) for name in POINT)
        common = dict(zip(POINT, key, strict=True)) | {"epochs": point.epochs, "published": point.accuracy}
        if pd.isna(point.test_accuracy):
            other = {"verdict": NOT_COMPARABLE, "why": f"run here: {lengths[key]} epochs"} if key in lengths else {}
            rows.append(common | ({"verdict": NOT_RUN, "why": ""} | other))
            continue
        found = {"ours": point.test_accuracy, "difference": round(point.test_accuracy - point.accuracy, 4)}
        rows.append(common | found | {"stream": point.stream} | _verdict(point, spreads))
    return pd.DataFrame(rows, columns=_COMPARED)


def _seeds_of(held_out: pd.DataFrame, key: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and deviation over seeds of a point's held-out runs, of the length nearest to the published one."""
    same = held_out[np.logical_and.reduce([held_out[name] == key[name] for name in POINT])]
    if same.empty:
        return {}
    nearest = min(same.epochs.unique(), key=lambda epochs: (abs(epochs - key["epochs"]), epochs))
    accuracy = same[same.epochs == nearest].test_accuracy
    deviation = round(float(accuracy.std()), 4) if len(accuracy) > 1 else None
    return {
        "seed_epochs": nearest,
        "seeds": len(accuracy),
        "seed_mean": round(float(accuracy.mean()), 4),
        "seed_deviation": deviation,
    }


def spread(runs: pd.DataFrame) -> pd.DataFrame:
    """Each point that was replayed with noise: published, the replay without noise, what rounding moves, what a seed moves.

    rounding_*: over all replays, the one without noise among them.  seed_*: over the held-out runs of the same point.
    """
    ours = as_published(runs)
    held_out = _plain(ours[ours.protocol == "held_out"])
    replays = _plain(ours[is_replay(ours)])
    alone = {(*(getattr(r, name) for name in POINT), r.epochs): r.test_accuracy for r in replays.itertuples()}
    published = {(*(getattr(p, name) for name in POINT), p.epochs): p.accuracy for p in figures().itertuples()}
    rows = []
    for point in _repeated(runs, ROUNDING).itertuples():
        key = {name: getattr(point, name) for name in [*POINT, "epochs"]}
        rows.append(
            key
            | {
                "published": published.get(tuple(key.values())),
                "replay": alone.get(tuple(key.values())),
                "replays": point.runs,
                "rounding_mean": round(point.mean, 4),
                "rounding_deviation": round(point.deviation, 4),
                "rounding_lowest": point.lowest,
                "rounding_highest": point.highest,
            }
            | _seeds_of(held_out, key)
        )
    columns = [
        *POINT, "epochs", "published", "replay", "replays", "rounding_mean", "rounding_deviation", "rounding_lowest",
        "rounding_highest", "seed_epochs", "seeds", "seed_mean", "seed_deviation",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)
