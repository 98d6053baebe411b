"""Which integers are subset sums of a set of integers: a bitset of all its sums, one more coefficient at a time."""

import numpy as np

from lottery.compiled import compiled

WORD = 64


@compiled
def _join_shifted(words: np.ndarray, last: int, distance: int) -> None:
    """words |= words << distance, from the top word `last` down, so that words below are still as they were."""
    whole = distance // 64
    part = np.uint64(distance % 64)
    for place in range(last, whole - 1, -1):
        shifted = words[place - whole] << part
        if part > 0 and place > whole:
            shifted |= words[place - whole - 1] >> (np.uint64(64) - part)
        words[place] |= shifted


@compiled
def _all_set(words: np.ndarray, first: int, end: int) -> bool:
    """Whether all bits from `first` to before `end` are set."""
    for place in range(first // 64, (end - 1) // 64 + 1):
        asked = ~np.uint64(0)
        if place == first // 64:
            asked &= ~np.uint64(0) << np.uint64(first % 64)
        if place == (end - 1) // 64:
            asked &= ~np.uint64(0) >> np.uint64(63 - (end - 1) % 64)
        if words[place] & asked != asked:
            return False
    return True


@compiled
def _first_numbers(
    sets: np.ndarray, targets: np.ndarray, half: int, words: np.ndarray, one: np.ndarray, every: np.ndarray
) -> None:
    n = sets.shape[1]
    for s in range(sets.shape[0]):
        words[:] = 0
        words[0] = 1
        origin = 0  # the place of the sum 0
        top = 0  # the place of the largest sum
        one[s] = n + 1
        every[s] = n + 1
        for k in range(n + 1):
            if k > 0:
                size = abs(sets[s, k - 1])
                top += size
                _join_shifted(words, top // 64, size)
                if sets[s, k - 1] < 0:
                    origin += size
            place = origin + targets[s]
            if one[s] > n and 0 <= place <= top and words[place // 64] >> np.uint64(place % 64) & np.uint64(1):
                one[s] = k
            if origin - half >= 0 and origin + half <= top and _all_set(words, origin - half, origin + half + 1):
                every[s] = k
                break
        # Every target includes the one, so the loop ends with both known, or with n + 1 for what was not reached.


def first_numbers(sets: np.ndarray, targets: np.ndarray, half: int) -> tuple[np.ndarray, np.ndarray]:
    """How many coefficients of each set, from its beginning, it takes to reach its target, and every target of [-half, half].

    sets: (S, n) int64; targets: (S,) int64, each in [-half, half].  Two (S,) int64 arrays; n + 1 where n are not enough.

    A coefficient x turns the sums R into R and R + x.  The bitset holds sums of |x|, which those of x are but for an offset:
    leaving out a negative x adds |x|, taking it adds 0.  So every step is one shift to the left.
    """
    one, every = np.empty(len(sets), np.int64), np.empty(len(sets), np.int64)
    longest = int(np.abs(sets).sum(axis=1).max(initial=0))
    _first_numbers(sets, targets, half, np.empty(longest // WORD + 1, np.uint64), one, every)
    return one, every
