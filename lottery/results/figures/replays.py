"""The figure of all published points beside the same runs made again: networks side by side, differences below."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.pruning.run import PRUNED
from lottery.published import figures
from lottery.results.figures.scales import broken, difference_axis, error_axis, kept_axis, kept_percent, place
from lottery.results.figures.style import BAD, FULL, GREY, HALF, INK, PALE, End, drawing, label_ends, look, save
from lottery.results.tables.verdicts import DIFFERS, NOT_COMPARABLE, REPRODUCED

COMPARED_NUMBERS = ["sparsity", "published", "ours", "difference", "spread"]
COMPARED_WORDS = ["network", "structure", "verdict"]
TITLE = "Accuracy of pruned random networks, mnist: published and run again"
_SHIFT = 0.12  # of the structures from each other in the panels of differences
ROOM = 1.9  # left of the curves, for their names


def draw_published(axes: Axes, published: pd.DataFrame) -> None:
    """Pale, broad lines."""
    for structure in PRUNED:
        line = broken(published[published.structure == structure])
        axes.plot(place(line.sparsity), 100 - line.accuracy, color=look(structure).line, **PALE)
        alone = line[line.sparsity == 0]  # no line leads there
        axes.plot(place(alone.sparsity), 100 - alone.accuracy, "o", color=look(structure).line, markersize=6,
                  markeredgewidth=0, alpha=PALE["alpha"], zorder=PALE["zorder"])  # fmt: skip
    for dense in published[published.structure == "dense"].itertuples():
        axes.axhline(100 - dense.accuracy, color=look("dense").line, **PALE)


def name_lines(axes: Axes, curves: pd.DataFrame) -> None:
    """Names left of the points with the fewest weights; curves: structure, sparsity, accuracy."""
    ends = []
    for structure in PRUNED:
        line = curves[(curves.structure == structure) & curves.accuracy.notna()].sort_values("sparsity")
        if len(line):
            last = line.iloc[[-1]]
            x, y = float(place(last.sparsity)[0]), 100 - float(last.accuracy.iloc[0])
            ends.append(End(x, y, structure, look(structure).text))
    for dense in curves[curves.structure == "dense"].itertuples():
        axes.annotate("trained", (0, 100 - dense.accuracy), (4, -5), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="top", color=look("dense").text, fontsize=8.5)  # fmt: skip
    label_ends(axes, ends, left=True)


def _draw_ours(axes: Axes, ours: pd.DataFrame) -> None:
    for structure in PRUNED:
        own, style = ours[ours.structure == structure], look(structure)
        line = broken(own)  # and NaN where a point was not run: there the line breaks as well
        axes.plot(place(line.sparsity), 100 - line.ours.astype(float), color=style.line, linewidth=0.9)
        hollow = (own.verdict == NOT_COMPARABLE).to_numpy(bool)
        for few, face in ((own[~hollow], style.line), (own[hollow], "white")):
            error = 100 - few.ours.astype(float)
            axes.plot(place(few.sparsity), error, style.marker, color=style.line, markerfacecolor=face)
    for dense in ours[(ours.structure == "dense") & ours.ours.notna()].itertuples():
        axes.axhline(100 - dense.ours, color=look("dense").line, linewidth=0.9)


def _draw_differences(axes: Axes, ours: pd.DataFrame) -> None:
    for number, structure in enumerate(PRUNED):
        own, style = ours[(ours.structure == structure) & ours.ours.notna()], look(structure)
        x = place(own.sparsity) + (number - (len(PRUNED) - 1) / 2) * _SHIFT
        spread = own.spread.astype(float).fillna(0).to_numpy()
        axes.vlines(x, -spread, spread, color=GREY, alpha=0.3, linewidth=2.5)
        for verdict, marker, colour, face in (
            (REPRODUCED, style.marker, style.line, style.line),
            (NOT_COMPARABLE, style.marker, style.line, "white"),
            (DIFFERS, "X", BAD, BAD),
        ):
            found = (own.verdict == verdict).to_numpy()
            axes.plot(x[found], own.difference.astype(float).to_numpy()[found], marker, color=colour,
                      markerfacecolor=face, markersize=4 if verdict != DIFFERS else 6)  # fmt: skip


def _counts(compared: pd.DataFrame) -> str:
    """How many points have which verdict, in words."""
    counts = {str(verdict): int(count) for verdict, count in compared.verdict.value_counts().items()}
    run = int(compared.ours.notna().sum())
    words = [f"{counts.get(REPRODUCED, 0)} of {run} points reproduced"]
    if DIFFERS in counts:
        words.append("1 differs" if counts[DIFFERS] == 1 else f"{counts[DIFFERS]} differ")
    if NOT_COMPARABLE in counts:
        words.append(f"{counts[NOT_COMPARABLE]} {NOT_COMPARABLE}")
    return ", ".join(words + ([f"{len(compared) - run} not run"] if run < len(compared) else []))


def _legend(figure: Figure, compared: pd.DataFrame) -> None:
    def handle(label: str, **style: Any) -> Any:
        return Line2D([], [], label=label, **style)

    handles = [
        handle("published", color=GREY, linewidth=4, alpha=0.35),
        handle("run again", color=GREY, marker="o", linewidth=0.9),
        handle("how far two runs of the point differ in 95 of 100 cases", color=GREY, alpha=0.4, marker="|",
               markersize=9, markeredgewidth=2.5, linestyle="none"),
    ]  # fmt: skip
    run = set(compared.verdict[compared.ours.notna()])
    if NOT_COMPARABLE in run:
        handles.append(handle("not comparable", color=GREY, marker="o", markerfacecolor="white", linestyle="none"))
    if DIFFERS in run:
        handles.append(handle("differs by more", color=BAD, marker="X", markersize=6, linestyle="none"))
    columns = len(handles) if figure.get_figwidth() > HALF else 1
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)


def describe_replays(compared: pd.DataFrame) -> str:
    """The figure in words."""
    sentences = []
    for network, own in compared[compared.ours.notna()].groupby("network", sort=False):
        sentences.append(f"{network}: {_counts(compared[compared.network == network])}.")
        for structure, line in own[own.structure != "dense"].groupby("structure", sort=False):
            best = line.loc[line.ours.astype(float).idxmax()]
            sentences.append(
                f"{structure} peaks at {best.ours:.2f}% with {kept_percent(best.sparsity)} (published there: "
                f"{best.published:.2f}%)."
            )
    return " ".join(sentences)


def plot_replays(compared: pd.DataFrame, stem: Path) -> list[Path]:
    """Above: test accuracy (on a logarithmic scale of the error) against the share of weights kept (on a logit scale),
    published as pale bands.  Below: ours less published, with the spread of each point as a bar.

    compared: `points_compared.csv`.  A panel per network of which there are runs.
    """
    run = compared[compared.ours.notna()]
    networks = [name for name in NETWORKS if name in set(run.network)]
    if not networks:
        raise LotteryError("figure: no published point has a run of its own length beside it")
    published = figures()
    published = published[published.network.isin(networks)]
    with drawing():
        figure, grid = plt.subplots(
            2, len(networks), figsize=(FULL if len(networks) > 1 else HALF, 5.6), sharex=True, sharey="row",
            squeeze=False, height_ratios=(5, 2),
        )  # fmt: skip
        for network, (upper, lower) in zip(networks, grid.T, strict=True):
            theirs, ours = published[published.network == network], compared[compared.network == network]
            draw_published(upper, theirs)
            _draw_ours(upper, ours)
            _draw_differences(lower, ours)
            weights = int(theirs[theirs.structure == "dense"].parameters.iloc[0])
            upper.set_title(f"{network} · {weights:,} weights\n")
            upper.annotate(_counts(ours), (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points")
            kept_axis(lower, published.sparsity, ROOM)
            upper.tick_params(labelbottom=False)
        error_axis(grid[0, 0], pd.concat([published.accuracy, run.ours.astype(float)]))
        difference_axis(grid[1, 0], np.maximum(run.difference.abs(), run.spread.fillna(0)))
        for lower in grid[1]:
            lower.axhline(0, color=INK, linewidth=0.8)
        grid[0, 0].set_ylabel("test accuracy (%), log of the error")
        grid[1, 0].set_ylabel("ours − published\n(points)")
        _legend(figure, compared)
        for network, upper in zip(networks, grid[0], strict=True):
            name_lines(upper, published[published.network == network])
        return save(figure, stem, TITLE, describe_replays(compared))
