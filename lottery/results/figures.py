"""The figures of experiment 1, drawn from finished results only."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from lottery.files import read_json
from lottery.results.style import COLOURS, drawing, save
from lottery.tensors import read_tensors


def _errors(folder: Path) -> np.ndarray:
    tensors, _ = read_tensors(folder / "solution.safetensors")
    return np.concatenate([array.ravel() for name, array in tensors.items() if name.endswith(".errors")])


def plot_errors(folders: Mapping[str, Path], stem: Path) -> list[Path]:
    """Share of weights by |sum - weight|, on a log axis, with each epsilon."""
    with drawing():
        figure, axes = plt.subplots()
        for colour, (name, folder) in zip(COLOURS, folders.items(), strict=False):
            settings = read_json(folder / "assembly.json")["settings"]
            errors = np.maximum(_errors(folder), 1e-12)
            counts, edges = np.histogram(np.log10(errors), bins=90, range=(-12, 0))
            median = float(np.median(errors))
            label = f"{name}: median {median:.1e}"
            axes.stairs(100 * counts / errors.size, 10.0**edges, label=label, color=colour, fill=True, alpha=0.5)
            axes.axvline(median, color=colour, linestyle=":", linewidth=1)
            axes.axvline(settings["epsilon"], color="black", linestyle="--", linewidth=1)
        axes.axvline(np.nan, color="black", linestyle="--", linewidth=1, label="epsilon")
        axes.set_xscale("log")
        axes.set_xlim(1e-10, 1e-1)
        axes.set_xlabel("|subset sum − weight|")
        axes.set_ylabel("share of weights (%)")
        figure.legend(loc="outside upper center", ncols=2)
        return save(figure, stem)


def plot_cardinality(histogram: pd.DataFrame, stem: Path) -> list[Path]:
    """How many coefficients are kept for a weight."""
    with drawing():
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


def plot_seconds(costs: pd.DataFrame, stem: Path) -> list[Path]:
    """Measured seconds a weight by solver, one core, on a log axis, with the published time for comparison."""
    with drawing():
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
