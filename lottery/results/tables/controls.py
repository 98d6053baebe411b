"""Controls of pruned networks: test accuracies of each learned mask beside random masks and other weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from lottery.errors import LotteryError
from lottery.pruning.controls import CONTROLS, LEARNED
from lottery.results.tables.intervals import half_interval
from lottery.results.tables.runs import RUN

_MEASURED = ["accuracy", "deviation", "half_interval", "lowest", "highest", "below_learned"]
_COLUMNS = [*RUN, "control", "draws", *_MEASURED, "chance"]
CONTROL_NUMBERS = ["redundancy", "sparsity", "epochs", "seed", "perturbation", "draws", *_MEASURED, "chance"]
CONTROL_WORDS = ["protocol", "dataset", "network", "structure", "variant", "control"]
WORDS = {
    "learned": "learned mask",
    "random_mask": "random mask",
    "fresh_weights": "learned mask, fresh weights",
    "shuffled_weights": "learned mask, shuffled weights",
    "largest_weights": "largest weights",
}


def _rows(variant: str, measured: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """One row per control of what `measure-controls` wrote about a run."""
    run = {"dataset": measured["dataset"], **measured["run"], "variant": variant}
    [learned] = measured["accuracies"][LEARNED]
    for control in CONTROLS:
        accuracies = pd.Series(measured["accuracies"][control], dtype=float)
        mean, half = float(accuracies.mean()), half_interval(accuracies)
        yield {name: run[name] for name in RUN} | {
            "control": control,
            "draws": len(accuracies),
            "accuracy": round(mean, 4),
            "deviation": None if half is None else round(float(accuracies.std()), 4),
            "half_interval": None if half is None else round(half, 4),
            "lowest": accuracies.min(),
            "highest": accuracies.max(),
            "below_learned": round(learned - mean, 4),
            "chance": 100 / measured["classes"],
        }


def controls(listed: Sequence[Mapping[str, str]], read: Callable[[str], Mapping[str, Any]]) -> pd.DataFrame:
    """One row per run and control, in the order of the list; `read` gives what `measure-controls` wrote of a folder's run.

    accuracy, deviation, half_interval (of 95%, Student's t): over the draws of the control; the last two are missing for one draw.
    below_learned: points of accuracy that the mean is below the learned network.  chance: accuracy of guessing.
    Raises LotteryError if the list or a file is of another form.
    """
    try:
        rows = [row for entry in listed for row in _rows(entry["variant"], read(entry["folder"]))]
    except (KeyError, TypeError, ValueError) as error:
        raise LotteryError(
            f"the list of runs, or controls of one, are no result of this version ({error!r})"
        ) from error
    return pd.DataFrame(rows, columns=_COLUMNS).astype({"perturbation": "Int64"})


def _with_deviation(row: Any) -> str:
    return f"{row.accuracy:.2f}" + ("" if pd.isna(row.deviation) else f" ± {row.deviation:.2f}")


def format_controls(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy in percent, mean ± standard deviation over draws: a row per run, a column per control."""
    across = [name for name in RUN if name not in ("dataset", "perturbation")]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in table.itertuples():
        key = tuple(getattr(row, name) for name in across)
        rows.setdefault(key, dict(zip(across, key, strict=True)))[WORDS[row.control]] = _with_deviation(row)
    return pd.DataFrame(list(rows.values()), columns=[*across, *WORDS.values()])
