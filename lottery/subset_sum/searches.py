"""Exact searches over sorted half-sums: from a weight to the subset that serves it best.

Three kernels, one for each way the lists are used:

- `nearest_by_lookup`: for each small half-sum s, the large half-sums next to w - s, found through a
  grid.  Costs 2^small_bits look-ups a weight; the large half is paid once for all weights of a set.
- `nearest_by_sweep`: one pass up the large half and down the small half, 2^large_bits + 2^small_bits
  steps a weight.
- `fewest`: cardinality by cardinality, the nearest sum that has exactly that many coefficients, until
  one lies within epsilon.

The searches compare half-sums in float64 and are exact up to the rounding of a sum of n terms.  The error
that is reported, and held against epsilon, always comes from `masked_sum`.
"""

import numpy as np
from numba import njit

ROUNDING = 1 + 1e-9  # a half-sum's error may differ from `masked_sum`'s by rounding only


@njit(cache=True)
def masked_sum(coefficients, mask):
    """Sum of the coefficients (n,) whose bit is set in `mask`, added in index order (float64)."""
    total = 0.0
    for k in range(coefficients.size):
        if (mask >> np.uint64(k)) & np.uint64(1):
            total += coefficients[k]
    return total


@njit(cache=True)
def masked_sums(coefficients, masks, out):
    """`masked_sum` for sets (S, n) and masks (S, T) into out (S, T)."""
    for s in range(masks.shape[0]):
        for t in range(masks.shape[1]):
            out[s, t] = masked_sum(coefficients[s], masks[s, t])


@njit(cache=True)
def _joined(large_mask, small_mask, large_bits):
    return np.uint64(large_mask) | (np.uint64(small_mask) << np.uint64(large_bits))


@njit(cache=True)
def nearest_by_lookup(
    weights, coefficients, large_bits, large, large_masks, small, small_masks, cells, low, scale, epsilon, first, out
):
    """Masks of the subsets nearest to `weights` (T,), into `out` (T,) uint64.

    `first`: take the first subset met within epsilon instead of the nearest.
    """
    last = (1 << large_bits) - 1
    last_cell = np.float64(cells.size - 2)
    for t in range(weights.size):
        weight = weights[t]
        best = np.inf
        best_large = 0
        best_small = 0
        for j in range(1 << (coefficients.size - large_bits)):
            rest = weight - small[j]
            cell = np.int64(min(max((rest - low) * scale, 0.0), last_cell))
            left = np.int64(cells[cell])
            right = np.int64(cells[cell + 1])
            while right - left > 4:
                middle = (left + right) >> 1
                if large[middle] < rest:
                    left = middle + 1
                else:
                    right = middle
            while left < right and large[left] < rest:
                left += 1
            above = min(left, last)  # the first large half-sum >= rest, and the one before it
            below = max(left - 1, 0)
            error_above = abs(large[above] - rest)
            error_below = abs(large[below] - rest)
            error = min(error_above, error_below)
            if error < best:
                best = error
                best_large = below if error_below < error_above else above
                best_small = j
                if first and best <= epsilon * ROUNDING:
                    mask = _joined(large_masks[best_large], small_masks[j], large_bits)
                    if abs(masked_sum(coefficients, mask) - weight) <= epsilon:
                        break
        out[t] = _joined(large_masks[best_large], small_masks[best_small], large_bits)


@njit(cache=True)
def nearest_by_sweep(weights, coefficients, large_bits, large, large_masks, small, small_masks, epsilon, first, out):
    """`nearest_by_lookup` without a grid, by one pass over both halves for each weight."""
    size = 1 << large_bits
    for t in range(weights.size):
        weight = weights[t]
        best = np.inf
        best_large = 0
        best_small = 0
        i = 0
        j = (1 << (coefficients.size - large_bits)) - 1
        while i < size and j >= 0:
            difference = large[i] + small[j] - weight
            if abs(difference) < best:
                best = abs(difference)
                best_large = i
                best_small = j
                if first and best <= epsilon * ROUNDING:
                    mask = _joined(large_masks[i], small_masks[j], large_bits)
                    if abs(masked_sum(coefficients, mask) - weight) <= epsilon:
                        break
            below = np.int64(difference < 0.0)
            i += below
            j -= 1 - below
        out[t] = _joined(large_masks[best_large], small_masks[best_small], large_bits)


@njit(cache=True)
def _nearest_pair(weight, a, a_start, a_end, b, b_start, b_end):
    """(error, i, j) of the pair with a[i] + b[j] nearest to weight, over two sorted, not empty ranges."""
    best = np.inf
    best_i = a_start
    best_j = b_start
    a_size = a_end - a_start
    b_size = b_end - b_start
    if min(a_size, b_size) * 12 < a_size + b_size:  # a binary search for each of the few
        swap = a_size > b_size
        few, few_start, few_end = (b, b_start, b_end) if swap else (a, a_start, a_end)
        many, many_start, many_end = (a, a_start, a_end) if swap else (b, b_start, b_end)
        for f in range(few_start, few_end):
            rest = weight - few[f]
            left = many_start
            right = many_end
            while left < right:
                middle = (left + right) >> 1
                if many[middle] < rest:
                    left = middle + 1
                else:
                    right = middle
            for m in range(max(left - 1, many_start), min(left + 1, many_end)):
                error = abs(many[m] - rest)
                if error < best:
                    best = error
                    best_i, best_j = (m, f) if swap else (f, m)
        return best, best_i, best_j
    i = a_start
    j = b_end - 1
    while i < a_end and j >= b_start:
        difference = a[i] + b[j] - weight
        if abs(difference) < best:
            best = abs(difference)
            best_i = i
            best_j = j
        if difference < 0.0:
            i += 1
        else:
            j -= 1
    return best, best_i, best_j


@njit(cache=True)
def fewest(
    weights, coefficients, large_bits, large, large_masks, large_starts, small, small_masks, small_starts, epsilon, out
):
    """Masks of the smallest subsets within epsilon of `weights` (T,), ties by error, into `out` (T,).

    The halves come from `sorted_classes`.  Where no subset is within epsilon: the nearest of all.
    """
    small_bits = coefficients.size - large_bits
    for t in range(weights.size):
        weight = weights[t]
        nearest = np.inf
        for members in range(coefficients.size + 1):
            best = np.inf
            best_mask = np.uint64(0)
            for in_large in range(max(0, members - small_bits), min(large_bits, members) + 1):
                in_small = members - in_large
                error, i, j = _nearest_pair(
                    weight,
                    large,
                    large_starts[in_large],
                    large_starts[in_large + 1],
                    small,
                    small_starts[in_small],
                    small_starts[in_small + 1],
                )
                if error < best:
                    best = error
                    best_mask = _joined(large_masks[i], small_masks[j], large_bits)
            if best < nearest:
                nearest = best
                out[t] = best_mask
                if abs(masked_sum(coefficients, best_mask) - weight) <= epsilon:
                    break
