"""The figure of controls: how much of a pruned network's accuracy is in its mask, and how much in the match of mask and weights."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from lottery.pruning.controls import CONTROLS, LEARNED
from lottery.pruning.run import PRUNED
from lottery.results.figures.scales import kept_percent
from lottery.results.figures.series import one_series, protocols, series_name
from lottery.results.figures.style import FULL, GREY, HALF, INK, drawing, heading, save, shades

_WORDS = {
    "learned": "learned mask\non its own weights",
    "random_mask": "as many weights\nat random",
    "fresh_weights": "learned mask\non fresh weights",
    "shuffled_weights": "learned mask\non shuffled weights",
    "largest_weights": "as many weights,\nthe largest",
}
_MARKERS = "osD^vP"
_INCHES_PER_LINE = 0.13
_LEAST_ROW = 0.36  # inches: two lines of text


def over_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, the lowest and the highest of all draws, by protocol, structure, sparsity and control."""
    keys = ["protocol", "structure", "sparsity", "control"]
    return (
        table.groupby(keys, sort=False)
        .agg(accuracy=("accuracy", "mean"), lowest=("lowest", "min"), highest=("highest", "max"))
        .reset_index()
    )


def _draw(axes: Axes, shown: pd.DataFrame, sparsities: list[float]) -> None:
    """A row per control, in it a line per sparsity: the mean, and a bar from the lowest to the highest draw."""
    step, colours = 0.72 / max(len(sparsities), 2), shades(len(sparsities))
    for number, sparsity in enumerate(sparsities):
        own = shown[shown.sparsity == sparsity].set_index("control").reindex(CONTROLS)
        places = [row + (number - (len(sparsities) - 1) / 2) * step for row in range(len(CONTROLS))]
        axes.hlines(places, own.lowest, own.highest, color=[colours[number]], linewidth=1.4)
        axes.plot(
            own.accuracy, places, color=colours[number], linestyle="none", marker=_MARKERS[number % len(_MARKERS)]
        )
    axes.axhline(0.5, color=GREY, linewidth=0.6)  # below the pruned network itself
    axes.set_yticks(range(len(CONTROLS)), [_WORDS[name] for name in CONTROLS])
    axes.set_ylim(len(CONTROLS) - 0.5, -0.5)  # the pruned network itself on top
    axes.set_xlim(0, 102)
    axes.grid(axis="y", visible=False)


def _mark_chance(axes: Axes, chance: float, named: bool) -> None:
    axes.axvline(chance, color=INK, linestyle="--", linewidth=0.8, zorder=1)
    if named:
        axes.annotate("guessing", (chance, 0), (3, 0), textcoords="offset points", va="center", fontsize=8, color=INK)


def describe_controls(found: pd.DataFrame) -> str:
    """The figure in words: each pruned network beside the best of its controls."""
    sentences = []
    for (protocol, structure, sparsity), own in found.groupby(["protocol", "structure", "sparsity"], sort=False):
        learned = own[own.control == LEARNED].iloc[0]
        others = own[own.control != LEARNED]
        best = others.loc[others.accuracy.idxmax()]
        sentences.append(
            f"{structure}, {kept_percent(sparsity)}, {protocol.replace('_', '-')}: the learned mask has {learned.accuracy:.2f}%; "
            f"the best control, {' '.join(_WORDS[best.control].split())}, {best.accuracy:.2f}%, single draws "
            f"{best.lowest:.2f} to {best.highest:.2f}%."
        )
    return " ".join(sentences)


def plot_controls(table: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Test accuracy of pruned networks and their controls, a panel per structure and protocol, a shade per sparsity.

    table: `controls.csv`.  Raises LotteryError if it has no runs of the network.
    """
    own = one_series(table, network)
    found = over_seeds(own)
    structures = [name for name in PRUNED if name in set(own.structure)]
    rows, sparsities = protocols(own), sorted({float(sparsity) for sparsity in own.sparsity})
    title = f"Is a pruned network its mask? Controls of {series_name(own, network)}"
    height = 0.9 + len(rows) * (0.7 + len(CONTROLS) * max(_LEAST_ROW, _INCHES_PER_LINE * len(sparsities)))
    with drawing():
        size = (HALF if len(structures) == 1 else FULL, height)
        figure, grid = plt.subplots(len(rows), len(structures), figsize=size, squeeze=False, sharex=True, sharey=True)
        heading(figure, title)
        for line, protocol in zip(grid, rows, strict=True):
            for axes, structure in zip(line, structures, strict=True):
                _draw(axes, found[(found.protocol == protocol) & (found.structure == structure)], sparsities)
                _mark_chance(axes, float(own.chance.iloc[0]), named=axes is grid[0, 0])
                axes.set_title(f"{structure}, {protocol.replace('_', '-')} protocol", fontweight="normal")
        for axes in grid[-1]:
            axes.set_xlabel("test accuracy (%)")
        handles = [
            Line2D(
                [], [], color=colour, marker=_MARKERS[i % len(_MARKERS)], linewidth=1.4, label=kept_percent(sparsity)
            )
            for i, (sparsity, colour) in enumerate(zip(sparsities, shades(len(sparsities)), strict=True))
        ]
        handles.append(Line2D([], [], color=GREY, linewidth=1.4, label="from the lowest to the highest draw"))
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
        return save(figure, stem, title, describe_controls(found))
