"""The figure of accuracy after each epoch."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lottery.pruning.run import PRUNED
from lottery.results.figures.scales import error_axis
from lottery.results.figures.series import one_series, protocols, series_name
from lottery.results.figures.style import FULL, HALF, End, drawing, heading, label_ends, look, save

SHOWN_SPARSITIES = (0.1, 0.5, 0.95)  # of the paper's curves over epochs
# Where the name of a line that ends within a panel may stand, the first of the emptiest: offset, alignments.
_ROUND = (((7, 0), "left", "center"), ((-4, 5), "right", "bottom"), ((4, 5), "left", "bottom"),
          ((4, -5), "left", "top"), ((-4, -5), "right", "top"))  # fmt: skip
_WATCHED = {"published": "test", "held_out": "validation"}
Panels = dict[str, dict[float, pd.DataFrame]]  # by protocol and sparsity: the runs of a panel


def _nearest(available: list[float], wanted: tuple[float, ...]) -> list[float]:
    """The nearest one that was run of each wanted sparsity, once."""
    return sorted({min(available, key=lambda s: abs(s - aim)) for aim in wanted})


def _runs_of(histories: pd.DataFrame, structure: str) -> Iterator[tuple[int, pd.DataFrame]]:
    """By length: mean and range over seeds of the accuracy that the protocol watches, by epoch."""
    for length, run in histories[histories.structure == structure].groupby("epochs"):
        watched = f"{_WATCHED[run.protocol.iloc[0]]}_accuracy"
        yield int(length), run.groupby("at_epoch")[watched].agg(["mean", "min", "max"]).astype(float)


def _panels(shown: pd.DataFrame) -> Panels:
    """A row per protocol, in it a panel per sparsity that was run by it, with the trained baseline in each."""
    found: Panels = {}
    for protocol in protocols(shown):
        own = shown[shown.protocol == protocol]
        ran = sorted({float(s) for s in own.sparsity[own.structure != "dense"]})
        sparsities = _nearest(ran, SHOWN_SPARSITIES) if ran else [0.0]
        found[protocol] = {s: own[(own.sparsity == s) | (own.structure == "dense")] for s in sparsities}
    return found


def _longest(panels: Panels) -> int:
    """Epochs of the longest pruned run; of the baseline, if only that was run."""
    runs = pd.concat([runs for row in panels.values() for runs in row.values()])
    pruned = runs[runs.structure != "dense"]
    return int((pruned if len(pruned) else runs).epochs.max())


def _draw(axes: Axes, runs: pd.DataFrame, structure: str, last: int) -> list[End]:
    """Each length as its own line that ends in a marker (in the margin, if it goes on beyond `last`); names of the ends."""
    ends, style = [], look(structure)
    lengths = dict(_runs_of(runs, structure))
    for length, run in lengths.items():
        seen = run[run.index <= last]
        axes.plot(seen.index, seen["mean"].rsub(100), color=style.line, linewidth=1.1)
        axes.fill_between(seen.index, 100 - seen["min"], 100 - seen["max"], color=style.line, alpha=0.15, linewidth=0)
        end = 100 - float(run["mean"].iloc[-1])
        name = "trained" if structure == "dense" else structure
        if length > last:
            axes.plot([1.02], [end], "_", color=style.line, markersize=8, markeredgewidth=2, clip_on=False,
                      transform=axes.get_yaxis_transform())  # fmt: skip
            ends.append(End(1.04 * last, end, f"{name}, epoch {length}", style.text))
        else:
            axes.plot([length], [end], style.marker, color=style.line, clip_on=False, zorder=3)
            ends.append(End(length, end, f"{name}, {length}" if len(lengths) > 1 else name, style.text))
    return ends


def _name_inside(axes: Axes, end: End) -> None:
    """The name of a line that ends within the panel, where it covers the fewest points of lines."""
    points = np.concatenate([axes.transData.transform(line.get_xydata()) for line in axes.lines])
    texts = [
        axes.annotate(end.text, (end.x, end.y), offset, textcoords="offset points", color=end.colour, ha=ha, va=va, fontsize=8.5)
        for offset, ha, va in _ROUND
    ]  # fmt: skip
    covered = [text.get_window_extent().count_contains(points) for text in texts]
    for number, text in enumerate(texts):
        if number != np.argmin(covered):
            text.remove()


def describe_epochs(panels: Panels) -> str:
    """The figure in words: where each line ends."""
    sentences = []
    for protocol, row in panels.items():
        for sparsity, runs in row.items():
            for structure in PRUNED:
                for length, run in _runs_of(runs, structure):
                    sentences.append(
                        f"{protocol.replace('_', '-')} protocol, s = {sparsity:g}, {structure}: "
                        f"{run['mean'].iloc[-1]:.2f}% on {_WATCHED[protocol]} images after {length} epochs."
                    )
    return " ".join(sentences)


def plot_epochs(histories: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Accuracy after each epoch at up to three sparsities, a row of panels per protocol; bands: the range over seeds."""
    shown = one_series(histories[histories.perturbation.isna()], network)
    panels = _panels(shown)
    last, columns = _longest(panels), max(len(row) for row in panels.values())
    title = f"Accuracy by epochs: {series_name(shown, network)}"
    with drawing():
        figure, grid = plt.subplots(
            len(panels), columns, figsize=(HALF if columns == 1 else FULL, 0.8 + 2.5 * len(panels)), sharex=True,
            sharey="row", squeeze=False,
        )  # fmt: skip
        heading(figure, title)
        ends: dict[Axes, list[End]] = {}
        for line, (protocol, row) in zip(grid, panels.items(), strict=True):
            for axes, (sparsity, runs) in zip(line, row.items(), strict=False):
                drawn = [_draw(axes, runs, structure, last) for structure in (*PRUNED, "dense")]
                ends[axes] = [end for few in drawn for end in few]
                axes.set_title(f"{protocol.replace('_', '-')} protocol, s = {sparsity:g}", fontweight="normal")
                axes.set_xlabel("epoch")
                axes.tick_params(labelbottom=True)
            for axes in line[len(row) :]:
                axes.set_axis_off()
            every = [
                runs.groupby(["structure", "at_epoch"])[f"{_WATCHED[protocol]}_accuracy"].mean()
                for runs in row.values()
            ]
            error_axis(line[0], pd.concat(every))
            line[0].set_ylabel(f"{_WATCHED[protocol]} accuracy (%)")
        grid[0, 0].set_xlim(0 if last > 9 else 1 if last > 1 else 0, last)
        grid[0, 0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
        for axes, names in ends.items():
            label_ends(axes, [end for end in names if end.x >= last])
        for axes, names in ends.items():  # when the layout is known
            for end in names:
                if end.x < last:
                    _name_inside(axes, end)
        return save(figure, stem, title, describe_epochs(panels))
