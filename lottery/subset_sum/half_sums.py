"""Sorted subset sums of half a coefficient set: the lists that the exact searches meet in.

The n coefficients of a set are split in two, the first `large_bits` of them (the *large* half) and the
rest (the *small* half), so that every subset sum is one large plus one small half-sum.  All half-sums
are built sorted by merging, in time linear in their number (Horowitz and Sahni, J. ACM 21(2), 1974).
A half-sum carries its subset as a bit mask (uint32, bit k for the half's k-th coefficient).

The merges are free of branches that depend on the data, and run from both ends at once, so that a
processor can overlap two steps: about three times as fast as the textbook loop.
"""

import numpy as np
from numba import njit


@njit(cache=True)
def _merge(sums, masks, start, size, other, other_size, coefficient, bit, out_sums, out_masks, out):
    """Merge the sorted sums[start:start+size] with sums[other:other+other_size] + coefficient.

    The result goes to out_sums[out:out+size+other_size], the masks of the second list gain `bit`.
    """
    total = size + other_size
    i = start
    j = other
    i_end = start + size
    j_end = other + other_size
    for position in range(out, out + total):
        if i == i_end or (j < j_end and sums[j] + coefficient < sums[i]):
            out_sums[position] = sums[j] + coefficient
            out_masks[position] = masks[j] | bit
            j += 1
        else:
            out_sums[position] = sums[i]
            out_masks[position] = masks[i]
            i += 1


@njit(cache=True)
def sorted_sums(coefficients, sums, masks, spare_sums, spare_masks):
    """All 2^m subset sums of `coefficients` (m,), sorted, with their masks.

    Each coefficient doubles the list: the sums without it, merged with the sums with it.  The four
    work arrays have 2^m places; the pair of them that holds the result is returned.
    """
    sums[0] = 0.0
    masks[0] = 0
    size = 1
    for k in range(coefficients.size):
        coefficient = coefficients[k]
        bit = np.uint32(1) << np.uint32(k)
        i = 0  # next from the front: without the coefficient, with it
        j = 0
        u = size - 1  # next from the back
        v = size - 1
        back = 2 * size - 1
        for front in range(size):
            without = sums[i]
            within = sums[j] + coefficient
            first = np.uint32(without <= within)
            keep = np.uint32(0) - first  # all ones or all zeros: a select without a branch
            spare_sums[front] = min(without, within)
            spare_masks[front] = (masks[i] & keep) | ((masks[j] | bit) & ~keep)
            i += np.int64(first)
            j += 1 - np.int64(first)

            without = sums[u]
            within = sums[v] + coefficient
            first = np.uint32(without <= within)
            keep = np.uint32(0) - first
            spare_sums[back - front] = max(without, within)
            spare_masks[back - front] = (masks[u] & ~keep) | ((masks[v] | bit) & keep)
            v -= np.int64(first)
            u -= 1 - np.int64(first)
        size *= 2
        sums, spare_sums = spare_sums, sums
        masks, spare_masks = spare_masks, masks
    return sums, masks


@njit(cache=True)
def sorted_classes(coefficients, sums, masks, starts, spare_sums, spare_masks, spare_starts):
    """`sorted_sums` grouped by cardinality: class c, sums[starts[c]:starts[c+1]], holds the c-subsets, sorted.

    `starts` has m + 2 places.  Returns the three arrays that hold the result.
    """
    sums[0] = 0.0
    masks[0] = 0
    starts[0] = 0
    starts[1] = 1
    for k in range(coefficients.size):
        bit = np.uint32(1) << np.uint32(k)
        position = 0
        for members in range(k + 2):
            spare_starts[members] = position
            start = starts[members] if members <= k else 0
            size = starts[members + 1] - start if members <= k else 0
            fewer = starts[members - 1] if members > 0 else 0
            fewer_size = starts[members] - fewer if members > 0 else 0
            _merge(sums, masks, start, size, fewer, fewer_size, coefficients[k], bit, spare_sums, spare_masks, position)
            position += size + fewer_size
        spare_starts[k + 2] = position
        sums, spare_sums = spare_sums, sums
        masks, spare_masks = spare_masks, masks
        starts, spare_starts = spare_starts, starts
    return sums, masks, starts


@njit(cache=True)
def index_by_cell(sums, size, starts):
    """Lay an even grid over the sorted `sums`: starts[c] is the first sum in cell c or a later one.

    Returns (low, scale): x belongs to cell int((x - low) * scale), clipped to the grid.  The same
    expression places sums and queries and never decreases with x, so rounding cannot separate a query
    from its neighbours.
    """
    cells = starts.size - 1
    low = sums[0]
    width = sums[size - 1] - low
    scale = cells * (1.0 - 1e-9) / width if width > 0.0 else 0.0
    if not scale < np.inf:  # a width whose inverse overflows: everything in one cell
        scale = 0.0
    starts[:] = 0
    for position in range(size):
        starts[np.int64((sums[position] - low) * scale) + 1] = position + 1
    reached = 0
    for cell in range(cells + 1):
        reached = max(reached, starts[cell])
        starts[cell] = reached
    return low, scale
