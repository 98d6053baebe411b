"""The axes of experiment 2: shares of weights that are kept, and accuracies by their error."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

KEPT_TICKS = (1, 2, 5, 10, 25, 50, 75, 90, 95, 98, 99)  # percent
ACCURACY_TICKS = (0, 50, 80, 90, 95, 97, 98, 98.5, 99, 99.5, 99.9)
DIFFERENCE_TICKS = (-30, -10, -3, -1, 0, 1, 3, 10, 30)
_BETWEEN = (60, 70, 75, 85, 92, 93, 94, 96, 97.5)  # further ticks of a panel that shows little
_ALL = 6.0  # where sparsity 0 stands: all weights are kept, whose logit is infinite
_LEAST = {"y": 0.048, "x": 0.07}  # of a panel, between ticks


def place(sparsity: pd.Series) -> np.ndarray:
    """The logit of the share of weights that is kept: both cliffs of a curve are wide on it."""
    kept = 1 - sparsity.to_numpy(float)
    return np.where(kept == 1, _ALL, np.log(np.maximum(kept, 1e-9) / np.maximum(1 - kept, 1e-9)))


def broken(line: pd.DataFrame, gaps: pd.Series | None = None) -> pd.DataFrame:
    """The points of a line by sparsity, broken after sparsity 0, which has a place of its own, and at `gaps`."""
    line = line.sort_values("sparsity")
    lacking = [] if gaps is None else sorted(set(gaps) - set(line.sparsity))
    zero = [0.005] if (line.sparsity == 0).any() else []
    return pd.concat([line, pd.DataFrame({"sparsity": [*zero, *lacking]}, dtype=float)]).sort_values("sparsity")


def kept_axis(axes: Axes, sparsities: pd.Series, room: float = 0.5) -> None:
    """x: the share kept; `room` is left of the smallest share, for names of lines."""
    ticks = place(pd.Series([1 - kept / 100 for kept in KEPT_TICKS]))
    places = place(sparsities)
    low, high = float(places.min()) - room, float(places.max()) + 0.5
    shown = [
        (at, f"{kept}") for at, kept in zip(ticks, KEPT_TICKS, strict=True) if low + 0.9 * room - 0.45 <= at <= high
    ]
    if (sparsities == 0).any():
        shown.append((_ALL, "all"))
    axes.set_xticks([at for at, _ in shown], [text for _, text in shown])
    axes.set_xlim(low, high)
    axes.set_xlabel("share of the random weights kept (%)")


def _spaced(values: list[float], low: float, high: float, least: float) -> list[float]:
    """Those of `values` (the first ones first) that are apart from each other on a logarithmic axis."""
    found: list[float] = []
    for value in values:
        if low <= value <= high and all(abs(np.log(value / other)) > least * np.log(high / low) for other in found):
            found.append(value)
    return found


def error_axis(axes: Axes, accuracies: pd.Series, axis: str = "y") -> None:
    """An axis logarithmic in the error (100 - accuracy), its ticks in accuracy, the best on top (or right)."""
    known = accuracies.dropna().astype(float)
    worst, best = 100 - float(known.min()), max(100 - float(known.max()), 0.05)
    room = (worst / best) ** 0.06 * 1.05
    low, high = best / room, min(worst * room, 105)
    scaled: Axis = axes.yaxis if axis == "y" else axes.xaxis
    if axis == "y":
        axes.set_yscale("log")
        axes.set_ylim(high, low)
    else:
        axes.set_xscale("log")
        axes.set_xlim(high, low)
    further = _BETWEEN if high / low < 20 else ()
    ticks = _spaced([100.0 - accuracy for accuracy in (*ACCURACY_TICKS, *further)], low, high, _LEAST[axis])
    scaled.set_major_locator(FixedLocator(ticks))
    scaled.set_minor_locator(NullLocator())
    scaled.set_major_formatter(FuncFormatter(lambda error, _: f"{100 - error:g}"))


def difference_axis(axes: Axes, differences: pd.Series) -> None:
    """y: points of accuracy, linear to 1 and logarithmic beyond."""
    largest = max(2.0, float(differences.abs().max()))
    axes.set_yscale("symlog", linthresh=1, linscale=0.6)
    axes.set_ylim(-1.5 * largest, 1.5 * largest)
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in DIFFERENCE_TICKS if abs(tick) <= 1.5 * largest]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda points, _: f"{points:+g}".replace("-", "−") if points else "0"))


def thousands(value: float, _: object = None) -> str:
    """A count, short."""
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def count_axis(axes: Axes) -> None:
    """x: counts on a logarithmic scale."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high / low > 50 else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(thousands))
    axes.xaxis.set_minor_formatter(NullFormatter())


def plain_axis(axis: Axis, ticks: list[float]) -> None:
    """A logarithmic axis with these ticks alone, as they are."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def kept_percent(sparsity: float) -> str:
    """The share kept, in words."""
    return "all weights kept" if sparsity == 0 else f"{100 * (1 - sparsity):g}% of the weights kept"


def power_of_ten(value: float, _: object = None) -> str:
    """A tick of a logarithmic axis, in letters of one size."""
    return f"1e{round(np.log10(value))}" if value != 1 else "1"
