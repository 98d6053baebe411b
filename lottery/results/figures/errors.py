"""The figure of how far subset sums are from their weights."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from lottery.files import read_json
from lottery.results.figures.style import COLOURS, STYLE, save
from lottery.tensors import read_tensors


def _errors(folder: Path) -> np.ndarray:
    tensors, _ = read_tensors(folder / "solution.safetensors")
    return np.concatenate([array.ravel() for name, array in tensors.items() if name.endswith(".errors")])


def plot_errors(folders: Mapping[str, Path], stem: Path) -> list[Path]:
    """Share of weights by |sum - weight|, on a log axis, with each epsilon."""
    with plt.rc_context(STYLE):
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
