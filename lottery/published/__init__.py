"""The paper's own numbers, as data."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from lottery.errors import LotteryError

if TYPE_CHECKING:
    import pandas as pd


PUBLISHED_REDUNDANCY = 5
PUBLISHED_SEED = 1


def _read(name: str) -> pd.DataFrame:
    import pandas as pd

    with files(__name__).joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


@cache
def _lengths() -> dict[tuple[str, str, float], int]:
    """Epochs by network, structure and sparsity; without pandas, which takes half a second to import."""
    with files(__name__).joinpath("figures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(row["network"], row["structure"], float(row["sparsity"])): int(row["epochs"]) for row in rows}


def published_epochs(network: str, structure: str, sparsity: float) -> int:
    """The length of the run behind a point of the figures.  Raises LotteryError where there is no such point."""
    found = _lengths().get((network, structure, sparsity))
    if found is None:
        raise LotteryError(f"epochs: published has no length for {network} {structure} at sparsity {sparsity:g}")
    return found


def table1() -> pd.DataFrame:
    """Table 1: one row a model, with where each number was read."""
    return _read("table1.csv")


def figures() -> pd.DataFrame:
    """The figures of experiment 2: one row a point, from the logs of the runs behind them (redundancy 5, one seed).

    accuracy: percent, on the test images, after the last epoch; the best of runs of several lengths.
    epochs: the length that was best, of 10, 20, 30, 50, 100 (lenet5: of 20, 30, 50, 100; dense: 50 only).
    parameters: as plotted, with the 2,550 of the frozen convolutions for lenet5.
    """
    return _read("figures.csv")


def deviations() -> pd.DataFrame:
    """Where this differs from the paper and its released code, and with what effect: by experiment (1 or 2).

    docs/deviations.md shows the same lines.
    """
    return _read("deviations.csv")
