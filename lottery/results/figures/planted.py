"""The figure of planted tickets: accuracy, and the share of the plant that is kept, by the margin of the initial scores."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from lottery.errors import LotteryError
from lottery.results.figures.scales import error_axis
from lottery.results.figures.style import FULL, GREY, INK, Look, drawing, heading, save

LOOKS = {"ticket": Look("#6a3d9a", "#6a3d9a", "o"), "random": Look("#8a6000", "#8a6000", "s")}
WORDS = {"ticket": "the ticket is favoured", "random": "a random mask is favoured"}
_SERIES = ["network", "dataset", "redundancy", "sparsity", "scale", "epochs"]


def describe_planted(table: pd.DataFrame) -> str:
    """The figure in words: start and end by what is favoured and by margin."""
    return " ".join(
        f"{WORDS[row.favoured].capitalize()}, margin {row.margin:g}: accuracy {row.start_accuracy:.2f}% at the start,"
        f" {row.accuracy:.2f}% after {row.epochs:.0f} epochs; of the plant {row.start_overlap:.1%} and {row.overlap:.1%} are kept."
        for row in table.itertuples()
    )


def _draw(axes: Axes, own: pd.DataFrame, margins: Sequence[float], shown: Mapping[str, str]) -> None:
    """A line per favoured plant and column of `shown`, with bars of one standard error.

    shown: `start` (open, dotted) and `end` (filled), each the name of a column of percents.
    """
    for favoured, line in own.groupby("favoured", sort=False):
        style, places = LOOKS[str(favoured)], [margins.index(margin) for margin in line.margin]
        for when, name in shown.items():
            start = when == "start"
            axes.errorbar(
                places, line[name], yerr=line[f"{name}_error"].fillna(0), color=style.line, marker=style.marker, capsize=2,
                markerfacecolor="white" if start else style.line, linestyle=":" if start else "-",
            )  # fmt: skip
    axes.set_xticks(range(len(margins)), [f"{margin:g}" for margin in margins])
    axes.set_xlabel("margin (1: largest initial |score|)")


def _mark(axes: Axes, level: float, words: str, x: float, below: bool = False) -> None:
    """A dashed line with its name at x (0: left, 1: right)."""
    axes.axhline(level, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    axes.annotate(
        words, (x, level), (2 - 4 * x, -2 if below else 2), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right" if x else "left", va="top" if below else "bottom", fontsize=8, color=INK,
    )  # fmt: skip


def _percents(table: pd.DataFrame) -> pd.DataFrame:
    """What is drawn: errors of classification, the share of the plant kept, the share of the initial mask that was left."""
    found = table.copy()
    for name in ("start_accuracy", "accuracy"):
        found[name] = 100 - table[name]
    for name in ("start_overlap", "start_overlap_error", "overlap", "overlap_error", "start_kept_error"):
        found[name] = 100 * table[name]
    return found.assign(start_kept=100 * (1 - table.start_kept))


def _row(line: Sequence[Axes], own: pd.DataFrame) -> None:
    accuracy, overlap, change = line
    margins, one = sorted({float(margin) for margin in own.margin}), own.iloc[0]
    shown = _percents(own)
    _draw(accuracy, shown, margins, {"start": "start_accuracy", "end": "accuracy"})
    every = (own.start_accuracy, own.accuracy, own.target_accuracy)
    error_axis(accuracy, pd.concat(every, ignore_index=True))
    _mark(accuracy, 100 - float(one.target_accuracy), f"target {one.target_accuracy:.2f}%", x=0, below=True)
    accuracy.set_ylabel("test accuracy (%)")
    accuracy.set_title(f"{one.network}, r = {one.redundancy}, s = {one.sparsity:g}, {one.epochs} epochs")
    _draw(overlap, shown, margins, {"start": "start_overlap", "end": "overlap"})
    _mark(overlap, 100 * float(one.chance), "chance", x=1)
    overlap.set_ylabel("plant kept (% of its weights)")
    _draw(change, shown, margins, {"end": "start_kept"})
    change.set_yscale("log")
    change.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}"))
    change.set_ylabel("initial mask given up (% of its weights)")


def plot_planted(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Test accuracy, overlap with the plant and change of the mask by margin; a row of panels per network and settings.

    table: `planted.csv`.  Raises LotteryError if it is empty.
    """
    if table.empty:
        raise LotteryError("figure: nothing was planted")
    title = "Does edge-popup keep a ticket that it starts from?"
    with drawing():
        groups = [own for _, own in table.groupby(_SERIES, sort=False)]
        figure, grid = plt.subplots(len(groups), 3, figsize=(FULL, 0.8 + 3.1 * len(groups)), squeeze=False)
        heading(figure, title)
        for line, own in zip(grid, groups, strict=True):
            _row(line, own)
        handles = [
            Line2D([], [], color=LOOKS[name].line, marker=LOOKS[name].marker, label=words)
            for name, words in WORDS.items()
            if name in set(table.favoured)
        ]
        start = Line2D(
            [],
            [],
            color=GREY,
            marker="o",
            markerfacecolor="white",
            linestyle=":",
            label="at the start, before learning",
        )
        figure.legend(handles=[*handles, start], loc="outside lower center", ncols=len(handles) + 1)
        return save(figure, stem, title, describe_planted(table))
