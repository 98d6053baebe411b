"""The exact solver beside a slow and obvious one: every subset tried."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lottery
from lottery.subset_sum import (
    Problem,
    Solution,
    Status,
    SubsetSumError,
    approximations,
    choose,
    create,
    solve,
)
from lottery.subset_sum.exact import SUPPORTED, plan
from lottery.subset_sum.kernels import (
    nearest_subsets,
)

NASTY = [0.0, -0.0, 1.0, -1.0, 0.5, 0.5, 1 / 3, 0.1, -0.1, 1e-300, -5e-324, 1e-12, 1e6, -1e6, 12345.678]
number = st.one_of(st.floats(-1, 1), st.sampled_from(NASTY))
epsilons = st.sampled_from([1e-12, 1e-3, 0.01, 0.1, 1.0])
objectives = pytest.mark.parametrize("objective", SUPPORTED)


def every_subset(coefficients):
    """(sums, cardinalities) of all 2^n subsets, by mask; added in index order."""
    masks = np.arange(2**coefficients.size)
    sums, cardinality = np.zeros(masks.size), np.zeros(masks.size, int)
    for k, coefficient in enumerate(coefficients):
        sums += (masks >> k & 1) * coefficient
        cardinality += masks >> k & 1
    return sums, cardinality


@st.composite
def problems(draw):
    rows, columns, n = draw(st.integers(0, 2)), draw(st.integers(1, 3)), draw(st.integers(0, 10))
    shape = (rows, columns, n) if draw(st.booleans()) else (rows, n)
    kind = draw(st.sampled_from([number, st.floats(0, 1), st.floats(-1, 0), st.sampled_from([0.25, -0.5])]))
    fill = lambda shape, kind: np.reshape(  # noqa: E731
        draw(st.lists(kind, min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), shape
    ).astype(float)
    return fill((rows, columns), st.one_of(number, st.floats(-4, 4))), fill(shape, kind)


def assert_optimal(solution, weights, coefficients, epsilon, objective):
    for row, column in np.ndindex(weights.shape):
        own = coefficients[row] if coefficients.ndim == 2 else coefficients[row, column]
        weight = weights[row, column]
        sums, sizes = every_subset(own)
        errors = np.abs(sums - weight)
        rounding = 1e-12 * (np.abs(own).sum() + abs(weight)) + 1e-9 * epsilon
        error, cardinality = solution.errors[row, column], solution.cardinality[row, column]
        surely, possibly = errors <= epsilon - rounding, errors <= epsilon + rounding
        assert solution.approximation[row, column] == sums[int(solution.masks[row, column])]
        assert solution.feasible[row, column] == (error <= epsilon)
        assert not surely.any() or solution.feasible[row, column]
        if objective == "min_error" or not possibly.any():
            assert error <= errors.min() + rounding
        elif objective == "min_cardinality" and solution.feasible[row, column]:
            assert sizes[possibly].min() <= cardinality
            assert not surely.any() or cardinality <= sizes[surely].min()
            assert error <= errors[sizes == cardinality].min() + rounding


@objectives
@given(problem=problems(), epsilon=epsilons)
@settings(deadline=None, max_examples=150)
def test_exact_solution_is_optimal_by_enumeration(objective, problem, epsilon):
    weights, coefficients = problem
    assert_optimal(solve(weights, coefficients, epsilon, objective), weights, coefficients, epsilon, objective)


@objectives
@pytest.mark.parametrize("shape", [(3, 9), (3, 4, 9)])
def test_exact_solution_is_optimal_for_shared_and_unshared_sets(objective, shape):
    random = np.random.default_rng(5)
    weights, coefficients = random.uniform(-1, 1, (3, 4)), random.uniform(-1, 1, shape)
    solution = solve(weights, coefficients, 0.02, objective)
    assert_optimal(solution, weights, coefficients, 0.02, objective)
    assert solution.feasible.any()


@objectives
@pytest.mark.parametrize("power", [-900, -400, 400, 900])
def test_scaling_by_a_power_of_two_keeps_the_masks(objective, power):
    random = np.random.default_rng(1)
    weights, coefficients = random.uniform(-1, 1, (2, 9)), random.uniform(-1, 1, (2, 12))
    plain = solve(weights, coefficients, 0.01, objective)
    scaled = solve(np.ldexp(weights, power), np.ldexp(coefficients, power), np.ldexp(0.01, power), objective)
    assert np.array_equal(plain.masks, scaled.masks)


@objectives
def test_subnormal_numbers_are_solved_like_integers(objective):
    random = np.random.default_rng(2)
    weights, coefficients = random.integers(-60, 60, (2, 5)), random.integers(-50, 50, (2, 9))
    plain = solve(weights, coefficients, 2, objective)
    tiny = solve(weights * 5e-324, coefficients * 5e-324, 2 * 5e-324, objective)
    assert np.array_equal(plain.errors, tiny.errors / 5e-324)
    if objective != "first_feasible":
        assert np.array_equal(plain.cardinality, tiny.cardinality) or objective == "min_error"


@objectives
def test_huge_and_tiny_coefficients_in_one_set_give_a_feasible_subset(objective):
    coefficients = np.array([[1e300, 1.0, -1e300, 1e-300, 3e299]])
    mask = int(solve(np.array([[1e300]]), coefficients, 1e290, objective).masks[0, 0])
    assert mask & 0b10101 == 1  # 1 and 1e-300 are lost in a sum of 1e300: kept or not, it is the same
    assert solve(np.array([[1e-300]]), coefficients[:, 3:], 1e-310, objective).masks == 1


@objectives
@pytest.mark.parametrize("name", ["exact", "gurobi", "cbc"])
@pytest.mark.parametrize(("weight", "feasible"), [(0.005, True), (0.5, False)])
def test_with_no_coefficients_only_weights_near_zero_are_feasible(objective, name, weight, feasible):
    solution = solve(np.array([[weight]]), np.zeros((1, 0)), 0.01, objective, name)
    assert (solution.masks == 0).all()
    assert solution.feasible == feasible


@objectives
@pytest.mark.parametrize(("weight", "mask"), [(0.7, 1), (0.1, 0), (5.0, 1), (-5.0, 0)])
def test_one_coefficient_is_kept_or_not(objective, weight, mask):
    assert solve(np.array([[weight]]), np.array([[0.75]]), 0.1, objective).masks == mask


@objectives
@pytest.mark.parametrize(
    ("weights", "coefficients"), [((0, 3), (0, 5)), ((0, 3), (0, 3, 5)), ((2, 0), (2, 5)), ((2, 0), (2, 0, 5))]
)
def test_no_weights_give_an_empty_solution(objective, weights, coefficients):
    solution = solve(np.zeros(weights), np.zeros(coefficients), 0.01, objective)
    assert solution.masks.shape == solution.feasible.shape == weights


@objectives
def test_unreachable_weight_gets_the_nearest_subset_and_is_infeasible(objective):
    solution = solve(np.array([[10.0, -10.0]]), np.array([[1.0, 2.0, -3.0, 0.5]]), 0.01, objective)
    assert not solution.feasible.any()
    assert solution.approximation.tolist() == [[3.5, -3.0]]


def test_min_cardinality_breaks_ties_by_error():
    solution = solve(np.array([[1.0]]), np.array([[1.009, 1.002, 0.4, 0.6]]), 0.01, "min_cardinality")
    assert solution.masks == 0b10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": [[np.nan]]}, "weights: 1 values are NaN"),
        ({"coefficients": [[np.inf, 1.0]]}, "coefficients: 1 values are NaN or infinite"),
        ({"weights": [1.0]}, r"expected two dimensions"),
        ({"weights": np.zeros((1, 1, 1))}, r"expected two dimensions"),
        ({"coefficients": [1.0, 2.0]}, r"expected \(rows, n\) or"),
        ({"coefficients": np.zeros((2, 3))}, r"expected \(rows, n\) or"),
        ({"coefficients": np.zeros((1, 2, 3))}, r"expected \(rows, n\) or"),
        ({"coefficients": np.zeros((1, 65))}, "got 65 per weight"),
        ({"coefficients": [[1e308, 1e308]]}, "exceed the range"),
        ({"weights": [[1.7e308]]}, "exceed the range"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"epsilon": np.nan}, "epsilon"),
        ({"epsilon": np.inf}, "epsilon"),
        ({"objective": "best"}, "objective: 'best'"),
        ({"solver": "magic"}, "solver: 'magic'"),
    ],
)
def test_invalid_problem_raises_with_the_name_of_the_argument(change, message):
    with pytest.raises(SubsetSumError, match=message):
        solve(**{"weights": [[0.5]], "coefficients": [[0.25, 0.5]], **change})


def test_creating_an_unknown_solver_raises():
    with pytest.raises(SubsetSumError, match="'mip' is not the name of a single solver"):
        create("mip")
    with pytest.raises(SubsetSumError, match="solver: ''"):
        choose("", 5, 1)


def test_first_feasible_subset_is_within_epsilon_wherever_one_is():
    random = np.random.default_rng(8)
    weights, sets = random.uniform(-2, 2, (4, 25)), random.uniform(-1, 1, (4, 12))
    masks = np.zeros((2, *weights.shape), np.uint64)
    for first in (False, True):
        nearest_subsets(weights, sets, 0.01, first, masks[int(first)])
    nearest, found = (np.abs(approximations(some, sets) - weights) <= 0.01 for some in masks)
    assert np.array_equal(nearest, found)
    assert nearest.any()
    assert not nearest.all()


@objectives
def test_44_coefficients_are_tractable(objective):
    coefficients = np.random.default_rng(44).uniform(-1, 1, (1, 44))
    solution = solve(np.array([[0.3]]), coefficients, 1e-9, objective)
    assert solution.feasible.all()
    if objective == "min_error":
        assert solution.errors < 1e-11


def test_set_too_large_for_memory_raises_with_the_gigabytes_needed():
    with pytest.raises(SubsetSumError, match=r"60 coefficients: .* needs 51\.5 GB .* 8\.0 GB are free"):
        plan(60, 1, memory=8 * 10**9)


def test_plan_with_little_memory_fits():
    roomy, tight = plan(24, 10_000, memory=10**12), plan(24, 10_000, memory=250_000)
    assert tight.memory <= 250_000 < roomy.memory
    assert tight.nanoseconds > roomy.nanoseconds


@objectives
@pytest.mark.parametrize("shape", [(2, 6), (2, 3, 6)])
def test_solve_keeps_its_input_and_returns_documented_shapes(objective, shape):
    random = np.random.default_rng(3)
    weights, coefficients = random.uniform(-1, 1, (2, 3)), random.uniform(-1, 1, shape)
    before = weights.copy(), coefficients.copy()
    weights.flags.writeable = coefficients.flags.writeable = False
    solution = solve(weights, coefficients, 0.01, objective)
    assert np.array_equal(weights, before[0])
    assert np.array_equal(coefficients, before[1])
    kinds = {name: getattr(solution, name).dtype for name in ("masks", "approximation", "errors", "status")}
    assert kinds == {"masks": np.uint64, "approximation": np.float64, "errors": np.float64, "status": np.uint8}
    assert solution.cardinality.dtype.kind == "i"
    assert solution.feasible.dtype == bool
    for name in (*kinds, "cardinality", "feasible"):
        assert getattr(solution, name).shape == weights.shape
    kept = (solution.masks[..., None] >> np.arange(6, dtype=np.uint64) & np.uint64(1)).astype(bool)
    sets = coefficients if coefficients.ndim == 3 else coefficients[:, None]
    np.testing.assert_allclose(solution.approximation, (kept * sets).sum(axis=-1), rtol=0, atol=1e-15)
    assert np.array_equal(solution.cardinality, kept.sum(axis=-1))
    assert solution.solver == "exact"


def test_masks_with_bits_beyond_the_coefficients_raise():
    problem = Problem(np.zeros((1, 1)), np.ones((1, 3)))
    status = np.full((1, 1), Status.SOLVED, np.uint8)
    assert Solution.from_masks(problem, np.array([[7]], np.uint64), status, "exact").approximation == 3
    with pytest.raises(SubsetSumError, match="bits beyond the 3 coefficients"):
        Solution.from_masks(problem, np.array([[8]], np.uint64), status, "exact")


def test_64th_coefficient_has_a_bit():
    problem = Problem(np.array([[2.0]]), np.arange(64.0)[None])
    solution = Solution.from_masks(problem, np.array([[2**63 + 1]], np.uint64), np.zeros((1, 1), np.uint8), "exact")
    assert solution.approximation == 63


def test_all_compiled_code_is_in_one_file():
    """Numba's cache goes by the file of the outermost function: code compiled in from another file would go stale unseen."""
    package = Path(lottery.__file__).parent
    compiled = {path.name for path in package.rglob("*.py") if "import compiled" in path.read_text()}
    assert compiled == {"kernels.py"}
    assert {path.name for path in package.rglob("*.py") if "from numba import" in path.read_text()} == {"compiled.py"}


