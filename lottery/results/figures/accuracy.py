"""Accuracy of pruned networks: by the share of weights kept, by alive weights, and of held-out runs of all networks.

The two protocols have panels of their own, never one line.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.pruning.run import PRUNED
from lottery.published import figures as published_figures
from lottery.results.figures.replays import ROOM, draw_published, name_lines
from lottery.results.figures.scales import broken, count_axis, error_axis, kept_axis, kept_percent, place
from lottery.results.figures.series import half_intervals, how_run, one_series, protocols, series_name, with_ends
from lottery.results.figures.style import FULL, GREY, HALF, End, drawing, heading, label_ends, look, save
from lottery.results.tables.claims import CHANCE
from lottery.results.tables.comparable import as_published

LEAST_SPARSITY = 0.1  # of the points over alive weights: those of smaller ones stand on one another
CONNECTED = 0.9  # the sparsity at which what dead weights cost is drawn
# Where the numbers of a structure stand beside its points, so that they leave those of the others alone.
_BESIDE = (((-5, 2), "right", "bottom"), ((4, -4), "left", "top"), ((3, 5), "left", "bottom"))
_CURVE = ["structure", "sparsity", "accuracy"]


@dataclass(frozen=True)
class Panel:
    """What one panel shows: points of one network and protocol, and published ones where they can be compared."""

    title: str
    points: pd.DataFrame
    published: pd.DataFrame

    @property
    def accuracies(self) -> pd.Series:
        """With the ends of intervals."""
        return pd.concat([with_ends(self.points), self.published.accuracy])

    @property
    def pruned(self) -> pd.DataFrame:
        return self.points[self.points.structure != "dense"]


def _draw_baseline(axes: Axes, points: pd.DataFrame) -> None:
    for dense in points[points.structure == "dense"].assign(half=half_intervals).itertuples():
        axes.axhline(100 - dense.accuracy, color=look("dense").line, linewidth=0.9)
        if pd.notna(dense.half):
            band = (100 - dense.accuracy - dense.half, 100 - dense.accuracy + dense.half)
            axes.axhspan(*band, color=look("dense").line, alpha=0.12, linewidth=0)


def _draw_by_share(axes: Axes, panel: Panel) -> None:
    draw_published(axes, panel.published)
    for structure in PRUNED:
        own, style = panel.points[panel.points.structure == structure], look(structure)
        theirs = panel.published
        line = broken(own, theirs[theirs.structure == structure].sparsity) if len(own) else own
        axes.plot(place(line.sparsity), 100 - line.accuracy.astype(float), color=style.line, linewidth=0.9)
        error, half = 100 - own.accuracy.astype(float), half_intervals(own)
        bars = half if half.notna().any() else None
        axes.errorbar(place(own.sparsity), error, yerr=bars, fmt=style.marker, color=style.line, capsize=2)
    _draw_baseline(axes, panel.points)


def _explain(figure: Figure, published: bool, interval: bool) -> None:
    handles = [Line2D([], [], color=GREY, marker="o", linewidth=0.9, label="ours")]
    if published:
        handles.append(Line2D([], [], color=GREY, linewidth=4, alpha=0.35, label="published"))
    if interval:
        handles.append(Line2D([], [], color=GREY, marker="|", markersize=9, linestyle="none", label="95% interval"))
    if len(handles) > 1:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _row_by_share(panels: list[Panel], title: str, stem: Path, description: str) -> list[Path]:
    with drawing():
        figure, grid = plt.subplots(
            1, len(panels), figsize=(HALF if len(panels) == 1 else FULL, 4.2), sharey=True, squeeze=False
        )
        heading(figure, title)
        sparsities = pd.concat([frame.sparsity for panel in panels for frame in (panel.pruned, panel.published)])
        for axes, panel in zip(grid[0], panels, strict=True):
            _draw_by_share(axes, panel)
            axes.set_title(panel.title, fontweight="normal")
            kept_axis(axes, sparsities, ROOM)
        error_axis(grid[0, 0], pd.concat([panel.accuracies for panel in panels]))
        grid[0, 0].set_ylabel("test accuracy (%), log of the error")
        published = any(len(panel.published) for panel in panels)
        _explain(figure, published, any(half_intervals(panel.points).notna().any() for panel in panels))
        for axes, panel in zip(grid[0], panels, strict=True):
            axes.tick_params(labelleft=axes is grid[0, 0])
            name_lines(axes, panel.points[_CURVE].astype({"accuracy": float}))
        return save(figure, stem, title, description)


def _curve_text(line: pd.DataFrame, structure: str) -> str:
    best = line.loc[line.accuracy.astype(float).idxmax()]
    if len(line) == 1:
        return f"{structure} has {best.accuracy:.2f}% with {kept_percent(best.sparsity)}."
    return f"{structure} peaks at {best.accuracy:.2f}% with {kept_percent(best.sparsity)}."


def describe_accuracy(panels: list[Panel]) -> str:
    """The panels in words: where each curve has its peak, and the trained baseline."""
    sentences = []
    for panel in panels:
        sentences.append(panel.title.replace("\n", " ") + ":")
        for structure, line in panel.pruned.groupby("structure", sort=False):
            sentences.append(_curve_text(line, str(structure)))
        for dense in panel.points[panel.points.structure == "dense"].itertuples():
            sentences.append(f"The trained baseline has {dense.accuracy:.2f}%.")
    return " ".join(sentences)


def _panels(shown: pd.DataFrame, network: str, with_published: bool) -> list[Panel]:
    published = published_figures().query("network == @network")
    comparable = "published" in set(as_published(shown[shown.structure != "dense"]).protocol)
    return [
        Panel(
            how_run(shown[shown.protocol == protocol], protocol),
            shown[shown.protocol == protocol],
            published if with_published and comparable and protocol == "published" else published.iloc[:0],
        )
        for protocol in protocols(shown)
    ]


def plot_accuracy(points: pd.DataFrame, network: str, x_axis: str, stem: Path) -> list[Path]:
    """Test accuracy by the share of weights kept (`remaining`) or by `alive` weights, a panel per protocol."""
    shown = one_series(points, network)
    if (shown.structure == "dense").all():
        raise LotteryError(f"figure: {network} was trained only, and not pruned; see structures of the sweeps")
    if x_axis == "alive":
        return _plot_alive(_panels(shown, network, False), series_name(shown, network), stem)
    panels = _panels(shown, network, True)
    title = f"Accuracy by remaining weights: {series_name(shown, network)}"
    return _row_by_share(panels, title, stem, describe_accuracy(panels))


def plot_held_out(points: pd.DataFrame, stem: Path) -> list[Path]:
    """Test accuracy of the runs by the held-out protocol: networks side by side, means over seeds."""
    pruned = points[(points.protocol == "held_out") & (points.structure != "dense")]
    names = [*NETWORKS, *sorted(set(pruned.network) - set(NETWORKS))]
    panels = []
    for network in (name for name in names if name in set(pruned.network)):
        own = one_series(points[points.protocol == "held_out"], network)
        title = f"{series_name(own, network)}: {how_run(own, 'held_out').removeprefix('held-out protocol: ')}"
        panels.append(Panel(title, own, published_figures().iloc[:0]))
    if not panels:
        raise LotteryError("figure: no network was pruned by the held-out protocol; see held_out_seeds of the sweeps")
    chosen = any(panel.pruned.lengths.astype(str).str.contains(" ").any() for panel in panels)
    title = "Accuracy of held-out runs" + (": each length chosen on validation images" if chosen else "")
    return _row_by_share(panels, title, stem, describe_accuracy(panels))


def _draw_alive(axes: Axes, line: pd.DataFrame, structure: str) -> None:
    """A line of points; at `CONNECTED` a thread leads from the remaining weights."""
    style, half = look(structure), half_intervals(line)
    axes.errorbar(
        line.alive_parameters.astype(float), 100 - line.accuracy.astype(float),
        yerr=half if half.notna().any() else None, color=style.line, marker=style.marker, capsize=2,
    )  # fmt: skip
    for point in line.itertuples():
        if point.sparsity == CONNECTED:
            error = 100 - float(point.accuracy)
            axes.plot(
                [point.parameters, point.alive_parameters], [error] * 2, color=style.line, linewidth=0.8, linestyle=":"
            )
            axes.plot([point.parameters], [error], "|", color=style.line, markersize=7)


def _number_alive(axes: Axes, line: pd.DataFrame, structure: str) -> None:
    """The share kept in percent beside each point but the last, which has it in its name; not where another text stands."""
    offset, ha, va = _BESIDE[PRUNED.index(structure) % len(_BESIDE)]
    for point in line.iloc[-2::-1].itertuples():
        low = point.accuracy < CHANCE  # near the axis: above the point
        text = axes.annotate(
            f"{100 * (1 - point.sparsity):g}", (point.alive_parameters, 100 - point.accuracy), (offset[0], 3) if low else offset,
            textcoords="offset points", fontsize=8, ha=ha, va="bottom" if low else va, color=look(structure).text,
        )  # fmt: skip
        box = text.get_window_extent()
        if any(box.overlaps(other.get_window_extent()) for other in axes.texts if other is not text):
            text.remove()


def _plot_alive(panels: list[Panel], name: str, stem: Path) -> list[Path]:
    """Points from `LEAST_SPARSITY` on, or all where there are none."""
    some = [panel for panel in panels if (panel.pruned.sparsity >= LEAST_SPARSITY).any()]
    panels, least = (some, LEAST_SPARSITY) if some else (panels, 0)
    chosen = [panel.pruned[panel.pruned.sparsity >= least] for panel in panels]
    drawn = [few[few.alive_parameters > 0] for few in chosen]  # 0 has no place on a logarithmic axis
    title = f"Accuracy by alive weights: {name}"
    with drawing():
        figure, grid = plt.subplots(
            1, len(panels), figsize=(HALF if len(panels) == 1 else FULL, 4.2), sharex=True, sharey=True, squeeze=False
        )
        heading(figure, title)
        for axes, panel, few in zip(grid[0], panels, drawn, strict=True):
            for structure in PRUNED:
                if len(line := few[few.structure == structure].sort_values("alive_parameters")):
                    _draw_alive(axes, line, structure)
            _draw_baseline(axes, panel.points)
            axes.set_title(panel.title, fontweight="normal")
            axes.set_xlabel("alive parameters (on a path of kept weights); numbers: percent kept")
        baselines = [panel.points[panel.points.structure == "dense"] for panel in panels]
        error_axis(grid[0, 0], pd.concat([with_ends(frame) for frame in (*drawn, *baselines)]))
        count_axis(grid[0, 0])
        grid[0, 0].set_ylabel("test accuracy (%), log of the error")
        note = f"Sparsities from {least:g} on; dotted: from remaining to alive weights at s = {CONNECTED:g}."
        sentences = [note, *_dead_text(pd.concat(chosen)), "The paper has no such curve."]
        figure.supxlabel((" " if len(panels) > 1 else "\n").join(sentences), fontsize=8.5, x=0.006, ha="left")
        for axes, panel, few in zip(grid[0], panels, drawn, strict=True):
            _name_alive(axes, panel, few)
        return save(figure, stem, title, " ".join([*sentences, _describe_alive(panels, chosen)]))


def _name_alive(axes: Axes, panel: Panel, few: pd.DataFrame) -> None:
    lines = {structure: few[few.structure == structure].sort_values("alive_parameters") for structure in PRUNED}
    ends = []
    for structure, line in lines.items():
        for last in line.iloc[-1:].itertuples():
            name = f"{structure}, {100 * (1 - last.sparsity):g}"
            ends.append(End(float(last.alive_parameters), 100 - float(last.accuracy), name, look(structure).text))
    label_ends(axes, ends)
    for dense in panel.points[panel.points.structure == "dense"].itertuples():
        axes.annotate("trained", (0, 100 - dense.accuracy), (4, -5), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="top", color=look("dense").text, fontsize=8.5)  # fmt: skip
    for structure, line in lines.items():
        _number_alive(axes, line, structure)


def _dead_text(points: pd.DataFrame) -> list[str]:
    """Which of the points cannot be drawn, as no path of kept weights is left; nothing if there are none."""
    dead = points[points.alive_parameters == 0].sort_values(["structure", "sparsity"])
    shares = {
        name: ", ".join(f"{100 * (1 - s):g}" for s in line.sparsity.unique())
        for name, line in dead.groupby("structure")
    }
    named = "; ".join(f"{name} with {share}% kept" for name, share in shares.items())
    return [f"No weight is alive, and no point drawn: {named}."] if named else []


def _describe_alive(panels: list[Panel], drawn: list[pd.DataFrame]) -> str:
    sentences = []
    for panel, few in zip(panels, drawn, strict=True):
        sentences.append(panel.title.replace("\n", " ") + ":")
        for structure, line in few.groupby("structure", sort=False):
            best, least = line.loc[line.accuracy.astype(float).idxmax()], line.loc[line.sparsity.idxmax()]
            sentences.append(
                f"{structure} peaks at {best.accuracy:.2f}% with {best.alive_parameters:,.0f} alive of "
                f"{best.parameters:,.0f} remaining weights; with {kept_percent(least.sparsity)}, "
                f"{least.alive_parameters:,.0f} of {least.parameters:,.0f} are alive."
            )
    return " ".join(sentences)
