"""The figure of what a weight costs by each solver."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from lottery.results.figures.style import FILL, GREY, HALF, INK, drawing, heading, save

TITLE = "Time per weight on one core"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_NAMES = {"gurobi": "Gurobi", "cbc": "CBC"}


def readable_seconds(seconds: float) -> str:
    """Two digits and a unit that people read: 1.9 µs, 13 ms, 0.89 s."""
    size, unit = next((of for of in _UNITS if seconds >= 0.0995 * of[0]), _UNITS[-1])
    value = float(f"{seconds / size:.2g}")
    return f"{value:.1f} {unit}" if 1 <= value < 10 else f"{value:g} {unit}"


def _times(factor: float) -> str:
    """How many times less, for people."""
    return f"{factor / 1e6:,.2g} million × less" if factor >= 1e6 else f"{float(f'{factor:.2g}'):,.0f} × less" \
        if factor >= 10 else f"{factor:.1f} × less"  # fmt: skip


def _lines(costs: pd.DataFrame) -> pd.DataFrame:
    """label, seconds, half (of a 95% interval), reported; the paper first."""
    rows = []
    for line in costs.itertuples():
        reported, checked = "reported" in line.how, line.how.startswith("cross-check")
        if checked and line.solver == "exact":
            continue  # the same solver on a few rows
        solver = " + ".join(_NAMES.get(name, name) for name in line.solver.split("+"))
        label = f"{line.row}: {solver}" + (f" ({line.weights} weights)" if checked else "")
        seconds = line.network_core_hours * 3600 / line.weights if reported else line.seconds_per_weight
        half = np.nan if pd.isna(line.standard_error) else 1.96 * line.standard_error
        rows.append(("paper: Gurobi, as reported" if reported else label, float(seconds), half, reported))
    return pd.DataFrame(rows, columns=["label", "seconds", "half", "reported"])


def _said(shown: pd.DataFrame) -> list[str]:
    """Of each line its time, and how much less that is than the paper's."""
    paper = shown.seconds[shown.reported]
    texts = []
    for line in shown.itertuples():
        factor = float(paper.iloc[0]) / line.seconds if len(paper) and not line.reported else 1.0
        texts.append(readable_seconds(line.seconds) + (f"   {_times(factor)}" if factor > 1 else ""))
    return texts


def describe_seconds(costs: pd.DataFrame) -> str:
    """The figure in words."""
    shown = _lines(costs)
    said = (text.replace("   ", ", ") for text in _said(shown))
    return "; ".join(f"{label}: {text}" for label, text in zip(shown.label, said, strict=True)) + "."


def plot_seconds(costs: pd.DataFrame, stem: Path) -> list[Path]:
    """Measured core seconds per weight by solver on a log axis, beside the published time; bars: 95% interval of a sample."""
    shown = _lines(costs)
    with drawing():
        figure, axes = plt.subplots(figsize=(HALF, 1.1 + 0.42 * len(shown)))
        heading(figure, TITLE)
        places = np.arange(len(shown))[::-1]
        low, high = float(shown.seconds.min()) / 4, float(shown.seconds.max()) * 4
        axes.hlines(places, low, shown.seconds, color="0.8", linewidth=1, zorder=1)
        known = shown.half.notna().to_numpy()
        below = np.minimum(shown.half, shown.seconds - low)  # an interval may reach 0, which has no place here
        axes.errorbar(shown.seconds[known], places[known], xerr=[below[known], shown.half[known]], fmt="none",
                      ecolor=INK, capsize=3, linewidth=0.9)  # fmt: skip
        for colour, few in ((GREY, shown.reported.to_numpy(bool)), (FILL, ~shown.reported.to_numpy(bool))):
            axes.plot(shown.seconds[few], places[few], "o", color=colour, markersize=7)
        for line, height, text in zip(shown.itertuples(), places, _said(shown), strict=True):
            right = line.seconds < np.sqrt(low * high)
            axes.annotate(text, (line.seconds, height), (8 if right else -8, 7), textcoords="offset points",
                          ha="left" if right else "right", va="bottom" if not right else "center", fontsize=8.5)  # fmt: skip
        axes.set_yticks(places, shown.label)
        axes.set_ylim(-0.6, len(shown) - 0.2)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        decades = [10.0**power for power in range(-9, 6, 1 if high / low < 1e4 else 3)]
        axes.xaxis.set_major_locator(FixedLocator([at for at in decades if low <= at <= high]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: readable_seconds(value).replace(".0 ", " ")))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(
            "core time per weight" + ("\n(bars: 95% interval, where wider than the dot)" if known.any() else "")
        )
        axes.grid(axis="y", visible=False)
        return save(figure, stem, TITLE, describe_seconds(costs))
