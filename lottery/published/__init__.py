"""The paper's own numbers, as data."""

from importlib.resources import files

import pandas as pd


def _read(name: str) -> pd.DataFrame:
    with files(__name__).joinpath(name).open(encoding="utf-8") as file:
        return pd.read_csv(file)


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
