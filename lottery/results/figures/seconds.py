"""The figure of what a weight costs by each solver."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lottery.results.figures.style import COLOURS, STYLE, save


def plot_seconds(costs: pd.DataFrame, stem: Path) -> list[Path]:
    """Measured seconds a weight by solver, one core, on a log axis, with the published time for comparison."""
    with plt.rc_context(STYLE):
        shown = costs[(costs.solver != "exact") | ~costs.how.str.startswith("cross-check")]
        labels, values, colours = [], [], []
        for line in shown.itertuples():
            reported = "reported" in line.how
            labels.append(
                "paper, Gurobi\n36 cores × 21.5 h"
                if reported
                else f"{line.row}, {line.solver}\n{line.how.split(',')[0]}"
            )
            values.append(line.network_core_hours * 3600 / line.weights if reported else line.seconds_per_weight)
            colours.append("0.6" if reported else COLOURS[0] if line.solver == "exact" else COLOURS[1])
        figure, axes = plt.subplots(figsize=(5.8, 0.7 + 0.45 * len(labels)))
        positions = np.arange(len(labels))[::-1]
        uncertainty = 1.96 * shown.standard_error.astype(float).to_numpy()  # NaN where there is no sample: no bar
        axes.barh(positions, values, color=colours, height=0.62, xerr=uncertainty, capsize=2, ecolor="black")
        for position, value, more in zip(positions, values, uncertainty, strict=True):
            axes.annotate(
                f"{value:.2g} s",
                (value + np.nan_to_num(more), position),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(positions, labels, fontsize=7)
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 3, max(values) * 12)
        axes.set_xlabel("core seconds a weight (log scale; bars: 95% interval of a sample's mean)")
        axes.grid(axis="y", visible=False)
        return save(figure, stem)
