"""Random subset sums: trials against enumeration and closed forms, thresholds against known values, the workflow's plan."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.subset_sum.kernels import covering_radii, errors_of_cardinality
from lottery.theory.bounds import (
    single_best_threshold,
)
from lottery.theory.coefficients import BLOCK, KINDS, REGISTRY, draw_sides, draw_targets
from lottery.theory.success import Experiment, count_successes, trial_errors

EPSILONS = [0.1, 0.03, 0.01, 0.003, 0.001]


def all_sums(coefficients: np.ndarray) -> np.ndarray:
    masks = np.arange(2**coefficients.size)[:, None] >> np.arange(coefficients.size)
    return (masks & 1) @ coefficients


def covering_radius(coefficients: np.ndarray, low: float, high: float) -> float:
    """By the candidates where the distance to the nearest sum can be largest: both ends, and midpoints between sums."""
    sums = np.unique(all_sums(coefficients))
    middles = (sums[1:] + sums[:-1]) / 2
    points = np.array([low, high, *middles[(middles > low) & (middles < high)]])
    return float(np.abs(points[:, None] - sums).min(axis=1).max())


def covering_radius_by_kernel(coefficients: np.ndarray, low: float = -0.5, high: float = 0.5) -> float:
    out = np.empty(1)
    covering_radii(coefficients[None, :], low, high, out)
    return float(out[0])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.floats(-1.5, 1.5, width=32), min_size=1, max_size=8))
def test_the_covering_radius_is_that_of_all_sums_sorted(coefficients: list[float]) -> None:
    values = np.array(coefficients)
    assert covering_radius_by_kernel(values) == pytest.approx(covering_radius(values, -0.5, 0.5), abs=1e-12)


@pytest.mark.parametrize("coefficients", [9, 11, 12])
def test_the_covering_radius_of_larger_sets_is_right_too(coefficients: int) -> None:
    for scale in (0.05, 0.3, 1.0):
        values = np.random.default_rng(coefficients).uniform(-scale, scale, coefficients)
        assert covering_radius_by_kernel(values) == pytest.approx(covering_radius(values, -0.5, 0.5), abs=1e-12)


def test_evenly_spread_sums_make_the_grid_finer_until_the_radius_is_exact() -> None:
    """No gap among them is wider than another: the hardest case for cells."""
    powers = 2.0 ** -np.arange(1, 13)
    assert covering_radius_by_kernel(powers, 0.0, 1.0) == pytest.approx(2.0**-12, rel=1e-12)
    assert covering_radius_by_kernel(powers, 0.0, 0.9) == pytest.approx(2.0**-13, rel=1e-9)


def test_a_set_without_any_use_leaves_the_empty_subset() -> None:
    assert covering_radius_by_kernel(np.array([9.0, -7.0])) == 0.5
    assert covering_radius_by_kernel(np.empty(0)) == 0.5


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=9),
    st.integers(1, 9),
    st.floats(-0.5, 0.5, width=32),
)
def test_subsets_of_one_size_are_all_tried(coefficients: list[float], members: int, weight: float) -> None:
    values, out = np.array(coefficients), np.empty(1)
    errors_of_cardinality(np.array([weight]), values[None, :], members, out)
    expected = min((abs(sum(subset) - weight) for subset in combinations(coefficients, members)), default=math.inf)
    assert out[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_of_one_target_is_the_nearest_of_all_sums_on_the_worse_side(kind: str) -> None:
    trials = range(5, 45)
    errors = trial_errors(Experiment(kind, "one", 6, 100, seed=3), trials)
    targets, sides = draw_targets(kind, trials, 3), draw_sides(kind, 6, trials, 3)
    signs = (1, -1)[: len(sides)]
    for at, target in enumerate(targets):
        expected = max(
            np.abs(all_sums(sets[at]) - sign * target).min() for sign, sets in zip(signs, sides, strict=True)
        )
        assert errors[at] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["uniform", "relu", "relu_pair"])
def test_a_trial_of_all_targets_is_the_covering_radius_on_the_worse_side(kind: str) -> None:
    trials = range(30)
    errors = trial_errors(Experiment(kind, "all", 7, 100), trials)
    sides = draw_sides(kind, 7, trials, 1)
    for at in trials:
        assert errors[at] == pytest.approx(max(covering_radius(sets[at], -0.5, 0.5) for sets in sides), abs=1e-12)


def test_the_sides_of_a_relu_pair_share_no_unit() -> None:
    positive, negative = draw_sides("relu_pair", 20, range(50), 1)
    assert not ((positive != 0) & (negative != 0)).any()
    assert ((positive != 0) | (negative != 0)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_have_the_moments_that_the_bounds_use(kind: str) -> None:
    values = draw_sides(kind, 100, range(2000), 1)[0]
    useful = values[values != 0]
    assert useful.size / values.size == pytest.approx(REGISTRY[kind].useful, abs=0.01)
    assert useful.mean() == pytest.approx(0, abs=0.01)
    assert (useful**2).mean() == pytest.approx(REGISTRY[kind].second_moment, rel=0.03)


def test_magnitudes_of_hyperbolic_coefficients_are_even_on_a_logarithmic_axis() -> None:
    exponents = np.log10(np.abs(draw_sides("hyperbolic", 50, range(2000), 1)[0]))
    counts, _ = np.histogram(exponents, bins=6, range=(-3, 0))
    assert counts / exponents.size == pytest.approx(np.full(6, 1 / 6), abs=0.01)


def test_one_uniform_coefficient_succeeds_as_often_as_integration_says() -> None:
    """P = 2 eps (the empty subset) + the chance that x alone hits a target further off: (1 - 2 eps) eps, x being in [-1, 1]
    and its interval around z, |z| > eps, never beyond."""
    trials = 60_000
    [hits] = count_successes(Experiment("uniform", "one", 1, trials), [0.1])
    expected = 0.2 + 0.8 * 0.1
    assert hits / trials == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / trials))


def test_two_uniform_coefficients_succeed_as_often_as_integration_says() -> None:
    grid = (np.arange(120) + 0.5) / 120 * 2 - 1
    x, y, z = np.meshgrid(grid, grid, grid / 2, indexing="ij")
    near = np.minimum.reduce([np.abs(z), np.abs(x - z), np.abs(y - z), np.abs(x + y - z)])
    trials = 60_000
    [hits] = count_successes(Experiment("uniform", "one", 2, trials), [0.1])
    assert hits / trials == pytest.approx(float((near <= 0.1).mean()), abs=0.01)


def test_a_single_coefficient_hits_alone_as_often_as_the_formula_says() -> None:
    n, epsilon, trials = 30, 0.03, 20_000
    [hits] = count_successes(Experiment("uniform", "one", n, trials, cardinality=1), [epsilon])
    assert hits / trials == pytest.approx(1 - (1 - epsilon) ** n, abs=0.015)
    assert (1 - epsilon) ** single_best_threshold(epsilon) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "targets", "n", "epsilon", "low", "high"),
    [
        ("uniform", "one", 7, 0.01, 0.5, 0.7), ("uniform", "one", 6, 0.01, 0.3, 0.5), ("uniform", "one", 13, 0.01, 0.98, 1),
        ("uniform", "all", 11, 0.01, 0.5, 0.85), ("uniform", "all", 13, 0.01, 0.88, 0.97), ("product", "one", 7, 0.01, 0.45, 0.7),
        ("relu", "one", 13, 0.01, 0.45, 0.65),
    ],
)  # fmt: skip
def test_success_is_where_others_have_found_it(
    kind: str, targets: str, n: int, epsilon: float, low: float, high: float
) -> None:
    [hits] = count_successes(Experiment(kind, targets, n, 2000), [epsilon])
    assert low <= hits / 2000 <= high


@pytest.mark.parametrize("kind", KINDS)
def test_success_grows_with_epsilon_and_with_each_coefficient(kind: str) -> None:
    for targets in ("one", "all"):
        few, more = (count_successes(Experiment(kind, targets, n, 300), EPSILONS) for n in (8, 9))
        assert few == sorted(few, reverse=True)
        assert all(a <= b for a, b in zip(few, more, strict=True)), "a set of 9 begins with that of 8"


def test_one_target_is_never_harder_than_all() -> None:
    trials = range(200)
    one = trial_errors(Experiment("uniform", "one", 10, 200), trials)
    assert (one <= trial_errors(Experiment("uniform", "all", 10, 200), trials) + 1e-12).all()


@pytest.mark.parametrize("kind", ["uniform", "relu_pair"])
def test_trials_do_not_depend_on_how_they_are_cut(kind: str) -> None:
    trials = range(BLOCK - 40, BLOCK + 40)
    whole = draw_sides(kind, 5, trials, 1)
    parts = [draw_sides(kind, 5, cut, 1) for cut in (trials[:7], trials[7:60], trials[60:])]
    for side, values in enumerate(whole):
        assert np.array_equal(values, np.concatenate([part[side] for part in parts]))
    assert np.array_equal(draw_targets(kind, trials, 1)[7:9], draw_targets(kind, trials[7:9], 1))


def test_stopping_at_the_smallest_epsilon_changes_no_count() -> None:
    experiment, trials = Experiment("uniform", "all", 16, 100), range(100)
    exact, stopped = trial_errors(experiment, trials), trial_errors(experiment, trials, enough=0.01)
    assert (stopped > exact).any(), "some stopped early"
    assert np.array_equal(stopped <= 0.01, exact <= 0.01)
    assert np.array_equal(np.where(exact > 0.01, exact, 0), np.where(stopped > 0.01, stopped, 0))


def test_seeds_and_kinds_are_independent_draws() -> None:
    [first], [other], [product] = (draw_sides(kind, 3, range(4), seed) for kind, seed in
                                   (("uniform", 1), ("uniform", 2), ("product", 1)))  # fmt: skip
    assert not np.isin(first, other).any()
    assert not np.isin(first, product).any()
