"""The compiled kernels of the exact solver: half-sums, and meet-in-the-middle searches over them.

Shapes: S sets, T weights per set, n coefficients per set.

The n coefficients of a set are split into the first `large_bits` (the *large* half) and the rest (the *small* half), so that
every subset sum is one large plus one small half-sum (Horowitz and Sahni, J. ACM 21(2), 1974).  A half-sum's subset is a bit mask
(uint32, bit k for the half's k-th coefficient).

Three searches:

- `nearest_sieved`: a weight w needs a large half-sum next to w - s, for some small half-sum s.  A bitmap of the places where
  large half-sums are answers within a nanosecond for nearly every s that there is none.  Only the others are compared.  Half-sums
  are neither sorted nor have stored masks: the place of a sum is its mask.
- `nearest_two_pointer`: one pass up the sorted large half and down the sorted small half, 2^large_bits + 2^small_bits steps per
  weight.  For the first feasible subset, small sets, and weights for which the sieve proves nothing.
- `min_cardinality`: for increasing cardinality, find the nearest sum of exactly that many coefficients, until one is within
  epsilon; or for a single cardinality.

Sorted half-sums are built by merging.  The merges have no data-dependent branches and run from both ends at once, so a processor
can overlap two steps: this is about three times as fast as the textbook loop.

Two more kernels compute errors of random sets for `lottery.theory`, without masks: `covering_radii` for all weights of an
interval at once, and `errors_of_cardinality` for subsets of a fixed size.

The searches compare half-sums in float64 and are exact up to the rounding of a sum of n terms.  The error that is reported
and compared with epsilon always comes from `masked_sum`.

All compiled code is in this one file: Numba checks the cache of a function against the time stamp of its own file only, so it
would keep using old code that was imported from another file.
"""

import numpy as np

from lottery.compiled import compiled

# Of the sieve; see `nearest_sieved`.
CELLS_PER_SUM = 64  # two words of 32 cells for each large half-sum
REACH = 1.4  # cells: ring 0 misses no pair with an error up to that; without rounding it would be 1.5
RINGS = 8  # at most
ENOUGH = 4.0  # pairs of half-sums that a weight should expect in ring 0
MOST_SUMS = (
    2.0**40
)  # counted when cells are made, to keep them so wide that rounding moves a sum by a small part of one

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
def scatter_bits(masks, places):
    """Masks (S, T) over some coefficients of each set -> masks over all of them.

    places: (S, n), indices of those n; bit j of a mask becomes bit places[s, j].
    """
    scattered = np.zeros_like(masks)
    for s in range(masks.shape[0]):
        for t in range(masks.shape[1]):
            for bit in range(places.shape[1]):
                kept = (masks[s, t] >> np.uint64(bit)) & np.uint64(1)
                scattered[s, t] |= kept << np.uint64(places[s, bit])
    return scattered


@compiled
def _join_masks(large_mask, small_mask, large_bits):
    """The mask (uint64) of a whole set from those of its halves."""
    return np.uint64(large_mask) | (np.uint64(small_mask) << np.uint64(large_bits))


@compiled
def unsorted_sums(coefficients, sums):
    """Write all 2^m subset sums of `coefficients` (m,), added in index order, into sums (2^m,) by mask."""
    sums[0] = 0.0
    for k in range(coefficients.size):
        size = 1 << k
        for mask in range(size):
            sums[size + mask] = sums[mask] + coefficients[k]


@compiled
def cells_of(sums, scale, cells):
    """Write the cell of each of `sums` (m,) on an even grid, modulo 2^32, into cells (m,) uint32.  scale: cells per unit."""
    for position in range(sums.size):
        cells[position] = np.uint32(np.int64(np.floor(sums[position] * scale)))


@compiled
def fill_sieve(cells, bitmap, heads, followers):
    """Put the large half-sums into the sieve: set the bits within two cells of each, and link those of one word to a list.

    cells: (2^large_bits,) uint32, from `cells_of`.  bitmap: (words,) uint32, with bit c % 32 of word c // 32 % words for cell c, so
    that a grid of any size fits; words is a power of two.  heads: (words,) int32, the first half-sum of each word's list, or -1.
    followers: (2^large_bits,) int32, the half-sum after each one in its list, or -1.
    """
    bitmap[:] = 0
    heads[:] = -1
    last = np.uint32(bitmap.size - 1)
    for i in range(cells.size):
        word = (cells[i] >> np.uint32(5)) & last
        bitmap[word] |= np.uint32(1) << (cells[i] & np.uint32(31))
        followers[i] = heads[word]
        heads[word] = i
    first = bitmap[0]
    before = bitmap[last]
    for word in range(bitmap.size - 1):
        here = bitmap[word]
        bitmap[word] = _widened(before, here, bitmap[word + 1])
        before = here
    bitmap[last] = _widened(before, bitmap[last], first)


