"""The first screen of a run that can be compared with the paper: four tiles and the claims."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from lottery.published import table1 as published_table1
from lottery.results.page.chips import BEYOND
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import core_time, fixed, plural, seconds, span
from lottery.results.page.outcome import JUDGED, Outcome
from lottery.results.page.table import Cell, Column, Head, Table, table_of
from lottery.results.page.words import PROTOCOLS
from lottery.results.tables.claims import FAILS, HOLDS, OPEN, PARTLY, UNTESTED
from lottery.results.tables.comparison import LOST, SIZE
from lottery.results.tables.verdicts import DIFFERS, NOT_COMPARABLE, NOT_RUN, REPRODUCED

SHORT = {HOLDS: "hold", PARTLY: "hold where run", OPEN: "undecided", FAILS: "do not hold", UNTESTED: "not tested"}


@dataclass(frozen=True)
class Tile:
    """A number in large type, and what it means.  chips: answers with their text.  bar: answers with their counts."""

    title: str
    value: str
    text: str
    chips: list[tuple[str, str]] = field(default_factory=list)
    bar: list[tuple[str, int]] = field(default_factory=list)


def _one(numbers: pd.DataFrame, quantity: str) -> pd.DataFrame:
    return numbers[numbers.quantity == quantity]


def table1_tile(tables: Tables) -> Tile | None:
    """How many numbers of table 1 are reproduced, and how large the ticket is."""
    if not len(tables.comparison):
        return None
    judged = tables.comparison[tables.comparison.verdict.isin(JUDGED)]
    if judged.empty:
        return None
    good = int((judged.verdict == REPRODUCED).sum())
    size, lost = _one(judged, SIZE), _one(judged, LOST)
    band = size.iloc[0]
    text = (
        f"{fixed(band.published, 2)}× published, {span(size.ours, 2)}× here "
        f"(allowed {fixed(band.lowest, 2)} to {fixed(band.highest, 2)}). Accuracy lost: {span(lost.ours, 2)} points."
    )
    several = judged.approximation.nunique()
    if several > 1:
        text += f" {several} approximations."
    if good < len(judged):
        text += f" Outside: {', '.join(judged[judged.verdict == DIFFERS].quantity.unique())}."
    answer = REPRODUCED if good == len(judged) else DIFFERS
    return Tile("Table 1", f"{good} of {plural(len(judged), 'number')}", text, [(answer, "")])


def curves_text(found: Outcome) -> str:
    """What became of the published points, to follow the number of those that are reproduced."""
    points = found.points
    parts = ["reproduced"]
    if differing := points.get(DIFFERS, 0):
        parts.append(f"{differing} {'differs' if differing == 1 else 'differ'}")
    if apart := points.get(NOT_COMPARABLE, 0):
        parts.append(f"{apart} {NOT_COMPARABLE}")
    missing, every = points.get(NOT_RUN, 0), sum(points.values())
    parts.append(f"{missing} of {every} not run" if missing else f"all {every} were run")
    return f"{'; '.join(parts)}. {found.own_spread} of {found.judged} judged by a spread of their own."


def curves_tile(found: Outcome) -> Tile | None:
    if not found.points:
        return None
    bar = [(verdict, found.points.get(verdict, 0)) for verdict in (REPRODUCED, DIFFERS, NOT_COMPARABLE, NOT_RUN)]
    value = f"{found.points.get(REPRODUCED, 0)} of {found.judged}"
    return Tile("Curves, point by point", value, curves_text(found), bar=[(v, n) for v, n in bar if n])


def claims_tile(found: Outcome) -> Tile | None:
    if not found.claims:
        return None
    rest = [answer for answer in (PARTLY, FAILS, OPEN, UNTESTED) if found.claims.get(answer)]
    chips = [(answer, f"{found.claims[answer]} {SHORT[answer]}") for answer in rest]
    text = f"Each claim is asked of each network under both protocols: {sum(found.claims.values())} answers."
    return Tile("What the figures say", f"{found.claims.get(HOLDS, 0)} hold", text, chips)


def paper_seconds() -> float:
    """Core seconds of the paper's run of experiment 1, as reported."""
    published = published_table1().iloc[1]
    return float(published.seconds * published.cores)


