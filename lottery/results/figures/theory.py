"""The figures of the theory: what was measured, with 95% intervals, beside what is proved or expected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lottery.errors import LotteryError
from lottery.results.figures.scales import plain_axis
from lottery.results.figures.style import (
    FULL,
    GREY,
    HALF,
    INK,
    End,
    Look,
    darker,
    drawing,
    heading,
    label_ends,
    look,
    save,
    shades,
)
from lottery.theory.bounds import binary_entropy, counting_bound, single_best_threshold
from lottery.theory.coefficients import KINDS
from lottery.theory.first_moment import first_moment_threshold
from lottery.theory.thresholds import fit

TARGETS = {"one": "one target", "all": "all targets of [−1/2, 1/2]"}
CURVED = ("hyperbolic",)  # kinds whose thresholds lie on no straight line, so that a slope says nothing
_TICKS = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]


def _look(kind: str) -> Look:
    return look(f"{kind} coefficients")


def _name(kind: str) -> str:
    return kind.replace("_", " ")


def _kinds(table: pd.DataFrame) -> list[str]:
    return [kind for kind in KINDS if kind in set(table.kind)]


def _any_size(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.cardinality.isna()]


def _of_one_size(table: pd.DataFrame, share: float = 0.5) -> pd.DataFrame:
    return table[table.cardinality.notna() & (table.share == share) & table.coefficients.notna()]


def _intervals(part: pd.DataFrame) -> np.ndarray:
    """How far the interval of each threshold reaches down and up; 0 where its end was not bracketed."""
    middle, low, high = (part[name].to_numpy(float) for name in ("coefficients", "low", "high"))
    return np.nan_to_num(np.maximum([middle - low, high - middle], 0))


def _draw_success(axes: Axes, part: pd.DataFrame, epsilons: Sequence[float], first_moment: bool) -> None:
    for shade, epsilon in zip(shades(len(epsilons)), epsilons, strict=True):
        line = part[part.epsilon == epsilon].sort_values("coefficients")
        per_bit = line.coefficients.to_numpy(float) / np.log2(1 / epsilon)
        axes.plot(per_bit, line.probability.to_numpy(float), color=shade, marker=".", markersize=3.5)
        axes.fill_between(
            per_bit, line.low.to_numpy(float), line.high.to_numpy(float), color=shade, alpha=0.25, linewidth=0
        )
        if first_moment and len(line):
            expected = first_moment_threshold(line.kind.iloc[0], epsilon) / np.log2(1 / epsilon)
            axes.plot(
                [expected],
                [0.03],
                "|",
                color=shade,
                markersize=9,
                markeredgewidth=1.6,
                transform=axes.get_xaxis_transform(),
            )
    axes.set_ylim(-0.02, 1.02)


def _family_end(table: pd.DataFrame, kind: str) -> float:
    """Where the axis of a kind ends: kinds behind a ReLU, of which half are 0, share one, and the others another."""
    behind = kind.startswith("relu")
    family = table[table.kind.str.startswith("relu") == behind]
    return 1.02 * float((family.coefficients.astype(float) / np.log2(1 / family.epsilon.astype(float))).max())


def describe_success(table: pd.DataFrame) -> str:
    """The figure in words: how many coefficients are enough in half of the trials, at the smallest epsilon."""
    shown = _any_size(table)
    shown = shown[shown.epsilon == shown.epsilon.min()]
    sentences = []
    for (kind, targets), line in shown.groupby(["kind", "targets"], sort=False):
        enough = line.coefficients[line.probability >= 0.5]
        words = f"{int(enough.min())} coefficients" if len(enough) else "more coefficients than were tried"
        sentences.append(f"{_name(kind)}, {TARGETS[targets]}, ε = {shown.epsilon.iloc[0]:g}: {words} for P = 1/2.")
    return " ".join(sentences)


def plot_success(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Probability of success by coefficients per bit: a column of panels per kind, above one target, below all; bands of 95%."""
    shown = _any_size(table)
    kinds, epsilons = _kinds(shown), sorted({float(epsilon) for epsilon in shown.epsilon}, reverse=True)
    title = "How often random coefficients have a subset sum within ε"
    with drawing():
        size = (HALF if len(kinds) == 1 else FULL, 5.0)
        figure, grid = plt.subplots(2, len(kinds), figsize=size, sharex="col", sharey=True, squeeze=False)
        heading(figure, title)
        for column, kind in zip(grid.T, kinds, strict=True):
            for axes, targets in zip(column, TARGETS, strict=True):
                part = shown[(shown.kind == kind) & (shown.targets == targets)]
                _draw_success(axes, part, epsilons, targets == "one")
            column[0].set_title(_name(kind))
            column[1].set_xlabel("n / log₂(1/ε)")
        for row, targets in zip(grid, TARGETS, strict=True):
            row[0].set_ylabel(f"P(success)\n{TARGETS[targets]}")
        ends = [_family_end(shown, kind) for kind in kinds]
        for axes, end in zip(grid[0], ends, strict=True):
            axes.set_xlim(0, end)
        handles = [
            Line2D([], [], color=shade, label=f"ε = {epsilon:g}")
            for shade, epsilon in zip(shades(len(epsilons)), epsilons, strict=True)
        ]
        tick = Line2D([], [], color=GREY, marker="|", linestyle="none", markersize=9, markeredgewidth=1.6)
        tick.set_label("one subset expected")
        columns = len(handles) + 1 if len(kinds) > 1 else 3
        figure.legend(handles=[*handles, tick], loc="outside lower center", ncols=columns, columnspacing=1.2)
        return save(figure, stem, title, describe_success(table))


