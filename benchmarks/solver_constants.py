"""Nanoseconds of the exact solver's steps, by which it plans: `python -m benchmarks.solvers --constants`."""

from collections.abc import Callable

import numpy as np

from benchmarks.measuring import clock, progress
from lottery.approximation.target import Target
from lottery.subset_sum import exact
from lottery.subset_sum.kernels import index_by_cell, nearest_lookup, nearest_two_pointer, sorted_sums

EPSILON = 0.01


def constants(target: Target, bits: int) -> dict[str, float]:
    """Nanoseconds of the steps that `lottery.subset_sum.exact.plan` counts, for a large half of 2^bits sums."""
    small_bits, large_size = max(bits - 8, 1), 1 << bits
    members = np.random.default_rng(bits).uniform(*target.range(), bits + small_bits)
    weights = target.matrix(0).ravel()[: max(1, (1 << 22) >> bits)]

    def half(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = 1 << part.size
        return sorted_sums(part, np.empty(size), np.empty(size, np.uint32), np.empty(size), np.empty(size, np.uint32))

    large, small = half(members[:bits]), half(members[bits:])
    work = (
        np.empty(large_size),
        np.empty(large_size, np.uint32),
        np.empty(large_size),
        np.empty(large_size, np.uint32),
    )
    cells = np.empty(exact.CELLS_PER_SUM * large_size + 1, np.int32)
    halves = (weights, members, bits, *large, *small)
    grid = (cells, *index_by_cell(large[0], large_size, cells))
    rest = (EPSILON, False, np.empty(weights.size, np.uint64))
    steps: dict[str, tuple[Callable[[], object], int]] = {
        "BUILD": (lambda: sorted_sums(members[:bits], *work), large_size),
        "INDEX": (lambda: index_by_cell(large[0], large_size, cells), large_size),
        "LOOKUP": (lambda: nearest_lookup(*halves, *grid, *rest), weights.size << small_bits),
        "SWEEP": (lambda: nearest_two_pointer(*halves, *rest), weights.size * (large_size + (1 << small_bits))),
    }
    found = {}
    for name, (call, count) in steps.items():
        call()  # compiles it for these types
        found[name] = 1e9 * float(np.median(clock(call, 5, 3.0))) / count
    return found


def print_constants(target: Target) -> None:
    sizes = (10, 12, 14, 16, 18, 20, 22)
    columns = []
    for bits in sizes:
        progress(f"constants: 2^{bits} half-sums")
        columns.append(constants(target, bits))
    print(f"{'ns a step':<10}{'exact.py':>9}" + "".join(f"{f'2^{bits}':>8}" for bits in sizes))
    for name in columns[0]:
        print(f"{name:<10}{getattr(exact, name):>9.1f}" + "".join(f"{column[name]:>8.2f}" for column in columns))
