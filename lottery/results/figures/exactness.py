"""The figures of exact sums on a grid: the transition, its thresholds, and networks of which every weight is an exact sum."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lottery.errors import LotteryError
from lottery.results.figures.scales import power_of_ten
from lottery.results.figures.style import (
    FULL,
    GREY,
    HALF,
    INK,
    End,
    darker,
    drawing,
    heading,
    label_ends,
    look,
    save,
    shades,
)
from lottery.results.tables.exactness import missed_share
from lottery.theory.integers import INTEGER_KINDS

TARGETS = {"one": "one target", "all": "every target of the grid"}


def _kinds(table: pd.DataFrame) -> list[str]:
    kinds = [kind for kind in INTEGER_KINDS if kind in set(table.kind)]
    if not kinds:
        raise LotteryError("figure: no exact sums of random integers were measured")
    return kinds


def _bits(table: pd.DataFrame) -> list[int]:
    return sorted({int(bits) for bits in table.bits})


def describe_transition(table: pd.DataFrame) -> str:
    """The figure in words: where half of the trials reach their targets, at the fewest and at the most bits."""
    sentences = []
    for (kind, targets), part in table.groupby(["kind", "targets"], sort=False):
        for bits in sorted({part.bits.min(), part.bits.max()}):
            enough = part.kappa[(part.bits == bits) & (part.probability >= 0.5)]
            words = f"P = 1/2 up to κ = {enough.max():.2f}" if len(enough) else "P below 1/2"
            sentences.append(f"{kind}, {TARGETS[targets]}, b = {bits}: {words}.")
    return " ".join(sentences)


def _draw_transition(axes: Axes, part: pd.DataFrame, bits: Sequence[int]) -> None:
    for shade, b in zip(shades(len(bits)), bits, strict=True):
        line = part[part.bits == b].sort_values("kappa")
        kappa, low, high = (line[name].to_numpy(float) for name in ("kappa", "low", "high"))
        axes.plot(kappa, line.probability.to_numpy(float), color=shade, marker=".", markersize=3.5)
        axes.fill_between(kappa, low, high, color=shade, alpha=0.25, linewidth=0)
        axes.plot(kappa, line.poisson.to_numpy(float), color=shade, linestyle=":")
    axes.axvline(1, color=INK, linewidth=0.8, linestyle="--", zorder=1)
    axes.set_xlim(0.4, 1.6)
    axes.set_ylim(-0.02, 1.02)


def plot_transition(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Probability of an exact sum by kappa = b / n: a column of panels per kind, above one target, below all; bands of 95%."""
    kinds, bits = _kinds(table), _bits(table)
    title = "How often integers of b bits have a subset with exactly the sum asked for"
    with drawing():
        figure, grid = plt.subplots(
            2, len(kinds), figsize=(HALF if len(kinds) == 1 else FULL, 5.4), sharex=True, sharey=True, squeeze=False
        )
        heading(figure, title)
        for column, kind in zip(grid.T, kinds, strict=True):
            for axes, targets in zip(column, TARGETS, strict=True):
                _draw_transition(axes, table[(table.kind == kind) & (table.targets == targets)], bits)
            column[0].set_title(kind)
            column[1].set_xlabel("κ = b / n")
        for row, targets in zip(grid, TARGETS, strict=True):
            row[0].set_ylabel(f"P(exact)\n{TARGETS[targets]}")
        handles = [
            Line2D([], [], color=shade, label=f"b = {b}") for shade, b in zip(shades(len(bits)), bits, strict=True)
        ]
        handles.append(Line2D([], [], color=GREY, linestyle=":", label="independent sums"))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) if len(kinds) > 1 else 4)
        return save(figure, stem, title, describe_transition(table))


def _halves(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table.share == 0.5) & table.coefficients.notna()].sort_values("bits")


def describe_thresholds(table: pd.DataFrame) -> str:
    """The figure in words, at the most bits."""
    sentences = []
    for (kind, targets), own in _halves(table).groupby(["kind", "targets"], sort=False):
        last = own.iloc[-1]
        sentences.append(f"{kind}, {TARGETS[targets]}: {last.coefficients:.2f} coefficients for {last.bits} bits.")
    return " ".join(sentences)


