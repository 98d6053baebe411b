"""The figure of how far subset sums are from their weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from lottery.records.files import read_json
from lottery.records.tensors import read_tensors
from lottery.results.figures.one_weight import plot_one_weight
from lottery.results.figures.scales import power_of_ten
from lottery.results.figures.style import FILL, HALF, INK, drawing, heading, objective_words, save

TITLE = "Distance of each subset sum from its weight"
GUROBI_TOLERANCE = 1e-6  # of the paper's solver: a sum that is nearer is no better to it
_SMALLEST = 1e-12  # drawn in place of 0
_BINS = 90  # of ten to the power of 0.13


@dataclass(frozen=True)
class Errors:
    """The errors of an approximation; `empty`: of weights that keep no coefficient, whose error is the weight itself."""

    title: str
    epsilon: float
    all: np.ndarray
    empty: np.ndarray


def _array(tensors: Mapping[str, np.ndarray], part: str) -> np.ndarray:
    return np.concatenate([array.ravel() for name, array in tensors.items() if name.endswith(f".{part}")])


def read_errors(name: str, folder: Path) -> Errors:
    """From the folder of an approximation."""
    tensors, _ = read_tensors(folder / "solution.safetensors")
    assembly, dataset = read_json(folder / "assembly.json"), read_json(folder / "evaluation.json")["dataset"]
    settings = assembly["settings"]
    errors = np.maximum(_array(tensors, "errors"), _SMALLEST)
    title = f"{name}: {objective_words(settings['objective'])}, {assembly['network']}, {dataset}"
    return Errors(title, settings["epsilon"], errors, errors[_array(tensors, "cardinality") == 0])


def _edges(epsilon: float) -> np.ndarray:
    """Logarithms from about -12 to 0, of which epsilon is one: a bar on both sides of it would look like a violation."""
    width, middle = 12 / _BINS, math.log10(epsilon)
    steps = np.arange(-math.ceil((middle + 12) / width), max(1, math.ceil(-middle / width)) + 1)
    edges: np.ndarray = middle + width * steps
    return edges


def _draw(axes: Axes, found: Errors) -> None:
    for errors, style in (
        (found.all, {"fill": True, "color": FILL}),
        (found.empty, {"hatch": "////", "edgecolor": INK, "linewidth": 0.6, "label": "no coefficient kept: |weight| itself"}),
    ):  # fmt: skip
        counts, edges = np.histogram(np.log10(errors), bins=_edges(found.epsilon))
        how: dict[str, Any] = dict(style)
        if errors.size:
            axes.stairs(100 * counts / found.all.size, 10.0**edges, **how)
    _line(axes, found.epsilon, f"ε = {found.epsilon:g}", "left", "--")
    _line(axes, float(np.median(found.all)), f"median {np.median(found.all):.1e}", "right", ":")
    axes.set_title(found.title)
    axes.set_ylabel("weights (%)")


def _line(axes: Axes, x: float, text: str, side: str, linestyle: str) -> None:
    axes.axvline(x, color=INK, linestyle=linestyle, linewidth=1)
    axes.annotate(text, (x, 1), (4 if side == "left" else -4, -2), xycoords=("data", "axes fraction"),
                  textcoords="offset points", ha=side, va="top", fontsize=8.5)  # fmt: skip


def describe_errors(found: list[Errors]) -> str:
    """The figure in words."""
    return " ".join(
        f"{one.title}: median {np.median(one.all):.1e}, largest {one.all.max():.1e}, ε is {one.epsilon:g}; "
        f"{100 * one.empty.size / one.all.size:.1f}% of the weights keep no coefficient."
        for one in found
    )


def plot_errors(folders: Mapping[str, Path], stem: Path) -> list[Path]:
    """Share of weights by |sum - weight|, on a log axis: a row per approximation, with its epsilon and median.

    Weights that keep no coefficient are hatched.  One weight of the first approximation gets a figure of its own beside it
    (STEM_one_weight).
    """
    found = [read_errors(name, folder) for name, folder in folders.items()]
    with drawing():
        figure, grid = plt.subplots(len(found), 1, figsize=(HALF, 1.0 + 1.7 * len(found)), sharex=True, squeeze=False)
        heading(figure, TITLE)
        for axes, one in zip(grid[:, 0], found, strict=True):
            _draw(axes, one)
            axes.set_ylim(top=1.25 * axes.get_ylim()[1])  # room for the words
            axes.axvline(GUROBI_TOLERANCE, color="0.6", linewidth=1, zorder=0)
        grid[-1, 0].set_xscale("log")
        grid[-1, 0].set_xlim(1e-10, 1)
        grid[-1, 0].xaxis.set_major_formatter(FuncFormatter(power_of_ten))
        grid[-1, 0].set_xlabel("|subset sum − weight|; grey line: 1e-6, the tolerance of the paper's Gurobi")
        handles, labels = next(
            (own for own in (axes.get_legend_handles_labels() for axes in grid[:, 0]) if own[0]), ([], [])
        )
        if handles:
            figure.legend(handles, labels, loc="outside lower center")
        drawn = save(figure, stem, TITLE, describe_errors(found))
    first = next(iter(folders.values()))
    return [*drawn, *plot_one_weight(first, stem.with_name(f"{stem.name}_one_weight"))]
