"""The figures of experiment 2.  The two protocols have panels of their own, never one line.

Colours and markers mean structures everywhere; small open markers on dotted lines are the published points.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lottery.errors import LotteryError
from lottery.pruning.run import PROTOCOLS, PRUNED
from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY
from lottery.published import figures as published_figures
from lottery.results.comparable import as_published
from lottery.results.figures.style import COLOUR, MARKER, STYLE, save

SHOWN_SPARSITIES = (0.1, 0.5, 0.95)  # of the paper's curves over epochs
WIDE_ENOUGH = 6.0  # inches, for the legend in one line
ZOOM = 5.0  # points of accuracy below the best that the lower panel shows


@dataclass(frozen=True)
class Axis:
    """A horizontal axis: the column of points, its name, and whether it is logarithmic."""

    column: str
    label: str
    logarithmic: bool


AXES = {
    "remaining": Axis("parameters", "remaining parameters (counted in the masks)", False),
    "alive": Axis("alive_parameters", "alive parameters (on a path of kept weights)", True),
}


def _of(table: pd.DataFrame, network: str) -> pd.DataFrame:
    found = table[table.network == network]
    if found.empty:
        raise LotteryError(f"figure: there are no runs of {network}")
    return found


def _protocols(table: pd.DataFrame) -> list[str]:
    pruned = table[table.structure != "dense"]
    return [protocol for protocol in PROTOCOLS if protocol in set((pruned if len(pruned) else table).protocol)]


def _one_series(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Rows of one variant and redundancy, the published ones where there are any, with their trained baseline."""
    found = _of(table, network)
    pruned = found[found.structure != "dense"]
    if pruned.empty:
        return found[found.variant == found.variant.iloc[0]]
    usual = (pruned.variant == RELEASED) & (pruned.redundancy == PUBLISHED_REDUNDANCY)
    first = pruned[usual].iloc[0] if usual.any() else pruned.iloc[0]
    baselines = found[found.structure == "dense"]
    own = baselines[baselines.variant == first.variant]
    baseline = own if len(own) else baselines[baselines.variant == RELEASED]
    same = pruned[(pruned.variant == first.variant) & (pruned.redundancy == first.redundancy)]
    return pd.concat([same, baseline])


def _name(shown: pd.DataFrame, network: str) -> str:
    """What is drawn, for the legend's title."""
    pruned = shown[shown.structure != "dense"]
    name = f"{network}, {shown.dataset.iloc[0]}"
    if pruned.empty:
        return name
    variant = pruned.variant.iloc[0]
    return f"{name}, r = {pruned.redundancy.iloc[0]}" + ("" if variant == RELEASED else f", {variant}")


def _thousands(value: float, _: object = None) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _draw_structures(axes: Axes, points: pd.DataFrame, column: str) -> None:
    for structure in PRUNED:
        line = points[points.structure == structure].sort_values(column)
        if line.empty:
            continue
        bars = line.half_interval.astype(float).to_numpy() if line.half_interval.notna().any() else None
        axes.errorbar(
            line[column].astype(float),
            line.accuracy.astype(float),
            yerr=bars,
            color=COLOUR[structure],
            marker=MARKER[structure],
            markersize=4.5,
            linewidth=1.3,
            capsize=2,
        )
    for dense in points[points.structure == "dense"].itertuples():
        axes.axhline(dense.accuracy, color=COLOUR["dense"], linewidth=1.1)
        if pd.notna(dense.half_interval):
            band = (dense.accuracy - dense.half_interval, dense.accuracy + dense.half_interval)
            axes.axhspan(*band, color=COLOUR["dense"], alpha=0.15, linewidth=0)


def _draw_published(axes: Axes, published: pd.DataFrame) -> None:
    for structure in PRUNED:
        line = published[published.structure == structure].sort_values("parameters")
        axes.plot(
            line.parameters,
            line.accuracy,
            color=COLOUR[structure],
            marker=MARKER[structure],
            markersize=3,
            markerfacecolor="white",
            linestyle=":",
            linewidth=0.9,
            zorder=1.5,
        )
    axes.axhline(
        published[published.structure == "dense"].accuracy.iloc[0], color=COLOUR["dense"], linewidth=0.9, linestyle=":"
    )


