"""Experiment 1: every weight of a trained network as a subset sum of random numbers."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from lottery.results.page.captions import ONE, Figure
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import fixed, plural, rounded, sampling, seconds
from lottery.results.page.section import Section
from lottery.results.page.table import Cell, Column, Head, Table, table_of, turned
from lottery.results.page.words import at_epsilon, objective, solver
from lottery.results.tables.comparison import verdicts
from lottery.results.tables.experiment_1 import PUBLISHED_PRUNED, cross_check_summary, format_table1
from lottery.results.tables.verdicts import NOT_COMPARABLE

FULL = 10_000  # test images, from which on an accuracy is known well enough to say nothing of it
METHOD = (
    "Remaining parameters are counted in the masks. Gurobi stops within its tolerances, where any nearby subset will do; the exact "
    "search goes on to the optimum, which keeps more coefficients.",
    "The paper trained its target on normalised pixels and printed its accuracy on raw ones; here both are measured. The released "
    "code evaluated the target in place of the ticket until it was corrected in 2022; here each network is read from its own file.",
    "Cross-check: a random sample of weights is solved again by a MIP solver. The gap is its error minus that of the exact search. "
    "A solver proves optimality within its tolerances, so small gaps are expected.",
)


def sentence(tables: Tables) -> str:
    """What the section found."""
    main = tables.main
    if main is None:
        return "No approximation was computed."
    on = main.pixels
    return (
        f"Each of {main.weights:,} weights became a sum of, on average, {fixed(main.relative_size, 2)} of its "
        f"{main.coefficients} random numbers; accuracy went from {fixed(main[f'target_accuracy_{on}'], 2)}% to "
        f"{fixed(main[f'accuracy_{on}'], 2)}%."
    )


def heads(names: Sequence[str], table: pd.DataFrame, published: str) -> list[Head]:
    """A head a column: approximations by objective and ε, with their names in the config below."""
    by_row = table.set_index("row")
    found = []
    for name in names:
        if name == PUBLISHED_PRUNED:
            found.append(Head(published, number=True))
            continue
        row = by_row.loc[name]
        found.append(Head(at_epsilon(row.objective, row.epsilon), small=name, number=True))
    return found


def _worded(line: pd.Series) -> pd.Series:
    words = {"Objective": objective, "Solver": solver}
    return line.map(words[line.name]) if line.name in words else line


def table_1(tables: Tables, rehearsal: bool) -> Table:
    """Published and computed side by side."""
    answers = verdicts(tables.comparison) if len(tables.comparison) else {}
    frame = format_table1(tables.table1, answers, tables.cost).apply(_worded, axis=1)
    caption = "Table 1."
    row = tables.main
    if row is not None and row.test_images < FULL:
        known = sampling(row[f"accuracy_{row.pixels}"], int(row.test_images))
        caption += f" With {row.test_images:,} test images, an accuracy is known to ±{fixed(known, 1)} points (95%)."
    published = "paper (MNIST)" if rehearsal else "published"
    shown = turned(
        "table-1", caption, frame.drop(index="Verdict"), heads(list(frame.columns), tables.table1, published)
    )
    if rehearsal or not answers:
        return shown
    verdict_row = [Cell("Verdict")] + [_verdict(answers.get(name, "")) for name in frame.columns]
    return replace(shown, rows=[*shown.rows, verdict_row])


def _verdict(answer: str) -> Cell:
    """`differs: remaining / target` as a chip and its reason."""
    word, _, reason = answer.partition(": ")
    return Cell("", answer=word, small=reason) if word else Cell("")


def published_beside_ours(tables: Tables) -> Table | None:
    """Each published number beside ours, with the verdict."""
    if not len(tables.comparison):
        return None
    names = dict(zip(tables.table1.row, tables.table1.objective, strict=True))
    kept = tables.comparison[tables.comparison.verdict != NOT_COMPARABLE]
    frame = kept.assign(
        objective=kept.approximation.map(names),
        allowed=[_band(line.lowest, line.highest) for line in kept.itertuples()],
        **{name: [_value(q, v) for q, v in zip(kept.quantity, kept[name], strict=True)] for name in ("published", "ours", "difference")},
    )  # fmt: skip
    columns = [
        Column("quantity", "Quantity", write=str),
        Column("approximation", "Approximation", common=True),
        Column("objective", "Objective", write=objective, common=True),
        Column("published", "Published", right=True),
        Column("ours", "Here", right=True),
        Column("difference", "Difference", right=True),
        Column("verdict", "Verdict", answer=True),
        Column("allowed", "Allowed"),
        Column("why", "Why this band"),
    ]
    return table_of("comparison", "Each published number beside ours", frame, columns, note=_left_out(tables)).folded()


def _left_out(tables: Tables) -> str:
    other = tables.comparison[tables.comparison.verdict == NOT_COMPARABLE].drop_duplicates("approximation")
    return "; ".join(f"{line.approximation} is not comparable: {line.why}" for line in other.itertuples())


def _value(quantity: str, value: float) -> str:
    counted = "parameters" in quantity
    return fixed(value, 0 if counted else 2)


def _band(lowest: float, highest: float) -> str:
    low, high = ("" if pd.isna(end) else fixed(end, 0 if abs(end) >= 1000 else 2) for end in (lowest, highest))
    return f"at most {high}" if not low else low if low == high else f"{low} to {high}"


def _mip(summary: pd.DataFrame) -> str:
    parts = []
    for line in summary.itertuples():
        found = round(line.true_optimum_found_percent * line.weights / 100)
        parts.append(f"{solver(line.solver)} found the exact optimum {found} of {plural(line.weights, 'time')}")
    return "; ".join(parts)


def cross_check_table(tables: Tables) -> Table | None:
    """What MIP solvers find for a sample of weights."""
    if tables.cross_check.empty:
        return None
    columns = (
        Column("solver", "Solver", write=solver), Column("weights", "Weights", decimals=0),
        Column("true_optimum_found_percent", "Exact optimum found", "%", decimals=0),
        Column("median_error_gap", "Median gap", write=rounded, right=True), Column("largest_error_gap", "Largest gap", write=rounded, right=True),
        Column("mean_cardinality", "Mean kept", "solver", decimals=2), Column("mean_cardinality_exact", "Mean kept", "exact", decimals=2),
        Column("not_solved", "Not solved", decimals=0),
    )  # fmt: skip
    summary = cross_check_summary(tables.cross_check)
    nearer = int((tables.cross_check.solver_error < tables.cross_check.exact_error - 1e-12).sum())
    said = f"{plural(len(tables.cross_check), 'weight')} solved again: {nearer or 'no'} nearer sums; {_mip(summary)}"
    return table_of("cross-check", "A random sample solved again by MIP solvers.", summary, columns).folded(said)


def cost_table(tables: Tables) -> Table:
    """Core seconds in all rows."""
    names = {PUBLISHED_PRUNED: "paper"}
    frame = tables.cost.assign(
        row=tables.cost.row.replace(names), error=1.96 * tables.cost.standard_error.astype(float),
        network=3600 * tables.cost.network_core_hours,
    )  # fmt: skip
    columns = (
        Column("row", "Approximation"), Column("solver", "Solver", write=solver), Column("how", "How it was measured"),
        Column("weights", "Weights", decimals=0), Column("seconds_per_weight", "Core time per weight", write=seconds, right=True),
        Column("error", "± (95%)", write=seconds, right=True), Column("network", "Whole network", "core time", write=seconds, right=True),
    )  # fmt: skip
    return table_of("weight-cost", "What a weight costs, in core time in all rows", frame, columns).folded()


def section(tables: Tables, figures: Sequence[Figure], rehearsal: bool) -> Section:
    beside = None if rehearsal else published_beside_ours(tables)  # table 1 has the paper's numbers
    every = (table_1(tables, rehearsal), beside, cross_check_table(tables), cost_table(tables))
    shown = [table for table in every if table is not None]
    title = "Experiment 1: every weight of a trained network as a sum of random numbers"
    return Section(ONE, "Experiment 1", title, sentence(tables), shown, figures, METHOD)
