"""What all of these numbers need: the kept tables, and Markdown."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cog
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
WEIGHTS = {"fc2": 397_000, "fc4": 897_000, "lenet5": 58_920}  # of the linear layers


def quote(lines: Callable[[], Iterable[str]]) -> None:
    """Write lines into a page."""
    cog.outl()
    for line in lines():
        cog.outl(line)
    cog.outl()


def read(name: str, folder: str = "tables") -> pd.DataFrame:
    return pd.read_csv(REFERENCE / folder / f"{name}.csv")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def with_half(value: float, half: float) -> str:
    """A mean and its half-width, which a single run (NaN) does not have."""
    return f"{value:.2f}" if pd.isna(half) else f"{value:.2f} ± {half:.2f}"