@objectives
@given(draws=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.3, 0.8, 1.0]))
@settings(deadline=None, max_examples=40)
def test_zeros_that_pad_sets_are_never_kept(objective, draws, share):
    random = np.random.default_rng(draws)
    coefficients = random.uniform(-1, 1, (2, 3, 9)) * (random.random((2, 3, 9)) >= share)
    weights = random.uniform(-1, 1, (2, 3))
    solution = solve(weights, coefficients, 0.05, objective)
    assert_optimal(solution, weights, coefficients, 0.05, objective)
    for row, column in np.ndindex(weights.shape):
        own = coefficients[row, column]
        bits = int(solution.masks[row, column])
        assert not any(bits >> k & 1 for k in np.flatnonzero(own == 0))
        alone = solve(weights[row : row + 1, column : column + 1], own[own != 0][None], 0.05, objective)
        assert alone.errors[0, 0] == solution.errors[row, column]


@given(draws=st.integers(0, 2**32 - 1), n=st.integers(0, 9), data=st.data(), kind=st.sampled_from(["unit", "alike"]))
@settings(deadline=None, max_examples=120)
def test_exactly_k_coefficients_are_the_nearest_k(draws, n, data, kind):
    random = np.random.default_rng(draws)
    count = data.draw(st.integers(0, n))
    coefficients = random.uniform(-1, 1, (2, n)) if kind == "unit" else random.choice([0.25, -0.5, 1.0], (2, n))
    weights = random.uniform(-2, 2, (2, 4))
    solution = solve(weights, coefficients, 0.1, f"exactly_{count}")
    for row, column in np.ndindex(weights.shape):
        sums, sizes = every_subset(coefficients[row])
        nearest = np.abs(sums[sizes == count] - weights[row, column]).min()
        assert solution.cardinality[row, column] == count
        assert solution.errors[row, column] == pytest.approx(nearest, abs=1e-12)


