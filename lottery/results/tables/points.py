"""Points of the curves of experiment 2: what either protocol makes of runs that differ in length and seed only."""

from typing import Any

import pandas as pd

from lottery.pruning.run import PRUNED
from lottery.pruning.sweeps import RELEASED
from lottery.results.tables.intervals import half_interval
from lottery.results.tables.runs import GROUP, SIZES

_CHOSEN = ["accuracy", "half_interval", "seeds", "epochs"]
_MEANS = ["validation_accuracy", "parameters", "alive_parameters", "initial_parameters"]

POINT_NUMBERS = ["redundancy", "sparsity", *_CHOSEN, *_MEANS]


def points(table: pd.DataFrame) -> pd.DataFrame:
    """One row a group of runs, by its protocol; never a mixture of the two.  Perturbed runs make no points.

    published: the best test accuracy over the lengths run, of the one seed.  That is selection on the test set, as behind
        the published figures.
    held_out: the length that is best on the validation images, on average over seeds (of equal ones the shortest), and
        for that length the mean test accuracy with half of its 95% interval (Student's t over the seeds).
    """
    chosen = {"published": _published, "held_out": _held_out}
    rows = [
        dict(zip(GROUP, group, strict=True)) | chosen[group[0]](same)
        for group, same in table[table.perturbation.isna()].groupby(GROUP, sort=False)
    ]
    return pd.DataFrame(rows, columns=[*GROUP, *_CHOSEN, "lengths", *_MEANS, *SIZES])


def _common(same: pd.DataFrame, chosen: pd.DataFrame) -> dict[str, Any]:
    return {
        "epochs": int(chosen.epochs.iloc[0]),
        "lengths": " ".join(map(str, sorted(same.epochs.unique()))),
        "parameters": float((chosen.remaining + chosen.convolution_parameters).mean()),
        "alive_parameters": float((chosen.alive + chosen.convolution_parameters).mean()),
        "initial_parameters": int((chosen.initial + chosen.convolution_parameters).iloc[0]),
        **{name: round(float(chosen[name].astype(float).mean(skipna=False)), 6) for name in SIZES},
    }


def _published(same: pd.DataFrame) -> dict[str, Any]:
    one_seed = same[same.seed == same.seed.min()].sort_values("epochs")
    best = one_seed.loc[[one_seed.test_accuracy.idxmax()]]
    return {"accuracy": float(best.test_accuracy.iloc[0]), "seeds": 1} | _common(one_seed, best)


def _held_out(same: pd.DataFrame) -> dict[str, Any]:
    seeds = same.groupby("epochs").seed.agg(frozenset).sort_index()
    most = max(seeds, key=len)
    complete = same[same.epochs.isin(seeds[seeds == most].index)]  # lengths that the same, most seeds were run for
    chosen = complete[complete.epochs == complete.groupby("epochs").validation_accuracy.mean().idxmax()]
    accuracy = chosen.test_accuracy
    half = half_interval(accuracy)
    return {
        "accuracy": round(float(accuracy.mean()), 4),
        "half_interval": None if half is None else round(half, 4),
        "seeds": len(accuracy),
        "validation_accuracy": round(float(chosen.validation_accuracy.mean()), 4),
    } | _common(same, chosen)


def _accuracy(point: Any) -> str:
    interval = "" if pd.isna(point.half_interval) else f" ± {point.half_interval:.2f}"
    return f"{point.accuracy:.2f}{interval}"


def format_points(points: pd.DataFrame) -> pd.DataFrame:
    """Accuracy in percent: a row a sparsity, a column a structure, by network, protocol, variant and redundancy.

    Redundancy and sparsity ascend, and structures have one order, whatever the order of the configuration.
    """
    across = ["network", "protocol", "stream", "variant", "redundancy", "sparsity"]
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for point in points[points.structure != "dense"].itertuples():
        key = tuple(getattr(point, name) for name in across)
        rows.setdefault(key, {})[point.structure] = _accuracy(point)
    trained = {
        (p.network, p.protocol, p.stream, p.variant): f"{_accuracy(p)} ({p.epochs} epochs)"
        for p in points[points.structure == "dense"].itertuples()
    }
    places = {group: place for place, group in enumerate(dict.fromkeys(key[:4] for key in rows))}
    lines = [
        dict(zip(across, key, strict=True))
        | cells
        | {"trained": trained.get(key[:4]) or trained.get((*key[:3], RELEASED), "")}
        for key, cells in sorted(rows.items(), key=lambda line: (places[line[0][:4]], *line[0][4:]))
    ]
    return pd.DataFrame(lines, columns=[*across, *PRUNED, "trained"], dtype=object).fillna("")
