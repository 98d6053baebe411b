"""Experiment 2: random networks pruned by learned scores."""

from collections.abc import Sequence

import pandas as pd

from lottery.pruning.run import PRUNED
from lottery.results.page.captions import TWO, Figure
from lottery.results.page.first_screen import curves_text
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import fixed, plural
from lottery.results.page.outcome import Outcome
from lottery.results.page.section import Section
from lottery.results.page.table import Cell, Column, Head, Table, table_of
from lottery.results.page.words import PROTOCOLS, STREAMS, STRUCTURES
from lottery.results.tables.points import format_points
from lottery.results.tables.verdicts import NOT_RUN, REPRODUCED

METHOD = (
    "Two protocols, never mixed. Published: the best of the run lengths on the test images, one seed, as behind the figures; that is "
    "selection on the test set. Held out: training images set aside choose the length, the test images are looked at once; mean and "
    "95% interval (Student's t) over seeds.",
    "Sparsity s is the share of weights removed. A published point is compared with a run of the length that was best in the paper.",
    "Spread: how far two runs of one point differ in 95 of 100 cases. It is measured by repeating runs with other rounding; where a "
    "point was not repeated, the pooled spread of points of its level of accuracy stands in.",
)


def sentence(tables: Tables, found: Outcome) -> str:
    """The best point of the pruned networks."""
    pruned = tables.pruned
    if pruned.empty:
        return "Only baselines were trained."
    best = pruned.loc[pruned.accuracy.astype(float).idxmax()]
    own = tables.points[(tables.points.structure == "dense") & (tables.points.network == best.network)]
    same = own[own.protocol == best.protocol]
    beside = f" (the trained network: {fixed(same.accuracy.iloc[0], 2)}%)" if len(same) else ""
    text = (
        f"Best of {plural(len(pruned), 'point')}: {best.structure} on {best.network} has {fixed(best.accuracy, 2)}% with "
        f"{100 * (1 - best.sparsity):g}% of its random weights kept{beside}."
    )
    return (
        f"{text} Published points: {found.points.get(REPRODUCED, 0)} of {found.judged} {curves_text(found)}"
        if found.points
        else text
    )


def _cells(point: pd.Series | None) -> list[Cell]:
    """Published, ours, difference and verdict of one point."""
    if point is None:
        return [Cell("", quiet=True)] * 3
    published = f"{fixed(point.published, 2)}"
    if pd.isna(point.ours):
        return [Cell("–", small=published, quiet=True), Cell(""), Cell("", answer=point.verdict, icon=True)]
    sign = "+" if point.difference > 0 else ""
    difference = Cell(f"{sign}{fixed(point.difference, 2)}", key=float(point.difference))
    return [Cell(fixed(point.ours, 2), small=published), difference, Cell("", answer=point.verdict, icon=True)]


def pivot(tables: Tables, network: str) -> Table:
    """The published points of one network: a row a sparsity, three columns a structure."""
    own = tables.points_compared[tables.points_compared.network == network]
    place = {(point.structure, float(point.sparsity)): point for _, point in own.iterrows()}
    structures = [name for name in PRUNED if (own.structure == name).any()]
    sparsities = sorted({float(s) for s in own[own.structure.isin(structures)].sparsity})
    rows = [
        [Cell(f"{s:g}", key=s), *(cell for name in structures for cell in _cells(place.get((name, s))))]
        for s in sparsities
    ]
    heads = [Head("s", number=True)]
    for name in structures:
        heads += [Head("Ours", "published", True, name), Head("Δ", "", True, name), Head("Verdict", group=name)]
    run = int((own.verdict != NOT_RUN).sum())
    caption = f"{network}: test accuracy in percent, {run} of {plural(len(own), 'point')} run.{_trained(place)}"
    fold = "" if run > len(own) / 2 else f"{network}: {run} of {plural(len(own), 'published point')} run"
    return Table(f"points-{network}", caption, heads, rows, fold=fold)


def _trained(place: dict[tuple[str, float], pd.Series]) -> str:
    dense = place.get(("dense", 0.0))
    if dense is None or pd.isna(dense.ours):
        return ""
    return f" Trained network: {fixed(dense.ours, 2)} here, {fixed(dense.published, 2)} published ({dense.verdict})."


def every_point(tables: Tables) -> Table:
    """All published points in one list, to sort and to filter."""
    columns = (
        Column("verdict", "Verdict", answer=True), Column("network", "Network"),
        Column("structure", "Structure", write=lambda name: STRUCTURES.get(name, name)), Column("sparsity", "s", decimals=3),
        Column("published", "Published", "%", decimals=2), Column("ours", "Ours", "%", decimals=2),
        Column("difference", "Δ", decimals=2), Column("spread", "Spread", decimals=2),
        Column("epochs", "Epochs", decimals=0), Column("why", "Why"),
    )  # fmt: skip
    compared = tables.points_compared
    table = table_of("every-point", "Published points beside ours. Δ is ours minus published.", compared, columns, sortable=True, filters=(0, 1))  # fmt: skip
    return table.folded(f"All {len(compared)} published points, with spread, epochs and reason")


def accuracies(tables: Tables) -> Table:
    """Test accuracy by protocol, as it was measured here."""
    frame = format_points(tables.points)
    protocols = tables.pruned.groupby("protocol", sort=False).seeds.agg(["min", "max"])
    seeds = ", ".join(
        f"{_seeds(line['min'], line['max'])} {PROTOCOLS[str(name)]}" for name, line in protocols.iterrows()
    )
    columns = [
        Column("network", "Network", common=True), Column("protocol", "Protocol", write=lambda name: PROTOCOLS[name]),
        Column("stream", "Random numbers", write=lambda name: STREAMS[name], common=True), Column("variant", "Variant", common=True),
        Column("redundancy", "Redundancy", common=True), Column("sparsity", "s", right=True),
        *(Column(name, name, "%", missing="not run", right=True) for name in PRUNED if (tables.points.structure == name).any()),
        Column("trained", "Trained network", missing="not run", right=True),
    ]  # fmt: skip
    return table_of("accuracies", f"Test accuracy in percent, seeds per point: {seeds}", frame, columns).folded()


def _seeds(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def section(tables: Tables, figures: Sequence[Figure], found: Outcome) -> Section | None:
    if tables.points.empty:
        return None
    shown = []
    if found.points:
        networks = dict.fromkeys(tables.points_compared.network)
        shown = [*(pivot(tables, str(network)) for network in networks), every_point(tables)]
    return Section(
        TWO, "Experiment 2", "Experiment 2: random networks pruned by learned scores", sentence(tables, found),
        [*shown, accuracies(tables)], figures, METHOD,
    )  # fmt: skip
