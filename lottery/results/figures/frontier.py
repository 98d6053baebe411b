"""The figure of a frontier: what error how many parameters leave, and how many parameters an epsilon asks for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.markers import CARETUPBASE
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from lottery.errors import LotteryError
from lottery.published import table1
from lottery.results.figures.style import COLOURS, STYLE, save
from lottery.results.frontier import MAGNITUDE

MARKERS = "os^vP*"
LINES = ("-", "--", "-.", ":")  # by c, the largest first
LARGEST_ERROR = 20.0  # percent, that the left panel shows
TICKS = (0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20)
BEYOND: dict[str, Any] = {"marker": CARETUPBASE, "linestyle": "none", "markersize": 6}  # stands on the upper edge


def _lines(table: pd.DataFrame) -> list[float]:
    return sorted(set(table[table.objective != MAGNITUDE].coefficients_per_bit), reverse=True)


def _series(table: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Style and rows, by epsilon, of each line; an objective has a colour and a marker, c a kind of line.

    Lines of two objectives can be one over the other: the first objective is on top, small and filled; the markers of the
    next are larger and open, around those of the first.
    """
    objectives = [name for name in dict.fromkeys(table.objective) if name != MAGNITUDE]
    for (objective, per_bit), rows in table.groupby(["objective", "coefficients_per_bit"], sort=False):
        style: dict[str, Any] = {"markersize": 4, "linewidth": 1, "capsize": 2, "elinewidth": 0.8}
        if objective == MAGNITUDE:
            style |= {"color": "0.35", "marker": "x", "linestyle": (0, (1, 1)), "label": "target pruned by magnitude"}
        else:
            place, line = objectives.index(objective), _lines(table).index(per_bit)
            style |= {"color": COLOURS[place % 6], "marker": MARKERS[place % 6], "linestyle": LINES[line % 4]}
            style |= {"label": objective if line == 0 else None, "zorder": 3 - place / 10}
            style |= {"markersize": 3} if place == 0 else {"markersize": 5.5, "markerfacecolor": "none"}
        yield style, rows.sort_values("epsilon")


def _bars(middle: pd.Series, half: pd.Series, edge: float) -> list[np.ndarray]:
    """How far intervals reach down and up; none where half an interval is 0 or unknown.

    edge: the lower edge of a logarithmic panel.  An interval that goes on below it (to 0 and beyond, as those of two or
    three seeds can) ends out of sight, so that it is cut at the edge and has no cap there.
    """
    known = half.to_numpy(float)
    known = np.where(known > 0, known, np.nan)
    return [np.minimum(known, np.maximum(middle.to_numpy(float) - edge / 2, 0)), known]


def _draw_errors(axes: Axes, style: dict[str, Any], rows: pd.DataFrame) -> bool:
    """A line of errors with intervals, and an arrow at the upper edge for each error beyond it; whether there is any."""
    bottom, top = axes.get_ylim()
    error = (100 - rows.accuracy).to_numpy(float)
    beyond = error > top
    line = np.where(beyond, top, error)
    line[1:][beyond[1:] & beyond[:-1]] = np.nan  # none from one arrow to the next
    inside = rows.accuracy_half_interval.where(~beyond)
    axes.errorbar(
        rows.relative_size,
        line,
        xerr=_bars(rows.relative_size, rows.relative_size_half_interval.where(~beyond), axes.get_xlim()[0]),
        yerr=_bars(100 - rows.accuracy, inside, bottom),
        **style | {"markevery": np.flatnonzero(~beyond).tolist()},
    )
    if beyond.any():
        axes.plot(rows.relative_size[beyond], np.full(beyond.sum(), top), color=style["color"], clip_on=False, **BEYOND)
    return bool(beyond.any())


