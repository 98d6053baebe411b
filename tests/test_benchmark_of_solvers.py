"""What the benchmark of the solvers adds to the package: other solvers, and targets from files."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.other_solvers import MODELS, PACKAGES, OtherSolver
from benchmarks.solver_against import compared
from benchmarks.solver_constants import constants
from benchmarks.solver_report import versions
from benchmarks.solvers import drawn_target, read_target
from lottery.subset_sum import Status, SubsetSumError, create, solve

EPSILON = 0.05


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("objective", ["min_error", "min_cardinality"])
def test_other_solvers_agree_with_the_exact_solver(name, objective):
    pytest.importorskip(PACKAGES[name])
    random = np.random.default_rng(9)
    weights, coefficients = random.uniform(-0.5, 0.5, (2, 4)), random.uniform(-0.5, 0.5, (2, 9))
    weights[0, 3], coefficients[1, 2] = 20.0, 0.0  # out of reach; padding
    exact, other = (
        solve(weights, coefficients, EPSILON, objective),
        solve(weights, coefficients, EPSILON, objective, OtherSolver(name)),
    )
    assert np.array_equal(other.feasible, exact.feasible)
    assert np.array_equal(other.status == Status.SOLVED, exact.feasible)
    assert other.status[0, 3] == Status.INFEASIBLE
    if objective == "min_error":  # the gap is 1%, and a row may be off by 1e-6
        assert np.allclose(other.errors[exact.feasible], exact.errors[exact.feasible], rtol=0.011, atol=1e-5)
    else:
        assert np.array_equal(other.cardinality[exact.feasible], exact.cardinality[exact.feasible])


def test_other_solver_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(PACKAGES, "scip", "a_package_that_is_not_there")
    with pytest.raises(SubsetSumError, match="scip: not installed; pip install a_package_that_is_not_there"):
        OtherSolver("scip")


def test_target_from_a_file_is_read_and_else_drawn(tmp_path):
    drawn = drawn_target()
    save_file(drawn.weights, tmp_path / "weights.safetensors")
    for target in (read_target(tmp_path / "weights.safetensors"), read_target(None)):
        assert all(np.array_equal(target.weights[name], drawn.weights[name]) for name in drawn.weights)


def test_versions_name_installed_packages_only(monkeypatch):
    assert "numba " in versions()
    monkeypatch.setattr("benchmarks.solver_report.PACKAGES", ("numpy", "a_package_that_is_not_there"))
    assert versions() == f"numpy {np.__version__}"


def test_constants_of_the_planner_are_measured_for_each_of_its_steps():
    measured = constants(drawn_target(), bits=8)
    assert {name: value > 0 for name, value in measured.items()} == dict.fromkeys(
        ("BUILD", "SWEEP", "ADD", "PLACE", "SIFT"), True
    )


def test_comparison_counts_masks_and_errors_that_agree():
    random = np.random.default_rng(4)
    rows = [(random.normal(0, 0.03, 20), random.uniform(-0.3, 0.3, 15)) for _ in range(3)]
    line = compared("a case", rows, "min_error", [create("exact"), create("exact")])
    assert line.startswith("| a case, min_error |")
    assert line.endswith("| 60 of 60 | 0 |")
