"""What the switches of experiment 2 do, and how that depends on the length of a run: each run length by itself, none chosen."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lottery.errors import LotteryError
from lottery.pruning.run import PROTOCOLS, PRUNED
from lottery.pruning.sweeps import RELEASED
from lottery.results.figures.style import COLOURS, STYLE, save
from lottery.results.intervals import student_t

RUN_WORDS = ["protocol", "dataset", "network", "structure", "variant"]
_PANEL = ["protocol", "structure", "redundancy", "sparsity"]
_INCHES_A_LINE = 0.19
_MARKERS = "osD^vP"


def by_length(runs: pd.DataFrame, network: str) -> pd.DataFrame:
    """Mean test accuracy (percent), half of its 95% interval over seeds, and the seeds, of each variant and length.

    Only where a structure and sparsity was run in several variants.  Raises LotteryError where none was.
    """
    found = runs[(runs.network == network) & (runs.structure != "dense") & runs.perturbation.isna()]
    several = found.groupby(_PANEL).variant.transform("nunique") > 1
    if not several.any():
        raise LotteryError(f"variants: the runs of {network} have one variant only")
    accuracy = found[several].groupby([*_PANEL, "variant", "epochs"], sort=False).test_accuracy
    table = accuracy.agg(accuracy="mean", error="sem", seeds="count").reset_index()
    half = [student_t(row.seeds - 1) * row.error if row.seeds > 1 else float("nan") for row in table.itertuples()]
    return table.drop(columns="error").assign(half_interval=half)


def plot_variants(runs: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Test accuracy of each variant, run length by run length; a panel a protocol, structure and sparsity.

    Large markers are means with 95% intervals over seeds, small ones the seeds.
    """
    table = by_length(runs, network)
    lengths = sorted(table.epochs.unique())
    variants = sorted(table.variant.unique(), key=lambda variant: (variant != RELEASED, variant))
    rows = sorted(
        {(row.protocol, row.structure, row.redundancy) for row in table.itertuples()},
        key=lambda row: (PROTOCOLS.index(row[0]), PRUNED.index(row[1]), row[2]),
    )
    sparsities = sorted(table.sparsity.unique())
    height = (0.9 + _INCHES_A_LINE * len(variants) * len(lengths)) * len(rows) + 0.5
    with drawing():
        figure, grid = plt.subplots(
            len(rows), len(sparsities), figsize=(3.1 * len(sparsities) + 1.4, height), squeeze=False, sharey=True
        )
        lowest: dict[float, Axes] = {}
        for (protocol, structure, redundancy), line in zip(rows, grid, strict=True):
            same = table[
                (table.protocol == protocol) & (table.structure == structure) & (table.redundancy == redundancy)
            ]
            for sparsity, axes in zip(sparsities, line, strict=True):
                panel = same[same.sparsity == sparsity]
                if panel.empty:
                    axes.set_axis_off()
                    continue
                lowest[sparsity] = axes
                _draw(axes, panel, runs[runs.network == network], variants, lengths)
                axes.set_title(
                    f"{structure}, r = {redundancy}, s = {sparsity:g}, {protocol.replace('_', '-')}", fontsize=8
                )
        for axes in lowest.values():
            axes.set_xlabel("test accuracy (%)")
        handles = [
            plt.Line2D([], [], color=_colour(i), marker=_marker(i), markersize=4.5, label=f"{length} epochs")
            for i, length in enumerate(lengths)
        ]
        seeds = " or ".join(map(str, sorted(table.seeds.unique())))
        title = f"{network}, {runs.dataset.iloc[0]}: mean and 95% interval of {seeds} seeds"
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), title=title)
        return save(figure, stem)


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _marker(number: int) -> str:
    return _MARKERS[number % len(_MARKERS)]


def _draw(axes: Axes, panel: pd.DataFrame, runs: pd.DataFrame, variants: list[str], lengths: list[int]) -> None:
    step = 0.7 / max(len(lengths), 2)
    seeds = runs[runs.perturbation.isna()].merge(
        panel[[*_PANEL, "variant", "epochs"]], on=[*_PANEL, "variant", "epochs"]
    )
    for number, length in enumerate(lengths):
        shift = (number - (len(lengths) - 1) / 2) * step
        own, single = panel[panel.epochs == length], seeds[seeds.epochs == length]
        heights = [variants.index(variant) + shift for variant in own.variant]
        axes.errorbar(
            own.accuracy, heights, xerr=own.half_interval, color=_colour(number), marker=_marker(number),
            markersize=4.5, linestyle="none", capsize=2,
        )  # fmt: skip
        spots = [variants.index(variant) + shift for variant in single.variant]
        axes.plot(
            single.test_accuracy, spots, color=_colour(number), marker="o", markersize=2.4, markerfacecolor="white",
            markeredgewidth=0.7, linestyle="none", zorder=3,
        )  # fmt: skip
    low, high = float(seeds.test_accuracy.min()), float(seeds.test_accuracy.max())
    room = max(0.6 * (high - low), 0.5)
    axes.set_xlim(max(low - room, 0), min(high + room, 100.5))  # intervals of few seeds may go beyond
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_yticks(range(len(variants)), variants)
    axes.set_ylim(len(variants) - 0.5, -0.5)  # the first on top
