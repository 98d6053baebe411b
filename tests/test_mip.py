"""The two MIP solvers beside the exact one, and the choice among them."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from lottery.subset_sum import Status, SubsetSumError, cbc, choose, create, gurobi, solve
from lottery.subset_sum.exact import SUPPORTED
from lottery.subset_sum.mip import gap

LICENCE = gurobi.licence()
SOLVERS = [
    pytest.param("gurobi", marks=pytest.mark.skipif(not LICENCE.fits(50), reason=f"no Gurobi: {LICENCE.detail}")),
    "cbc",
]
solvers = pytest.mark.parametrize("name", SOLVERS)
objectives = pytest.mark.parametrize("objective", SUPPORTED)
EPSILON = 0.05


@pytest.fixture(params=[(2, 9), (2, 4, 8)], ids=["shared sets", "own sets"])
def problem(request):
    random = np.random.default_rng(9)
    weights, coefficients = random.uniform(-0.5, 0.5, (2, 4)), random.uniform(-0.5, 0.5, request.param)
    weights[0, 3] = 20.0  # out of reach
    return weights, coefficients


@solvers
@objectives
def test_mip_solver_agrees_with_the_exact_solver(name, objective, problem):
    exact, mip = (solve(*problem, EPSILON, objective, solver) for solver in ("exact", name))
    assert exact.feasible.sum() >= 5
    assert np.array_equal(mip.feasible, exact.feasible)
    assert (mip.status[exact.feasible] == Status.SOLVED).all()
    assert mip.solver == name
    best, found = exact.errors[exact.feasible], mip.errors[exact.feasible]
    if objective == "min_error":
        # A gap g stops at z <= optimum / (1 - g).  What remains is tolerance: a row may be off by 1e-6, and each x by
        # 1e-5 from the integer that it is rounded to.
        tolerance = 1e-6 + 1e-5 * np.abs(problem[1]).sum(axis=-1).max()
        assert (found <= best / (1 - gap("min_error")) + tolerance).all()
        assert (found >= best - 1e-12).all()
    elif objective == "min_cardinality":
        assert np.array_equal(mip.cardinality[exact.feasible], exact.cardinality[exact.feasible])


@solvers
def test_mip_solver_never_keeps_a_padding_zero(name):
    for solver in (name, "exact"):
        assert not solve(np.array([[0.005]]), np.array([[[0.0, 0.0, 1.0]]]), 0.1, "exactly_2", solver).feasible


@solvers
def test_exactly_k_agrees_between_solvers(name, problem):
    weights, coefficients = problem
    exact = solve(weights, coefficients, EPSILON, "exactly_3")
    mip = solve(weights, coefficients, EPSILON, "exactly_3", name)
    assert np.array_equal(mip.feasible, exact.feasible)
    assert (mip.cardinality[exact.feasible] == 3).all()
    assert np.allclose(mip.errors[exact.feasible], exact.errors[exact.feasible], rtol=0.011, atol=1e-7)


@solvers
@objectives
def test_unreachable_weight_is_reported_infeasible(name, objective, problem):
    solution = solve(*problem, EPSILON, objective, name)
    assert solution.status[0, 3] == Status.INFEASIBLE
    assert not solution.feasible[0, 3]


@solvers
@objectives
def test_solution_of_a_weight_is_independent_of_earlier_weights(name, objective):
    random = np.random.default_rng(3)
    weights, coefficients = random.uniform(-0.5, 0.5, (1, 6)), random.uniform(-0.5, 0.5, (1, 10))
    forward = solve(weights, coefficients, EPSILON, objective, name)
    backward = solve(weights[:, ::-1], coefficients, EPSILON, objective, name)
    alone = [solve(weights[:, [t]], coefficients, EPSILON, objective, name).masks[0, 0] for t in range(6)]
    assert np.array_equal(forward.masks, backward.masks[:, ::-1])
    assert np.array_equal(forward.masks[0], alone)


@solvers
def test_changed_objective_or_epsilon_gets_a_new_model(name):
    weight, coefficients = np.array([0.5]), np.array([0.48, 0.26, 0.24])
    solver = create(name)
    masks = [
        int(solver.solve_row(weight, coefficients, epsilon, objective)[0][0])
        for epsilon, objective in [(0.05, "min_error"), (0.05, "min_cardinality"), (0.001, "min_cardinality")]
    ]
    assert masks == [0b110, 0b001, 0b110]


@solvers
def test_time_limit_is_recorded_as_status(name):
    coefficients = np.random.default_rng(30).uniform(-1, 1, (1, 32))
    solution = solve(np.array([[0.3]]), coefficients, 1e-7, "first_feasible", name, time_limit=0.2)
    assert solution.status == Status.TIME_LIMIT
    assert solution.feasible == (solution.errors <= 1e-7)


def test_hanging_solver_is_killed_and_recorded_as_time_limit(tmp_path, monkeypatch):
    hanging = tmp_path / "cbc"
    hanging.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(1000)\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(cbc, "GRACE_SECONDS", 0.5)
    bystander = subprocess.Popen(["sleep", "100"])
    started = time.monotonic()
    solver = cbc.CbcSolver(time_limit=0.2, path=str(hanging))
    masks, status = solver.solve_row(np.array([0.3, 0.4]), np.array([0.1, 0.2, 0.3]), 0.01, "min_error")
    assert time.monotonic() - started < 60
    assert (status == Status.TIME_LIMIT).all()
    assert not masks.any()
    assert bystander.poll() is None, "a process that is no CBC was ended"
    bystander.kill()


def test_gurobi_without_licence_raises_one_line_and_mip_uses_cbc(tmp_path):
    script = """
import json
from lottery.subset_sum import SubsetSumError, choose, create, gurobi
messages = []
for attempt in (lambda: choose("gurobi", 9, 1), lambda: create("gurobi")):
    try:
        attempt()
    except SubsetSumError as error:
        messages.append(str(error))
choice = choose("mip", 9, 1)
print(json.dumps([gurobi.licence().kind, messages, choice.solver, choice.reason]))
"""
    environment = {**os.environ, "GRB_LICENSE_FILE": str(tmp_path / "missing.lic")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    kind, messages, solver, reason = json.loads(done.stdout.splitlines()[-1])
    assert kind == "none"
    assert len(messages) == 2
    for message in messages:
        assert "licence" in message
        assert "exact, cbc or mip" in message
        assert "\n" not in message
    assert solver == "cbc"
    assert "licence is none" in reason
    assert "missing.lic" in reason


@pytest.mark.skipif(LICENCE.kind != "size-limited", reason=f"Gurobi's licence is {LICENCE.kind}, not size-limited")
def test_model_beyond_a_size_limited_licence_raises_or_uses_cbc():
    assert choose("gurobi", 1999, 1).solver == choose("mip", 1999, 1).solver == "gurobi"
    with pytest.raises(SubsetSumError, match=r"size-limited.*get a licence"):
        choose("gurobi", 2500, 1)
    choice = choose("mip", 2500, 1)
    assert choice.solver == "cbc"
    assert "size-limited" in choice.reason


def test_auto_is_exact_if_tractable_else_mip():
    assert choose("auto", 21, 784).solver == "exact"
    assert choose("auto", 60, 1).solver in ("gurobi", "cbc")
    assert choose("exact", 60, 1).solver == "exact"
