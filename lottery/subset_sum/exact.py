"""The exact solver: the optimum of every objective by meet-in-the-middle, with no tolerance and no search tree."""

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lottery.subset_sum.kernels import CELLS_PER_SUM, fewest_subsets, nearest_subsets
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

# Nanoseconds to build a half-sum, to index one, for a look-up and for a step of a sweep, as measured by
# `python -m benchmarks.solvers --constants`.  They choose among exact ways: they can decide which of several equally
# good subsets (or, for first_feasible, of several feasible ones) is returned, never how good it is.
BUILD, INDEX, LOOKUP, SWEEP = 6.0, 5.0, 6.0, 5.0
SUPPORTED = ("min_error", "min_cardinality", "first_feasible")  # the objectives that there is a kernel for
MOST_INDEXED_BITS = 24  # beyond, the grid's int32 positions and the caches are both strained


@dataclass(frozen=True)
class Plan:
    """A way to search sets of n coefficients: how they are split, whether the large half is indexed, what it costs."""

    large_bits: int
    indexed: bool
    nanoseconds: float
    memory: int


def _plans(n: int, weights: int) -> list[Plan]:
    plans = []
    balanced = (n + 1) // 2
    for large_bits in range(balanced, min(n, max(balanced, MOST_INDEXED_BITS)) + 1):
        large, small = 2**large_bits, 2 ** (n - large_bits)
        memory = 24 * (large + small)  # a float64, a uint32 and a spare of both for each half-sum
        build = BUILD * (large + small)
        plans.append(Plan(large_bits, False, build + SWEEP * (large + small) * weights, memory))
        if large_bits <= MOST_INDEXED_BITS:
            cost = build + INDEX * large + LOOKUP * small * weights
            plans.append(Plan(large_bits, True, cost, memory + 4 * CELLS_PER_SUM * large))
    return plans


def _free_memory() -> int:
    """Bytes that are free, or all that the machine has where nothing installed tells them apart."""
    try:
        import psutil
    except ModuleNotFoundError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().available)


@lru_cache(maxsize=64)
def plan(n: int, weights: int, memory: int | None = None) -> Plan:
    """The cheapest plan for `weights` weights a set within `memory` bytes (default: what the machine has free)."""
    available = _free_memory() if memory is None else memory
    plans = _plans(n, weights)
    fitting = [p for p in plans if p.memory <= available]
    if not fitting:
        least = min(p.memory for p in plans)
        raise SubsetSumError(
            f"{n} coefficients: the exact solver needs {least / 1e9:,.1f} GB for the half-sums, {available / 1e9:,.1f} GB"
            " are free; take fewer coefficients or solver=mip"
        )
    return min(fitting, key=lambda p: p.nanoseconds)


def check(objective: Objective) -> None:
    """Refuses an objective that there is no kernel for."""
    if objective not in SUPPORTED and exact_count(objective) is None:
        raise SubsetSumError(f"exact: objective {objective} is only for the MIP solvers; take solver: mip or auto")


def _search(weights: np.ndarray, sets: np.ndarray, epsilon: float, objective: Objective) -> np.ndarray:
    """Masks (S, T) for weights (S, T) on sets (S, n) of one size."""
    masks = np.zeros(weights.shape, np.uint64)
    n = sets.shape[1]
    count = exact_count(objective)
    if objective == "min_cardinality" or count is not None:
        balanced = plan(n, 0)  # a cardinality class is small: the balanced split is always the cheapest
        least, most = (0, n) if count is None else (count, count)
        fewest_subsets(weights, sets, least, most, balanced.large_bits, epsilon, masks)
    else:
        best = plan(n, weights.shape[1])
        first = objective == "first_feasible"
        nearest_subsets(weights, sets, best.large_bits, best.indexed, epsilon, first, masks)
    return masks


def _spread(masks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Masks (S, T) over the members of each set -> masks over all its places, places (S, members)."""
    spread = np.zeros_like(masks)
    for bit, place in enumerate(places.T.astype(np.uint64)):
        spread |= (masks >> np.uint64(bit) & np.uint64(1)) << place[:, None]
    return spread


@dataclass(frozen=True)
class ExactSolver:
    """True optima (up to float64 rounding of the sums) for the `SUPPORTED` objectives and `exactly_K`; see `plan` for what limits n.

    Sets may be ragged: a coefficient that is exactly 0 fills a place, costs nothing and is never kept.
    """

    name: str = "exact"
    block: int | None = None  # a whole row at once: the half-sums of its set are built only once

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and statuses (T,) uint8 for one row; see `solvers.Solver`."""
        check(objective)
        sets = np.atleast_2d(coefficients)
        per_set = weights.reshape(sets.shape[0], -1) if weights.size else weights.reshape(sets.shape[0], 0)
        masks = np.zeros(per_set.shape, np.uint64)
        sizes = np.count_nonzero(sets, axis=1)
        for size in np.unique(sizes) if masks.size else ():
            some = np.flatnonzero(sizes == size)
            places = np.nonzero(sets[some])[1].reshape(some.size, size)
            members = np.take_along_axis(sets[some], places, axis=1)
            masks[some] = _spread(_search(per_set[some], members, epsilon, objective), places)
        return masks.reshape(weights.shape), np.full(weights.shape, Status.SOLVED, np.uint8)
