"""The sieve of the exact solver: its answers are those of the search over sorted half-sums, and of all subsets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exact import every_subset

from lottery.subset_sum import (
    approximations,
    solve,
)
from lottery.subset_sum.exact import plan
from lottery.subset_sum.kernels import (
    REACH,
    cells_of,
    fill_sieve,
    nearest_sieved,
    nearest_subsets,
    sieved_subsets,
    unsorted_sums,
)


def by_both_searches(weights, sets, large_bits):
    """Errors (S, T) of the nearest subsets, by the sieve and by sorted halves."""
    masks = np.zeros((2, *weights.shape), np.uint64)
    sieved_subsets(weights, sets, large_bits, masks[0])
    nearest_subsets(weights, sets, 0.01, False, masks[1])
    return [np.abs(approximations(found, sets) - weights) for found in masks]


@pytest.mark.parametrize("large_bits", [0, 1, 6, 8, 11, 12])
def test_sieve_and_two_pointer_agree_for_every_split(large_bits):
    random = np.random.default_rng(large_bits)
    weights, sets = random.uniform(-2, 2, (4, 25)), random.uniform(-1, 1, (4, 12))
    sets[1] = np.round(sets[1], 1)  # many equal sums
    sets[2, ::2] = 0.0
    sets[3] = np.abs(sets[3])
    optimum = np.array([[np.abs(every_subset(sets[s])[0] - w).min() for w in weights[s]] for s in range(4)])
    for errors in by_both_searches(weights, sets, large_bits):
        np.testing.assert_allclose(errors, optimum, rtol=0, atol=1e-13)


FILLS = {
    "unit": lambda random, shape: random.uniform(-1, 1, shape),
    "products": lambda random, shape: random.uniform(-1, 1, shape) * random.uniform(-1, 1, shape),
    "negative": lambda random, shape: random.uniform(-1, 0, shape),
    "integers": lambda random, shape: random.integers(-9, 10, shape).astype(float),
    "alike": lambda random, shape: np.full(shape, 0.25),
    "nearly alike": lambda random, shape: 0.25 + np.ldexp(random.integers(-2, 3, shape), -54),
    "of all sizes": lambda random, shape: np.ldexp(random.uniform(-1, 1, shape), random.integers(-60, 60, shape)),
    "one huge": lambda random, shape: np.where(np.arange(shape[-1]) == 0, 1e9, random.uniform(-1, 1, shape)),
}


@pytest.mark.parametrize("fill", FILLS)
@given(draws=st.integers(0, 2**32 - 1), n=st.integers(0, 12), data=st.data(), power=st.sampled_from([0, -1000, 900]))
@settings(deadline=None, max_examples=40)
def test_sieve_finds_the_optimum_of_all_subsets(fill, draws, n, data, power):
    random = np.random.default_rng(draws)
    large_bits, columns = data.draw(st.integers(0, n)), data.draw(st.integers(0, 5))
    sets = FILLS[fill](random, (2, n))
    weights = random.choice([0.05, 1.0, 30.0, 1e6]) * random.uniform(-1, 1, (2, columns))
    weights = np.where(random.random(weights.shape) < 0.2, np.round(weights), weights)
    sets, weights = np.ldexp(sets, power), np.ldexp(weights, power)
    for errors in by_both_searches(weights, sets, large_bits):
        for row, column in np.ndindex(weights.shape):
            optimum = np.abs(every_subset(sets[row])[0] - weights[row, column]).min()
            rounding = 1e-14 * (np.abs(sets[row]).sum() + abs(weights[row, column]))
            assert errors[row, column] <= optimum + rounding


@pytest.mark.parametrize("n", range(13, 25))
@pytest.mark.parametrize("columns", [1, 50])
def test_sieve_and_two_pointer_give_the_same_subsets_of_larger_sets(n, columns):
    random = np.random.default_rng(n)
    weights, sets = random.normal(0, 0.5, (3, columns)), random.uniform(-1, 1, (3, n))
    sieved, swept = by_both_searches(weights, sets, plan(n, columns).large_bits)
    assert plan(n, columns).sieved
    assert np.array_equal(sieved, swept)


@pytest.mark.parametrize("scale", [1.0, 64.0])
@pytest.mark.parametrize("where", ["on borders", "above borders", "below borders", "anywhere"])
def test_sieve_proves_only_optima_wherever_sums_are_in_their_cells(where, scale):
    random = np.random.default_rng(int(scale))
    cells = random.integers(-5000, 5000, 14) + (random.random(14) if where == "anywhere" else 0.0)
    aside = {"above borders": np.inf, "below borders": -np.inf}
    coefficients = np.nextafter(cells / scale, aside[where]) if where in aside else cells / scale
    large, small = np.empty(2**8), np.empty(2**6)
    unsorted_sums(coefficients[:8], large)
    unsorted_sums(coefficients[8:], small)
    large_cells, small_cells = np.empty(large.size, np.uint32), np.empty(small.size, np.uint32)
    cells_of(large, scale, large_cells)
    cells_of(small, scale, small_cells)
    bitmap, heads = np.empty(2 * large.size, np.uint32), np.empty(2 * large.size, np.int32)
    followers, passed = np.empty(large.size, np.int32), np.empty(small.size + 1, np.uint32)
    fill_sieve(large_cells, bitmap, heads, followers)
    sums = large[:, None] + small  # (2^8, 2^6)
    around = np.append(
        random.choice(sums.ravel(), 2000), np.repeat(sums[:2].ravel(), 8)
    )  # sums[0]: at the bitmap's end
    on_or_near = random.choice([0, 0.5, 1, 1.375, 1.5, 2, 4.5, 20.5, 50], 1524)
    distances = np.append(random.uniform(-6, 6, 1500), on_or_near)
    weights = around + np.where(random.random(around.size) < 0.5, 1, -1) * distances / scale
    proven = 0
    for weight in weights:
        error, i, j = nearest_sieved(
            weight, scale, large, small, small_cells, bitmap, heads, followers, passed, sums.size
        )
        optimum = np.abs(sums - weight).min()
        assert error == optimum if optimum * scale <= REACH else error in (optimum, np.inf)
        if error < np.inf:
            assert abs(sums[i, j] - weight) == optimum
        proven += int(error == optimum)
    assert proven > 2500


def test_sieve_without_patience_proves_nothing_and_sorted_halves_find_the_optimum():
    weights, sets = np.full((1, 3), 0.3), np.full((1, 20), 0.25)  # 184,756 subsets are equally near
    sieved, swept = by_both_searches(weights, sets, 10)
    assert sieved.tolist() == swept.tolist()
    np.testing.assert_allclose(sieved, 0.05, rtol=1e-15)


@pytest.mark.parametrize("columns", [1, 30])
def test_21_coefficients_give_the_best_of_all_two_million_subsets(columns):
    random = np.random.default_rng(21)
    weights, coefficients = random.uniform(-1, 1, (1, columns)), random.uniform(-1, 1, (1, 21))
    sums, sizes = every_subset(coefficients[0])
    nearest = solve(weights, coefficients, 0.01, "min_error")
    fewest = solve(weights, coefficients, 0.01, "min_cardinality")
    for column in range(min(columns, 3)):
        errors = np.abs(sums - weights[0, column])
        assert nearest.errors[0, column] == pytest.approx(errors.min(), abs=1e-13)
        assert fewest.cardinality[0, column] == sizes[errors <= 0.01].min()
    assert nearest.feasible.all()
    assert fewest.feasible.all()
