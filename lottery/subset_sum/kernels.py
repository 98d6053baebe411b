"""The compiled kernels of the exact solver: sorted half-sums, and meet-in-the-middle searches over them.

Shapes: S sets, T weights per set, n coefficients per set.

The n coefficients of a set are split into the first `large_bits` (the *large* half) and the rest (the *small* half), so that
every subset sum is one large plus one small half-sum.  All half-sums are built in sorted order by merging, in time linear in
their number (Horowitz and Sahni, J. ACM 21(2), 1974).  Each half-sum has its subset as a bit mask (uint32, bit k for the
half's k-th coefficient).  The merges have no data-dependent branches and run from both ends at once, so a processor can overlap
two steps: this is about three times as fast as the textbook loop.

Three searches:

- `nearest_lookup`: for each small half-sum s, find the large half-sums next to w - s through a grid.  It takes 2^small_bits
  look-ups per weight; the large half and its grid are built once for all weights of a set.
- `nearest_two_pointer`: one pass up the large half and down the small half, 2^large_bits + 2^small_bits steps per weight.
- `min_cardinality`: for increasing cardinality, find the nearest sum of exactly that many coefficients, until one is within
  epsilon; or for a single cardinality.

Two more kernels compute errors of random sets for `lottery.theory`, without masks: `covering_radii` for all weights of an
interval at once, and `errors_of_cardinality` for subsets of a fixed size.

The searches compare half-sums in float64 and are exact up to the rounding of a sum of n terms.  The error that is reported
and compared with epsilon always comes from `masked_sum`.

All compiled code is in this one file: Numba checks the cache of a function against the time stamp of its own file only, so it
would keep using old code that was imported from another file.
"""

import numpy as np

from lottery.compiled import compiled

CELLS_PER_SUM = 2
ROUNDING = 1 + 1e-9  # the error of two half-sums may differ from that of `masked_sum` by rounding


@compiled
def _merge(sums, masks, start, size, other, other_size, coefficient, bit, out_sums, out_masks, out):
    """Merge the sorted sums[start:start+size] with sums[other:other+other_size] + coefficient.

    Writes sums and masks to out_sums[out:out+size+other_size] and out_masks; masks of the second list get `bit` added.
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


@compiled
def sorted_sums(coefficients, sums, masks, spare_sums, spare_masks):
    """All 2^m subset sums of `coefficients` (m,), sorted, and their masks: two arrays (2^m,).

    Each coefficient doubles the list: it merges the sums without it and the sums with it.  The four work arrays are (2^m,), and two
    of them are returned.
    """
    sums[0] = 0.0
    masks[0] = 0
    size = 1
    for k in range(coefficients.size):
        coefficient = coefficients[k]
        bit = np.uint32(1) << np.uint32(k)
        i = 0  # from the front: next sum without the coefficient, next with it
        j = 0
        u = size - 1  # from the back: next sum without the coefficient, next with it
        v = size - 1
        back = 2 * size - 1
        for front in range(size):
            without = sums[i]
            within = sums[j] + coefficient
            first = np.uint32(without <= within)
            keep = np.uint32(0) - first  # all ones or all zeros, to select without a branch
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


@compiled
def sorted_classes(coefficients, sums, masks, starts, spare_sums, spare_masks, spare_starts):
    """`sorted_sums` grouped by cardinality: sums[starts[c]:starts[c+1]] are those of the c-subsets, sorted.

    sums, masks and their spares are (2^m,), starts and its spare (m + 2,).  Returns the sums, masks and starts.
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


