"""The paper's own numbers, as data."""

from importlib.resources import files

import pandas as pd


def table1() -> pd.DataFrame:
    """Table 1: one row a model, with where each number was read."""
    with files(__name__).joinpath("table1.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)
