"""The figure of how many coefficients are kept per weight."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd

from lottery.results.figures.style import COLOURS, STYLE, save


def plot_cardinality(histogram: pd.DataFrame, stem: Path) -> list[Path]:
    """How many coefficients are kept for a weight."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots()
        names = list(dict.fromkeys(histogram.row))
        width = 0.8 / max(len(names), 1)
        for index, (colour, name) in enumerate(zip(COLOURS, names, strict=False)):
            part = histogram[histogram.row == name]
            mean = float((part.cardinality * part.weights).sum() / part.weights.sum())
            axes.bar(
                part.cardinality + (index - (len(names) - 1) / 2) * width,
                100 * part.weights / part.weights.sum(),
                width,
                color=colour,
                label=f"{name} (mean {mean:.2f})",
            )
        axes.axvline(1, color="black", linestyle="--", linewidth=1, label="the target's size: 1 a weight")
        axes.set_xlabel("coefficients kept for a weight (cardinality)")
        axes.set_ylabel("share of weights (%)")
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        axes.legend()
        return save(figure, stem)