@compiled
def index_by_cell(sums, size, starts):
    """Index the sorted `sums` by an even grid: set starts[c] to the position of the first sum in cell c or a later cell.

    starts: (cells + 1,).  Returns (low, scale): x is in cell int((x - low) * scale), clipped to the grid.  The same expression, which
    never decreases with x, is used for sums and queries.  So rounding cannot separate a query from its neighbours.
    """
    cells = starts.size - 1
    low = sums[0]
    width = sums[size - 1] - low
    scale = cells * (1.0 - 1e-9) / width if width > 0.0 else 0.0
    if not scale < np.inf:  # the inverse of the width overflows: put everything in one cell
        scale = 0.0
    starts[:] = 0
    for position in range(size):
        starts[np.int64((sums[position] - low) * scale) + 1] = position + 1
    reached = 0
    for cell in range(cells + 1):
        reached = max(reached, starts[cell])
        starts[cell] = reached
    return low, scale


@compiled
def masked_sum(coefficients, mask):
    """Sum of the coefficients (n,) whose bit is set in `mask`, added in index order in float64."""
    total = 0.0
    for k in range(coefficients.size):
        if (mask >> np.uint64(k)) & np.uint64(1):
            total += coefficients[k]
    return total


@compiled
def masked_sums(coefficients, masks, out):
    """Write `masked_sum` for sets (S, n) and masks (S, T) into out (S, T)."""
    for s in range(masks.shape[0]):
        for t in range(masks.shape[1]):
            out[s, t] = masked_sum(coefficients[s], masks[s, t])


@compiled
def _join_masks(large_mask, small_mask, large_bits):
    """The mask (uint64) of a whole set from those of its halves."""
    return np.uint64(large_mask) | (np.uint64(small_mask) << np.uint64(large_bits))


@compiled
def nearest_lookup(
    weights, coefficients, large_bits, large, large_masks, small, small_masks, cells, low, scale, epsilon, first, out
):
    """Write the masks of the subsets nearest to `weights` (T,) into `out` (T,) uint64, by look-ups in a grid.

    coefficients: (n,).  large, large_masks: (2^large_bits,), and small, small_masks: (2^small_bits,), from `sorted_sums`.
    cells, low, scale: from `index_by_cell`.  first: take the first subset found within epsilon instead of the nearest.

    The outer loop is over small half-sums, the inner one over weights in ascending order.  So consecutive look-ups are close in
    memory, which is about twice as fast as weight by weight.
    """
    last = (1 << large_bits) - 1
    last_cell = np.float64(cells.size - 2)
    order = np.argsort(weights)
    ascending = weights[order]
    best = np.full(weights.size, np.inf)
    best_large = np.zeros(weights.size, np.int64)
    best_small = np.zeros(weights.size, np.int64)
    found = np.zeros(weights.size, np.bool_)
    for j in range(1 << (coefficients.size - large_bits)):
        for t in range(weights.size):
            if found[t]:
                continue
            rest = ascending[t] - small[j]
            cell = np.int64(min(max((rest - low) * scale, 0.0), last_cell))
            left = np.int64(cells[cell])
            right = np.int64(cells[cell + 1])
            while right - left > 2:
                middle = (left + right) >> 1
                if large[middle] < rest:
                    left = middle + 1
                else:
                    right = middle
            # The first large half-sum >= rest is at left, left + 1 or left + 2, so the nearest is one of these four.
            at = (max(left - 1, 0), min(left, last), min(left + 1, last), min(left + 2, last))
            error = min(
                min(abs(large[at[0]] - rest), abs(large[at[1]] - rest)),
                min(abs(large[at[2]] - rest), abs(large[at[3]] - rest)),
            )
            if error < best[t]:
                best[t] = error
                best_small[t] = j
                for candidate in at:
                    if abs(large[candidate] - rest) == error:
                        best_large[t] = candidate
                if first and error <= epsilon * ROUNDING:
                    mask = _join_masks(large_masks[best_large[t]], small_masks[j], large_bits)
                    found[t] = abs(masked_sum(coefficients, mask) - ascending[t]) <= epsilon
    for t in range(weights.size):
        out[order[t]] = _join_masks(large_masks[best_large[t]], small_masks[best_small[t]], large_bits)


