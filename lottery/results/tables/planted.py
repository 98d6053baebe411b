"""Tables of planted tickets: accuracy and overlap by margin, means and standard errors over seeds, and every epoch of every run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lottery.errors import LotteryError
from lottery.records.files import read_json

SETTINGS = ["entry", "dataset", "network", "favoured", "margin", "redundancy", "sparsity", "scale", "epochs"]
PLANTED_WORDS = ["entry", "dataset", "network", "favoured"]
_SAME = ["target_accuracy", "plant_accuracy", "relative_error", "chance"]  # in all epochs of a run
_EPOCH = ["epoch", "loss", "test_accuracy", "overlap", "start_kept"]
_MEASURED = ["plant_accuracy", "relative_error", "start_accuracy", "accuracy", "start_overlap", "overlap", "start_kept"]
_WITH_ERRORS = [name for measured in _MEASURED for name in (measured, f"{measured}_error")]
_COLUMNS = [*SETTINGS, "seeds", "target_accuracy", "chance", *_WITH_ERRORS]
PLANTED_NUMBERS = [name for name in _COLUMNS if name not in PLANTED_WORDS]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """A row per epoch of a run."""
    found = read_json(path)
    try:
        run = {"entry": path.parent.name, "dataset": found["dataset"], "network": found["network"], **found["settings"]}
        for epoch in found["history"]:
            yield run | {name: found[name] for name in _SAME} | {name: epoch[name] for name in _EPOCH}
    except (KeyError, TypeError) as error:
        raise LotteryError(f"{path}: no result of `lottery plant` of this version ({error})") from error


def planted_epochs(paths: Sequence[Path]) -> pd.DataFrame:
    """One row per run and epoch; epoch 0 is the start.  entry: of the configuration, by the folder of the file."""
    columns = [*SETTINGS, "seed", *_SAME, *_EPOCH]
    return pd.DataFrame([row for path in paths for row in _rows(path)], columns=columns)


def planted(epochs: pd.DataFrame) -> pd.DataFrame:
    """One row per entry, favoured weights and margin: means over seeds, each with its standard error (missing for one seed).

    plant_accuracy: of the favoured masks themselves, before learning.  relative_error: of the ticket's weights.
    start_accuracy, start_overlap: where learning begins.  accuracy, overlap, start_kept: after the last epoch; overlap is the share of
    the plant's weights that the masks keep, start_kept that of the initial masks.  chance: the overlap of a random mask.
    """
    run = [*SETTINGS, "seed"]
    first, last = (epochs[epochs.epoch == wanted].set_index(run) for wanted in (0, epochs.epochs))
    starts = first[["test_accuracy", "overlap"]].set_axis(["start_accuracy", "start_overlap"], axis=1)
    runs = last.rename(columns={"test_accuracy": "accuracy"}).join(starts).reset_index()
    groups = runs.groupby(SETTINGS, sort=False)
    found = groups[["target_accuracy", "chance"]].mean().assign(seeds=groups.size())
    for name in _MEASURED:
        found[name], found[f"{name}_error"] = groups[name].mean(), groups[name].sem()
    ordered = found.reset_index()[_COLUMNS].sort_values(["entry", "favoured", "margin"], ascending=[True, False, True])
    return ordered.round(6)


def _with_error(mean: float, error: float) -> str:
    return f"{mean:.2f}" + ("" if pd.isna(error) else f" ± {error:.2f}")


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """For people: what is favoured, the margin, and everything measured in percent, as mean ± standard error over seeds."""
    found = table[["network", "favoured", "margin"]].copy()
    for name, factor in (
        ("start_accuracy", 1),
        ("accuracy", 1),
        ("start_overlap", 100),
        ("overlap", 100),
        ("start_kept", 100),
    ):
        pairs = zip(factor * table[name], factor * table[f"{name}_error"], strict=True)
        found[name.replace("_", " ")] = [_with_error(mean, error) for mean, error in pairs]
    return found
