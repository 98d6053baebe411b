"""The exact solver: the optimum of every objective by meet-in-the-middle, with no tolerance and no search tree.

Shapes: S sets (1 if all weights of a row share one, else one per weight), T weights per set (in `solve_row`: per row), n
coefficients per set.
"""

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lottery.subset_sum.kernels import (
    CELLS_PER_SUM,
    min_cardinality_subsets,
    nearest_subsets,
    scatter_bits,
    sieved_subsets,
)
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

# Nanoseconds to build a sorted half-sum, per step of a two-pointer pass, to build an unsorted half-sum, to put a large one into
# the sieve, and to sift a small one for a weight, as measured by `python -m benchmarks.solvers --constants`.  They choose among
# exact algorithms.  So they can decide which of several equally good subsets is returned, never how good it is.
BUILD, SWEEP, ADD, PLACE, SIFT = 6.0, 5.5, 0.7, 1.6, 1.6
# Coefficients in the large half up to which a sieve stays in the processor's second-level and third-level cache.  From one to the
# other, two bits more halve its speed; with even more bits, every access waits for memory.
SECOND_LEVEL, THIRD_LEVEL, UNCACHED = 14, 18, 12.0
MIN_SMALL_BITS = 6  # of a sieve: with fewer small half-sums, several large ones share a word
MIN_LARGE_BITS, MAX_LARGE_BITS = (
    4,
    26,
)  # of a sieve: for smaller sets sorted halves are faster; cells are numbers of 32 bits
SUPPORTED = ("min_error", "min_cardinality", "first_feasible")  # objectives with a kernel, besides exactly_K


@dataclass(frozen=True)
class Plan:
    """How to search sets of n coefficients.

    large_bits: coefficients in the large half.  sieved: by a sieve over unsorted halves, or by sorted halves.
    nanoseconds: estimated time per set.  memory: bytes.
    """

    large_bits: int
    sieved: bool
    nanoseconds: float
    memory: int


def _sorted_plan(n: int, weights: int) -> Plan:
    """Equal halves, which cost the least."""
    large_bits = (n + 1) // 2
    sums = 2**large_bits + 2 ** (n - large_bits)
    # memory per half-sum: a float64, a uint32, and a spare of both
    return Plan(large_bits, False, (BUILD + SWEEP * weights) * sums, 24 * sums)


def _sieved_plan(n: int, weights: int, large_bits: int) -> Plan:
    large, small = 2**large_bits, 2 ** (n - large_bits)
    slower = UNCACHED if large_bits > THIRD_LEVEL else 2.0 ** (max(0, large_bits - SECOND_LEVEL) / 2)
    nanoseconds = ADD * (large + small) + slower * (PLACE * large + SIFT * small * weights)
    # memory per half-sum: a float64, a cell and a list entry; per large one also its words of the bitmap and their lists; and
    # sorted halves for weights for which the sieve proves nothing
    memory = 16 * (large + small) + CELLS_PER_SUM // 4 * large + _sorted_plan(n, weights).memory
    return Plan(large_bits, True, nanoseconds, memory)


def _free_memory() -> int:
    """Bytes of free memory; without psutil, which measures it, all memory of the machine."""
    try:
        import psutil
    except ModuleNotFoundError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(psutil.virtual_memory().available)


@lru_cache(maxsize=64)
def plan(n: int, weights: int, memory: int | None = None, sieve: bool = True) -> Plan:
    """The fastest plan for `weights` weights per set within `memory` bytes (None: the free memory).

    sieve: whether a sieve serves, which only finds nearest sums.  Raises SubsetSumError if no plan fits.
    """
    available = _free_memory() if memory is None else memory
    plans = [_sorted_plan(n, weights)]
    if sieve:
        large_bits = range(MIN_LARGE_BITS, min(n - MIN_SMALL_BITS, MAX_LARGE_BITS) + 1)
        plans += [_sieved_plan(n, weights, bits) for bits in large_bits]
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
    chosen = plan(n, weights.shape[1], sieve=objective == "min_error")
    if objective == "min_cardinality" or count is not None:
        min_count, max_count = (0, n) if count is None else (count, count)
        min_cardinality_subsets(weights, sets, min_count, max_count, chosen.large_bits, epsilon, masks)
    elif chosen.sieved:
        sieved_subsets(weights, sets, chosen.large_bits, masks)
    else:
        nearest_subsets(weights, sets, epsilon, objective == "first_feasible", masks)
    return masks


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
            masks[some] = scatter_bits(_search(per_set[some], members, epsilon, objective), places)
        # (S, weights per set) -> (T,)
        return masks.reshape(weights.shape), np.full(weights.shape, Status.SOLVED, np.uint8)