def _published(table: pd.DataFrame) -> pd.DataFrame:
    """Size and accuracy of the published network, a row; none where the table is about another one."""
    same = set(table.network) == {"fc2"} and set(table.dataset) == {"mnist"}
    rows = table1().iloc[1 : 1 + same]
    return pd.DataFrame({"relative_size": rows.relative_size, "accuracy": rows.test_accuracy_percent})


def _limit(axes: Axes, shown: pd.DataFrame, target: float) -> None:
    """Panel for points of these sizes and accuracies; errors beyond `LARGEST_ERROR` have no place in it."""
    largest = min(LARGEST_ERROR, 1.2 * float((100 - shown.accuracy).max()) + 0.1)
    bottom, top = 0.75 * target, max(largest, 1.6 * target)
    axes.set_ylim(bottom, top)
    axes.set_yscale("log")
    axes.set_yticks([tick for tick in TICKS if bottom <= tick <= top])
    axes.set_xlim(0.6 * float(shown.relative_size.min()), 1.6 * max(1, float(shown.relative_size.max())))


def _error(axes: Axes, table: pd.DataFrame) -> None:
    target, published = 100 - float(table.target_accuracy.iloc[0]), _published(table)
    _limit(axes, pd.concat([table[["relative_size", "accuracy"]], published]), target)
    drawn = [_draw_errors(axes, style, rows) for style, rows in _series(table)]
    axes.axhline(target, color="black", linewidth=0.8, linestyle="--")
    axes.annotate(
        "target", (0, target), (3, -3), xycoords=("axes fraction", "data"), textcoords="offset points", va="top"
    )
    if len(published):
        axes.plot(published.relative_size, 100 - published.accuracy, "*", color="black", markersize=9,
                  linestyle="", label="published (97.19%, on raw pixels)")  # fmt: skip
    if any(drawn):
        axes.plot([], [], color="0.3", label=f"error above {axes.get_ylim()[1]:g}%", **BEYOND)
    axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel("remaining parameters / target's weights")
    axes.set_ylabel("test error (%)")


def _size(axes: Axes, table: pd.DataFrame) -> None:
    sums = table[table.objective != MAGNITUDE].sort_values("epsilon")
    bound = sums[sums.least_remaining.notna()]
    axes.set_yscale("log")
    bottom = 0.7 * min(float(table.relative_size.min()), float(bound.least_remaining.min()) if len(bound) else 1)
    axes.set_ylim(bottom, 1.4 * float(sums.coefficients.max()))
    for style, rows in _series(table):
        bars = _bars(rows.relative_size, rows.relative_size_half_interval, bottom)
        axes.errorbar(rows.epsilon, rows.relative_size, yerr=bars, **style | {"label": None})
    for per_bit, line in zip(_lines(table), LINES, strict=False):
        drawn = sums[sums.coefficients_per_bit == per_bit].drop_duplicates("epsilon")
        axes.plot(drawn.epsilon, drawn.coefficients, ".", markersize=4, color="0.55", linewidth=1, linestyle=line,
                  label=f"initial, c = {per_bit:g} (all: this line)")  # fmt: skip
    initial = bound.drop_duplicates("epsilon")
    axes.plot(initial.epsilon, initial.least_initial, ".-", color="black", linewidth=1.6,
              label="fewest initial, Theorem 2")  # fmt: skip
    least = bound.groupby("epsilon").least_remaining.min()
    axes.plot(least.index, least.to_numpy(), color="black", linewidth=1.6, marker=".", linestyle=(0, (4, 1.5)),
              label="fewest remaining, Theorem 2")  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_xticks(np.unique(table.epsilon))
    axes.set_xlabel("ε")
    axes.set_ylabel("parameters / target's weights")


def plot_frontier(table: pd.DataFrame, frontier: str, stem: Path) -> list[Path]:
    """Left: test error against remaining parameters, 95% intervals.  Right: parameters against epsilon, with the bound."""
    own = table[table.frontier == frontier]
    if own.empty:
        raise LotteryError(f"figure: there are no points of frontier {frontier}")
    with drawing():
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
