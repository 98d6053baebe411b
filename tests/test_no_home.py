"""A user whose home folder is not there, and who can write nothing but the project: containers, read-only installs."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, copy_workflow

UNKNOWN, NOBODY = 54321, 65534  # the first is in no list of users
SITE = Path(np.__file__).parent.parent  # where the packages are

Run = Callable[..., subprocess.CompletedProcess[str]]


def python_for(user: int) -> str:
    """A Python of this version that another user may start and that finds our packages."""
    code = "import numpy, subprocess, sys; subprocess.run([sys.executable, '-c', ''], check=True)"
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        command = ["setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups", python, "-c", code]
        try:
            if not subprocess.run(command, env={"PYTHONPATH": str(SITE)}, cwd="/", capture_output=True).returncode:
                return python
        except OSError:
            continue
    pytest.skip("another user can start no Python of this version that has our packages")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """The project, which others can write to, and the package beside it, which they can only read."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user, and needs setpriv")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # pytest's own folders are closed to others
        place = Path(folder)
        copy_workflow(place / "project")
        shutil.copy(ROOT / "Makefile", place / "project")
        (place / "package").mkdir()
        shutil.move(place / "project" / "lottery", place / "package" / "lottery")
        for compiled in (place / "package").rglob("__pycache__"):
            shutil.rmtree(compiled)
        subprocess.run(["chmod", "-R", "a+rX,go-w", folder], check=True)
        subprocess.run(["chmod", "-R", "a+rwX", place / "project"], check=True)
        yield place


@pytest.fixture(params=[UNKNOWN, NOBODY], ids=["unknown user without HOME", "HOME that is not there"])
def run(place: Path, request: pytest.FixtureRequest) -> Iterator[Run]:
    """Start a command as that user, in the project."""
    python = python_for(request.param)
    base = {
        "PATH": f"/usr/bin:/bin:{Path(sys.executable).parent}",
        "PYTHONPATH": f"{place / 'package'}:{SITE}",
        "LC_ALL": "C.UTF-8",
    }
    home = {"HOME": "/nonexistent"} if request.param == NOBODY else {}

    def start(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        words = tuple(python if word == "python" else word for word in words)
        command = ["setpriv", "--reuid", str(request.param), "--regid", str(request.param), "--clear-groups", *words]
        return subprocess.run(
            command, cwd=place / "project", capture_output=True, text=True, timeout=300, env={**base, **home, **environment}
        )  # fmt: skip

    yield start
    shutil.rmtree(place / "project" / ".snakemake", ignore_errors=True)


def test_compiled_code_works_without_a_place_to_keep_it_and_says_so_once(run: Run, place: Path) -> None:
    code = """
import numpy as np, lottery.pruning.kernels
from lottery.subset_sum import solve
print(solve(np.array([[0.3]]), np.array([[0.1, 0.2, 0.5]])).masks[0, 0])
"""
    done = run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "3"
    assert done.stderr.count("\n") == 1
    assert "set HOME to a folder that can be written to" in done.stderr
    assert not (place / "project" / "~").exists()


def test_the_message_is_followed_by_what_it_promises(run: Run, place: Path) -> None:
    home = place / "project" / ".snakemake" / "home"
    code = "import lottery.subset_sum"
    done = run("python", "-c", code, HOME=str(home))
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / ".cache" / "numba").is_dir()


def test_the_workflow_runs_with_a_home_in_the_project_as_make_gives_it_one(run: Run, place: Path) -> None:
    shown = run("make", "--eval", "show: ; @echo $$HOME $$USERNAME", "show")
    home, name = shown.stdout.split()
    assert home == str(place / "project" / ".snakemake" / "home"), shown.stderr
    words = ["-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", "config/demo.yaml", "--", "data"]
    done = run("python", *words, HOME=home, USERNAME=name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (place / "project" / "~").exists()


def test_an_audit_needs_no_home(run: Run, place: Path) -> None:
    done = run("python", "-m", "lottery.cli", "audit", "data", "--configfile", "config/demo.yaml")
    assert "cannot be planned" not in done.stderr
    assert "none of 1 results is there" in done.stderr
    assert not (place / "project" / "~").exists()
