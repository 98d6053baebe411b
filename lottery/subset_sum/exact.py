"""The exact solver: the optimum of every objective by meet-in-the-middle, with no tolerance and no search tree."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import psutil
from numba import njit

from lottery.subset_sum.half_sums import index_by_cell, sorted_classes, sorted_sums
from lottery.subset_sum.problem import Objective, Status, SubsetSumError
from lottery.subset_sum.searches import fewest, nearest_by_lookup, nearest_by_sweep

# Nanoseconds to build a half-sum, to index one, for a look-up and for a step of a sweep, as measured by
# `python -m benchmarks.solvers --constants`.  They choose among exact ways: they can decide which of several equally
# good subsets (or, for first_feasible, of several feasible ones) is returned, never how good it is.
BUILD, INDEX, LOOKUP, SWEEP = 6.0, 7.0, 8.0, 5.0
CELLS_PER_SUM = 4
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


@lru_cache(maxsize=64)
def plan(n: int, weights: int, memory: int | None = None) -> Plan:
    """The cheapest plan for `weights` weights a set within `memory` bytes (default: what the machine has free)."""
    available = psutil.virtual_memory().available if memory is None else memory
    plans = _plans(n, weights)
    fitting = [p for p in plans if p.memory <= available]
    if not fitting:
        least = min(p.memory for p in plans)
        raise SubsetSumError(
            f"{n} coefficients: the exact solver needs {least / 1e9:,.1f} GB for the half-sums, {available / 1e9:,.1f} GB"
            " are free; take fewer coefficients or solver=mip"
        )
    return min(fitting, key=lambda p: p.nanoseconds)


@njit(cache=True)
def _buffers(bits):
    size = 1 << bits
    return np.empty(size), np.empty(size, np.uint32), np.empty(size), np.empty(size, np.uint32)


@njit(cache=True)
def _nearest(weights, coefficients, large_bits, cells_per_sum, epsilon, first, out):
    """Nearest (or `first`) subsets for weights (S, T) on sets (S, n), into out (S, T); no index if cells_per_sum is 0."""
    small_bits = coefficients.shape[1] - large_bits
    large_buffers = _buffers(large_bits)
    small_buffers = _buffers(small_bits)
    cells = np.empty((cells_per_sum << large_bits) + 1, np.int32)
    for s in range(weights.shape[0]):
        members = coefficients[s]
        large, large_masks = sorted_sums(members[:large_bits], *large_buffers)
        small, small_masks = sorted_sums(members[large_bits:], *small_buffers)
        if cells_per_sum > 0:
            low, scale = index_by_cell(large, 1 << large_bits, cells)
            nearest_by_lookup(weights[s], members, large_bits, large, large_masks, small, small_masks,
                              cells, low, scale, epsilon, first, out[s])  # fmt: skip
        else:
            nearest_by_sweep(weights[s], members, large_bits, large, large_masks, small, small_masks,
                             epsilon, first, out[s])  # fmt: skip


@njit(cache=True)
def _fewest(weights, coefficients, large_bits, epsilon, out):
    small_bits = coefficients.shape[1] - large_bits
    large, large_masks, spare, spare_masks = _buffers(large_bits)
    small, small_masks, small_spare, small_spare_masks = _buffers(small_bits)
    large_starts = np.empty((2, large_bits + 2), np.int64)
    small_starts = np.empty((2, small_bits + 2), np.int64)
    for s in range(weights.shape[0]):
        members = coefficients[s]
        a = sorted_classes(
            members[:large_bits], large, large_masks, large_starts[0], spare, spare_masks, large_starts[1]
        )
        b = sorted_classes(members[large_bits:], small, small_masks, small_starts[0], small_spare, small_spare_masks,
                           small_starts[1])  # fmt: skip
        fewest(weights[s], members, large_bits, a[0], a[1], a[2], b[0], b[1], b[2], epsilon, out[s])


@dataclass(frozen=True)
class ExactSolver:
    """True optima (up to float64 rounding of the sums) for any objective; see `plan` for what limits n."""

    name: str = "exact"
    block: int | None = None  # a whole row at once: the half-sums of its set are built only once

    def solve_row(self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective):
        """Masks (T,) uint64 and statuses (T,) uint8 for one row; see `solvers.Solver`."""
        sets = np.atleast_2d(coefficients)
        per_set = weights.reshape(sets.shape[0], -1) if weights.size else weights.reshape(sets.shape[0], 0)
        masks = np.zeros(per_set.shape, np.uint64)
        n = sets.shape[1]
        if masks.size:
            if objective == "min_cardinality":
                balanced = plan(n, 0)  # a cardinality class is small: the balanced split is always the cheapest
                _fewest(per_set, sets, balanced.large_bits, epsilon, masks)
            else:
                best = plan(n, per_set.shape[1])
                cells = CELLS_PER_SUM if best.indexed else 0
                _nearest(per_set, sets, best.large_bits, cells, epsilon, objective == "first_feasible", masks)
        return masks.reshape(weights.shape), np.full(weights.shape, Status.SOLVED, np.uint8)
