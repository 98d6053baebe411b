"""The exact solver: the optimum of every objective by meet-in-the-middle, with no tolerance and no search tree.

Shapes: S sets (1 if all weights of a row share one, else one per weight), T weights per set (in `solve_row`: per row), n
coefficients per set.
"""

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lottery.subset_sum.kernels import CELLS_PER_SUM, min_cardinality_subsets, nearest_subsets
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

# Nanoseconds to build a half-sum, to index one, per look-up and per step of a two-pointer scan, as measured by
# `python -m benchmarks.solvers --constants`.  They choose among exact algorithms.  So they can decide which of several equally
# good subsets (or, for first_feasible, of several feasible ones) is returned, never how good it is.
BUILD, INDEX, LOOKUP, SWEEP = 6.0, 5.0, 6.0, 5.0
SUPPORTED = ("min_error", "min_cardinality", "first_feasible")  # objectives with a kernel, besides exactly_K
MAX_INDEXED_BITS = 24  # limits the memory of the grid, and keeps its positions within int32


@dataclass(frozen=True)
class Plan:
    """How to search sets of n coefficients.

    large_bits: coefficients in the large half.  indexed: whether its sums are indexed by a grid.
    nanoseconds: estimated time per set.  memory: bytes.
    """

    large_bits: int
    indexed: bool
    nanoseconds: float
    memory: int


def _plans(n: int, weights: int) -> list[Plan]:
    plans = []
    balanced = (n + 1) // 2
    for large_bits in range(balanced, min(n, max(balanced, MAX_INDEXED_BITS)) + 1):
        large, small = 2**large_bits, 2 ** (n - large_bits)
        memory = 24 * (large + small)  # per half-sum: a float64, a uint32, and a spare of both
        build = BUILD * (large + small)
        plans.append(Plan(large_bits, False, build + SWEEP * (large + small) * weights, memory))
        if large_bits <= MAX_INDEXED_BITS:
            cost = build + INDEX * large + LOOKUP * small * weights
            plans.append(Plan(large_bits, True, cost, memory + 4 * CELLS_PER_SUM * large))
    return plans


def _free_memory() -> int:
    """Bytes of free memory; without psutil, which measures it, all memory of the machine."""
    try:
        import psutil
    except ModuleNotFoundError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().available)


@lru_cache(maxsize=64)
def plan(n: int, weights: int, memory: int | None = None) -> Plan:
    """The fastest plan for `weights` weights per set within `memory` bytes (None: the free memory).

    Raises SubsetSumError if no plan fits.
    """
    available = _free_memory() if memory is None else memory
    plans = _plans(n, weights)
    fitting = [p for p in plans if p.memory <= available]
    if not fitting:
        least = min(p.memory for p in plans)
        raise SubsetSumError(
            f"{n} coefficients: the exact solver needs {least / 1e9:,.1f} GB for the half-sums, {available / 1e9:,.1f} GB"
            " are free; use fewer coefficients or solver=mip"
        )
    return min(fitting, key=lambda p: p.nanoseconds)


def check_supported(objective: Objective) -> None:
    """Raise SubsetSumError for an objective without a kernel."""
    if objective not in SUPPORTED and exact_count(objective) is None:
        raise SubsetSumError(f"exact: only the MIP solvers support objective {objective}; use solver: mip or auto")


def _search(weights: np.ndarray, sets: np.ndarray, epsilon: float, objective: Objective) -> np.ndarray:
    """Masks (S, T) for weights (S, T) on sets (S, n) without zeros."""
    masks = np.zeros(weights.shape, np.uint64)
    n = sets.shape[1]
    count = exact_count(objective)
    if objective == "min_cardinality" or count is not None:
        balanced = plan(n, 0)  # a cardinality class is small: the balanced split is always the cheapest
        min_count, max_count = (0, n) if count is None else (count, count)
        min_cardinality_subsets(weights, sets, min_count, max_count, balanced.large_bits, epsilon, masks)
    else:
        best = plan(n, weights.shape[1])
        first = objective == "first_feasible"
        nearest_subsets(weights, sets, best.large_bits, best.indexed, epsilon, first, masks)
    return masks


def _scatter_bits(masks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Masks (S, T) over the n nonzero coefficients of each set -> masks over all its places.

    places: (S, n); bit j of a mask becomes bit places[s, j].
    """
    scattered = np.zeros_like(masks)
    for bit, place in enumerate(places.T.astype(np.uint64)):  # place (S,)
        scattered |= (masks >> np.uint64(bit) & np.uint64(1)) << place[:, None]  # (S, T) << (S, 1)
    return scattered


@dataclass(frozen=True)
class ExactSolver:
    """True optima, up to float64 rounding of the sums, for the `SUPPORTED` objectives and `exactly_K`; memory limits n (see `plan`).

    Sets may have different sizes: a coefficient that is exactly 0 is padding, costs nothing and is never kept.
    """

    name: str = "exact"
    block: int | None = None  # whole rows, so that the half-sums of a shared set are built only once

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and statuses (T,) uint8 for one row of weights (T,) and coefficients (n,) or (T, n).

        Raises SubsetSumError for an unsupported objective, or if memory does not suffice; see `solvers.Solver`.
        """
        check_supported(objective)
        sets = np.atleast_2d(coefficients)  # (n,) -> (1, n); or (T, n)
        per_set = (
            weights.reshape(sets.shape[0], -1) if weights.size else weights.reshape(sets.shape[0], 0)
        )  # (S, weights per set)
        masks = np.zeros(per_set.shape, np.uint64)
        sizes = np.count_nonzero(sets, axis=1)
        for size in np.unique(sizes) if masks.size else ():
            some = np.flatnonzero(sizes == size)  # indices of the sets with this number of nonzeros
            places = np.nonzero(sets[some])[1].reshape(
                some.size, size
            )  # (some * size,) -> (some, size): where they are
            members = np.take_along_axis(sets[some], places, axis=1)  # (some, size): the zeros are dropped
            masks[some] = _scatter_bits(_search(per_set[some], members, epsilon, objective), places)
        # (S, weights per set) -> (T,)
        return masks.reshape(weights.shape), np.full(weights.shape, Status.SOLVED, np.uint8)