def _draw_thresholds(axes: Axes, part: pd.DataFrame, targets: str) -> list[End]:
    ends = []
    for kind in _kinds(part):
        own, style = part[part.kind == kind], look(f"{kind} coefficients")
        bits, n, low, high, poisson = (
            own[name].to_numpy(float) for name in ("bits", "coefficients", "low", "high", "poisson")
        )
        bars = np.nan_to_num(np.maximum([n - low, high - n], 0))
        axes.errorbar(bits, n - bits, yerr=bars, color=style.line, marker=style.marker, linestyle="none", capsize=2)
        axes.plot(bits, poisson - bits, color=style.line, linestyle=":")
        ends.append(End(float(bits[-1]), float(n[-1] - bits[-1]), kind, style.text))
        if targets == "one":
            first = own.first_moment.to_numpy(float) - bits
            axes.plot(bits, first, color=style.line, linestyle="--", linewidth=0.8)
            ends.append(End(float(bits[-1]), float(first[-1]), f"{kind}, one subset expected", style.text))
    return ends


def plot_thresholds(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Coefficients for P = 1/2 beyond one per bit, by bits, beside independent sums (dotted), first moment and counting bound."""
    shown = _halves(table)
    bits = _bits(shown)
    title = "Coefficients needed for exact sums with P = 1/2, beyond one per bit"
    with drawing():
        figure, panels = plt.subplots(1, 2, figsize=(FULL, 4.0), sharey=True)
        heading(figure, title)
        ends = []
        for axes, targets in zip(panels, TARGETS, strict=True):
            ends.append(_draw_thresholds(axes, shown[shown.targets == targets], targets))
            axes.set_xticks(bits)
            axes.set_xlabel("b; dotted: if sums were independent")
            axes.set_title(TARGETS[targets])
            axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
        counting = shown[(shown.targets == "all")].drop_duplicates("bits")
        bound = (counting.counting - counting.bits).to_numpy(float)
        panels[1].plot(counting.bits.to_numpy(float), bound, color=GREY, linestyle="--")
        ends[1].append(End(float(counting.bits.iloc[-1]), float(bound[-1]), "counting bound", GREY))
        panels[0].set_ylabel("n − b")
        for axes, names in zip(panels, ends, strict=True):
            label_ends(axes, names)
        return save(figure, stem, title, describe_thresholds(table))


def describe_network(table: pd.DataFrame) -> str:
    """The figure in words: weights missed with the most coefficients, by bits."""
    sentences = []
    for bits, own in table.groupby("bits"):
        last = own.sort_values("coefficients").iloc[-1]
        sentences.append(
            f"b = {bits}: {last.missed:,} of {last.weights:,} weights missed with {last.coefficients} coefficients,"
            f" {last.missed_off_grid:,} within half a step off the grid."
        )
    return " ".join(sentences)


def _draw_missed(axes: Axes, own: pd.DataFrame, bits: int, shade: Sequence[float]) -> End:
    n, missed = own.coefficients.to_numpy(float), own.missed.to_numpy(float)
    axes.plot(n, missed, color=shade, marker="o")
    axes.plot(n, own.missed_off_grid.to_numpy(float), color=shade, marker="o", markerfacecolor="white", linestyle=":")
    last = int(np.flatnonzero(np.isfinite(missed))[-1])
    return End(float(n[last]), float(missed[last]), f"b = {bits}", darker(shade))


def plot_network(table: pd.DataFrame, entry: str, stem: Path) -> list[Path]:
    """Share of a network's weights that the first n coefficients miss: exact sums, and sums within half a step off the grid."""
    own = table[table.entry == entry]
    if own.empty:
        raise LotteryError(f"figure: no network of {entry} was measured")
    shown = missed_share(own)
    bits = _bits(shown[shown.missed.notna()])
    title = f"Weights of {own.network.iloc[0]} ({own.dataset.iloc[0]}) that n coefficients miss"
    with drawing():
        figure, axes = plt.subplots(figsize=(HALF, 3.9))
        heading(figure, title)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
        ends = [
            _draw_missed(axes, shown[shown.bits == b], b, shade)
            for shade, b in zip(shades(len(bits)), bits, strict=True)
        ]
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("n, coefficients per weight; open: within half a step, off the grid")
        axes.set_ylabel("share of weights missed")
        if not bits:
            axes.text(0.5, 0.5, "no weight was missed", transform=axes.transAxes, ha="center")
        label_ends(axes, ends)
        return save(figure, stem, title, describe_network(own))