@compiled
def nearest_two_pointer(weights, coefficients, large_bits, large, large_masks, small, small_masks, epsilon, first, out):
    """`nearest_lookup` without a grid: one two-pointer pass over both halves per weight."""
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
                    mask = _join_masks(large_masks[i], small_masks[j], large_bits)
                    if abs(masked_sum(coefficients, mask) - weight) <= epsilon:
                        break
            below = np.int64(difference < 0.0)
            i += below
            j -= 1 - below
        out[t] = _join_masks(large_masks[best_large], small_masks[best_small], large_bits)


@compiled
def _nearest_pair(weight, a, a_start, a_end, b, b_start, b_end):
    """(error, i, j) of the pair with a[i] + b[j] nearest to weight, over two sorted, nonempty ranges."""
    best = np.inf
    best_i = a_start
    best_j = b_start
    a_size = a_end - a_start
    b_size = b_end - b_start
    if min(a_size, b_size) * 12 < a_size + b_size:  # one binary search per element of the shorter range
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


@compiled
def min_cardinality(
    weights, coefficients, min_count, max_count, large_bits, large, large_masks, large_starts, small, small_masks, small_starts,
    epsilon, out,
):  # fmt: skip
    """Write the masks of the smallest subsets within epsilon of `weights` (T,) into `out` (T,), ties broken by error.

    Subsets have `min_count` to `max_count` coefficients.  If none of them is within epsilon, the nearest is taken.  The halves come
    from `sorted_classes`.
    """
    small_bits = coefficients.size - large_bits
    for t in range(weights.size):
        weight = weights[t]
        nearest = np.inf
        for members in range(min_count, min(max_count, coefficients.size) + 1):
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
                    best_mask = _join_masks(large_masks[i], small_masks[j], large_bits)
            if best < nearest:
                nearest = best
                out[t] = best_mask
                if abs(masked_sum(coefficients, best_mask) - weight) <= epsilon:
                    break


@compiled
def _buffers(bits):
    """Work arrays for the 2^bits sums of a half: sums, masks, and spares of both."""
    size = 1 << bits
    return np.empty(size), np.empty(size, np.uint32), np.empty(size), np.empty(size, np.uint32)


@compiled
def nearest_subsets(weights, coefficients, large_bits, indexed, epsilon, first, out):
    """Write the masks of the nearest (or `first` feasible) subsets for weights (S, T) on sets (S, n) into out (S, T).

    indexed: search with `nearest_lookup`, else with `nearest_two_pointer`.
    """
    small_bits = coefficients.shape[1] - large_bits
    large_buffers = _buffers(large_bits)
    small_buffers = _buffers(small_bits)
    cells = np.empty((CELLS_PER_SUM << large_bits) + 1 if indexed else 1, np.int32)
    for s in range(weights.shape[0]):
        members = coefficients[s]
        large, large_masks = sorted_sums(members[:large_bits], *large_buffers)
        small, small_masks = sorted_sums(members[large_bits:], *small_buffers)
        if indexed:
            low, scale = index_by_cell(large, 1 << large_bits, cells)
            nearest_lookup(weights[s], members, large_bits, large, large_masks, small, small_masks,
                              cells, low, scale, epsilon, first, out[s])  # fmt: skip
        else:
            nearest_two_pointer(weights[s], members, large_bits, large, large_masks, small, small_masks,
                             epsilon, first, out[s])  # fmt: skip


@compiled
def min_cardinality_subsets(weights, coefficients, min_count, max_count, large_bits, epsilon, out):
    """Write the masks of the smallest subsets within epsilon for weights (S, T) on sets (S, n) into out (S, T).

    Subsets have `min_count` to `max_count` coefficients; see `min_cardinality`.
    """
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
        min_cardinality(
            weights[s], members, min_count, max_count, large_bits, a[0], a[1], a[2], b[0], b[1], b[2], epsilon, out[s]
        )


@compiled
def _radius(left, right, low, high):
    """The largest distance from a point of [low, high] between two adjacent sums to the nearer one."""
    middle = min(max((left + right) / 2, low), high)
    return min(middle - left, right - middle)