def _legend(figure: Figure, points: pd.DataFrame, with_published: bool, title: str) -> None:
    handles = [
        plt.Line2D([], [], color=COLOUR[structure], marker=MARKER[structure], markersize=4.5, label=structure)
        for structure in PRUNED
        if structure in set(points.structure)
    ]
    if "dense" in set(points.structure):
        handles.append(plt.Line2D([], [], color=COLOUR["dense"], label="trained baseline"))
    if with_published:
        handles.append(
            plt.Line2D(
                [], [], color="0.4", marker="o", markersize=3, markerfacecolor="white", linestyle=":", label="published"
            )
        )
    columns = len(handles) if figure.get_figwidth() > WIDE_ENOUGH else 3
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, title=title, columnspacing=1.2)


def _title(points: pd.DataFrame, protocol: str) -> str:
    """What was run, in the title: seeds and lengths (the baseline's may be others)."""
    pruned = points[points.structure != "dense"] if (points.structure != "dense").any() else points
    seeds = " or ".join(str(count) for count in sorted({int(count) for count in pruned.seeds}))
    lengths = sorted({int(length) for lengths in pruned.lengths.astype(str) for length in lengths.split()})
    run = ", ".join(map(str, lengths))
    what, images = "one seed", "test"
    if protocol == "held_out":
        what, images = f"{seeds} seed{'' if seeds == '1' else 's'}, 95% interval", "validation"
    one = not pruned.lengths.astype(str).str.contains(" ").any()
    chosen = f"best of {run} epochs on {images} images"
    if one:
        chosen = f"{run} epochs" if len(lengths) == 1 else f"each point after {lengths[0]} to {lengths[-1]} epochs"
    return f"{protocol.replace('_', '-')} protocol: {what},\n{chosen}"


def plot_accuracy(points: pd.DataFrame, network: str, against: str, stem: Path) -> list[Path]:
    """Test accuracy against remaining or alive parameters: above the whole range, below the part near the baseline."""
    axis, shown = AXES[against], _one_series(points, network)
    protocols = _protocols(shown)
    published = published_figures().query("network == @network")
    comparable = "published" in set(as_published(shown[shown.structure != "dense"]).protocol)
    overlaid = against == "remaining" and comparable and not published.empty
    with drawing():
        figure, grid = plt.subplots(
            2, len(protocols), figsize=(3.4 * len(protocols) + 1.2, 5.4), sharex=True, sharey="row", squeeze=False,
            height_ratios=(3, 2),
        )  # fmt: skip
        for column, protocol in enumerate(protocols):
            same = shown[shown.protocol == protocol]
            for axes in grid[:, column]:
                _draw_structures(axes, same, axis.column)
                if overlaid and protocol == "published":
                    _draw_published(axes, published)
                if axis.logarithmic:
                    axes.set_xscale("log")
                else:
                    axes.xaxis.set_major_locator(MaxNLocator(5))
                axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
            grid[0, column].set_title(_title(same, protocol), fontsize=8)
            grid[0, column].set_ylim(0, 101)
            grid[1, column].set_xlabel(axis.label)
        top = float(shown.accuracy.max())
        if overlaid:
            top = max(top, float(published.accuracy.max()))
        grid[1, 0].set_ylim(top - ZOOM, top + 0.3)
        for axes in grid[:, 0]:
            axes.set_ylabel("test accuracy (%)")
        _legend(figure, shown, overlaid, _name(shown, network))
        return save(figure, stem)


