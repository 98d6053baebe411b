"""The figure of a frontier: what accuracy is lost with how many parameters, and how many parameters an epsilon takes."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lottery.errors import LotteryError
from lottery.published import table1
from lottery.results.figures.scales import plain_axis
from lottery.results.figures.series import ENOUGH_SEEDS
from lottery.results.figures.style import (
    FULL,
    GREY,
    INK,
    End,
    drawing,
    heading,
    label_ends,
    look,
    objective_words,
    save,
)
from lottery.results.tables.frontier import MAGNITUDE

LOST_TICKS = (-0.1, 0, 0.1, 0.5, 1, 5, 20, 80)
SIZE_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
LITTLE = 0.5  # points of accuracy: a loss that the tables call little
_NUMBERED = ("min_cardinality", MAGNITUDE)  # objectives whose lines are long enough for an epsilon at each point
_APART = 2.2  # the factor between two epsilons that are both written at the axis
_TOP = -0.2  # gains beyond are noise of a test set


class Series(NamedTuple):
    """The points of one objective by epsilon, with the points of accuracy that each loses against its own target.

    open: its markers are larger and open, around those that they may hide.
    """

    objective: str
    rows: pd.DataFrame
    open: bool

    @property
    def of_one_size(self) -> bool:
        return self.objective.startswith("exactly_")


def _series(table: pd.DataFrame) -> Iterator[Series]:
    """Of the most coefficients per bit alone: the table has the others."""
    sums = table[table.objective != MAGNITUDE]
    most = sums.coefficients_per_bit.max()
    shown = table[(table.objective == MAGNITUDE) | (table.coefficients_per_bit == most)]
    for number, (objective, rows) in enumerate(shown.groupby("objective", sort=False)):
        rows = rows.sort_values("epsilon")
        lost = (rows.target_accuracy - rows.accuracy).astype(float).round(6)
        yield Series(str(objective), rows.assign(lost=lost), number % 2 == 1)


def _lost_axis(axes: Axes, series: list[Series]) -> None:
    """Points of accuracy lost: linear to 0.1, logarithmic beyond, 0 on top."""
    largest = max(1.0, *(float(one.rows.lost.max()) for one in series))
    axes.set_yscale("symlog", linthresh=0.1, linscale=0.5)
    axes.set_ylim(1.5 * largest, _TOP)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in LOST_TICKS if tick <= 1.5 * largest]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda lost, _: f"{lost:g}".replace("-", "−")))
    axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    axes.axhline(LITTLE, color=INK, linewidth=0.8, linestyle="--", zorder=1)


def _intervals(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Half of each interval; NaN of few seeds and where nothing spreads."""
    half = (
        rows[f"{column}_half_interval"]
        .astype(float)
        .where((rows.seeds >= ENOUGH_SEEDS) & (rows.objective != MAGNITUDE))
    )
    found: np.ndarray = half.where(half > 0).to_numpy(float)
    return found


def _draw(axes: Axes, one: Series, x: str, y: str) -> None:
    """A line of points."""
    style, rows = look(one.objective), one.rows
    face = {"markersize": 6.5, "markerfacecolor": "none"} if one.open else {"markersize": 4}
    axes.errorbar(
        rows[x].astype(float), rows[y].astype(float),
        yerr=_intervals(rows, "accuracy" if y == "lost" else "relative_size"), color=style.line, marker=style.marker,
        linewidth=1, elinewidth=0.7, linestyle=":" if one.objective == MAGNITUDE else "-", zorder=3 - 0.1 * one.open, **face,
    )  # fmt: skip


def _log_axis(axis: Axis, low: float, high: float, ticks: tuple[float, ...] | list[float]) -> None:
    plain_axis(axis, [tick for tick in ticks if low <= tick <= high])


