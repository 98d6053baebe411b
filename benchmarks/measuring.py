"""How a benchmark of the solvers takes time, and what a measurement is."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Measurement:
    """A line of the CSV: seconds a weight, their median and quartiles (low, high)."""

    section: str
    case: str
    n: int
    weights: int
    seconds_per_weight: float
    low: float
    high: float
    note: str = ""

    @classmethod
    def of(cls, section: str, case: str, n: int, weights: int, seconds: ArrayLike, note: str = "") -> "Measurement":
        """From seconds a weight, run by run or weight by weight; `weights`: how many were solved."""
        low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
        return cls(section, case, n, weights, float(median), float(low), float(high), note)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def elapsed(call: Callable[[], object], loops: int = 1) -> float:
    """Seconds of one call, the mean of `loops`."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def clock(call: Callable[[], object], runs: int, budget: float) -> np.ndarray:
    """Seconds of a call, run by run: `runs` of them, fewer where the budget ends first; short calls are looped."""
    first = elapsed(call)
    if first > budget / 2:
        return np.array([first])
    loops = max(1, int(0.01 / first))
    return np.array([elapsed(call, loops) for _ in range(min(runs, max(1, int(budget / first) - 1)))])
