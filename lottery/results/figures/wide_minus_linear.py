"""The figure of how much more accurate `wide` networks are than `linear` ones of the same size."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.published import figures
from lottery.results.figures.scales import broken, difference_axis, kept_axis, kept_percent, place
from lottery.results.figures.series import ENOUGH_SEEDS, one_series, series_name
from lottery.results.figures.style import FULL, GREY, HALF, INK, drawing, heading, save
from lottery.results.tables.comparable import as_published
from lottery.results.tables.intervals import student_t

TITLE = "Wide minus linear networks by sparsity"
_HELD_OUT = "#a8447a"
_SHIFT = 0.1  # of one seed and several from each other
_NUMBERS = ["sparsity", "difference", "half"]


def half_of_difference(wide: tuple[float, int], linear: tuple[float, int]) -> float:
    """Half of the 95% interval of a difference of means (Welch), from half an interval and the seeds of each."""
    errors = [(half / student_t(seeds - 1)) ** 2 for half, seeds in (wide, linear)]
    if sum(errors) == 0:
        return 0.0
    freedom = sum(errors) ** 2 / sum(e**2 / (seeds - 1) for e, (_, seeds) in zip(errors, (wide, linear), strict=True))
    return student_t(freedom) * float(np.sqrt(sum(errors)))


def differences(points: pd.DataFrame) -> pd.DataFrame:
    """wide minus linear (points of accuracy) at each sparsity at which both are in `points`, by sparsity.

    half: of its 95% interval, where there are three seeds of both at least; else NaN.
    """
    both = [points[points.structure == name].set_index("sparsity") for name in ("wide", "linear")]
    rows = []
    for sparsity in sorted(set.intersection(*(set(curve.index) for curve in both))):
        wide, linear = (curve.loc[sparsity] for curve in both)
        enough = min(wide.seeds, linear.seeds) >= ENOUGH_SEEDS
        half = (
            half_of_difference(*((float(p.half_interval), int(p.seeds)) for p in (wide, linear))) if enough else np.nan
        )
        rows.append((float(sparsity), float(wide.accuracy) - float(linear.accuracy), half))
    return pd.DataFrame(rows, columns=_NUMBERS)


def _with_both(points: pd.DataFrame) -> pd.DataFrame:
    """Points of the networks, variants and redundancies of which both structures were run at one sparsity.

    Where a point was run with both streams of random numbers, the released one.
    """
    pruned = points[points.structure.isin(["wide", "linear"])].sort_values("stream", ascending=False, kind="stable")
    alike = ["network", "protocol", "variant", "redundancy", "sparsity"]
    pruned = pruned.drop_duplicates([*alike, "structure"]).sort_index()
    both = pruned.groupby(alike).structure.transform("nunique") == 2
    settings = ["network", "variant", "redundancy"]
    return pruned.merge(pruned.loc[both, settings].drop_duplicates(), on=settings)


def _series(points: pd.DataFrame, network: str) -> dict[str, pd.DataFrame]:
    """Differences of a network: published, and ours by protocol; only those of which there is any."""
    shown = one_series(points, network)
    found = {protocol: differences(shown[shown.protocol == protocol]) for protocol in ("published", "held_out")}
    if len(as_published(shown)):
        found["paper"] = differences(figures().query("network == @network").assign(seeds=1, half_interval=np.nan))
    return {name: rows for name, rows in found.items() if len(rows)}


def _draw(axes: Axes, found: dict[str, pd.DataFrame]) -> None:
    if "paper" in found:
        line = broken(found["paper"])
        axes.plot(
            place(line.sparsity), line.difference, color=GREY, linewidth=4, alpha=0.35, label="published, one seed"
        )
        alone = line[line.sparsity == 0]  # no line leads there
        axes.plot(place(alone.sparsity), alone.difference, "o", color=GREY, markersize=6, markeredgewidth=0, alpha=0.35)
    if "published" in found:
        line = broken(found["published"], found["paper"].sparsity if "paper" in found else None)
        axes.plot(place(line.sparsity), line.difference, color=INK, marker="o", linewidth=0.9, label="ours, one seed")
    if "held_out" in found:
        line = found["held_out"]
        bars = line.half if line.half.notna().any() else None
        axes.errorbar(place(line.sparsity) + _SHIFT, line.difference, yerr=bars, fmt="^", color=_HELD_OUT, capsize=2,
                      label="held out, mean over seeds" + (", 95% interval" if bars is not None else ""))  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.8)


def describe_wide_minus_linear(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """The figure in words: on how many sparsities wide is above linear, and where most."""
    names = {"paper": "published", "published": "one seed of ours", "held_out": "held-out seeds"}
    sentences = []
    for network, series in found.items():
        for name, words in names.items():
            if name in series:
                rows = series[name]
                most = rows.loc[rows.difference.idxmax()]
                half = f" ± {most.half:.2f}" if pd.notna(most.half) else ""
                sentences.append(
                    f"{network}, {words}: wide is more accurate than linear at {int((rows.difference > 0).sum())} of "
                    f"{len(rows)} sparsities; the difference is largest with {kept_percent(most.sparsity)}: "
                    f"{most.difference:.2f}{half} points."
                )
    return " ".join(sentences)


def plot_wide_minus_linear(points: pd.DataFrame, stem: Path) -> list[Path]:
    """Points of test accuracy that `wide` networks are above `linear` ones, networks side by side.

    points: `points.csv`.  Published and one seed of ours beside means over held-out seeds.
    """
    both = _with_both(points)
    names = [*NETWORKS, *sorted(set(both.network) - set(NETWORKS))]
    found = {name: _series(both, name) for name in names if name in set(both.network)}
    if not found:
        raise LotteryError("figure: no network has runs of both wide and linear at one sparsity")
    rows = pd.concat([rows for own in found.values() for rows in own.values()])
    ends = rows.difference.abs() + rows.half.fillna(0)
    with drawing():
        size = (HALF if len(found) == 1 else FULL, 3.6)
        figure, grid = plt.subplots(1, len(found), figsize=size, sharey=True, squeeze=False)
        heading(figure, TITLE)
        for axes, (network, own) in zip(grid[0], found.items(), strict=True):
            _draw(axes, own)
            axes.set_title(series_name(one_series(both, network), network))
            kept_axis(axes, rows.sparsity)
            axes.tick_params(labelleft=axes is grid[0, 0])
        difference_axis(grid[0, 0], ends)
        grid[0, 0].set_ylabel("wide − linear (points of accuracy)")
        handles = {
            text: handle for axes in grid[0] for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        columns = len(handles) if len(found) > 1 else 1
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=columns)
        return save(figure, stem, TITLE, describe_wide_minus_linear(found))
