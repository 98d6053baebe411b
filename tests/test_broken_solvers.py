"""A solver that is broken, or breaks on the way, is an error at once, and never a weight without a subset."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pulp
import pytest

from lottery.approximation.chunks import Chunk, Partial, solve_chunk
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target, write_target
from lottery.cli import main
from lottery.records.tensors import read_tensors, write_tensors
from lottery.subset_sum import Problem, Status, SubsetSumError, choose, create, gurobi
from lottery.subset_sum.cbc import CbcSolver, find_working_cbc

WEIGHTS, COEFFICIENTS = np.array([0.3, 0.4]), np.array([0.1, 0.2, 0.5])
BUNDLED = str(Path(pulp.PULP_CBC_CMD.pulp_cbc_path).resolve())
# The header of a program for a processor that nobody here has (IBM S/390), enough for the system to refuse it.
ANOTHER_ARCHITECTURE = b"\x7fELF\x02\x02\x01".ljust(16, b"\0") + b"\x00\x02\x00\x16" + bytes(100)
LICENCE = gurobi.licence()
needs_gurobi = pytest.mark.skipif(not LICENCE.fits(50), reason=f"no Gurobi: {LICENCE.detail}")


def program(path: Path, content: str | bytes) -> str:
    """A shell script, or bytes, that can be started as a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else f"#!/bin/sh\n{content}\n".encode())
    path.chmod(0o755)
    return str(path)


def system_cbc() -> str:
    """A CBC of the system's, not PuLP's."""
    found = next((f"{folder}/cbc" for folder in ("/usr/bin", "/usr/local/bin") if Path(folder, "cbc").is_file()), None)
    if found is None:
        pytest.skip("no cbc in /usr/bin or /usr/local/bin (apt-get install coinor-cbc)")
    return found


def writes(solution: str) -> str:
    """A CBC that writes this solution and is content."""
    return f"""for last; do :; done; printf '{solution}' > "$last" """