def network_seconds(tables: Tables, approximation: str) -> float:
    """Core seconds of all sums of an approximation."""
    own = tables.cost[(tables.cost.row == approximation) & ~tables.cost.how.str.startswith("cross-check")]
    return 3600 * float(own.network_core_hours.iloc[0])


def _time_text(tables: Tables) -> str:
    if tables.main is None:
        return ""
    ours = seconds(network_seconds(tables, str(tables.main["row"])))
    return f"Time for all sums of table 1: {core_time(paper_seconds())} in the paper, {ours} here."


def ticket_tile(tables: Tables) -> Tile | None:
    """The smallest network of the theorem among those of the first ticket's network."""
    if tables.tickets.empty:
        return None
    same = tables.tickets[tables.tickets.network == tables.tickets.network.iloc[0]]
    best = same.loc[same.remaining.astype(float).idxmin()]
    text = (
        f"{best.remaining:,} random weights, none trained; the {best.target:,} trained ones: "
        f"{fixed(best.target_accuracy, 2)}%. {_time_text(tables)}"
    )
    return Tile("The theorem's network", f"{fixed(best.accuracy, 2)}%", text, [(BEYOND, "")])


def tiles(tables: Tables, found: Outcome) -> list[Tile]:
    every = (table1_tile(tables), curves_tile(found), claims_tile(found), ticket_tile(tables))
    return [tile for tile in every if tile is not None]


def untested_networks(tables: Tables) -> Mapping[str, str]:
    """Networks and protocols of which no claim was tested, each with a line to say so."""
    lines = {}
    for (network, protocol), claims in tables.claims.groupby(["network", "protocol"], sort=False):
        if (claims.answer == UNTESTED).all():
            own = tables.points_compared[tables.points_compared.network == network]
            run = int((own.verdict != NOT_RUN).sum())
            extent = f"{run} of {len(own)} points run, " if protocol == "published" else ""
            lines[f"{network} {protocol}"] = f"{network}, {PROTOCOLS[str(protocol)]}: {extent}no claim tested"
    return lines


def _tested(tables: Tables) -> pd.DataFrame:
    """Claims of the networks and protocols of which one was tested at least, counted from 0."""
    where = tables.claims.network + " " + tables.claims.protocol
    return tables.claims[~where.isin(list(untested_networks(tables)))].reset_index(drop=True)


def claims_matrix(tables: Tables) -> Table | None:
    """A row a claim, a column a network and protocol, each cell a symbol that links to its evidence."""
    claims = _tested(tables)
    if claims.empty:
        return None
    columns = list(claims[["network", "protocol"]].drop_duplicates().itertuples(index=False))
    columns.sort(key=lambda key: (list(claims.network).index(key.network), key.protocol != "published"))
    place = {(c.statement, c.network, c.protocol): (c.Index, c.answer) for c in claims.itertuples()}
    rows = []
    for statement in claims.sort_values("claim", kind="stable").statement.unique():
        cells = []
        for key in columns:
            index, answer = place.get((statement, key.network, key.protocol), (None, ""))
            cells.append(
                Cell("", key=answer, answer=answer, icon=True, link=f"#evidence-{index}")
                if answer
                else Cell("", quiet=True)
            )
        if any(cell.answer for cell in cells):
            rows.append(
                [
                    Cell(
                        statement.replace(">=", "≥").replace("<=", "≤"),
                    ),
                    *cells,
                ]
            )
    heads = [Head("What the published figures say"), *(Head(PROTOCOLS[c.protocol], group=c.network) for c in columns)]
    return Table("claims", "Statements that the published points satisfy, tested on our points.", heads, rows, "; ".join(untested_networks(tables).values()))  # fmt: skip


def evidence(tables: Tables) -> Table | None:
    """The numbers behind each answer; row i has the id evidence-i."""
    claims = _tested(tables)
    if claims.empty:
        return None
    columns = (
        Column("statement", "Statement"), Column("network", "Network"),
        Column("protocol", "Protocol", write=lambda name: PROTOCOLS[name]), Column("answer", "Answer", answer=True),
        Column("evidence", "Numbers behind it"),
    )  # fmt: skip
    table = table_of("evidence", "The numbers behind each answer, with 95% half-widths.", claims, columns)
    return table.folded(f"The numbers behind each of these {len(claims)} answers")
