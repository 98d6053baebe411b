"""What differs from the paper, and what it cost."""

import pandas as pd

from lottery.published import deviations
from lottery.published import table1 as published_table1
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import core_time, fixed, plural, seconds
from lottery.results.page.section import Section
from lottery.results.page.table import Cell, Column, Head, Table, table_of

SMALL = 0.01  # share of the cost below which stages are joined


def differences_section() -> Section:
    """The documented deviations, their effect first."""
    columns = (Column("what", "What"), Column("effect", "Effect"), Column("paper", "Paper and released code"), Column("here", "Here"))  # fmt: skip
    listed = deviations().map(lambda cell: cell.replace("`", "") if isinstance(cell, str) else cell)
    shown = []
    for experiment, part in listed.groupby("experiment"):
        fold = f"Experiment {experiment}: {plural(len(part), 'difference')}"
        shown.append(table_of(f"differences-{experiment}", fold, part, columns, fold=fold))
    answer = (
        f"{len(listed)} known differences between the paper, its released code and this pipeline, with their effect."
    )
    return Section("differs", "Differences", "What differs from the paper, and why it matters", answer, shown)


def _stage_rows(stages: pd.DataFrame) -> list[list[Cell]]:
    """A row a stage by cost; those that cost little together in one row."""
    total = float(stages.core_hours.sum()) or 1.0
    large = stages[stages.core_hours >= SMALL * total]
    rest = stages[stages.core_hours < SMALL * total]
    lines = [
        (f"lottery {s.stage}", s.results, s.hours, s.core_hours, s.gpu_hours, s.peak_memory_mb)
        for s in large.itertuples()
    ]
    if len(rest):
        sums = rest[["results", "hours", "core_hours", "gpu_hours"]].sum()
        lines.append((f"{len(rest)} other stages", *sums, rest.peak_memory_mb.max()))
    return [
        [
            Cell(name), Cell(f"{int(results):,}"), Cell(seconds(3600 * float(hours))),
            Cell(seconds(3600 * float(cores)), share=float(cores) / total), Cell(seconds(3600 * float(gpus)) if gpus else "none"),
            Cell(fixed(memory)),
        ]
        for name, results, hours, cores, gpus, memory in lines
    ]  # fmt: skip


def cost_section(tables: Tables) -> Section | None:
    if tables.stages.empty:
        return None
    rows = _stage_rows(tables.stages)
    heads = [Head("Stage")] + [
        Head(text, small, True)
        for text, small in (
            ("Results", ""),
            ("Time of jobs", ""),
            ("Core time", ""),
            ("GPU time", ""),
            ("Peak memory", "MB"),
        )
    ]
    if not tables.stages.gpu_hours.sum():
        heads, rows = [h for h in heads if h.text != "GPU time"], [row[:4] + row[5:] for row in rows]
    published = published_table1().iloc[1]
    answer = (
        f"{plural(tables.results, 'result')} took {core_time(tables.core_seconds)}; the paper reports "
        f"{core_time(float(published.seconds * published.cores))} for its run of experiment 1."
    )
    if tables.untraced_runs:
        answer += " Runs of experiment 2 came as tables without records and are not in here."
    method = (
        "Added up over the results that this page rests on, from the record beside each; the time of interrupted attempts is not in here.",
        "GPU time is that of jobs that computed on one.",
    )
    return Section(
        "cost", "Cost", "What it cost", answer, [Table("stages", "Cost by stage.", heads, rows)], method=method
    )
