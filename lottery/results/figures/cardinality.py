"""The figure of how many coefficients are kept per weight."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lottery.published import table1
from lottery.results.figures.style import FILL, GREY, HALF, INK, drawing, heading, save

TITLE = "Coefficients kept per weight"
ONE_COLUMN = 3  # approximations that are drawn below one another; more stand side by side


def _mean(part: pd.DataFrame) -> float:
    return float((part.cardinality * part.weights).sum() / part.weights.sum())


def _mark(axes: Axes, x: float, text: str, colour: str, height: float) -> None:
    """A triangle at the top of the panel, and what it says."""
    axes.plot([x], [height], "v", color=colour, markersize=6, transform=axes.get_xaxis_transform(), clip_on=False)
    axes.annotate(text, (x, height), (6, 0), xycoords=("data", "axes fraction"), textcoords="offset points",
                  va="center", color=colour, fontsize=8.5)  # fmt: skip


def _draw(axes: Axes, name: str, part: pd.DataFrame, published: float) -> None:
    axes.bar(part.cardinality, 100 * part.weights / part.weights.sum(), 0.8, color=FILL)
    axes.set_ylim(top=1.5 * axes.get_ylim()[1])  # room for the marks
    axes.axvline(1, color=GREY, linestyle="--", linewidth=1, zorder=0)
    _mark(axes, _mean(part), f"mean {_mean(part):.2f}", INK, 0.94)
    _mark(axes, published, f"published {published:.2f}", GREY, 0.78)
    axes.set_title(name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def describe_cardinality(histogram: pd.DataFrame) -> str:
    """The figure in words."""
    sentences = []
    for name, part in histogram.groupby("row", sort=False):
        most = part.loc[part.weights.astype(float).idxmax()]
        sentences.append(
            f"{name}: {_mean(part):.2f} coefficients per weight on average, most often {int(most.cardinality)} "
            f"({100 * float(most.weights) / part.weights.sum():.1f}% of the weights)."
        )
    return " ".join([*sentences, f"The published ticket keeps {table1().relative_size.iloc[1]:.2f}; the target has 1."])


def plot_cardinality(histogram: pd.DataFrame, stem: Path) -> list[Path]:
    """How many coefficients are kept per weight, a panel per approximation, with the mean and the published mean."""
    published = float(table1().relative_size.iloc[1])
    names = list(dict.fromkeys(histogram.row))
    with drawing():
        columns = 1 if len(names) <= ONE_COLUMN else 2
        rows = -(-len(names) // columns)
        figure, grid = plt.subplots(rows, columns, figsize=(HALF, 0.8 + 1.6 * rows), sharex=True, squeeze=False)
        heading(figure, TITLE)
        for axes, name in zip(grid.flat, names, strict=False):
            _draw(axes, name, histogram[histogram.row == name], published)
        for axes in grid.flat[len(names) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("weights (%)")
        figure.supxlabel("coefficients kept per weight; dashed line: 1, the size of the target", fontsize=9)
        return save(figure, stem, TITLE, describe_cardinality(histogram))
