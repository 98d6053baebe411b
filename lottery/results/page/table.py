"""A table as the page shows it: caption, heads with units, cells with text and what to sort by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lottery.results.page.numbers import fixed, in_type

LONG = 12  # rows from which on a table is folded


@dataclass(frozen=True)
class Head:
    """group: what it shares with the heads beside it.  small: a unit or the name in the code."""

    text: str
    small: str = ""
    number: bool = False
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """key: what to sort by, the text itself where there is none.  answer: shown as a chip, or as its symbol alone.

    share: the length of a bar behind the text, 0 to 1.  quiet: of less weight than the cells beside it.
    """

    text: str
    key: float | str | None = None
    small: str = ""
    answer: str = ""
    icon: bool = False
    link: str = ""
    share: float | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Table:
    """The first cell of each row is its head.  fold: the summary under which it is folded; empty where it is open.

    filters: columns with a checkbox for each of their values.  turned: whether things are columns and properties are rows.
    """

    id: str
    caption: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    fold: str = ""
    sortable: bool = False
    filters: Sequence[int] = ()
    turned: bool = False

    @property
    def long(self) -> bool:
        return len(self.rows) > 2 * LONG

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Groups of heads and how many columns each spans; none where no head has a group."""
        found: list[tuple[str, int]] = []
        for head in self.heads:
            if found and found[-1][0] == head.group and head.group:
                found[-1] = (head.group, found[-1][1] + 1)
            else:
                found.append((head.group, 1))
        return found if any(head.group for head in self.heads) else []

    def choices(self, column: int) -> list[str]:
        """The values of a column, for its filter."""
        return list(dict.fromkeys(row[column].answer or row[column].text for row in self.rows))

    def folded(self, summary: str = "") -> "Table":
        """The table in a fold where it is long, its rows counted."""
        if len(self.rows) <= LONG and not summary:
            return self
        return replace(self, fold=summary or f"{self.caption.partition('.')[0]}: {len(self.rows)} rows")


@dataclass(frozen=True)
class Column:
    """A column of a frame.  decimals: those of a number.  right: a number that is written as text.  common: left out where all rows agree, and said in the caption."""

    name: str
    head: str
    small: str = ""
    decimals: int | None = None
    write: Callable[[Any], str] = str
    missing: str = "–"
    common: bool = False
    answer: bool = False
    quiet: bool = False
    right: bool = False

    @property
    def number(self) -> bool:
        return self.right or self.decimals is not None

    def cell(self, value: Any) -> Cell:
        if pd.isna(value) or value == "":
            return Cell(self.missing, key="", quiet=True)
        if self.answer:
            return Cell("", key=str(value), answer=str(value))
        if self.decimals is not None:
            return Cell(fixed(value, self.decimals), key=float(value), quiet=self.quiet)
        return Cell(in_type(self.write(value)), quiet=self.quiet)


def table_of(id: str, caption: str, frame: pd.DataFrame, columns: Sequence[Column], **more: Any) -> Table:
    """A table of a frame's columns; a column that all rows agree in goes into the caption where it may."""
    common = [c for c in columns if c.common and len(frame) > 1 and frame[c.name].nunique(dropna=False) == 1]
    said = ", ".join(f"{c.head.lower()}: {c.cell(frame[c.name].iloc[0]).text}" for c in common)
    shown = [c for c in columns if c not in common]
    rows = [[c.cell(value) for c, value in zip(shown, line, strict=True)] for line in frame[[c.name for c in shown]].itertuples(index=False)]  # fmt: skip
    heads = [Head(c.head, c.small, c.number) for c in shown]
    return Table(id, f"{caption} ({said})" if said else caption, heads, rows, **more)


def turned(id: str, caption: str, frame: pd.DataFrame, heads: Sequence[Head], **more: Any) -> Table:
    """A table of texts with a column a thing and a line a property; `heads` are those of the frame's columns."""
    rows = [
        [Cell(str(label)), *(Cell(in_type(str(text)), quiet=text == "not reported") for text in line)]
        for label, line in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return Table(id, caption, [Head(""), *heads], rows, turned=True, **more)
