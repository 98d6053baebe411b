"""The figure of a frontier: what error how many parameters leave, and how many parameters an epsilon asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from lottery.errors import LotteryError
from lottery.published import table1
from lottery.results.frontier import MAGNITUDE
from lottery.results.style import COLOURS, STYLE, save

MARKERS = "os^vP*"
LINES = ("-", "--", "-.", ":")  # by c, the largest first
LARGEST_ERROR = 20.0  # percent, that the left panel shows
TICKS = (0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20)


def _lines(table: pd.DataFrame) -> list[float]:
    return sorted(set(table[table.objective != MAGNITUDE].coefficients_per_bit), reverse=True)


def _series(table: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Style and rows, by epsilon, of each line; an objective has a colour and a marker, c a kind of line."""
    objectives = [name for name in dict.fromkeys(table.objective) if name != MAGNITUDE]
    for (objective, per_bit), rows in table.groupby(["objective", "coefficients_per_bit"], sort=False):
        style: dict[str, Any] = {"markersize": 4, "linewidth": 1, "capsize": 2, "elinewidth": 0.8}
        if objective == MAGNITUDE:
            style |= {"color": "0.35", "marker": "x", "linestyle": (0, (1, 1)), "label": "target pruned by magnitude"}
        else:
            place, line = objectives.index(objective), _lines(table).index(per_bit)
            style |= {"color": COLOURS[place % 6], "marker": MARKERS[place % 6], "linestyle": LINES[line % 4]}
            style["label"] = objective if line == 0 else None
        yield style, rows.sort_values("epsilon")


def _error(axes: Axes, table: pd.DataFrame) -> None:
    target = 100 - float(table.target_accuracy.iloc[0])
    for style, rows in _series(table):
        error, half = 100 - rows.accuracy, rows.accuracy_half_interval.fillna(0)
        down = np.minimum(half, 0.9 * error)  # a logarithmic axis has no 0
        axes.errorbar(
            rows.relative_size, error, xerr=rows.relative_size_half_interval.fillna(0), yerr=[down, half], **style
        )
    axes.axhline(target, color="black", linewidth=0.8, linestyle="--")
    axes.annotate(
        "target", (0, target), (3, -3), xycoords=("axes fraction", "data"), textcoords="offset points", va="top"
    )
    if set(table.network) == {"fc2"} and set(table.dataset) == {"mnist"}:
        published = table1().iloc[1]
        axes.plot(published.relative_size, 100 - published.test_accuracy_percent, "*", color="black", markersize=9,
                  linestyle="", label="published, its target 97.19%")  # fmt: skip
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    largest = min(LARGEST_ERROR, 1.2 * float((100 - table.accuracy).max()) + 0.1)
    axes.set_ylim(0.75 * target, max(largest, 1.6 * target))
    axes.set_yscale("log")
    axes.set_yticks([tick for tick in TICKS if 0.75 * target <= tick <= axes.get_ylim()[1]])
    axes.set_xlabel("remaining parameters / target's weights")
    axes.set_ylabel("test error (%)")


def _size(axes: Axes, table: pd.DataFrame) -> None:
    for style, rows in _series(table):
        half = rows.relative_size_half_interval.fillna(0)
        axes.errorbar(rows.epsilon, rows.relative_size, yerr=half, **style | {"label": None})
    sums = table[table.objective != MAGNITUDE].sort_values("epsilon")
    for per_bit, line in zip(_lines(table), LINES, strict=False):
        drawn = sums[sums.coefficients_per_bit == per_bit].drop_duplicates("epsilon")
        axes.plot(drawn.epsilon, drawn.coefficients, ".", markersize=4, color="0.55", linewidth=1, linestyle=line,
                  label=f"initial; c = {per_bit:g} has this line")  # fmt: skip
    bound = sums[sums.least_remaining.notna()]
    initial = bound.drop_duplicates("epsilon")
    axes.plot(initial.epsilon, initial.least_initial, ".-", color="black", linewidth=1.6,
              label="fewest initial, Theorem 2")  # fmt: skip
    least = bound.groupby("epsilon").least_remaining.min()
    axes.plot(least.index, least.to_numpy(), color="black", linewidth=1.6, marker=".", linestyle=(0, (4, 1.5)),
              label="fewest remaining, Theorem 2")  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    axes.set_xticks(np.unique(table.epsilon))
    axes.set_xlabel("ε")
    axes.set_ylabel("parameters / target's weights")


def plot_frontier(table: pd.DataFrame, frontier: str, stem: Path) -> list[Path]:
    """Left: test error against remaining parameters, 95% intervals.  Right: parameters against epsilon, with the bound."""
    own = table[table.frontier == frontier]
    if own.empty:
        raise LotteryError(f"figure: there are no points of frontier {frontier}")
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 4.4))
        for axes in (left, right):
            axes.set_xscale("log")
        _error(left, own)
        _size(right, own)
        for axis in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(NullFormatter())
        for axis in (left.yaxis, right.xaxis):
            axis.set_minor_locator(NullLocator())
        figure.legend(loc="outside upper center", ncols=3, title=f"{own.network.iloc[0]}, {own.dataset.iloc[0]}")
        return save(figure, stem)