def test_impossible_count_raises_or_is_infeasible():
    weights = np.zeros((1, 1))
    with pytest.raises(SubsetSumError, match="exactly_4 needs more than the 3 coefficients"):
        solve(weights, np.ones((1, 3)), 0.1, "exactly_4")
    with pytest.raises(SubsetSumError, match="'exactly_' is not one of"):
        solve(weights, np.ones((1, 3)), 0.1, "exactly_")
    filled_up = solve(weights, np.array([[[0.0, 0.0, 1.0]]]), 0.1, "exactly_2")  # one coefficient, two places
    assert not filled_up.feasible.any()


@pytest.mark.parametrize("shape", [(3, 9), (3, 4, 9)])
def test_the_best_of_all_counts_is_the_nearest_of_all_subsets(shape):
    random = np.random.default_rng(6)
    weights, coefficients = random.uniform(-1, 1, (3, 4)), random.uniform(-1, 1, shape)
    counts = [solve(weights, coefficients, 0.02, f"exactly_{k}") for k in range(10)]
    nearest = solve(weights, coefficients, 0.02, "min_error")
    assert np.allclose(np.min([solution.errors for solution in counts], axis=0), nearest.errors, rtol=0, atol=1e-14)
    fewest = solve(weights, coefficients, 0.02, "min_cardinality")
    first = np.argmax([solution.feasible for solution in counts], axis=0)
    assert np.array_equal(fewest.cardinality[fewest.feasible], first[fewest.feasible])


