"""Experiment 2's runs, read from their files and checked, as tables: a row a run, a row an epoch, and what each cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lottery.data.datasets import DATASETS
from lottery.errors import LotteryError
from lottery.pruning.mask_code import coded_size, mask_bits, paired_bits
from lottery.pruning.run import Run
from lottery.pruning.structures import structure_layer_specs
from lottery.pruning.sweeps import PlannedRun
from lottery.records.files import read_json, read_table
from lottery.records.provenance import find_record, read_record

# What makes a point of a curve: runs of one group differ in length and seeds only.
GROUP = ["protocol", "stream", "dataset", "network", "structure", "variant", "redundancy", "sparsity"]
RUN = [*GROUP, "epochs", "seed", "perturbation"]
_COUNTS = ["initial", "remaining", "paired", "alive", "convolution_parameters"]
_WATCHED = ["loss", "validation_accuracy", "test_accuracy"]
SIZES = ["bits_per_weight", "paired_bits_per_weight"]  # of coded masks, by weights of the dense network
_COST = ["seconds", "core_seconds", "device"]
_FLOATS = dict.fromkeys(_WATCHED, "Float64")  # also where all of them are whole
_ROW = [*RUN, *_COUNTS, *_WATCHED]
RUN_NUMBERS = ["redundancy", "sparsity", "epochs", "seed", "perturbation", "test_accuracy"]
HISTORY_NUMBERS = [*RUN_NUMBERS, "at_epoch", "validation_accuracy"]


@dataclass(frozen=True)
class Record:
    """What the files of a run say: a row of the table of runs, a row an epoch, seconds of learning."""

    row: dict[str, Any]
    history: pd.DataFrame
    cost: dict[str, Any]

    @property
    def key(self) -> dict[str, Any]:
        return {name: self.row[name] for name in RUN}


def listed_folders(entries: Any, listed_in: Path, base: Path) -> list[tuple[str, Path]]:
    """(name of the variant, folder) of each run in a list of {variant, folder}; refuses anything else."""
    try:
        found = {(str(entry["variant"]), base / entry["folder"]) for entry in entries}
        if isinstance(entries, list) and len(found) == len(entries):
            return sorted(found, key=lambda run: run[1])
    except (KeyError, TypeError):
        pass
    raise LotteryError(f"{listed_in}: a list of runs, each once, as {{variant, folder}}, is needed")


def read_run(variant: str, folder: Path) -> Record:
    """A run's files; refuses those that are damaged, or of another run than the folder says."""
    row = _row(variant, folder)
    row |= _sizes(folder, row)
    return Record(row, _history(folder / "history.csv", row["epochs"]), _cost(folder))


def _row(variant: str, folder: Path) -> dict[str, Any]:
    path = folder / "metrics.json"
    metrics = read_json(path)
    try:
        row = {name: metrics[name] for name in _ROW}
        run = Run(**{field.name: metrics[field.name] for field in fields(Run) if field.name != "variant"})
        accuracies = [float(row["test_accuracy"])] + [float(v) for v in (row["validation_accuracy"],) if v is not None]
    except (KeyError, TypeError, ValueError, LotteryError) as error:
        raise LotteryError(f"{path}: no sound numbers of a run ({error!r}); delete it and run again") from error
    here = folder.as_posix().endswith(PlannedRun(variant, run).folder)
    if not here or not all(0 <= accuracy <= 100 for accuracy in accuracies):
        raise LotteryError(f"{path}: not the numbers of a run in this folder; delete it and run again")
    return row | {"variant": variant}


def _sizes(folder: Path, row: Mapping[str, Any]) -> dict[str, float | None]:
    """`SIZES` of a run, measured from its masks; None where there are none."""
    path = folder / "masks.safetensors"
    if row["structure"] == "dense" or not path.exists():
        return dict.fromkeys(SIZES)
    from lottery.pruning.records import read_masks  # imports torch, which no other table needs

    try:
        hidden = read_json(folder / "metrics.json")["variant"]["hidden"]
        masks = read_masks(path)
        coded = [coded_size(bits(masks).values()) for bits in (mask_bits, paired_bits)]
    except (KeyError, TypeError, ValueError, IndexError) as error:  # a sound file, but another one
        raise LotteryError(f"{path}: not the masks of a run ({error!r}); delete it and run again") from error
    if sum(int(np.count_nonzero(mask)) for mask in masks.values()) != row["remaining"]:
        raise LotteryError(f"{path}: not the masks of this run; delete it and run again")
    image = DATASETS.lookup(row["dataset"]).image
    weights = sum(spec.size for spec in structure_layer_specs(row["network"], "dense", image, 1, hidden))
    return {name: round(size / weights, 6) for name, size in zip(SIZES, coded, strict=True)}


