"""What the switches of experiment 2 do, and how that depends on the length of a run: each length by itself, none chosen."""

from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lottery.errors import LotteryError
from lottery.pruning.run import PROTOCOLS, PRUNED
from lottery.pruning.sweeps import RELEASED
from lottery.results.figures.scales import error_axis
from lottery.results.figures.series import ENOUGH_SEEDS
from lottery.results.figures.style import FULL, GREY, HALF, drawing, heading, save, shades
from lottery.results.tables.intervals import student_t

RUN_WORDS = ["protocol", "dataset", "network", "structure", "variant"]
_PANEL = ["protocol", "structure", "redundancy", "sparsity"]
_INCHES_PER_LINE = 0.17
_MARKERS = "osD^vP"
# The variants of config/ablation.yaml in words; others have their name.
_WORDS = {
    "released": "as released",
    "no_decay": "no weight decay\non scores",
    "fan_in": "fan-in counts\nredundancy",
    "density": "scaled by density",
    "repaired": "density, fan-in and\ndecay together",
    "same_scores": "one range of\ninitial scores",
    "signed": "weights ± a constant",
    "whole_weight1": "weight1 not pruned",
}


class Panel(NamedTuple):
    """What the runs of one panel share."""

    protocol: str
    structure: str
    redundancy: int
    sparsity: float

    def __str__(self) -> str:
        protocol = self.protocol.replace("_", "-")
        return f"{self.structure}, r = {self.redundancy}, s = {self.sparsity:g}, {protocol}"


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


def _panels(table: pd.DataFrame) -> list[Panel]:
    found = {Panel(*key) for key in table[_PANEL].itertuples(index=False, name=None)}
    return sorted(found, key=lambda p: (PROTOCOLS.index(p.protocol), PRUNED.index(p.structure), *p[2:]))


def _of(table: pd.DataFrame, panel: Panel) -> pd.DataFrame:
    same = [table[name] == value for name, value in zip(_PANEL, panel, strict=True)]
    return table[pd.concat(same, axis=1).all(axis=1)]


def _words(variant: str) -> str:
    return _WORDS.get(variant, variant.replace("_", " "))


def _draw(axes: Axes, means: pd.DataFrame, seeds: pd.DataFrame, variants: list[str], lengths: list[int]) -> None:
    """A row per variant, in it one per length: dots for seeds, a large marker for the mean of enough of them."""
    step, colours = 0.7 / max(len(lengths), 2), shades(len(lengths))
    for number, length in enumerate(lengths):
        shift, how = (number - (len(lengths) - 1) / 2) * step, {"color": colours[number], "linestyle": "none"}
        single, mean = seeds[seeds.epochs == length], means[(means.epochs == length) & (means.seeds >= ENOUGH_SEEDS)]
        axes.plot(100 - single.test_accuracy.astype(float), [variants.index(name) + shift for name in single.variant],
                  marker="o", markersize=2.8, markerfacecolor="white", markeredgewidth=0.8, zorder=3, **how)  # fmt: skip
        axes.plot(100 - mean.accuracy, [variants.index(name) + shift for name in mean.variant],
                  marker=_MARKERS[number % len(_MARKERS)], markersize=5.5, **how)  # fmt: skip
    for variant in (name for name in variants if name not in set(means.variant)):
        axes.annotate("not run", (0.02, variants.index(variant)), xycoords=("axes fraction", "data"), color=GREY,
                      va="center", fontsize=8.5)  # fmt: skip
    axes.set_yticks(range(len(variants)), [_words(variant) for variant in variants])
    axes.set_ylim(len(variants) - 0.5, -0.5)  # the first on top


def describe_variants(table: pd.DataFrame) -> str:
    """The figure in words: of each panel and length the most accurate variant beside the released one."""
    sentences = []
    for panel in _panels(table):
        for length, own in _of(table, panel).groupby("epochs"):
            best = own.loc[own.accuracy.idxmax()]
            released = own[own.variant == RELEASED]
            usual = f" (released: {released.accuracy.iloc[0]:.2f}%)" if len(released) else ""
            sentences.append(f"{panel}, {length} epochs: {best.variant} is most accurate, {best.accuracy:.2f}%{usual}.")
    return " ".join(sentences)


def plot_variants(runs: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Test accuracy of each variant, run length by run length; a panel per protocol, structure and sparsity.

    Small markers are seeds, large ones means of three seeds and more.
    """
    table = by_length(runs, network)
    panels, lengths = _panels(table), sorted(table.epochs.unique())
    variants = sorted(table.variant.unique(), key=lambda variant: (variant != RELEASED, variant))
    seeds = runs[(runs.network == network) & runs.perturbation.isna()].merge(table[[*_PANEL, "variant", "epochs"]])
    of_length = "by run length" if len(lengths) > 1 else f"after {lengths[0]} epochs"
    title = f"Variants {of_length}: {network}, {runs.dataset.iloc[0]}"
    counts = " or ".join(map(str, sorted(table.seeds.unique())))
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    height = 1.1 + (0.7 + _INCHES_PER_LINE * len(variants) * max(len(lengths), 2)) * rows
    with drawing():
        figure, grid = plt.subplots(rows, columns, figsize=(HALF if columns == 1 else FULL, height), squeeze=False,
                                    sharex=True, sharey=True)  # fmt: skip
        heading(figure, title)
        for axes, panel in zip(grid.flat, panels, strict=False):
            _draw(axes, _of(table, panel), _of(seeds, panel), variants, lengths)
            axes.set_title(str(panel), fontweight="normal")
            axes.set_xlabel("test accuracy (%), log of the error")
            axes.tick_params(labelbottom=True)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        error_axis(grid[0, 0], seeds.test_accuracy, "x")
        handles = [
            Line2D([], [], color=colour, marker=_MARKERS[i % len(_MARKERS)], markersize=5.5, linestyle="none", label=f"{length} epochs")
            for i, (length, colour) in enumerate(zip(lengths, shades(len(lengths)), strict=True))
        ]  # fmt: skip
        handles.append(Line2D([], [], color=GREY, marker="o", markersize=2.8, markerfacecolor="white", linestyle="none", label=f"one of {counts} seeds"))  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return save(figure, stem, title, describe_variants(table))
