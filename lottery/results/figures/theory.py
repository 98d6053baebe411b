"""The figures of the theory: what was measured, with 95% intervals, beside what is proved or expected."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.errors import LotteryError
from lottery.results.figures.style import COLOURS, STYLE, save
from lottery.theory.bounds import binary_entropy, counting_bound, single_best_threshold
from lottery.theory.coefficients import KINDS
from lottery.theory.first_moment import first_moment_threshold
from lottery.theory.thresholds import fit

COLOUR = dict(zip(KINDS, COLOURS, strict=False))
MARKER = dict(zip(KINDS, "os^vD", strict=False))
NAME = {
    "uniform": "uniform",
    "product": "product",
    "relu": "relu",
    "relu_pair": "relu pair",
    "hyperbolic": "hyperbolic",
}
TARGETS = {"one": "one target", "all": "all targets of [−1/2, 1/2]"}


def _any_size(table: pd.DataFrame) -> pd.DataFrame:
    return table[table.cardinality.isna()]


def _of_one_size(table: pd.DataFrame, share: float = 0.5) -> pd.DataFrame:
    return table[table.cardinality.notna() & (table.share == share) & table.coefficients.notna()]


def _error_bars(axes: Axes, x: pd.Series, part: pd.DataFrame, **how: Any) -> None:
    """Points with their intervals; an end that was not bracketed has no bar."""
    middle, low, high = (part[name].to_numpy(float) for name in ("coefficients", "low", "high"))
    below, above = np.nan_to_num(np.maximum(middle - low, 0)), np.nan_to_num(np.maximum(high - middle, 0))
    axes.errorbar(x.to_numpy(float), middle, yerr=[below, above], capsize=2, **how)


def plot_success(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Probability of success against n: a column of panels a kind, above one target, below all; bands of 95%."""
    shown = _any_size(table)
    kinds = [kind for kind in KINDS if kind in set(shown.kind)]
    epsilons = sorted({float(epsilon) for epsilon in shown.epsilon}, reverse=True)
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.88, len(epsilons)))
    with drawing():
        size = (1.95 * len(kinds) + 0.9, 4.4)
        figure, grid = plt.subplots(2, len(kinds), figsize=size, sharey=True, sharex="col", squeeze=False)
        for column, kind in enumerate(kinds):
            for axes, targets in zip(grid[:, column], TARGETS, strict=True):
                part = shown[(shown.kind == kind) & (shown.targets == targets)]
                for shade, epsilon in zip(shades, epsilons, strict=True):
                    line = part[part.epsilon == epsilon].sort_values("coefficients")
                    n = line.coefficients.to_numpy(float)
                    axes.plot(n, line.probability.to_numpy(float), color=shade, marker=".", markersize=3, linewidth=1.2)
                    axes.fill_between(
                        n, line.low.to_numpy(float), line.high.to_numpy(float), color=shade, alpha=0.25, linewidth=0
                    )
                    if targets == "one":
                        axes.plot(
                            first_moment_threshold(kind, epsilon), 0.5, marker="|", color=shade, markersize=9, mew=1.6
                        )
                axes.set_ylim(-0.02, 1.02)
            grid[0, column].set_title(NAME[kind], fontsize=9)
            grid[1, column].set_xlabel("coefficients n")
        for row, targets in zip(grid, TARGETS, strict=True):
            row[0].set_ylabel(f"P(success)\n{TARGETS[targets]}")
        handles = [
            plt.Line2D([], [], color=shade, label=f"ε = {epsilon:g}")
            for shade, epsilon in zip(shades, epsilons, strict=True)
        ]
        tick = plt.Line2D([], [], color="0.3", marker="|", linestyle="none", markersize=9, mew=1.6)
        tick.set_label("one subset expected")
        columns = {1: 1, 2: 3}.get(len(kinds), len(handles) + 1)  # as wide as the panels
        figure.legend(handles=[*handles, tick], loc="outside upper center", ncols=columns, columnspacing=1.2)
        return save(figure, stem)


