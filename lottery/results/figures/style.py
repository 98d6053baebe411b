"""How all figures look, and how they are saved: SVG (for papers) and PNG (for a look)."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before pyplot: no display is needed anywhere

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from lottery.files import replaced
from lottery.pruning.run import PRUNED

# Okabe and Ito's colours: told apart by everybody, in print as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLOUR = dict(zip(PRUNED, COLOURS, strict=False)) | {"dense": "0.25"}  # of a structure of experiment 2
MARKER = dict(zip(PRUNED, "os^vP*", strict=False)) | {"dense": "D"}
STYLE: Any = {
    "figure.figsize": (5.2, 3.4),
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.hashsalt": "lottery",  # the same figure is the same file
    "svg.fonttype": "none",
}


def drawing() -> AbstractContextManager[None]:
    """In its block figures are drawn in our style upon matplotlib's defaults, whatever a matplotlibrc of the user says."""
    return plt.style.context(STYLE, after_reset=True)


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write `stem`.svg and `stem`.png and close the figure."""
    paths = [stem.with_suffix(".svg"), stem.with_suffix(".png")]
    for path in paths:
        with replaced(path) as temporary:
            metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, format=path.suffix[1:], dpi=160, metadata=metadata)
    plt.close(figure)
    return paths