def _epsilon_axis(axes: Axes, epsilons: pd.Series) -> None:
    axes.set_xscale("log")
    axes.set_xlim(0.8 * float(epsilons.min()), 1.25 * float(epsilons.max()))
    ticks: list[float] = []
    for epsilon in sorted({float(epsilon) for epsilon in epsilons}):
        if not ticks or epsilon > _APART * ticks[-1]:
            ticks.append(epsilon)
    _log_axis(axes.xaxis, 0, 1, ticks)
    axes.set_xlabel("ε")


def _published(table: pd.DataFrame) -> pd.DataFrame:
    """Size of the published network and the accuracy that it lost, a row; none where the table is about another one."""
    same = set(table.network) == {"fc2"} and set(table.dataset) == {"mnist"}
    target, ticket = table1().iloc[0], table1().iloc[1:2]
    lost = target.test_accuracy_percent - ticket.test_accuracy_percent
    return pd.DataFrame({"relative_size": ticket.relative_size, "lost": lost}).iloc[: int(same)]


def _numbered(axes: Axes, one: Series) -> None:
    """Each point's epsilon but the largest, where it is not too close to the one before."""
    before, left = np.array([np.inf, np.inf]), one.objective == MAGNITUDE
    for row in one.rows.iloc[::-1].itertuples():
        at = axes.transData.transform((row.relative_size, row.lost)) * 72 / axes.figure.dpi
        if np.hypot(*(at - before)) > 16 and row.epsilon < one.rows.epsilon.max():
            above = left or row.lost < 0  # a point above the target's line has its neighbours below
            axes.annotate(f"{row.epsilon:g}", (row.relative_size, row.lost), (-6 if left else 6, 3 if above else -4), fontsize=8,
                          textcoords="offset points", ha="right" if left else "left", va="bottom" if above else "top",
                          color=look(one.objective).text)  # fmt: skip
        before = at


def _draw_lost(axes: Axes, table: pd.DataFrame, series: list[Series]) -> None:
    """Against the size, with epsilon at the points of lines that are not on others; the paper's ticket as a star."""
    published = _published(table)
    sizes = [*(one.rows.relative_size for one in series), published.relative_size, pd.Series([1.0])]
    low, high = min(float(s.min()) for s in sizes if len(s)) / 2, max(float(s.max()) for s in sizes if len(s)) * 2
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    _log_axis(axes.xaxis, low, high, SIZE_TICKS)
    for one in series:
        _draw(axes, one, "relative_size", "lost")
    axes.plot(published.relative_size, published.lost, "*", color=INK, markersize=13, markeredgecolor="white", zorder=4)
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":", zorder=1)
    axes.set_xlabel("remaining parameters / target's weights")
    axes.set_ylabel("points of accuracy lost against the target")
    axes.set_title("Accuracy lost by size")


def _name_lost(axes: Axes, table: pd.DataFrame, series: list[Series]) -> None:
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    for one in series:
        if one.objective in _NUMBERED:
            _numbered(axes, one)
    ends = []
    for one in series:
        by_epsilon = one.objective in _NUMBERED  # whose largest epsilon is said here, the others at the points
        last = one.rows.iloc[-1 if by_epsilon else 0]
        words = objective_words(one.objective) + (f", ε = {last.epsilon:g}" if by_epsilon else "")
        ends.append(End(float(last.relative_size), float(last.lost), words, look(one.objective).text))
    label_ends(axes, ends)
    for star in _published(table).itertuples():
        axes.annotate(f"published {star.relative_size:.2f}×", (star.relative_size, star.lost), (22, 24), ha="right",
                      textcoords="offset points", fontsize=8.5)  # fmt: skip


def _draw_of_one_size(axes: Axes, series: list[Series]) -> None:
    """Sums of exactly k coefficients, whose size is k: against epsilon."""
    for one in series:
        _draw(axes, one, "epsilon", "lost")
    _epsilon_axis(axes, pd.concat([one.rows.epsilon for one in series]))
    axes.set_title("Exactly k coefficients by ε")