def _panels(
    protocols: list[str], sparsities: list[float], across: str, upward: Mapping[str, str]
) -> tuple[Figure, dict[tuple[str, float], Axes]]:
    """A row of panels a protocol, a panel a sparsity; `upward` names the vertical axis of each protocol."""
    size = (2.6 * len(sparsities) + 0.6, 2.6 * len(protocols) + 0.5)
    figure, grid = plt.subplots(len(protocols), len(sparsities), figsize=size, sharex=True, squeeze=False)
    for row, protocol in zip(grid, protocols, strict=True):
        row[0].set_ylabel(f"{protocol.replace('_', '-')} protocol\n{upward[protocol]}")
        for axes, sparsity in zip(row, sparsities, strict=True):
            axes.set_title(f"s = {sparsity:g}", fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel(across)
    return figure, dict(zip(product(protocols, sparsities), grid.flat, strict=True))


def _nearest(available: list[float], wanted: tuple[float, ...]) -> list[float]:
    """Each wanted sparsity's nearest one that was run, once."""
    return sorted({min(available, key=lambda s: abs(s - aim)) for aim in wanted})


def _runs_of(histories: pd.DataFrame, structure: str) -> Iterator[tuple[int, pd.DataFrame]]:
    """By length: mean and range over seeds of the accuracy that the protocol watches, by epoch."""
    for length, run in histories[histories.structure == structure].groupby("epochs"):
        watched = "test_accuracy" if run.protocol.iloc[0] == "published" else "validation_accuracy"
        yield int(length), run.groupby("at_epoch")[watched].agg(["mean", "min", "max"]).astype(float)


def plot_epochs(histories: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Accuracy after each epoch of the longest runs, and where the shorter runs ended, at up to three sparsities."""
    shown = _one_series(histories[histories.perturbation.isna()], network)
    protocols = _protocols(shown)
    pruned = shown[shown.structure != "dense"]
    sparsities = _nearest(sorted({float(s) for s in pruned.sparsity}), SHOWN_SPARSITIES) if len(pruned) else [0.0]
    with drawing():
        watched = {"published": "test accuracy (%)", "held_out": "validation accuracy (%)"}
        figure, panels = _panels(protocols, sparsities, "epoch", watched)
        for (protocol, sparsity), axes in panels.items():
            same = shown[(shown.protocol == protocol) & ((shown.sparsity == sparsity) | (shown.structure == "dense"))]
            for structure in (*PRUNED, "dense"):
                _draw_lengths(axes, structure, dict(_runs_of(same, structure)))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(figure, shown, False, _name(shown, network))
        return save(figure, stem)


def _draw_lengths(axes: Axes, structure: str, lengths: dict[int, pd.DataFrame]) -> None:
    if not lengths:
        return
    longest = lengths[max(lengths)]
    colour = COLOUR[structure]
    axes.plot(longest.index, longest["mean"], color=colour, linewidth=1.3)
    axes.fill_between(longest.index, longest["min"], longest["max"], color=colour, alpha=0.15, linewidth=0)
    ends = [(length, run["mean"].iloc[-1]) for length, run in lengths.items()]
    axes.plot(*zip(*ends, strict=True), color=colour, marker=MARKER[structure], markersize=4.5, linestyle="none")


def plot_redundancy(points: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Test accuracy against redundancy, a panel a sparsity; the dashed line is the published r."""
    found = _of(points, network)
    pruned = found[found.structure != "dense"]
    counts = pruned.groupby(["variant", "sparsity"]).redundancy.nunique()
    varied = counts[counts > 1].index.to_frame(index=False)
    if varied.empty:
        raise LotteryError(f"redundancy: the runs of {network} have one redundancy only")
    variant = RELEASED if RELEASED in set(varied.variant) else varied.variant.iloc[0]
    sparsities = sorted({float(s) for s in varied[varied.variant == variant].sparsity})
    shown = pruned[pruned.variant == variant]
    protocols = _protocols(shown)
    with drawing():
        figure, panels = _panels(protocols, sparsities, "redundancy r", dict.fromkeys(protocols, "test accuracy (%)"))
        for (protocol, sparsity), axes in panels.items():
            same = shown[(shown.protocol == protocol) & (shown.sparsity == sparsity)]
            _draw_structures(axes, same, "redundancy")
            axes.axvline(PUBLISHED_REDUNDANCY, color="0.6", linestyle="--", linewidth=0.8, zorder=0)
            axes.set_xticks(np.unique(shown.redundancy.astype(int)))
        _legend(figure, shown, False, f"{network}, {shown.dataset.iloc[0]}")
        return save(figure, stem)
