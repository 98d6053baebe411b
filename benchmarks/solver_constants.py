"""Nanoseconds of the exact solver's steps, by which it plans: `python -m benchmarks.solvers --constants`."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import clock, progress
from lottery.approximation.target import Target
from lottery.subset_sum import exact, kernels

EPSILON = 0.01


def constants(target: Target, bits: int) -> dict[str, float]:
    """Nanoseconds of the steps that `lottery.subset_sum.exact.plan` counts, for halves of 2^bits sums."""
    size = 1 << bits
    members = np.random.default_rng(bits).uniform(*target.range(), 2 * bits)
    weights = target.matrix(0).ravel()[: max(1, (1 << 20) >> bits)]

    def sort(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        floats, masks = np.empty((2, size)), np.empty((2, size), np.uint32)
        return kernels.sorted_sums(part, floats[0], masks[0], floats[1], masks[1])

    large, small = np.empty((2, size))
    large_cells, small_cells = np.empty((2, size), np.uint32)
    bitmap = np.empty(exact.CELLS_PER_SUM * size // 32, np.uint32)
    heads, followers, passed = np.empty(bitmap.size, np.int32), np.empty(size, np.int32), np.empty(size + 1, np.uint32)
    scale = 2 * kernels.REACH * kernels.densities(weights, members).mean() / kernels.ENOUGH

    def add() -> None:
        for part, sums, cells in ((members[:bits], large, large_cells), (members[bits:], small, small_cells)):
            kernels.unsorted_sums(part, sums)
            kernels.cells_of(sums, scale, cells)

    def sift() -> None:
        for weight in weights:
            kernels.nearest_sieved(weight, scale, large, small, small_cells, bitmap, heads, followers, passed, size)

    halves = (*sort(members[:bits]), *sort(members[bits:]))
    out = np.empty(weights.size, np.uint64)
    steps: dict[str, tuple[Callable[[], object], int]] = {
        "BUILD": (lambda: sort(members[:bits]), size),
        "SWEEP": (
            lambda: kernels.nearest_two_pointer(weights, members, bits, *halves, EPSILON, False, out),
            weights.size * 2 * size,
        ),
        "ADD": (add, 2 * size),
        "PLACE": (lambda: kernels.fill_sieve(large_cells, bitmap, heads, followers), size),
        "SIFT": (sift, weights.size * size),
    }
    found = {}
    for name, (call, count) in steps.items():
        call()  # compiles it for these types
        found[name] = 1e9 * float(np.median(clock(call, 5, 3.0))) / count
    return found


def print_constants(target: Target) -> None:
    sizes = (8, 10, 12, 14, 16, 18, 20, 22)
    columns = []
    for bits in sizes:
        progress(f"constants: 2^{bits} half-sums")
        columns.append(constants(target, bits))
    print(f"{'ns a step':<10}{'exact.py':>9}" + "".join(f"{f'2^{bits}':>8}" for bits in sizes))
    for name in columns[0]:
        print(f"{name:<10}{getattr(exact, name):>9.1f}" + "".join(f"{column[name]:>8.2f}" for column in columns))