@compiled
def _widened(before, here, after):
    """The bits of the word `here`, and those within two places of them or of the bits in the words before and after."""
    one = np.uint32(1)
    two = np.uint32(2)
    near = here | here << one | here << two | here >> one | here >> two
    return np.uint32(
        near | before >> np.uint32(31) | before >> np.uint32(30) | after << np.uint32(31) | after << np.uint32(30)
    )


@compiled
def sift(cell, cells, bitmap, passed):
    """Write the places j of small half-sums for which the bit of `cell` - cells[j] is set into `passed`; returns how many.

    cells: (2^small_bits,) uint32.  passed: (2^small_bits + 1,) uint32.  Every j is written and only counted if it passes, as a branch
    would often be predicted wrong.
    """
    last = np.uint32(bitmap.size - 1)
    count = 0
    for j in range(cells.size):
        wanted = cell - cells[j]
        passed[count] = j
        count += np.int64((bitmap[(wanted >> np.uint32(5)) & last] >> (wanted & np.uint32(31))) & np.uint32(1))
    return count


@compiled
def nearest_sieved(weight, scale, large, small, small_cells, bitmap, heads, followers, passed, patience):
    """(error, i, j) of large[i] + small[j] nearest to `weight`; the error is infinite if the sieve proves no optimum.

    Let a, b and c be the cells of large[i], of small[j] and of the weight less half a cell.  Rounding down to cells moves
    a + b - c by less than 1.5.  Ring r of the search compares all pairs with a + b - c within 2 of 5 r or of -5 r.  So after
    ring r, no pair with an error of up to 5 r + 1.5 cells was missed, and a best pair that near is the optimum.  `REACH` instead
    of 1.5 leaves room for the rounding of float64.

    scale: cells per unit.  large, small: from `unsorted_sums`.  small_cells: from `cells_of`.  bitmap, heads, followers: from
    `fill_sieve`.  passed: see `sift`.  patience: how many pairs are compared before the search gives up.
    """
    best = np.inf
    best_large = 0
    best_small = 0
    cell = np.int64(np.floor(weight * scale - 0.5))
    last = np.uint32(bitmap.size - 1)
    for step in range(2 * RINGS - 1):  # 0, then 5 and -5, 10 and -10, ...
        ring = (step + 1) // 2
        middle = np.uint32(cell + (5 * ring if step % 2 else -5 * ring))
        for place in range(sift(middle, small_cells, bitmap, passed)):
            j = passed[place]
            wanted = middle - small_cells[j]
            word = ((wanted - np.uint32(2)) >> np.uint32(5)) & last
            end = ((wanted + np.uint32(2)) >> np.uint32(5)) & last
            while True:
                i = heads[word]
                while i >= 0 and best > 0.0:
                    error = abs(large[i] + small[j] - weight)
                    if error < best:
                        best = error
                        best_large = i
                        best_small = j
                    patience -= 1
                    i = followers[i]
                if word == end:
                    break
                word = end
            if patience < 0:
                return np.inf, 0, 0
        if step % 2 == 0 and best * scale <= 5 * ring + REACH:
            return best, best_large, best_small
    return np.inf, 0, 0


