"""The table of tickets: what each started from, what it keeps, what it computes, beside the published counts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from lottery.errors import LotteryError
from lottery.published import table1 as published_table1
from lottery.records.files import read_json

COLUMNS = (
    "row", "network", "dataset", "pixels", "distribution", "seed", "signed_inputs", "objective", "epsilon", "units_per_input",
    "target", "initial", "initial_blocks", "units", "useless_units", "remaining", "alive", "widened", "target_accuracy",
    "accuracy", "test_images", "predictions_that_differ", "largest_error", "median_error", "norms", "largest_difference", "bound",
    "bound_from_errors", "file_bytes", "bits_per_weight", "mask_bits", "entropy_bits",
)  # fmt: skip


def ticket_row(name: str, folder: Path) -> dict[str, Any]:
    """One line of the table: all from the certificate, but for what was asked for."""
    made = read_json(folder / "counts.json")
    try:
        asked = {key: made["construction"][key] for key in ("objective", "units_per_input")}
        row = {"row": name, **read_json(folder / "certificate.json"), **asked, "widened": made["widened"]}
        row["norms"] = " ".join(f"{norm:g}" for norm in row["norms"])
        row["bits_per_weight"] = 8 * row["file_bytes"] / row["target"]
    except (KeyError, TypeError) as error:
        raise LotteryError(
            f"{folder}: no ticket's numbers of this version ({error}); delete it and run again"
        ) from error
    if any(row[key] != number for key, number in made["counts"].items()):
        raise LotteryError(
            f"{folder}: certificate.json and counts.json are of different tickets; delete both and run again"
        )
    if missing := set(COLUMNS) - set(row):
        raise LotteryError(
            f"{folder / 'certificate.json'}: says nothing of {min(missing)}; verify it with --target and --data"
        )
    return row


def tickets(folders: Mapping[str, Path]) -> pd.DataFrame:
    """One row a ticket; see `Counts`, `Claims` and `Measured` in lottery.tickets for what the columns mean."""
    return pd.DataFrame([ticket_row(name, folder) for name, folder in folders.items()], columns=list(COLUMNS))


def _times(part: float, target: float) -> str:
    return f"{part:,.0f} ({part / target:.2f}×)"


def _rounded(value: float) -> str:
    """Two significant digits, never as a power of ten."""
    return f"{float(f'{value:.1e}'):,.6g}"


_LINES: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("Network and dataset", lambda r: f"{r.network}, {r.dataset}, {r.pixels} pixels"),
    ("Objective, ε", lambda r: f"{r.objective}, {r.epsilon}"),
    ("Random weights", lambda r: f"{r.distribution}, {r.units_per_input} units an input"),
    ("Initial: both matrices of each layer, whole", lambda r: _times(r.initial, r.target)),
    ("Initial: first matrices by blocks only", lambda r: _times(r.initial_blocks, r.target)),
    ("Hidden units", lambda r: f"{r.units:,}"),
    ("Hidden units that are unused", lambda r: f"{r.useless_units:,}"),
    ("Remaining", lambda r: _times(r.remaining, r.target)),
    ("Alive", lambda r: _times(r.alive, r.target)),
    ("Weights with further units", lambda r: f"{r.widened:,}"),
    ("Target accuracy", lambda r: f"{r.target_accuracy:.2f}%"),
    ("Ticket accuracy", lambda r: f"{r.accuracy:.2f}%"),
    ("Predictions that differ", lambda r: f"{r.predictions_that_differ} of {r.test_images:,}"),
    ("Largest error of a weight", lambda r: f"{r.largest_error:.2e}"),
    ("Largest difference of outputs", lambda r: _rounded(r.largest_difference)),
    ("... that the errors allow", lambda r: _rounded(r.bound_from_errors)),
    ("... that ε allows", lambda r: _rounded(r.bound)),
    ("Ticket file", lambda r: f"{r.file_bytes / 1e6:.2f} MB"),
    ("... in bits per weight of the target", lambda r: f"{r.bits_per_weight:.2f}"),
    ("Its masks, ideally coded", lambda r: f"{r.entropy_bits / 8e6:.2f} MB"),
    ("Target's weights, float32", lambda r: f"{4 * r.target / 1e6:.2f} MB"),
)


def _published() -> list[str]:
    """The published run, as far as it says anything: weights were replaced by sums, no network was built."""
    target, pruned = published_table1().itertuples()
    said = {
        "Network and dataset": "fc2, mnist, raw pixels",
        "Objective, ε": "min_error, 0.01",
        "Random weights": "21 coefficients a row, no network",
        "Initial: first matrices by blocks only": _times(pruned.initial, pruned.weights),
        "Remaining": _times(pruned.remaining, pruned.weights),
        "Target accuracy": f"{target.test_accuracy_percent:.2f}%",
        "Ticket accuracy": f"{pruned.test_accuracy_percent:.2f}%",
    }
    return [said.get(label, "not reported") for label, _ in _LINES]


def format_tickets(table: pd.DataFrame) -> pd.DataFrame:
    """The table turned on its side: a column for the published run and for each ticket."""
    columns = {"published sums": _published()}
    for record in table.itertuples():
        columns[record.row] = [written(record) for _, written in _LINES]
    return pd.DataFrame(columns, index=pd.Index([label for label, _ in _LINES], name=""))