def _history(path: Path, epochs: int) -> pd.DataFrame:
    history = read_table(path, ["epoch", *_WATCHED])
    if history.epoch.tolist() != list(range(1, epochs + 1)):
        raise LotteryError(f"{path}: {epochs} epochs are needed, it has {len(history)}; delete it and run again")
    return history.rename(columns={"epoch": "at_epoch"}).astype(_FLOATS)


def _cost(folder: Path) -> dict[str, Any]:
    """`_COST` of a run; what its record would say is None without one."""
    path = folder / "cost.json"
    try:
        seconds = float(sum(read_json(path)["epoch_seconds"]))
    except (KeyError, TypeError) as error:
        raise LotteryError(f"{path}: has no seconds of epochs; delete it and run again") from error
    found = find_record(folder / "metrics.json")
    record = {} if found is None else read_record(found)
    return {"seconds": seconds, "core_seconds": record.get("core_seconds"), "device": record.get("device")}


def _by_run(table: pd.DataFrame) -> dict[tuple[Any, ...], pd.DataFrame]:
    """Rows of each run."""
    key = table[RUN].astype(object).where(table[RUN].notna(), None)
    return {tuple(key.loc[rows[0]]): table.loc[rows] for rows in table.groupby(RUN, dropna=False).groups.values()}


def _values(row: pd.DataFrame) -> dict[str, Any]:
    """The values of a table of one row; None where there is none."""
    return {name: None if pd.isna(value) else value for name, value in row.iloc[0].items()}


def read_tables(folder: Path) -> list[Record]:
    """The runs behind the tables runs.csv, histories.csv and pruning_cost.csv in a folder, as `lottery tabulate-runs` wrote them.

    `SIZES` are empty where an earlier version wrote the tables.
    """
    table = read_table(folder / "runs.csv", RUN_NUMBERS, _ROW).reindex(columns=[*_ROW, *SIZES])
    table = table.astype(_FLOATS | dict.fromkeys(["sparsity", *SIZES], "Float64"))
    epochs = _by_run(read_table(folder / "histories.csv", HISTORY_NUMBERS, [*RUN, *_WATCHED]).astype(_FLOATS))
    costs = _by_run(read_table(folder / "pruning_cost.csv", ["seconds"], RUN).reindex(columns=[*RUN, *_COST]))
    found = []
    for key, row in _by_run(table).items():
        if key not in epochs or key not in costs or len(row) > 1:
            raise LotteryError(
                f"{folder}: runs.csv, histories.csv and pruning_cost.csv do not have the same runs, each once"
            )
        history = epochs[key][["at_epoch", *_WATCHED]].reset_index(drop=True)
        found.append(Record(_values(row), history, _values(costs[key][_COST])))
    return found


def each_once(records: Iterable[Record]) -> list[Record]:
    """The first record of each run."""
    found: dict[tuple[Any, ...], Record] = {}
    for record in records:
        found.setdefault(tuple(record.key.values()), record)
    return list(found.values())


def _in_order(table: pd.DataFrame, *more: str) -> pd.DataFrame:
    """Runs of the published protocol first; `perturbation` is empty in runs without noise, which come before those with it."""
    by = [*RUN, *more]
    ascending = [name != "protocol" for name in by]
    table = table.astype({"perturbation": "Int64"})
    return table.sort_values(by, ascending=ascending, na_position="first", ignore_index=True)


def runs(records: Sequence[Record]) -> pd.DataFrame:
    """One row a run.

    bits_per_weight: its masks, coded as in ticket files, in bits for each weight of the dense network; empty without masks.
    paired_bits_per_weight: the same, without weight2 of pruned units, which computes nothing.
    """
    return _in_order(pd.DataFrame([record.row for record in records], columns=[*_ROW, *SIZES]))


def histories(records: Sequence[Record]) -> pd.DataFrame:
    """Long: one row a run and epoch."""
    columns = [*RUN, "at_epoch", *_WATCHED]
    frames = [record.history.assign(**record.key) for record in records]
    return _in_order(
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns), "at_epoch"
    )


def cost(records: Sequence[Record]) -> pd.DataFrame:
    """What a run cost, measured, a row a run; stacked runs share equally.

    seconds: of learning, on its device.  core_seconds: of the whole command, with start-up and evaluation.
    """
    table = pd.DataFrame([record.key | record.cost for record in records], columns=[*RUN, *_COST])
    return _in_order(table.astype({"seconds": float, "core_seconds": float}))
