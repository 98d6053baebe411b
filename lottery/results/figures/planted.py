"""The figure of planted tickets: accuracy, and the share of the plant that is kept, by the margin of the initial scores."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lottery.errors import LotteryError
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


def _draw(axes: Axes, own: pd.DataFrame, margins: Sequence[float], measured: str, factor: float = 1.0) -> None:
    """One line per favoured plant: open and dotted at the start, filled after learning, bars of one standard error."""
    for favoured, line in own.groupby("favoured", sort=False):
        style, places = LOOKS[str(favoured)], [margins.index(margin) for margin in line.margin]
        for name, fill, dashes in ((f"start_{measured}", "white", ":"), (measured, style.line, "-")):
            axes.errorbar(
                places, factor * line[name], yerr=factor * line[f"{name}_error"].fillna(0), color=style.line,
                marker=style.marker, markerfacecolor=fill, linestyle=dashes, capsize=2,
            )  # fmt: skip
    axes.set_xticks(range(len(margins)), [f"{margin:g}" for margin in margins])
    axes.set_xlabel("margin, in units of the largest initial |score|")


def _mark(axes: Axes, level: float, words: str) -> None:
    axes.axhline(level, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    axes.annotate(words, (1, level), (-2, 2), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right",
                  va="bottom", fontsize=8, color=INK)  # fmt: skip


def plot_planted(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Test accuracy, that near the target's, and overlap with the plant by margin; a row of panels per network and settings.

    table: `planted.csv`.  Raises LotteryError if it is empty.
    """
    if table.empty:
        raise LotteryError("figure: nothing was planted")
    title = "Does edge-popup keep a ticket that it starts from?"
    with drawing():
        groups = [*table.groupby(_SERIES, sort=False)]
        figure, grid = plt.subplots(len(groups), 2, figsize=(FULL, 0.8 + 3.1 * len(groups)), squeeze=False)
        heading(figure, title)
        for (accuracy, overlap), (_, own) in zip(grid, groups, strict=True):
            margins, one = sorted({float(margin) for margin in own.margin}), own.iloc[0]
            _draw(accuracy, own, margins, "accuracy")
            _mark(accuracy, float(one.target_accuracy), f"target {one.target_accuracy:.2f}%")
            accuracy.set_ylabel("test accuracy (%)")
            accuracy.set_title(f"{one.network}, r = {one.redundancy}, s = {one.sparsity:g}, {one.epochs} epochs")
            _draw(overlap, own, margins, "overlap", 100)
            _mark(overlap, 100 * float(one.chance), "chance")
            overlap.set_ylabel("plant kept (%)")
        handles = [
            Line2D([], [], color=LOOKS[name].line, marker=LOOKS[name].marker, label=WORDS[name])
            for name in LOOKS
            if name in set(table.favoured)
        ]
        handles += [
            Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linestyle=":", label="at the start"),
            Line2D([], [], color=GREY, marker="o", label="after learning"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return save(figure, stem, title, describe_planted(table))