BROKEN = {
    "ends with a status": ("echo cannot open shared object file; exit 127", "exit status 127: cannot open shared"),
    "ends by a signal": ("kill -9 $$", "exit status -9"),
    "writes nothing": ("exit 0", "exit status 0 and no solution file"),
    "of another architecture": (ANOTHER_ARCHITECTURE, "cannot be started (Exec format error)"),
    "says something else": (writes("Unbounded - objective value 0\\n"), "failed at the weight 0.3"),
    "is cut off": (writes("Optimal - objective value 0\\n      0 C0000000     0.0176\\n"), "wrote a damaged solution"),
    "leaves out a variable": (writes("Optimal - objective value 0\\n 0 X0000001 1 0\\n"), "wrote a damaged solution"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_cbc_raises_one_line_with_its_path_and_fault(tmp_path: Path, broken: str) -> None:
    content, message = BROKEN[broken]
    path = program(tmp_path / "cbc", content)
    with pytest.raises(SubsetSumError) as found:
        CbcSolver(path=path).solve_row(WEIGHTS, COEFFICIENTS, 0.01, "min_error")
    assert message in str(found.value)
    assert "\n" not in str(found.value)
    assert path in str(found.value) or "failed at the weight" in message


@pytest.fixture
def bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """PuLP's own CBC is of another architecture."""
    path = program(tmp_path / "pulp" / "cbc", ANOTHER_ARCHITECTURE)
    monkeypatch.setattr(pulp.PULP_CBC_CMD, "pulp_cbc_path", path)
    return path


def test_system_cbc_is_used_if_the_bundled_one_does_not_run(
    bundled: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = system_cbc()
    monkeypatch.setenv("PATH", f"{Path(system).parent}{os.pathsep}{os.environ['PATH']}")
    assert find_working_cbc() == system
    masks, status = create("cbc").solve_row(WEIGHTS[:1], COEFFICIENTS, 0.01, "min_error")
    assert (masks[0], status[0]) == (0b011, Status.SOLVED)
    assert system in choose("cbc", 21, 784).reason
    assert main(["solvers"]) == 0
    assert system in capsys.readouterr().out


def test_choosing_cbc_raises_if_none_runs(
    bundled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = program(tmp_path / "bin" / "cbc", "exit 127")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    chosen = main(["choose-solver", "--solver", "cbc", "--weights-per-set", "9", "--output", str(tmp_path / "o.json")])
    assert chosen == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{bundled} cannot be started (Exec format error); {other} ended with exit status 127" in said
    assert main(["solvers"]) == 0
    listed = capsys.readouterr().out
    assert "cbc     cannot be used" in listed
    assert other in listed
    Path(other).unlink()
    with pytest.raises(SubsetSumError, match="install coin-or-cbc"):
        choose("cbc", 21, 784)


@pytest.fixture
def target_file(tmp_path: Path, target: Target) -> Path:
    write_target(tmp_path / "target.safetensors", target)
    return tmp_path / "target.safetensors"


def test_cross_check_by_a_broken_solver_fails_without_output(
    target_file: Path, tmp_path: Path, bundled: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "bin" / "cbc", "exit 127")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    words = ["cross-check", "--target", str(target_file), "--name", "x", "--solver", "cbc", "--sample", "2"]
    assert main([*words, "--timings", str(tmp_path / "s.json"), "--output", str(tmp_path / "c.csv")]) == 1
    said = capsys.readouterr()
    assert "exit status 127" in said.err
    assert "core hours" not in said.out
    assert not (tmp_path / "c.csv").exists()
    assert not (tmp_path / "s.json").exists()


def test_cbc_works_in_a_temporary_folder_with_a_space_and_leaves_it_empty(target_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "with a space"
    folder.mkdir()
    words = [
        "cross-check",
        "--target",
        target_file,
        "--name",
        "x",
        "--solver",
        "cbc",
        "--sample",
        "2",
        "--epsilon",
        "0.1",
    ]
    words += ["--timings", tmp_path / "s.json", "--output", tmp_path / "c.csv"]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "lottery.cli", *map(str, words)], env=environment, capture_output=True, text=True, timeout=120
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {row["solver_status"] for row in csv.DictReader((tmp_path / "c.csv").open())} == {"solved"}
    assert len(json.loads((tmp_path / "s.json").read_text())["solver_seconds"]) == 2
    assert not list(folder.glob("*pulp*"))
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_killed_process_leaves_no_temporary_file(tmp_path: Path) -> None:
    folder, note = tmp_path / "tmp", tmp_path / "pid"
    folder.mkdir()
    slow = program(tmp_path / "cbc", f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 100")
    code = f"""
import numpy as np
from lottery.subset_sum.cbc import CbcSolver
CbcSolver(path={slow!r}).solve_row(np.array([0.3]), np.array([0.1, 0.2, 0.5]), 0.01, "min_error")
"""
    solving = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(folder)})
    try:
        deadline = time.monotonic() + 60
        while not note.exists():
            assert time.monotonic() < deadline
            assert solving.poll() is None
            time.sleep(0.05)
        solving.kill()
        solving.wait()
        assert not list(folder.iterdir())
    finally:
        solving.kill()
        solving.wait()
        os.kill(int(note.read_text()), signal.SIGKILL)


def test_solver_that_fails_midway_keeps_finished_blocks(tmp_path: Path, target: Target) -> None:
    settings, chunk = Settings(epsilon=0.1, on_infeasible="nearest"), Chunk(0, range(8))
    calls = tmp_path / "calls"
    breaks = program(
        tmp_path / "cbc", f"echo >> {calls}; [ $(wc -l < {calls}) -le 20 ] || exit 127; exec {find_working_cbc()} \"$@\""
    )  # fmt: skip
    partial = tmp_path / "partial"
    solver = CbcSolver(path=breaks)
    solver.block = 4
    with pytest.raises(SubsetSumError, match="exit status 127"):
        solve_chunk(target, settings, chunk, solver, partial)
    assert read_tensors(partial)[1]["done"] == 20
    assert (read_tensors(partial)[0]["status"].ravel()[:20] != Status.FAILED).all()
    working = CbcSolver()
    continued = solve_chunk(target, settings, chunk, working, partial)
    whole = solve_chunk(target, settings, chunk, working, tmp_path / "other")
    np.testing.assert_array_equal(continued.masks, whole.masks)


def test_weights_with_status_failed_are_solved_again(tmp_path: Path) -> None:
    problem = Problem(np.array([[0.3]]), np.array([[0.1, 0.2]]))
    path = tmp_path / "partial"
    first = Partial(path, problem, "cbc")
    arrays = {"masks": first.masks, "status": np.full((1, 1), Status.FAILED, np.uint8)}
    write_tensors(path, arrays, {"problem": first.id, "done": 1})
    assert Partial(path, problem, "cbc").done == 0


@needs_gurobi
def test_gurobi_error_between_weights_raises() -> None:
    solver = gurobi.GurobiSolver()
    masks, _ = solver.solve_row(WEIGHTS[:1], COEFFICIENTS, 0.01, "min_error")
    assert masks[0] == 0b011
    assert isinstance(solver._model, gurobi._GurobiModel)
    solver._model.model.Params.MemLimit = 1e-12  # a real error of Gurobi's; a lost licence cannot be staged
    with pytest.raises(SubsetSumError, match=r"gurobi: Out of memory \(error 10001\); check licence"):
        solver.solve_row(WEIGHTS[:1], COEFFICIENTS, 0.01, "min_error")
    solver = gurobi.GurobiSolver()
    solver._environment.dispose()
    with pytest.raises(SubsetSumError, match="gurobi: .*check licence"):
        solver.solve_row(WEIGHTS, COEFFICIENTS, 0.01, "min_error")


@needs_gurobi
def test_ctrl_c_in_gurobi_raises_keyboard_interrupt() -> None:
    coefficients = np.random.default_rng(0).uniform(-1, 1, 60)
    code = f"""
import numpy as np
from lottery.subset_sum.gurobi import GurobiSolver
solver = GurobiSolver(time_limit=60)
print("started", flush=True)
try:
    print(solver.solve_row(np.array([0.3]), np.array({coefficients.tolist()}), 1e-9, "first_feasible"))
except KeyboardInterrupt:
    print("interrupted")
"""
    solving = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert solving.stdout is not None
        while "started" not in solving.stdout.readline():
            assert solving.poll() is None
        time.sleep(2)
        solving.send_signal(signal.SIGINT)
        assert "interrupted" in solving.communicate(timeout=60)[0]
    finally:
        solving.kill()
        solving.wait()
