"""Planted tickets: whether learning keeps a ticket that its initial scores favour."""

from collections.abc import Sequence

import pandas as pd

from lottery.results.page.captions import PLANTED, Figure
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import fixed, plural
from lottery.results.page.section import Section
from lottery.results.page.table import Column, table_of
from lottery.results.tables.planted import with_errors

METHOD = (
    "The plant is a mask of the random network itself: of the random weights in the place of each weight of the target, as many as the sparsity "
    "leaves, those whose sum is nearest. Scores of its weights start higher by a margin; from 1 on the initial mask is the plant.",
    "The share of the plant that is kept counts places, not function: other masks can compute the same.",
)


def planted_section(tables: Tables, figures: Sequence[Figure]) -> Section | None:
    """None where nothing was planted."""
    if tables.planted.empty:
        return None
    table = tables.planted
    shown = table[table.favoured == "ticket"]
    chosen: pd.DataFrame = shown if len(shown) else table
    sentences = [
        f"Margin {row.margin:g}: {fixed(row.start_accuracy, 2)}% at the start, {fixed(row.accuracy, 2)}% after learning, which keeps "
        f"{fixed(100 * row.overlap, 1)}% of the plant."
        for row in (chosen.iloc[0], chosen.iloc[-1])
    ]
    columns = [
        Column("network", "Network", common=True), Column("favoured", "Favoured"), Column("margin", "Margin", decimals=1),
        Column("start accuracy", "Accuracy", "%, at the start", right=True), Column("accuracy", "Accuracy", "%, after learning", right=True),
        Column("start overlap", "Plant kept", "%, at the start", right=True), Column("overlap", "Plant kept", "%, after learning", right=True),
        Column("start kept", "Initial mask kept", "%", right=True),
    ]  # fmt: skip
    caption = f"Mean ± standard error over {plural(int(table.seeds.max()), 'seed')}"
    kept = table_of("planted-tickets", caption, with_errors(table), columns)
    title = "A ticket planted where learning starts: does it stay?"
    return Section(PLANTED, "Planted", title, " ".join(sentences), [kept.folded()], figures, METHOD)