@compiled
def covering_radii(sets, low, high, out):
    """Write the largest distance of any weight in [low, high] to its nearest subset sum, for sets (S, n), into out (S,).

    Requires low <= 0 <= high, so that the sum of the empty subset is inside.  Only sums inside the interval are visited, and they are
    not sorted: each cell of an even grid keeps its lowest and highest sum, as in Gonzalez's linear-time algorithm for the largest
    gap.  A gap within a cell is at most as wide as the cell.  So the result is exact if half a cell is at most the largest radius
    between cells; otherwise the grid is refined.
    """
    n = sets.shape[1]
    large_bits = (n + 1) // 2
    small_size = 1 << (n - large_bits)
    large_buffers = _buffers(large_bits)
    small_buffers = _buffers(n - large_bits)
    starts = np.empty(small_size, np.int64)  # large[starts[j]:ends[j]] + small[j] are inside
    ends = np.empty(small_size, np.int64)
    extremes = np.empty((16, 2))  # lowest and highest sum per cell
    for s in range(sets.shape[0]):
        large, _ = sorted_sums(sets[s, :large_bits], *large_buffers)
        small, _ = sorted_sums(sets[s, large_bits:], *small_buffers)
        below = -np.inf  # nearest sums outside
        above = np.inf
        inside = 0
        start = 1 << large_bits
        end = 1 << large_bits
        for j in range(small_size):
            while start > 0 and large[start - 1] + small[j] >= low:
                start -= 1
            while end > 0 and large[end - 1] + small[j] > high:
                end -= 1
            if start > 0:
                below = max(below, large[start - 1] + small[j])
            if end < 1 << large_bits:
                above = min(above, large[end] + small[j])
            starts[j] = start
            ends[j] = end
            inside += end - start
        cells = 16
        while (
            cells * 4 < inside
        ):  # coarse at first: the largest gap is several times the mean, and small grids are fast
            cells *= 2
        while True:
            if cells > len(extremes):
                extremes = np.empty((cells, 2))
            extremes[:cells, 0] = np.inf
            extremes[:cells, 1] = -np.inf
            scale = cells / (high - low)
            for j in range(small_size):
                for i in range(starts[j], ends[j]):
                    total = large[i] + small[j]
                    cell = min(np.int64((total - low) * scale), cells - 1)
                    extremes[cell, 0] = min(extremes[cell, 0], total)
                    extremes[cell, 1] = max(extremes[cell, 1], total)
            radius = 0.0
            previous = below
            for cell in range(cells):
                if extremes[cell, 0] < np.inf:
                    radius = max(radius, _radius(previous, extremes[cell, 0], low, high))
                    previous = extremes[cell, 1]
            radius = max(radius, _radius(previous, above, low, high))
            if 2 * radius * scale >= ROUNDING:
                break
            cells *= 2
        out[s] = radius


@compiled
def errors_of_cardinality(weights, sets, members, out):
    """Write the distance of weights (S,) to the nearest sum of exactly `members` >= 1 coefficients of sets (S, n) into out (S,).

    Enumerates all subsets of that size, which are few if `members` is small or close to n.  Infinite if members > n.
    """
    n = sets.shape[1]
    outer = members - 1  # all members but the last, which the inner loop runs over
    chosen = np.empty(members, np.int64)
    for s in range(sets.shape[0]):
        best = np.inf
        for place in range(outer):
            chosen[place] = place
        while members <= n:
            rest = weights[s]
            for place in range(outer):
                rest -= sets[s, chosen[place]]
            for last in range(chosen[outer - 1] + 1 if outer else 0, n):
                best = min(best, abs(sets[s, last] - rest))
            place = outer - 1
            while place >= 0 and chosen[place] == n - members + place:
                place -= 1
            if place < 0:
                break
            chosen[place] += 1
            for later in range(place + 1, outer):
                chosen[later] = chosen[later - 1] + 1
        out[s] = best