def _bits_axis(axes: Axes, epsilons: list[float]) -> None:
    """log2(1 / epsilon) below, the epsilons themselves above."""
    axes.set_xlabel("bits of precision, log₂(1/ε)")
    above = axes.secondary_xaxis("top")
    above.set_xticks([float(np.log2(1 / epsilon)) for epsilon in epsilons], [f"{epsilon:g}" for epsilon in epsilons])
    above.tick_params(labelsize=7)
    above.set_xlabel("ε", fontsize=8, labelpad=2)


def plot_thresholds(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Coefficients for P = 1/2 against bits, with fitted lines, the first moment (one target) and the counting bound (all)."""
    shown = _any_size(table)
    shown = shown[shown.share == 0.5]
    epsilons = sorted({float(epsilon) for epsilon in shown.epsilon})
    with drawing():
        figure, panels = plt.subplots(1, 2, figsize=(8.4, 4.2), sharey=True)
        for axes, targets in zip(panels, TARGETS, strict=True):
            part = shown[shown.targets == targets]
            title = None
            for kind in [kind for kind in KINDS if kind in set(part.kind)]:
                own = part[(part.kind == kind) & part.coefficients.notna()].sort_values("bits")
                line = fit(own.bits.to_numpy(float), own.coefficients.to_numpy(float))
                label = NAME[kind]
                if np.isfinite(line.slope):  # of fewer than three thresholds there is none
                    label += f": {line.slope:.2f} ± {line.standard_error:.2f}"
                    title = "slope: coefficients a bit"
                _error_bars(
                    axes, own.bits, own, color=COLOUR[kind], marker=MARKER[kind], markersize=4, linestyle="none",
                    label=label,
                )  # fmt: skip
                bits = own.bits.to_numpy(float)
                axes.plot(bits, line.slope * bits + line.intercept, color=COLOUR[kind], linewidth=1)
                if targets == "one":
                    theory = own.first_moment.to_numpy(float)
                    axes.plot(bits, theory, color=COLOUR[kind], linewidth=1, linestyle=":")
            bits = np.log2(1 / np.array(epsilons))
            if targets == "all":
                bound = [counting_bound(epsilon) for epsilon in epsilons]
                axes.plot(bits, bound, color="black", linewidth=1, linestyle="--", label="counting bound, log₂(1/2ε)")
            else:
                axes.plot([], [], color="0.3", linewidth=1, linestyle=":", label="one subset expected")
            _bits_axis(axes, epsilons)
            axes.set_title(TARGETS[targets], fontsize=9)
            axes.legend(fontsize=7.5, title=title, title_fontsize=7.5, loc="upper left")
        panels[0].set_ylabel("coefficients for P = 1/2")
        panels[0].set_ylim(0, 1.3 * float(shown.coefficients.max()))  # room for the legends
        return save(figure, stem)


def plot_single(table: pd.DataFrame, stem: Path) -> list[Path]:
    """One coefficient that has to hit alone against subsets of any size, on logarithmic axes."""
    half = table[(table.share == 0.5) & (table.targets == "one") & table.coefficients.notna()]
    alone = half[half.cardinality == 1]
    if alone.empty:
        raise LotteryError("figure: no thresholds of single coefficients were measured; add 1 to theory.cardinalities")
    epsilons = np.array(sorted({float(epsilon) for epsilon in half.epsilon}))
    with drawing():
        figure, axes = plt.subplots(figsize=(5.2, 3.9))
        for kind in [kind for kind in KINDS if kind in set(alone.kind)]:
            single = alone[alone.kind == kind]
            sums = half[half.cardinality.isna() & (half.kind == kind)]
            how = {"color": COLOUR[kind], "marker": MARKER[kind], "markersize": 4.5, "linewidth": 1.2}
            dotted = {**how, "linestyle": ":", "markerfacecolor": "white"}
            _error_bars(axes, 1 / single.epsilon.astype(float), single, **dotted, label=f"{NAME[kind]}, single best")
            _error_bars(axes, 1 / sums.epsilon.astype(float), sums, **how, label=f"{NAME[kind]}, subset sums")
        fine = np.geomspace(epsilons.min(), epsilons.max(), 60)
        exact = [single_best_threshold(float(epsilon)) for epsilon in fine]
        axes.plot(1 / fine, exact, color="black", linewidth=1, label="ln 2 / −ln(1 − ε), exact for uniform", zorder=1)
        axes.plot(1 / fine, np.log2(1 / fine), color="black", linewidth=1, linestyle="--", label="log₂(1/ε)", zorder=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("1/ε")
        axes.set_ylabel("coefficients for P = 1/2, one target")
        figure.legend(loc="outside upper center", ncols=2, fontsize=8)
        return save(figure, stem)


def _entropy_interval(part: pd.DataFrame, members: int) -> np.ndarray:
    """How far the 95% interval of n H2(k/n) reaches below and above its middle (2, rows); 0 where its end was not bracketed.

    Its ends are those of the threshold's own interval, `low` and `high`, put in for n: n H2(k/n) grows with n from k on.
    """
    low, middle, high = (
        np.array([n * binary_entropy(members / n) for n in part[name].to_numpy(float)])
        for name in ("low", "coefficients", "high")
    )
    return np.nan_to_num([middle - low, high - middle])


def _cardinality_panel(axes: Axes, part: pd.DataFrame, sizes: list[int], shades: np.ndarray) -> None:
    for shade, members in zip(shades, sizes, strict=True):
        own = part[part.cardinality == members].sort_values("natale_bits")
        x, y = own.natale_bits.to_numpy(float), own.entropy_bits.to_numpy(float)
        interval = _entropy_interval(own, members)
        axes.errorbar(x, y, yerr=interval, color=shade, linewidth=1, elinewidth=0.8, capsize=3, capthick=0.8, zorder=2)
        within = own.coefficients.to_numpy(float) >= 2 * members
        how = {"linestyle": "none", "marker": "o", "markersize": 3, "markeredgecolor": shade, "zorder": 3}
        axes.plot(x[within], y[within], color=shade, label=f"k = {members}", **how)
        axes.plot(x[~within], y[~within], color="white", **how)


def plot_cardinality(table: pd.DataFrame, stem: Path) -> list[Path]:
    """n H2(k/n) at the threshold of subsets of exactly k against log2(k / epsilon), a panel a kind; the line is equality.

    Bars are 95% intervals, those of the thresholds in other units (`_entropy_interval`).
    The theorem speaks of k <= n/2; where the threshold lies below 2k the marker is open.
    """
    shown = _of_one_size(table)
    if shown.empty:
        raise LotteryError("figure: no thresholds of subsets of one size were measured; see theory.cardinalities")
    kinds = [kind for kind in KINDS if kind in set(shown.kind)]
    sizes = sorted({int(members) for members in shown.cardinality})
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.88, len(sizes)))
    ends = np.array([float(shown.natale_bits.min()), float(shown.natale_bits.max())])
    with drawing():
        figure: Figure
        figure, panels = plt.subplots(1, len(kinds), figsize=(3.3 * len(kinds) + 1.0, 3.7), sharey=True, squeeze=False)
        for axes, kind in zip(panels[0], kinds, strict=True):
            _cardinality_panel(axes, shown[shown.kind == kind], sizes, shades)
            axes.plot(ends, ends, color="black", linestyle="--", linewidth=1, label="n H₂(k/n) = log₂(k/ε)")
            axes.set_title(NAME[kind], fontsize=9)
            axes.set_xlabel("log₂(k/ε)")
        panels[0, 0].set_ylabel("n H₂(k/n) at P = 1/2 (bits)")
        handles, labels = panels[0, 0].get_legend_handles_labels()
        beyond = plt.Line2D([], [], color="white", marker="o", markersize=3, markeredgecolor="0.3")
        figure.legend([*handles, beyond], [*labels, "k > n/2"], loc="outside right upper", fontsize=8)
        return save(figure, stem)
