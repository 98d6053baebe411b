"""Facts about the machine and the code are noted where they can be had, are never wrong, and never fail a result."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from lottery.cli import main
from lottery.records import provenance
from lottery.records.provenance import git_commit, peak_memory_mb, provenance_path, read_record, vector_instructions
from lottery.results.tables.lineage import lineage, stages

FETCH = ["fetch", "--dataset", "mnist5k", "--source", "embedded", "--output"]
STATUSES = {"none": None, "empty": "", "no such field": "Name:\tpython\nVmRSS:\t  100 kB\n", "no unit": "VmHWM:\t 1\n"}


@pytest.mark.parametrize("status", STATUSES)
def test_memory_that_the_kernel_does_not_tell_is_none(tmp_path: Path, status: str) -> None:
    path, content = tmp_path / "status", STATUSES[status]
    if content is not None:
        path.write_text(content)
    assert peak_memory_mb(path) is None


def test_memory_that_the_kernel_tells_is_taken(tmp_path: Path) -> None:
    (tmp_path / "status").write_text("VmPeak:\t  900000 kB\nVmHWM:\t  500000 kB\n")
    assert peak_memory_mb(tmp_path / "status") == 512


FLAGS = {"fma avx avx2 bmi2": "avx2", "avx2 avx512f avx512vl": "avx512f", "fp asimd": None}


@pytest.mark.parametrize("flags", FLAGS)
def test_the_widest_vector_instructions_are_noted(tmp_path: Path, flags: str) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name\t: a processor\nflags\t\t: {flags}\n")
    assert vector_instructions(tmp_path / "cpuinfo") == FLAGS[flags]
    assert vector_instructions(tmp_path / "none") is None


def test_a_result_is_finished_where_no_fact_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "peak_memory_mb", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))  # no git
    data = tmp_path / "data.safetensors"
    assert main([*FETCH, str(data)]) == 0
    record = read_record(provenance_path(data))
    assert record["peak_memory_mb"] is None
    assert record["git_commit"] is None
    assert stages(lineage([data])).peak_memory_mb.isna().all()
    assert json.loads(provenance_path(data).read_text())["result"] == "data.safetensors"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a file, and a package that was installed into an ignored folder of it."""
    folder = tmp_path / "checkout"
    installed = folder / ".venv"
    installed.mkdir(parents=True)
    for path in (folder / "own.py", installed / "package.py"):
        path.write_text("x = 1\n")
    (folder / ".gitignore").write_text(".venv\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "x")
    return folder


def test_the_commit_is_that_of_the_code_and_not_of_a_repository_around_it(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    assert git_commit(checkout / "own.py") == commit
    assert git_commit(checkout / ".venv" / "package.py") is None
    assert git_commit(checkout.parent / "nowhere" / "own.py") is None
    (checkout / "own.py").write_text("x = 2\n")
    assert git_commit(checkout / "own.py") == f"{commit}+changes"


def test_the_commit_is_not_of_the_repository_whose_hook_runs_a_command(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", os.fspath(tmp_path / "other" / ".git"))
    found = git_commit(checkout / "own.py")
    monkeypatch.delenv("GIT_DIR")
    assert found == git(checkout, "rev-parse", "HEAD")
