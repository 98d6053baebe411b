"""The figure of all published points beside the same runs made again: networks side by side, differences below."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.pruning.run import PRUNED
from lottery.published import figures
from lottery.results.figures.style import COLOUR, MARKER, STYLE, save
from lottery.results.verdicts import DIFFERS, REPRODUCED

COMPARED_NUMBERS = ["sparsity", "published", "ours", "difference", "spread"]
COMPARED_WORDS = ["network", "structure", "verdict"]
KEPT_TICKS = (1, 2, 5, 10, 25, 50, 75, 90, 95, 98, 99)  # percent
ACCURACY_TICKS = (0, 50, 80, 90, 95, 97, 98, 98.5)
DIFFERENCE_TICKS = (-10, -3, -1, 0, 1, 3, 10)
_ALL = 6.0  # where sparsity 0 stands: all weights kept, whose logit is infinite
_SHIFT = 0.12  # of the structures from each other in the panels of differences
_BAD = "#a00000"
WIDE_ENOUGH = 6.0  # inches, for the legend in one line


def _place(sparsity: pd.Series) -> np.ndarray:
    """The logit of the share of weights that is kept: both cliffs of a curve are wide on it."""
    kept = 1 - sparsity.to_numpy(float)
    return np.where(kept == 1, _ALL, np.log(kept / np.maximum(1 - kept, 1e-9)))


def _draw_curves(axes: Axes, published: pd.DataFrame, ours: pd.DataFrame) -> None:
    for structure in PRUNED:
        line = published[published.structure == structure].sort_values("sparsity")
        axes.plot(_place(line.sparsity), 100 - line.accuracy, color=COLOUR[structure], linewidth=4.5, alpha=0.25,
                  solid_capstyle="round", zorder=1)  # fmt: skip
        own = ours[ours.structure == structure].sort_values("sparsity")  # a line ends where a point was not run
        axes.plot(_place(own.sparsity), 100 - own.ours.astype(float), color=COLOUR[structure], linewidth=0.9,
                  marker=MARKER[structure], markersize=4)  # fmt: skip
    for dense in published[published.structure == "dense"].itertuples():
        axes.axhline(100 - dense.accuracy, color=COLOUR["dense"], linewidth=4.5, alpha=0.2, zorder=1)
    for dense in ours[(ours.structure == "dense") & ours.ours.notna()].itertuples():
        axes.axhline(100 - dense.ours, color=COLOUR["dense"], linewidth=0.9)


def _draw_differences(axes: Axes, ours: pd.DataFrame) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    for number, structure in enumerate(PRUNED):
        own = ours[(ours.structure == structure) & ours.ours.notna()]
        x = _place(own.sparsity) + (number - 1) * _SHIFT
        spread = own.spread.astype(float).fillna(0).to_numpy()
        axes.vlines(x, -spread, spread, color=COLOUR[structure], alpha=0.25, linewidth=3)
        for verdict, colour in ((REPRODUCED, COLOUR[structure]), (DIFFERS, _BAD)):
            found = (own.verdict == verdict).to_numpy()
            differences = own.difference.astype(float).to_numpy()[found]
            axes.plot(x[found], differences, MARKER[structure], markersize=4, linestyle="none", color=colour)


def _format(upper: Axes, lower: Axes) -> None:
    for axes in (upper, lower):
        places = _place(pd.Series([1 - kept / 100 for kept in KEPT_TICKS]))
        axes.set_xticks([*places, _ALL], [*map(str, KEPT_TICKS), "all"], fontsize=7)
        axes.set_xlim(_place(pd.Series([0.992]))[0], _ALL + 0.5)
    upper.set_yscale("log")
    upper.set_ylim(105, 1.15)  # upwards: the error falls
    upper.yaxis.set_major_locator(FixedLocator([100 - accuracy for accuracy in ACCURACY_TICKS]))
    upper.yaxis.set_minor_locator(NullLocator())
    upper.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))
    lower.set_yscale("symlog", linthresh=1, linscale=0.6)
    lower.set_ylim(-25, 25)
    lower.yaxis.set_major_locator(FixedLocator(DIFFERENCE_TICKS))
    lower.yaxis.set_minor_locator(NullLocator())
    lower.yaxis.set_major_formatter(FuncFormatter(lambda points, _: f"{points:+g}" if points else "0"))


def _counts(network: str, compared: pd.DataFrame) -> str:
    """A panel's title."""
    run = int(compared.ours.notna().sum())
    counts = f"{network}: {int((compared.verdict == REPRODUCED).sum())} of {run} points reproduced"
    return counts + (f", {len(compared) - run} not run" if run < len(compared) else "")


def _legend(figure: Figure, differs: bool) -> None:
    def handle(label: str, **style: Any) -> Any:
        return plt.Line2D([], [], label=label, **style)

    handles = [handle(name, color=COLOUR[name], marker=MARKER[name], markersize=4, linewidth=0.9) for name in PRUNED]
    handles += [
        handle("trained", color=COLOUR["dense"], linewidth=0.9),
        handle("published", color="0.5", linewidth=4.5, alpha=0.3),
    ]
    if differs:
        handles.append(handle("beyond its spread", color=_BAD, marker="o", markersize=4, linestyle="none"))
    columns = len(handles) if figure.get_figwidth() > WIDE_ENOUGH else 3
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def plot_replays(compared: pd.DataFrame, stem: Path) -> list[Path]:
    """Above: test accuracy (on a logarithmic scale of the error) against the share of weights kept (on a logit scale),
    published as pale bands.  Below: ours less published, with the spread of each point as a bar.

    compared: `points_compared.csv`.  A panel a network of which there are runs.
    """
    networks = [name for name in NETWORKS if name in set(compared[compared.ours.notna()].network)]
    if not networks:
        raise LotteryError("figure: no published point has a run of its own length beside it")
    with drawing():
        figure, grid = plt.subplots(
            2, len(networks), figsize=(3.6 * len(networks) + 0.6, 5.0), sharex=True, sharey="row", squeeze=False,
            height_ratios=(5, 2),
        )  # fmt: skip
        for network, (upper, lower) in zip(networks, grid.T, strict=True):
            published, ours = figures().query("network == @network"), compared[compared.network == network]
            _draw_curves(upper, published, ours)
            _draw_differences(lower, ours)
            _format(upper, lower)
            upper.set_title(_counts(network, ours), loc="left", fontsize=9)
            lower.set_xlabel("share of the random weights kept (%)")
        grid[0, 0].set_ylabel("test accuracy (%)")
        grid[1, 0].set_ylabel("ours − published\n(points)")
        _legend(figure, bool((compared.verdict == DIFFERS).any()))
        return save(figure, stem)