@compiled
def nearest_two_pointer(weights, coefficients, large_bits, large, large_masks, small, small_masks, epsilon, first, out):
    """Write the masks of the subsets nearest to `weights` (T,) into `out` (T,) uint64, by a two-pointer pass per weight.

    coefficients: (n,).  large, large_masks: (2^large_bits,), and small, small_masks: (2^small_bits,), from `sorted_sums`.
    first: take the first subset found within epsilon instead of the nearest, but not before the pass has come to the other side of the
    weight, for otherwise nearly all sums would be too small.  For many weights, a pass from the middle of the small half, where
    sums are dense, comes before the whole one; for a single one, building the halves takes nearly all the time.
    """
    size = 1 << large_bits
    last = (1 << (coefficients.size - large_bits)) - 1
    for t in range(weights.size):
        weight = weights[t]
        best = np.inf
        best_large = 0
        best_small = 0
        whole = not first or weights.size == 1
        found = False
        while True:
            i = 0 if whole else max(np.searchsorted(large, weight - small[last >> 1]) - 1, 0)
            j = last if whole else last >> 1
            below = np.int64(large[i] + small[j] < weight)
            while i < size and j >= 0:
                difference = large[i] + small[j] - weight
                was_below = below
                below = np.int64(difference < 0.0)
                if abs(difference) < best:
                    best = abs(difference)
                    best_large = i
                    best_small = j
                if first and below != was_below and best <= epsilon * ROUNDING:
                    mask = _join_masks(large_masks[best_large], small_masks[best_small], large_bits)
                    found = abs(masked_sum(coefficients, mask) - weight) <= epsilon
                    if found:
                        break
                i += below
                j -= 1 - below
            if found or whole:
                break
            whole = True
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
def nearest_subsets(weights, coefficients, epsilon, first, out):
    """Write the masks of the nearest (or `first` feasible) subsets for weights (S, T) on sets (S, n) into out (S, T).

    By sorted halves and `nearest_two_pointer`.
    """
    large_bits = (coefficients.shape[1] + 1) // 2
    large_buffers = _buffers(large_bits)
    small_buffers = _buffers(coefficients.shape[1] - large_bits)
    for s in range(weights.shape[0]):
        members = coefficients[s]
        large, large_masks = sorted_sums(members[:large_bits], *large_buffers)
        small, small_masks = sorted_sums(members[large_bits:], *small_buffers)
        nearest_two_pointer(
            weights[s], members, large_bits, large, large_masks, small, small_masks, epsilon, first, out[s]
        )


@compiled
def densities(weights, coefficients):
    """Number of subset sums of `coefficients` (n,) per unit near each of `weights` (T,), if sums were normally distributed: (T,).

    0 or not finite where float64 does not have it.
    """
    middle = coefficients.sum() / 2
    deviation = np.sqrt((coefficients**2).sum()) / 2
    if not 0.0 < deviation < np.inf:
        return np.zeros(weights.size)
    densest = min(2.0**coefficients.size, MOST_SUMS) / np.sqrt(2 * np.pi) / deviation
    return densest * np.exp(-(((weights - middle) / deviation) ** 2) / 2)


@compiled
def sieved_subsets(weights, coefficients, large_bits, out):
    """Write the masks of the nearest subsets for weights (S, T) on sets (S, n) into out (S, T), by `nearest_sieved`.

    Cells are so wide that the weights of a set expect `ENOUGH` pairs in ring 0 on average.  Weights for which the sieve proves no
    optimum, because sums are rare there or many are alike, are left to sorted halves.
    """
    n = coefficients.shape[1]
    small_bits = n - large_bits
    large = np.empty(1 << large_bits)
    large_cells = np.empty(1 << large_bits, np.uint32)
    followers = np.empty(1 << large_bits, np.int32)
    bitmap = np.empty((CELLS_PER_SUM << large_bits) >> 5, np.uint32)
    heads = np.empty(bitmap.size, np.int32)
    small = np.empty(1 << small_bits)
    small_cells = np.empty(1 << small_bits, np.uint32)
    passed = np.empty((1 << small_bits) + 1, np.uint32)
    patience = 2 << ((n + 1) // 2)  # pairs that take about as long as a two-pointer pass
    left = np.empty(weights.shape[1], np.int64)  # indices of weights without a proven optimum
    for s in range(weights.shape[0]):
        members = coefficients[s]
        density = densities(weights[s], members)
        scale = 2 * REACH * density.mean() / ENOUGH
        sieved = 0.0 < scale < np.inf
        if sieved:
            unsorted_sums(members[:large_bits], large)
            unsorted_sums(members[large_bits:], small)
            cells_of(large, scale, large_cells)
            cells_of(small, scale, small_cells)
            fill_sieve(large_cells, bitmap, heads, followers)
        count = 0
        for t in range(weights.shape[1]):
            error = np.inf
            if sieved and 10 * RINGS * density[t] >= scale:  # else all rings together expect less than one pair
                error, i, j = nearest_sieved(
                    weights[s, t], scale, large, small, small_cells, bitmap, heads, followers, passed, patience
                )
                out[s, t] = _join_masks(i, j, large_bits)
            if error == np.inf:
                left[count] = t
                count += 1
        if count > 0:
            masks = np.empty((1, count), np.uint64)
            nearest_subsets(weights[s][left[:count]].reshape(1, -1), coefficients[s : s + 1], 0.0, False, masks)
            out[s][left[:count]] = masks[0]


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
