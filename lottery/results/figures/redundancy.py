"""The figure of accuracy by redundancy: how many random weights stand in the place of one."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lottery.errors import LotteryError
from lottery.pruning.run import PRUNED
from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY
from lottery.results.figures.scales import error_axis
from lottery.results.figures.series import half_intervals, of_network, protocols, with_ends
from lottery.results.figures.style import FULL, GREY, HALF, End, drawing, heading, label_ends, look, save

_COLUMNS = 4  # panels in a row


def _varied(points: pd.DataFrame, network: str) -> pd.DataFrame:
    """Pruned networks of one variant at the sparsities at which it was run with several redundancies."""
    found = of_network(points, network)
    pruned = found[found.structure != "dense"]
    several = pruned.groupby(["variant", "sparsity"]).redundancy.transform("nunique") > 1
    if not several.any():
        raise LotteryError(f"redundancy: the runs of {network} have one redundancy only")
    varied = pruned[several]
    variant = RELEASED if RELEASED in set(varied.variant) else varied.variant.iloc[0]
    return varied[varied.variant == variant]


def describe_redundancy(shown: pd.DataFrame) -> str:
    """The figure in words: each line from its smallest to its largest redundancy."""
    sentences = []
    for (protocol, sparsity, structure), line in shown.groupby(["protocol", "sparsity", "structure"], sort=False):
        line = line.sort_values("redundancy")
        first, last = line.iloc[0], line.iloc[-1]
        sentences.append(
            f"{protocol.replace('_', '-')} protocol, s = {sparsity:g}, {structure}: {first.accuracy:.2f}% with r = "
            f"{first.redundancy}, {last.accuracy:.2f}% with r = {last.redundancy}."
        )
    return " ".join(sentences)


def plot_redundancy(points: pd.DataFrame, network: str, stem: Path) -> list[Path]:
    """Test accuracy by redundancy, a panel per protocol and sparsity that were run; the dashed line is the published r."""
    shown = _varied(points, network)
    rows: list[tuple[str, list[float]]] = []
    for protocol in protocols(shown):
        ran = sorted({float(s) for s in shown.sparsity[shown.protocol == protocol]})
        rows += [(protocol, ran[first : first + _COLUMNS]) for first in range(0, len(ran), _COLUMNS)]
    columns = max(len(sparsities) for _, sparsities in rows)
    title = f"Accuracy by redundancy: {network}, {shown.dataset.iloc[0]}"
    with drawing():
        figure, grid = plt.subplots(
            len(rows), columns, figsize=(HALF if columns == 1 else FULL, 0.8 + 2.5 * len(rows)), sharex=True,
            sharey=True, squeeze=False,
        )  # fmt: skip
        heading(figure, title)
        error_axis(grid[0, 0], with_ends(shown))
        for line, (protocol, sparsities) in zip(grid, rows, strict=True):
            line[0].set_ylabel("test accuracy (%)")
            for axes in line[len(sparsities) :]:
                axes.set_axis_off()
            for axes, sparsity in zip(line, sparsities, strict=False):
                same = shown[(shown.protocol == protocol) & (shown.sparsity == sparsity)]
                ends = []
                for structure in PRUNED:
                    own, style = same[same.structure == structure].sort_values("redundancy"), look(structure)
                    if own.empty:
                        continue
                    half = half_intervals(own)
                    r, error = own.redundancy.astype(int), 100 - own.accuracy.astype(float)
                    axes.errorbar(r, error, yerr=half if half.notna().any() else None, color=style.line,
                                  marker=style.marker, capsize=2)  # fmt: skip
                    ends.append(End(float(r.iloc[-1]), float(error.iloc[-1]), structure, style.text))
                axes.axvline(PUBLISHED_REDUNDANCY, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
                axes.set_title(f"{protocol.replace('_', '-')} protocol, s = {sparsity:g}", fontweight="normal")
                axes.set_xlabel("redundancy r")
                axes.tick_params(labelbottom=True)
                axes.set_xticks(np.unique(shown.redundancy.astype(int)))
                label_ends(axes, ends)
        return save(figure, stem, title, describe_redundancy(shown))
