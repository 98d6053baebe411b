"""Experiment 2 as tables: all runs, their histories, and one point a curve by either protocol."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import t as student

from lottery.errors import LotteryError
from lottery.files import read_json, read_table
from lottery.pruning.run import Run
from lottery.pruning.sweeps import RELEASED, Planned

# What makes a point of a curve: runs of one group differ in length and seed only.
GROUP = ["protocol", "dataset", "network", "structure", "variant", "redundancy", "sparsity"]
RUN = [*GROUP, "epochs", "seed"]
_COUNTS = ["initial", "remaining", "paired", "alive", "convolution_parameters"]
_POINT = [
    *GROUP,
    "accuracy",
    "half_interval",
    "seeds",
    "epochs",
    "lengths",
    "validation_accuracy",
    "parameters",
    "alive_parameters",
    "initial_parameters",
]

POINT_NUMBERS = ["redundancy", "sparsity", *_POINT[_POINT.index("accuracy") : _POINT.index("lengths")], *_POINT[-4:]]
HISTORY_NUMBERS = ["redundancy", "sparsity", "epochs", "seed", "at_epoch", "validation_accuracy", "test_accuracy"]


def listed_folders(entries: Any, listed_in: Path, base: Path) -> list[tuple[str, Path]]:
    """(name of the variant, folder) of each run in a list of {variant, folder}; refuses anything else."""
    try:
        found = {(str(entry["variant"]), base / entry["folder"]) for entry in entries}
        if isinstance(entries, list) and len(found) == len(entries):
            return sorted(found, key=lambda run: run[1])
    except (KeyError, TypeError):
        pass
    raise LotteryError(f"{listed_in}: a list of runs, each once, as {{variant, folder}}, is needed")


def run_row(folder: Path, variant_name: str) -> dict[str, Any]:
    """One line of the table of runs; refuses numbers that are of another run than the folder says, or none at all."""
    path = folder / "metrics.json"
    metrics = read_json(path)
    try:
        row = {name: metrics[name] for name in [*RUN, *_COUNTS, "loss", "validation_accuracy", "test_accuracy"]}
        run = Run(**{field.name: metrics[field.name] for field in fields(Run) if field.name != "variant"})
        accuracies = [float(row["test_accuracy"])] + [float(v) for v in (row["validation_accuracy"],) if v is not None]
        sound = Planned(variant_name, run).folder.endswith(folder.name) and all(0 <= a <= 100 for a in accuracies)
    except (KeyError, TypeError, ValueError, LotteryError) as error:
        raise LotteryError(f"{path}: no sound numbers of a run ({error!r}); delete it and run again") from error
    if not sound:
        raise LotteryError(f"{path}: not the numbers of a run in this folder; delete it and run again")
    return row | {"variant": variant_name}


def runs(folders: Sequence[tuple[str, Path]]) -> pd.DataFrame:
    """One row a run; `folders` are (name of the variant, folder)."""
    columns = [*RUN, *_COUNTS, "loss", "validation_accuracy", "test_accuracy"]
    table = pd.DataFrame([run_row(folder, variant) for variant, folder in folders], columns=columns)
    return table.sort_values(RUN, ascending=[name != "protocol" for name in RUN], ignore_index=True)  # published first


def histories(folders: Sequence[tuple[str, Path]]) -> pd.DataFrame:
    """Long: one row a run and epoch."""
    frames = []
    for variant, folder in folders:
        path = folder / "history.csv"
        run = run_row(folder, variant)
        history = read_table(path, ["epoch", "loss", "validation_accuracy", "test_accuracy"])
        if history.epoch.tolist() != list(range(1, run["epochs"] + 1)):
            raise LotteryError(
                f"{path}: {run['epochs']} epochs are needed, it has {len(history)}; delete it and run again"
            )
        frames.append(history.rename(columns={"epoch": "at_epoch"}).assign(**{name: run[name] for name in RUN}))
    columns = [*RUN, "at_epoch", "loss", "validation_accuracy", "test_accuracy"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


def cost(folders: Sequence[tuple[str, Path]]) -> pd.DataFrame:
    """Measured seconds of learning, a row a run (evaluation and start-up not counted)."""
    rows = []
    for variant, folder in folders:
        path = folder / "cost.json"
        run = run_row(folder, variant)
        try:
            seconds = float(sum(read_json(path)["epoch_seconds"]))
        except (KeyError, TypeError) as error:
            raise LotteryError(f"{path}: has no seconds of epochs; delete it and run again") from error
        rows.append({name: run[name] for name in RUN} | {"seconds": seconds})
    return pd.DataFrame(rows, columns=[*RUN, "seconds"])


def points(table: pd.DataFrame) -> pd.DataFrame:
    """One row a group of runs, by its protocol; never a mixture of the two.

    published: the best test accuracy over the lengths run, of the one seed.  That is selection on the test set, as behind
        the published figures.
    held_out: the length that is best on the validation images, on average over seeds (of equal ones the shortest), and
        for that length the mean test accuracy with half of its 95% interval (Student's t over the seeds).
    """
    chosen = {"published": _published, "held_out": _held_out}
    rows = [
        dict(zip(GROUP, group, strict=True)) | chosen[group[0]](same)
        for group, same in table.groupby(GROUP, sort=False)
    ]
    return pd.DataFrame(rows, columns=_POINT)


def _common(same: pd.DataFrame, chosen: pd.DataFrame) -> dict[str, Any]:
    return {
        "epochs": int(chosen.epochs.iloc[0]),
        "lengths": " ".join(map(str, sorted(same.epochs.unique()))),
        "parameters": float((chosen.remaining + chosen.convolution_parameters).mean()),
        "alive_parameters": float((chosen.alive + chosen.convolution_parameters).mean()),
        "initial_parameters": int((chosen.initial + chosen.convolution_parameters).iloc[0]),
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
    count = len(accuracy)
    half = float(student.ppf(0.975, count - 1) * accuracy.sem()) if count > 1 else None
    return {
        "accuracy": round(float(accuracy.mean()), 4),
        "half_interval": None if half is None else round(half, 4),
        "seeds": count,
        "validation_accuracy": round(float(chosen.validation_accuracy.mean()), 4),
    } | _common(same, chosen)


def _accuracy(point: Any) -> str:
    interval = "" if pd.isna(point.half_interval) else f" ± {point.half_interval:.2f}"
    return f"{point.accuracy:.2f}{interval}"


def points_for_people(points: pd.DataFrame) -> pd.DataFrame:
    """Accuracy in percent: a row a sparsity, a column a structure, by network, protocol, variant and redundancy."""
    across = ["network", "protocol", "variant", "redundancy", "sparsity"]
    rows: dict[tuple[Any, ...], dict[str, str]] = {}
    for point in points[points.structure != "dense"].itertuples():
        key = tuple(getattr(point, name) for name in across)
        rows.setdefault(key, {})[point.structure] = _accuracy(point)
    trained = {
        (p.network, p.protocol, p.variant): f"{_accuracy(p)} ({p.epochs} epochs)"
        for p in points[points.structure == "dense"].itertuples()
    }
    lines = [
        dict(zip(across, key, strict=True))
        | cells
        | {"trained": trained.get(key[:3]) or trained.get((*key[:2], RELEASED), "")}
        for key, cells in rows.items()
    ]
    return pd.DataFrame(lines, columns=[*across, "linear", "relu", "wide", "trained"], dtype=object).fillna("")