def _slope(kind: str, own: pd.DataFrame) -> str:
    """Coefficients per bit; empty where the thresholds are fewer than three or lie on no line."""
    line = fit(own.bits.to_numpy(float), own.coefficients.to_numpy(float))
    known = np.isfinite(line.slope) and kind not in CURVED
    return f"{line.slope:.2f} ± {line.standard_error:.2f} per bit" if known else ""


def _halves(table: pd.DataFrame) -> pd.DataFrame:
    """Thresholds of P = 1/2 for subsets of any size, by kind and bits."""
    shown = _any_size(table)
    return shown[(shown.share == 0.5) & shown.coefficients.notna()].sort_values("bits")


def _draw_thresholds(axes: Axes, part: pd.DataFrame, targets: str) -> list[End]:
    ends = []
    for kind in _kinds(part):
        own, style = part[part.kind == kind], _look(kind)
        bits = own.bits.to_numpy(float)
        above = own.coefficients.to_numpy(float) - bits
        axes.errorbar(bits, above, yerr=_intervals(own), color=style.line, marker=style.marker, capsize=2)
        if targets == "one":
            axes.plot(bits, own.first_moment.to_numpy(float) - bits, color=style.line, linestyle=":")
        ends.append(End(float(bits[-1]), float(above[-1]), f"{_name(kind)} {_slope(kind, own)}".strip(), style.text))
    return ends


def describe_thresholds(table: pd.DataFrame) -> str:
    """The figure in words: coefficients at the smallest epsilon, and the slope."""
    sentences = []
    for (kind, targets), own in _halves(table).groupby(["kind", "targets"], sort=False):
        last, slope = own.iloc[-1], _slope(str(kind), own)
        sentences.append(
            f"{_name(kind)}, {TARGETS[targets]}: {last.coefficients:.1f} coefficients at ε = {last.epsilon:g}"
            + (f", {slope}." if slope else ".")
        )
    return " ".join(sentences)


