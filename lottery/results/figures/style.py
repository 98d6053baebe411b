"""How all figures look, and how they are saved: SVG (for papers) and PNG (for a look)."""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import matplotlib

matplotlib.use("Agg")  # before pyplot: no display is needed anywhere

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.pruning.run import PRUNED
from lottery.records.files import atomic_write, write_text

HALF, FULL = 5.6, 11.2  # inches: the only two widths, so that text has one size on a page
INK, GREY, BAD = "#262626", "#6b7178", "#8b1a1a"
FILL = "#7a8fa6"  # of bars and dots that need no name
PALE: dict[str, Any] = {"linewidth": 4, "alpha": 0.22, "zorder": 1.5}  # what was published


class Look(NamedTuple):
    """Of what has a name: the colour of its lines, a darker one for text (5.2 against white at least), a marker."""

    line: str
    text: str
    marker: str


# Okabe and Ito's colours belong to structures: told apart by everybody, in print as well.
_STRUCTURES = (
    Look("#0072B2", "#005a8c", "o"),
    Look("#D55E00", "#b34e00", "s"),
    Look("#009E73", "#00785a", "^"),
    Look("#CC79A7", "#9c4f7c", "v"),
    Look("#8a6000", "#8a6000", "P"),
)
_OTHERS = {
    "dense": Look(INK, INK, "D"),
    "min_error": Look("#6a3d9a", "#6a3d9a", "o"),
    "first_feasible": Look("#1b7281", "#1b7281", "D"),
    "min_cardinality": Look("#8a6000", "#8a6000", "s"),
    "exactly": Look("#a8447a", "#a8447a", "^"),
    "magnitude": Look(GREY, GREY, "x"),
    "uniform coefficients": Look(INK, INK, "o"),
    "product coefficients": Look("#6a3d9a", "#6a3d9a", "s"),
    "relu coefficients": Look("#8a6000", "#8a6000", "^"),
    "relu_pair coefficients": Look("#a8447a", "#a8447a", "v"),
    "hyperbolic coefficients": Look("#1b7281", "#1b7281", "D"),
}
LOOKS = dict(zip(PRUNED, _STRUCTURES, strict=False)) | _OTHERS
STYLE: Any = {
    "figure.figsize": (HALF, 3.4),
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 4,
    "svg.hashsalt": "lottery",  # the same figure is the same file
    "svg.fonttype": "none",
}


def drawing() -> AbstractContextManager[None]:
    """In its block figures are drawn in our style upon matplotlib's defaults, whatever a matplotlibrc of the user says."""
    return plt.style.context(STYLE, after_reset=True)


def look(name: str) -> Look:
    """Of a structure, an objective or a kind of coefficients; ink for those that have none of their own."""
    return LOOKS.get("exactly" if name.startswith("exactly_") else name, Look(INK, INK, "o"))


def objective_words(objective: str) -> str:
    """An objective as people say it."""
    if objective.startswith("exactly_"):
        return f"exactly {objective.removeprefix('exactly_')} coefficients"
    words = {
        "min_error": "nearest sum",
        "min_cardinality": "fewest coefficients",
        "first_feasible": "first sum within ε",
        "magnitude": "target pruned by magnitude",
    }
    return words.get(objective, objective.replace("_", " "))


def shades(count: int) -> list[Any]:
    """Colours of an ordered quantity, from dark to light; viridis beyond 0.75 is too pale for lines on white."""
    return list(plt.get_cmap("viridis")(np.linspace(0, 0.75, count)))


def darker(shade: Sequence[float]) -> tuple[float, ...]:
    """A shade for text."""
    return tuple(0.6 * part for part in shade[:3])


def heading(figure: Figure, text: str) -> None:
    """The title of a figure of several panels."""
    figure.suptitle(text, x=0.006, ha="left", fontsize=10, fontweight="bold")


class End(NamedTuple):
    """Where a line ends (in data), and what is said there."""

    x: float
    y: float
    text: str
    colour: Any


def label_ends(axes: Axes, ends: Sequence[End], left: bool = False, gap: float = 10.5) -> None:
    """Names at the ends of lines, `gap` points apart at least.  Call it when the limits of the axes are set."""
    from scipy.optimize import isotonic_regression

    if not ends:
        return
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]  # the layout decides how far apart lines are
    points = 72 / axes.figure.dpi
    low, high = (edge * points for edge in axes.bbox.intervaly)
    found = sorted(
        (min(max(float(axes.transData.transform((end.x, end.y))[1]) * points, low + 4), high), end) for end in ends
    )
    steps = gap * np.arange(len(found))
    placed = isotonic_regression(np.array([height for height, _ in found]) - steps).x + steps
    placed += max(0.0, low + 4 - float(placed[0])) - max(0.0, float(placed[-1]) - high)  # within the panel
    for (_, end), height in zip(found, placed, strict=True):
        own = float(axes.transData.transform((end.x, end.y))[1]) * points
        axes.annotate(
            end.text, (end.x, end.y), (-7 if left else 7, height - own), textcoords="offset points", color=end.colour,
            ha="right" if left else "left", va="center", fontsize=8.5, annotation_clip=False,
            bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 0.8},
        )  # fmt: skip


def _with_words(svg: str, title: str, description: str) -> str:
    """An SVG that says what it shows to those who do not see it."""
    start = svg.index("<svg ")
    end = svg.index(">", start) + 1
    words = f"\n <title>{escape(title)}</title>\n <desc>{escape(description)}</desc>"
    return f'{svg[:start]}<svg role="img" {svg[start + 5 : end]}{words}{svg[end:]}'


def save(figure: Figure, stem: Path, title: str, description: str) -> list[Path]:
    """Write `stem`.svg, with a title and what it shows in words, and `stem`.png; close the figure."""
    paths = [stem.with_suffix(".svg"), stem.with_suffix(".png")]
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    write_text(paths[0], _with_words(drawn.getvalue(), title, description))
    with atomic_write(paths[1]) as temporary:
        figure.savefig(temporary, format="png", dpi=160, metadata={"Software": None})
    plt.close(figure)
    return paths