def _draw_sizes(axes: Axes, series: list[Series]) -> list[End]:
    sums = pd.concat([one.rows for one in series if one.objective != MAGNITUDE]).sort_values("epsilon")
    once = sums.drop_duplicates("epsilon")
    bound = once[once.least_remaining.notna()]
    sizes = pd.concat([one.rows.relative_size for one in series] + [bound.least_remaining])
    low, high = 0.6 * float(sizes.min()), 1.6 * float(sums.coefficients.max())
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    _log_axis(axes.yaxis, low, high, SIZE_TICKS)
    _epsilon_axis(axes, pd.concat([one.rows.epsilon for one in series]))
    axes.fill_between(
        bound.epsilon.astype(float), low, bound.least_remaining.astype(float), color=GREY, alpha=0.18, linewidth=0
    )
    for one in series:
        _draw(axes, one, "epsilon", "relative_size")
    axes.plot(once.epsilon, once.coefficients, ".-", color=GREY, linewidth=1)
    axes.axhline(1, color=INK, linewidth=0.8, linestyle=":", zorder=1)
    axes.set_title("Size by ε; shaded: impossible for all\nmaps of norm at most 1 (Theorem 2)")
    axes.set_ylabel("parameters / target's weights")
    last = [End(float(one.rows.epsilon.iloc[-1]), float(one.rows.relative_size.iloc[-1]), objective_words(one.objective),
                look(one.objective).text) for one in series]  # fmt: skip
    return [*last, End(float(once.epsilon.iloc[-1]), float(once.coefficients.iloc[-1]), "initial", GREY)]


def describe_frontier(series: list[Series]) -> str:
    """The figure in words: of each objective the smallest network that loses little."""
    sentences = []
    for one in series:
        near = one.rows[one.rows.lost <= LITTLE]
        words = objective_words(one.objective)
        if near.empty:
            sentences.append(f"{words}: every size loses more than {LITTLE} points.")
        else:
            best = near.loc[near.relative_size.idxmin()]
            sentences.append(
                f"{words}: {best.relative_size:.3g} times the target's weights (ε = {best.epsilon:g}) lose {best.lost:.2f} points."
            )
    return " ".join(sentences).replace(" -", " −")


def plot_frontier(table: pd.DataFrame, frontier: str, stem: Path) -> list[Path]:
    """Points of accuracy lost by size, and by epsilon for sums of exactly k coefficients; parameters by epsilon with the bound.

    The lines are those with the most coefficients per bit; bars: 95% intervals over three seeds and more.
    """
    own = table[table.frontier == frontier]
    if own.empty:
        raise LotteryError(f"figure: there are no points of frontier {frontier}")
    series = list(_series(own))
    free, fixed = [one for one in series if not one.of_one_size], [one for one in series if one.of_one_size]
    per_bit = own.coefficients_per_bit[own.objective != MAGNITUDE].max()
    title = f"Size and accuracy: {own.network.iloc[0]}, {own.dataset.iloc[0]}, c = {per_bit:g} coefficients per bit"
    with drawing():
        columns = 3 if fixed else 2
        figure, panels = plt.subplots(1, columns, figsize=(FULL, 4.4), width_ratios=(1.5, *[1] * (columns - 1)))
        heading(figure, title)
        for axes in panels[: columns - 1]:
            _lost_axis(axes, series)
        _draw_lost(panels[0], own, free)
        if fixed:
            _draw_of_one_size(panels[1], fixed)
        sizes = _draw_sizes(panels[-1], series)
        label_ends(panels[-1], sizes)
        if fixed:
            label_ends(panels[1], [
                End(float(one.rows.epsilon.iloc[-1]), float(one.rows.lost.iloc[-1]), f"k = {one.objective.removeprefix('exactly_')}",
                    look(one.objective).text) for one in fixed
            ])  # fmt: skip
        _name_lost(panels[0], own, free)
        return save(figure, stem, title, describe_frontier(series))
