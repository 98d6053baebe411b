"""From counts of successes to thresholds, their uncertainty, and their growth with the bits of precision."""

from dataclasses import dataclass

import numpy as np

QUANTILE = 1.959963984540054  # of the normal distribution: two-sided 95%


def wilson(successes: np.ndarray, trials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of a probability (Wilson, JASA 22, 1927); stays inside [0, 1] and has a width also at 0 and at 1."""
    successes, trials = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    share, square = successes / trials, QUANTILE**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = QUANTILE / (1 + square / trials) * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    # At 0 and 1 the bound is exact; rounding would leave it a hair off.
    low = np.where(successes == 0, 0.0, centre - half)
    high = np.where(successes == trials, 1.0, centre + half)
    return low, high


def crossing(coefficients: np.ndarray, probability: np.ndarray, share: float) -> float:
    """The number of coefficients at which `probability` reaches `share`, on straight lines between those that were tried.

    NaN where that lies outside of what was tried.
    """
    reached = np.flatnonzero(np.asarray(probability) >= share)
    if not len(reached) or reached[0] == 0:
        return float("nan")
    after = int(reached[0])
    n, p = np.asarray(coefficients, np.float64), np.asarray(probability, np.float64)
    return float(n[after - 1] + (share - p[after - 1]) / (p[after] - p[after - 1]) * (n[after] - n[after - 1]))


@dataclass(frozen=True)
class Threshold:
    """Coefficients for success with a given probability; low and high: where the bounds of the 95% intervals cross it.

    The sets of fewer coefficients are the beginnings of those of more, so that success of a trial is for good and its
    first success a number of its own; this is the binomial interval of a quantile of that number.
    """

    coefficients: float
    low: float
    high: float


def threshold(coefficients: np.ndarray, successes: np.ndarray, trials: np.ndarray, share: float) -> Threshold:
    """From counts at each number of coefficients, ascending."""
    low, high = wilson(successes, trials)
    probability = np.asarray(successes) / np.asarray(trials)
    return Threshold(*(crossing(coefficients, curve, share) for curve in (probability, high, low)))


@dataclass(frozen=True)
class Line:
    """slope * x + intercept by least squares; standard_error: of the slope, from the scatter about the line."""

    slope: float
    intercept: float
    standard_error: float


def fit(x: np.ndarray, y: np.ndarray) -> Line:
    """Through points that are numbers; NaN where there are fewer than three of them."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3:
        return Line(float("nan"), float("nan"), float("nan"))
    spread = float(((x - x.mean()) ** 2).sum())
    slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
    intercept = float(y.mean() - slope * x.mean())
    rest = y - slope * x - intercept
    return Line(slope, intercept, float(np.sqrt((rest**2).sum() / (len(x) - 2) / spread)))
