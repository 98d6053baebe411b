"""What rules share: resources, words of command lines, and what is done before and after all jobs."""

import base64
import gzip
import inspect
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lottery.records.files import read_json
from lottery.workflow import hooks
from lottery.workflow.command_line import as_plugin_flags, command_prefix, digest, folders, not_compared, packed
from lottery.workflow.resources import gpus_per_job, gurobi_licences, prune_minutes, scale_by_attempt, solve_minutes
from lottery.workflow.shared_jobs import PLAN_FILE

# Resources


@pytest.mark.parametrize("first", [300, lambda wildcards: 3 * wildcards])
def test_scale_by_attempt_grows_linearly(first: object) -> None:
    scaled = scale_by_attempt(first)  # type: ignore[arg-type]
    assert [scaled(100, attempt=attempt) for attempt in (1, 2, 3)] == [300, 600, 900]


def test_minutes_depend_on_the_solver_and_on_epochs() -> None:
    assert [solve_minutes(solver) for solver in ("exact", "auto", "cbc", "mip")] == [10, 10, 60, 60]
    assert [prune_minutes(epochs) for epochs in (0, 100)] == [5, 105]


def test_licences_are_for_solvers_that_may_be_gurobi() -> None:
    assert [gurobi_licences(solver) for solver in ("gurobi", "mip", "cbc", "exact", "auto")] == [1, 1, 0, 0, 0]


def test_a_gpu_is_asked_for_where_the_config_names_it() -> None:
    assert [gpus_per_job(device) for device in ("cuda", "auto", "cpu")] == [1, 0, 0]


# Command lines


def in_a_shell(submitted: bool, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as Snakemake does: the prefix formatted, then bash."""
    prefix = command_prefix({"jobs_per_gpu": 2, "runs_per_job": "auto"}, submitted=submitted).format()
    return subprocess.run(["bash", "-c", prefix + command], capture_output=True, text=True)


def test_command_prefix_sets_strict_mode() -> None:
    assert in_a_shell(False, "false | tee /dev/null").returncode != 0
    assert in_a_shell(False, "echo $not_set").returncode != 0


@pytest.mark.parametrize("submitted", [True, False])
def test_command_prefix_exports_how_jobs_share_machines(submitted: bool) -> None:
    words = in_a_shell(submitted, "env").stdout.splitlines()
    expected = {"LOTTERY_JOBS_PER_GPU=2", "LOTTERY_RUNS_PER_JOB=auto", f"LOTTERY_PLANNED_RUNS={PLAN_FILE}"}
    assert expected <= set(words)
    assert ("LOTTERY_SUBMITTED=1" in words) == submitted


def test_command_prefix_takes_lottery_of_this_python_whatever_the_path() -> None:
    found = in_a_shell(False, "type lottery").stdout
    assert f'{shlex.quote(sys.executable)} -P -m lottery.cli "$@"' in found


def test_plugin_flags_are_quoted_and_begin_with_a_space() -> None:
    assert as_plugin_flags([]) == ""
    assert as_plugin_flags(["a.py", "my b.py"]) == " --plugin a.py --plugin 'my b.py'"


def test_not_compared_is_made_from_the_output_as_snakemake_sees_it() -> None:
    parameter = not_compared("cpu")
    assert [*inspect.signature(parameter).parameters] == ["wildcards", "output"]
    assert parameter(None, None) == "cpu"


def test_folders_keep_the_order_of_files() -> None:
    assert folders(["b/c/d.json", "a/d.json"]) == ["b/c", "a"]


def test_packed_lists_are_read_back_and_differ_by_digest() -> None:
    listed = [{"variant": "released", "folder": f"run {number}"} for number in range(5000)]
    word = packed(listed)
    assert json.loads(gzip.decompress(base64.b64decode(word))) == listed
    assert len(word) < 128 * 1024 / 2
    assert word == packed(listed), "no time stamp is in it"
    assert digest(listed) == digest([*listed]) != digest(listed[1:])


# Before and after all jobs


@dataclass
class NamedRule:
    name: str


@dataclass
class FakeJob:
    """A job with the attributes of Snakemake's that the hooks read."""

    rule: NamedRule
    output: list[str] = field(default_factory=list)
    shellcmd: str = ""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[FakeJob]:
    """Two jobs that share and one that does not, each with a finished result under its second name."""
    monkeypatch.chdir(tmp_path)
    made = []
    for name in ("solve", "prune", "train"):
        Path(f".{name}.json.cached").touch()
        made.append(FakeJob(NamedRule(name), [f"{name}.json"], f"lottery {name} --output {name}.json 2>&1 | tee log"))
    return made


def kept() -> set[str]:
    return {path.name for path in Path().glob(".*.cached")}


def test_on_start_writes_down_commands_and_forgets_forced_results(jobs: list[FakeJob]) -> None:
    hooks.on_start(jobs, is_forced=lambda job: job.rule.name == "prune")
    assert read_json(Path(PLAN_FILE)) == [[name, "--output", f"{name}.json"] for name in ("solve", "prune")]
    assert kept() == {".solve.json.cached", ".train.json.cached"}


def test_on_success_forgets_results_and_the_plan(jobs: list[FakeJob]) -> None:
    hooks.on_start(jobs, is_forced=lambda job: False)
    hooks.on_success(jobs)
    assert not Path(PLAN_FILE).exists()
    assert kept() == {".train.json.cached"}


def test_on_error_keeps_results_for_the_next_attempt(jobs: list[FakeJob]) -> None:
    hooks.on_start(jobs, is_forced=lambda job: False)
    hooks.on_error()
    hooks.on_error()
    assert not Path(PLAN_FILE).exists()
    assert len(kept()) == 3