@pytest.mark.parametrize("power", [-900, 900])
def test_exactly_k_are_kept_at_any_scale_and_for_unreachable_weights(power):
    random = np.random.default_rng(1)
    weights, coefficients = random.uniform(-1, 1, (2, 9)), random.uniform(-1, 1, (2, 12))
    weights[0, 0] = 50.0
    plain = solve(weights, coefficients, 0.01, "exactly_5")
    scaled = solve(np.ldexp(weights, power), np.ldexp(coefficients, power), np.ldexp(0.01, power), "exactly_5")
    assert np.array_equal(plain.masks, scaled.masks)
    assert plain.masks[0, 0] == sum(1 << int(k) for k in np.argsort(coefficients[0])[-5:])
    assert not plain.feasible[0, 0]


@pytest.mark.parametrize("shared", [True, False], ids=["of shared sets", "of own sets"])
def test_first_feasible_sums_lie_on_both_sides_of_their_weights(shared: bool) -> None:
    """Sums that are all too small would shift every output of a network: 98% of accuracy became 31% once."""
    generator = np.random.default_rng(3)
    weights = generator.normal(0, 0.05, (200, 10) if shared else (2000, 1))
    sets = generator.uniform(-1, 1, (len(weights), 15))
    found = solve(weights, sets, epsilon=0.05, objective="first_feasible", solver="exact")
    apart = found.approximation - weights
    assert found.errors.max() <= 0.05
    assert abs(apart.mean()) < 4 * apart.std() / np.sqrt(apart.size)
