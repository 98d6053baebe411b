"""The figure of one weight worked through: its random numbers, those that were kept, and what they add up to."""

from dataclasses import dataclass
from math import floor, log10
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lottery.approximation.target import read_target
from lottery.records.files import read_json
from lottery.records.provenance import find_record, read_record
from lottery.records.tensors import read_tensors
from lottery.results.figures.style import FILL, GREY, HALF, INK, drawing, heading, save

TITLE = "One weight as a sum of random numbers"


@dataclass(frozen=True)
class OneWeight:
    """Where a weight is, its coefficients in the order that they were drawn, and which of them are kept (both (n,))."""

    place: str
    weight: float
    coefficients: np.ndarray
    kept: np.ndarray
    error: float
    epsilon: float

    @property
    def sum(self) -> float:
        return float(self.coefficients[self.kept].sum())


def _target_of(folder: Path) -> Path | None:
    """The weights that an approximation was made of, as the record of `lottery assemble` names them."""
    record = find_record(folder / "network.safetensors")
    return None if record is None else Path(read_record(record)["settings"]["target"])


def read_one_weight(folder: Path) -> OneWeight | None:
    """Of the first layer of an approximation the weight of median error: half of all sums there are nearer.

    Weights with further coefficients are passed over.  None where no record names the target, as coefficients are drawn from
    the range of its weights.
    """
    path = _target_of(folder)
    if path is None or not path.is_file():
        return None
    from lottery.approximation.settings import Settings  # imports Numba, which no other figure needs

    target = read_target(path)
    assembly, (tensors, _) = read_json(folder / "assembly.json"), read_tensors(folder / "solution.safetensors")
    settings, layer = Settings(**assembly["settings"]), target.layers[0]
    masks, errors = (tensors[f"{layer.name}.{part}"] for part in ("masks", "errors"))  # (rows, columns)
    plain = np.flatnonzero(masks.ravel() >> np.uint64(settings.n - 1) <= 1)  # no bit beyond the first n coefficients
    if not plain.size:
        return None
    by_error = plain[np.argsort(errors.ravel()[plain], kind="stable")]
    row, column = divmod(int(by_error[(len(by_error) - 1) // 2]), layer.columns)
    own = settings.draw(target, 0, range(row, row + 1))[0]  # (n,) shared along the row, or (columns, n)
    coefficients = own if own.ndim == 1 else own[column]
    kept = (masks[row, column] >> np.arange(settings.n, dtype=np.uint64) & np.uint64(1)).astype(bool)
    return OneWeight(
        f"{assembly['network']}, {layer.name}, row {row}, column {column}", float(target.matrix(0)[row, column]),
        coefficients, kept, float(errors[row, column]), settings.epsilon,
    )  # fmt: skip


def _number(value: float, decimals: int = 4) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


def _in_words(found: OneWeight) -> str:
    """With as many decimals as show the error."""
    decimals = max(4, 1 - floor(log10(found.error))) if found.error else 4
    return (
        f"{found.kept.sum()} of {found.kept.size} numbers add up to {_number(found.sum, decimals)}; "
        f"the weight is {_number(found.weight, decimals)}"
    )


def describe_one_weight(found: OneWeight) -> str:
    """The figure in words."""
    numbers = ", ".join(_number(value) for value in found.coefficients[found.kept])
    return (
        f"{found.place}: {_in_words(found)}. The sum is off by {found.error:.1e}, ε is {found.epsilon:g}; half of the sums of "
        f"this layer are nearer. Kept: {numbers or 'none'}."
    )


def _draw_coefficients(axes: Axes, found: OneWeight) -> None:
    places = np.arange(1, found.kept.size + 1)
    for chosen, style in (
        (found.kept, {"color": FILL, "label": "kept"}),
        (~found.kept, {"facecolor": "none", "edgecolor": GREY, "linewidth": 0.8, "label": "left out"}),
    ):  # fmt: skip
        axes.bar(places[chosen], found.coefficients[chosen], 0.8, **style)
    axes.axhline(0, color=INK, linewidth=0.6)
    axes.set_ylabel("random number")
    axes.set_title(found.place)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)


def _draw_sum(axes: Axes, found: OneWeight) -> None:
    """The sum so far, after each number."""
    running = np.cumsum(np.where(found.kept, found.coefficients, 0))
    axes.step(np.arange(found.kept.size + 1), [0.0, *running], where="post", color=INK)
    axes.axhline(found.weight, color=INK, linestyle="--", linewidth=0.8)
    axes.plot(found.kept.size, running[-1], "o", color=INK)
    axes.annotate(
        f"weight {_number(found.weight)}", (0, found.weight), (2, 3), textcoords="offset points", ha="left", va="bottom",
        fontsize=8.5, bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.8},
    )  # fmt: skip
    axes.set_ylabel("sum so far")


def plot_one_weight(folder: Path, stem: Path) -> list[Path]:
    """The coefficients of one weight as bars, kept ones filled, and their sum step by step; nothing where none is known."""
    found = read_one_weight(folder)
    if found is None:
        print(f"{folder}: no record names its target, so no weight is drawn; `lottery assemble` writes one")
        return []
    with drawing():
        figure, (above, below) = plt.subplots(2, 1, figsize=(HALF, 3.9), sharex=True, height_ratios=(3, 2))
        heading(figure, TITLE)
        _draw_coefficients(above, found)
        _draw_sum(below, found)
        below.set_xlim(0, found.kept.size + 0.8)
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        below.set_xlabel(f"{_in_words(found)}\noff by {found.error:.1e}; ε = {found.epsilon:g}")
        return save(figure, stem, TITLE, describe_one_weight(found))