def plot_thresholds(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Coefficients for P = 1/2 beyond one per bit, by bits, with slopes, the first moment (one target) and the counting bound."""
    shown = _halves(table)
    epsilons = sorted({float(epsilon) for epsilon in shown.epsilon}, reverse=True)
    bits = np.log2(1 / np.array(epsilons))
    title = "Coefficients needed for P = 1/2, beyond one per bit of precision"
    with drawing():
        if len(_kinds(shown)) == 1:
            figure, panels = plt.subplots(2, 1, figsize=(HALF, 5.6), sharey=True)
        else:
            figure, panels = plt.subplots(1, 2, figsize=(FULL, 4.2), sharey=True)
        heading(figure, title)
        ends = []
        for axes, targets in zip(panels, TARGETS, strict=True):
            ends.append(_draw_thresholds(axes, shown[shown.targets == targets], targets))
            axes.set_xticks(bits, [f"{epsilon:g}" for epsilon in epsilons])
            axes.set_xlabel("ε, at log₂(1/ε)" + ("; dotted: one subset expected" if targets == "one" else ""))
            axes.set_title(TARGETS[targets])
            axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
        bound = [counting_bound(epsilon) for epsilon in epsilons] - bits
        panels[1].plot(bits, bound, color=GREY, linestyle="--")
        ends[1].append(End(float(bits[-1]), float(bound[-1]), "counting bound", GREY))
        for axes in panels[: 2 if len(_kinds(shown)) == 1 else 1]:
            axes.set_ylabel("n − log₂(1/ε)")
        for axes, names in zip(panels, ends, strict=True):
            label_ends(axes, names)
        return save(figure, stem, title, describe_thresholds(table))


def _draw_single(axes: Axes, part: pd.DataFrame, kind: str, alone: bool) -> End:
    style: dict[str, Any] = {"color": _look(kind).line, "marker": _look(kind).marker, "capsize": 2}
    style |= {"linestyle": ":", "markerfacecolor": "white"} if alone else {}
    part = part.sort_values("epsilon", ascending=False)
    x, n = 1 / part.epsilon.to_numpy(float), part.coefficients.to_numpy(float)
    axes.errorbar(x, n, yerr=_intervals(part), **style)
    return End(float(x[-1]), float(n[-1]), f"{_name(kind)}, {'one alone' if alone else 'sums'}", _look(kind).text)


def _single(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Thresholds of one target: of single coefficients, and of sums of any size of the same kinds."""
    half = table[(table.share == 0.5) & (table.targets == "one") & table.coefficients.notna()]
    alone = half[half.cardinality == 1]
    if alone.empty:
        raise LotteryError("figure: no thresholds of single coefficients were measured; add 1 to theory.cardinalities")
    return alone, half[half.cardinality.isna() & half.kind.isin(set(alone.kind))]


def describe_single(table: pd.DataFrame) -> str:
    """The figure in words, at the smallest epsilon."""
    sentences = []
    for part, words in zip(_single(table), ("until one alone is within ε", "until a sum is"), strict=True):
        for kind in _kinds(part):
            last = part[part.kind == kind].sort_values("epsilon").iloc[0]
            sentences.append(f"{_name(kind)}: {last.coefficients:.3g} coefficients {words} (ε = {last.epsilon:g}).")
    return " ".join(sentences)


def plot_single(table: pd.DataFrame, stem: Path) -> list[Path]:
    """One coefficient that has to hit alone against subsets of any size, on logarithmic axes."""
    alone, sums = _single(table)
    title = "One coefficient alone against subset sums (P = 1/2, one target)"
    epsilons = np.array(sorted({float(epsilon) for epsilon in alone.epsilon}, reverse=True))
    fine = np.geomspace(epsilons.min(), epsilons.max(), 60)
    with drawing():
        figure, axes = plt.subplots(figsize=(HALF, 3.9))
        heading(figure, title)
        axes.plot(1 / fine, [single_best_threshold(float(epsilon)) for epsilon in fine], color="0.6", zorder=1)
        axes.plot(1 / fine, np.log2(1 / fine), color="0.6", linestyle="--", zorder=1)
        ends = [
            _draw_single(axes, part[part.kind == kind], kind, part is alone)
            for part in (alone, sums)
            for kind in _kinds(part)
        ]
        axes.set_xscale("log")
        axes.set_yscale("log")
        largest = 1.5 * float(alone.coefficients.max())
        axes.set_ylim(1, largest)
        plain_axis(axes.yaxis, [tick for tick in _TICKS if tick <= largest])
        plain_axis(axes.xaxis, [float(f"{1 / epsilon:.3g}") for epsilon in epsilons])
        axes.set_xlabel("1/ε; grey: ln 2 / −ln(1 − ε), exact for one uniform; dashed: log₂(1/ε)")
        axes.set_ylabel("coefficients needed")
        label_ends(axes, ends)
        return save(figure, stem, title, describe_single(table))


def _ratios(part: pd.DataFrame, members: int) -> np.ndarray:
    """n H2(k/n) / log2(k/epsilon) of low end, middle and high end of each interval (3, rows); n H2(k/n) grows with n from k on."""
    bits = np.array(
        [
            [n * binary_entropy(members / n) for n in part[name].to_numpy(float)]
            for name in ("low", "coefficients", "high")
        ]
    )
    ratios: np.ndarray = bits / part.natale_bits.to_numpy(float)
    return ratios


def _cardinality_panel(axes: Axes, part: pd.DataFrame, sizes: Sequence[int]) -> list[End]:
    ends = []
    for shade, members in zip(shades(len(sizes)), sizes, strict=True):
        own = part[part.cardinality == members].sort_values("bits")
        if own.empty:
            continue
        x, (low, y, high) = own.bits.to_numpy(float), _ratios(own, members)
        axes.errorbar(x, y, yerr=np.nan_to_num([y - low, high - y]), color=shade, elinewidth=0.8, capsize=3, zorder=2)
        within = own.coefficients.to_numpy(float) >= 2 * members
        how: dict[str, Any] = {
            "linestyle": "none",
            "marker": "o",
            "markersize": 3.5,
            "markeredgecolor": shade,
            "zorder": 3,
        }
        axes.plot(x[within], y[within], color=shade, **how)
        axes.plot(x[~within], y[~within], color="white", **how)
        ends.append(End(float(x[-1]), float(y[-1]), f"k = {members}", darker(shade)))
    axes.axhline(1, color=INK, linewidth=0.8, linestyle="--", zorder=1)
    return ends


def describe_cardinality(table: pd.DataFrame) -> str:
    """The figure in words: the range of the ratios by kind."""
    sentences = []
    for kind, part in _of_one_size(table).groupby("kind", sort=False):
        ratios = part.entropy_bits.astype(float) / part.natale_bits.astype(float)
        sentences.append(f"{_name(kind)}: n H₂(k/n) is {ratios.min():.2f} to {ratios.max():.2f} times log₂(k/ε).")
    return " ".join(sentences)


def plot_cardinality(table: pd.DataFrame, stem: Path) -> list[Path]:
    """n H2(k/n) at the threshold of subsets of exactly k, as a multiple of log2(k / epsilon), a panel per kind; 1 is equality.

    Bars are 95% intervals, those of the thresholds in other units (`_ratios`).
    The theorem speaks of k <= n/2; where the threshold lies below 2k the marker is open.
    """
    shown = _of_one_size(table)
    if shown.empty:
        raise LotteryError("figure: no thresholds of subsets of one size were measured; see theory.cardinalities")
    kinds, sizes = _kinds(shown), sorted({int(members) for members in shown.cardinality})
    epsilons = sorted({float(epsilon) for epsilon in shown.epsilon}, reverse=True)
    title = "Subsets of exactly k coefficients: threshold against n H₂(k/n) = log₂(k/ε)"
    with drawing():
        size = (HALF if len(kinds) == 1 else FULL, 3.9)
        figure, panels = plt.subplots(1, len(kinds), figsize=size, sharey=True, squeeze=False)
        heading(figure, title)
        ends = []
        for axes, kind in zip(panels[0], kinds, strict=True):
            ends.append(_cardinality_panel(axes, shown[shown.kind == kind], sizes))
            axes.set_title(_name(kind))
            axes.set_xticks(np.log2(1 / np.array(epsilons)), [f"{epsilon:g}" for epsilon in epsilons])
            axes.set_xlabel("ε, at log₂(1/ε); open: k > n/2")
        panels[0, 0].set_ylabel("n H₂(k/n) / log₂(k/ε) at P = 1/2")
        for axes, names in zip(panels[0], ends, strict=True):
            label_ends(axes, names)
        return save(figure, stem, title, describe_cardinality(table))
