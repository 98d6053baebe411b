"""Jobs that also run commands of other jobs: which job runs what, and what each job finds."""

import argparse
import errno
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from conftest import MNIST, RESULTS, ROOT, Snakemake
from filelock import FileLock

from lottery.approximation.target import Target, write_target
from lottery.cli import main, parser
from lottery.data.datasets import load
from lottery.data.sources import fetch
from lottery.devices import prepare_device
from lottery.networks import layers
from lottery.pruning.records import RUN_FILES, read_masks
from lottery.pruning.requests import Request, prune_together
from lottery.pruning.run import Run
from lottery.records.provenance import ProvenanceTracker, provenance_path, read_record
from lottery.records.result_cache import SUBMITTED
from lottery.settings import settings_from
from lottery.workflow.gpu_jobs import RUNS_PER_SLURM_JOB, _max_runs, fill_batch
from lottery.workflow.shared_jobs import (
    LOCK_SUFFIX,
    PLANNED,
    RUNS_PER_JOB,
    Command,
    _execute_sequentially,
    lock_if_pending,
    planned_commands,
    runs_per_job,
    save,
    try_lock,
    write_plan,
)
from lottery.workflow.snakemake_output import parse_commands

Words = Callable[..., list[str]]


@pytest.fixture
def words(tmp_path: Path) -> Words:
    """The command line of a run in a folder of that name."""
    fetch("mnist5k", "embedded", tmp_path / "data.safetensors")

    def words(name: str, *more: str) -> list[str]:
        wanted = ["--network", "fc2", "--structure", "linear", "--hidden", "12", "--epochs", "1", "--redundancy", "2"]
        data = ["prune", "--data", str(tmp_path / "data.safetensors")]
        return [*data, *wanted, *more, "--output", str(tmp_path / name)]

    return words


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the workflow be about to ask for these commands, so many a job."""

    def plan(count: object, *lines: list[str]) -> None:
        (tmp_path / "plan.json").write_text(json.dumps(lines))
        monkeypatch.setenv(PLANNED, str(tmp_path / "plan.json"))
        monkeypatch.setenv(RUNS_PER_JOB, str(count))

    return plan


def files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RUN_FILES if name != "cost.json"}


def command(line: list[str]) -> Command:
    arguments = parser().parse_args(line)
    return Command(arguments, ProvenanceTracker("prune", vars(arguments)))


def test_job_computes_runs_of_other_jobs_which_restore_them(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [words(f"run_{seed}", "--seed", str(seed)) for seed in (1, 2, 3)]
    plan(3, *lines)
    assert main(lines[0]) == 0
    assert capsys.readouterr().out.count("for another job:") == 2
    assert not any((tmp_path / "run_2" / name).exists() for name in RUN_FILES), "its own job will ask for it"
    assert main(lines[0]) == 0
    assert "was finished by an earlier attempt" in capsys.readouterr().out, "had the job failed later, it were not lost"
    for line in lines[1:]:
        assert main(line) == 0
        assert "was finished by an earlier attempt" in capsys.readouterr().out
    plan(1)
    for seed, line in enumerate(lines, start=1):
        alone = [*line[:-1], str(tmp_path / f"alone_{seed}")]
        assert main(alone) == 0
        assert files(tmp_path / f"run_{seed}") == files(tmp_path / f"alone_{seed}"), "the same bytes, together or alone"
        made, expected = (
            read_record(provenance_path(tmp_path / name / "metrics.json")) for name in (f"run_{seed}", f"alone_{seed}")
        )
        assert made["outputs"].keys() == expected["outputs"].keys()
        assert made["inputs"] == expected["inputs"]
        assert made["code"] == expected["code"]
    assert list(tmp_path.rglob(LOCK_SUFFIX)) == []
    assert list(tmp_path.rglob(".speculative*")) == []


def test_cost_of_a_job_is_divided_among_its_runs(words: Words, plan: Callable[..., None], tmp_path: Path) -> None:
    lines = [words(f"run_{seed}", "--seed", str(seed)) for seed in (1, 2)]
    plan(2, *lines)
    done = subprocess.run([sys.executable, "-m", "lottery.cli", *lines[0]], check=True, capture_output=True, text=True)
    assert "run_2, for another job:" in done.stdout
    assert main(lines[1]) == 0
    own, other = (read_record(provenance_path(tmp_path / f"run_{seed}/metrics.json")) for seed in (1, 2))
    assert own["device"] == other["device"] == "cpu"
    assert 0 < other["core_seconds"] < own["core_seconds"], "the own run bears Python's start"
    assert own["device_seconds"] > 0
    assert other["device_seconds"] > 0


def test_stacked_runs_share_the_cost_equally(
    words: Words, plan: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once, as on a GPU."""
    monkeypatch.setattr("lottery.workflow.gpu_jobs.uses_gpu", lambda _: True)
    monkeypatch.setattr("lottery.workflow.gpu_jobs.stack_size", lambda *_: 2)
    lines = [words(f"run_{seed}", "--seed", str(seed), "--hidden", "200") for seed in (1, 2)]
    plan(2, *lines)
    started = time.monotonic()
    assert main(lines[0]) == 0
    whole = time.monotonic() - started
    assert main(lines[1]) == 0
    own, other = (read_record(provenance_path(tmp_path / f"run_{seed}/metrics.json")) for seed in (1, 2))
    assert own["side_by_side"] == other["side_by_side"] == 2
    assert own["seconds"] + other["seconds"] < whole
    assert own["device_seconds"] + other["device_seconds"] < whole
    assert other["device_seconds"] > 0.2 * own["device_seconds"]


def test_runs_are_divided_among_the_gpus_of_a_machine(words: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    own, *others = [command(words(f"run_{seed}", "--seed", str(seed))) for seed in range(42)]
    others += [command(words("wide", "--structure", "wide"))]
    monkeypatch.setenv(RUNS_PER_JOB, "auto")
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # an allocation of the user's own
    for gpus, size, expected in ((1, 100, 42), (1, 30, 30), (4, 100, 11), (8, 100, 6), (100, 100, 1)):
        monkeypatch.setattr("lottery.workflow.gpu_jobs.visible_gpus", lambda count=gpus: ["gpu"] * count)
        assert _max_runs(own, others, size) == expected
    monkeypatch.setenv(SUBMITTED, "1")
    assert _max_runs(own, others, 100) == RUNS_PER_SLURM_JOB
    monkeypatch.setenv(RUNS_PER_JOB, "5")
    assert _max_runs(own, others, 100) == 5


def test_slurm_job_runs_as_many_as_the_profile_groups() -> None:
    profile = (ROOT / "slurm/config.yaml").read_text()
    assert f"- prune={RUNS_PER_SLURM_JOB}\n" in profile


def test_waiting_job_tries_a_failing_run_once(words: Words, plan: Callable[..., None], tmp_path: Path) -> None:
    """Its own run is being made by another job, and the only other one fails."""
    own, bad = words("own"), words("bad", "--learning-rate", "1000", "--weight-decay", "1000")
    plan(2, own, bad)
    (tmp_path / "own").mkdir()
    with FileLock(tmp_path / "own" / LOCK_SUFFIX):
        process = subprocess.Popen([sys.executable, "-m", "lottery.cli", *own], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "bad, for another job:\n"
        assert "overflowed" in process.stdout.readline()
        time.sleep(4)
    said, _ = process.communicate(timeout=100)
    assert "overflowed" not in said
    record = read_record(provenance_path(tmp_path / "own/metrics.json"))
    assert record["seconds"] < 4, "it does not bear what was done before"


def test_batch_is_filled_with_pending_runs_of_the_same_shape(
    words: Words, plan: Callable[..., None], tmp_path: Path
) -> None:
    done, other_shape = words("done", "--seed", "7"), words("other", "--structure", "wide")
    assert main(done) == 0
    wanted = words("wanted", "--sparsity", "0.75")
    own = command(words("own"))
    plan(9, done, other_shape, wanted, words("own"))
    with ExitStack() as locks:
        batch = fill_batch([own], planned_commands(own, parser().parse_args), 9, locks)
        assert [one.provenance.output.name for one in batch] == ["own", "wanted"]
        assert [one.provenance.speculative for one in batch] == [False, True]
    with ExitStack() as locks:
        assert len(fill_batch([own], planned_commands(own, parser().parse_args), 1, locks)) == 1


def test_locked_run_is_waited_for(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two processes want the same run: the second makes what nobody has, then finds its own finished."""
    first, second, third = (words(name, "--seed", seed) for name, seed in (("a", "1"), ("b", "2"), ("c", "3")))
    plan(2, first, second, third)
    (tmp_path / "b").mkdir()
    with FileLock(tmp_path / "b" / LOCK_SUFFIX):
        process = subprocess.Popen([sys.executable, "-m", "lottery.cli", *second], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if "for another job" in line:
                break
        # The holder of the claim makes the run, ahead of its being asked for.
        arguments = parser().parse_args(second)
        ahead = command(words("elsewhere")).provenance.for_speculative_run(vars(arguments))
        data = load(ahead.add_input(arguments.data))
        prune_together(
            [Request(ahead, settings_from(Run, arguments), arguments.data)], data, prepare_device("cpu"), 1, save
        )
    assert process.wait(100) == 0
    assert read_masks(tmp_path / "b/masks.safetensors")
    for line, name in ((first, "a"), (third, "c")):
        capsys.readouterr()
        assert main(line) == 0
        assert "was finished by an earlier attempt" in capsys.readouterr().out, (
            f"{name} was made by the one that waited"
        )


def test_any_failure_of_a_run_of_another_job_is_left_to_that_job(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, other = command(words("own")), command(words("other", "--seed", "2"))
    ahead = Command(other.arguments, own.provenance.for_speculative_run(vars(other.arguments)))

    def execute(arguments: argparse.Namespace, step: ProvenanceTracker) -> None:
        if step.speculative:
            raise RuntimeError("out of everything")
        (tmp_path / "own").mkdir(exist_ok=True)
        (step.add_outputs(tmp_path / "own/metrics.json")).write_text("{}")

    _execute_sequentially(own, [ahead], execute, 2)
    assert "out of everything" in capsys.readouterr().out
    assert read_record(provenance_path(tmp_path / "own/metrics.json"))


def test_job_skips_runs_with_more_epochs_or_another_network(words: Words) -> None:
    own = command(words("own", "--epochs", "3"))
    for more, longer in (
        (("--epochs", "3"), False), (("--epochs", "2", "--structure", "wide"), False), (("--epochs", "4"), True),
        (("--network", "lenet5"), True),
    ):  # fmt: skip
        assert command(words("other", *more)).is_longer_than(own) == longer


def test_lock_on_a_finished_run_leaves_no_file(words: Words, plan: Callable[..., None], tmp_path: Path) -> None:
    first, second = words("first"), words("second", "--seed", "2")
    plan(2, first, second)
    assert main(first) == 0
    _execute_sequentially(command(second), [], _not_called, None)
    assert read_masks(tmp_path / "second/masks.safetensors")
    with ExitStack() as locks:
        assert not lock_if_pending(command(first), locks), "it is finished"
    assert list(tmp_path.rglob(LOCK_SUFFIX)) == []


def _not_called(*_: object) -> None:
    raise AssertionError("it is there already")


def test_lock_is_released_when_its_process_ends(words: Words, tmp_path: Path) -> None:
    hold = f"from filelock import FileLock; l = FileLock({str(tmp_path / 'run' / LOCK_SUFFIX)!r}); l.acquire(); print('held', flush=True); input()"
    (tmp_path / "run").mkdir()
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    own = command(words("run"))
    with ExitStack() as locks:
        assert not try_lock(own, locks)
    holder.kill()
    holder.wait()
    with ExitStack() as locks:
        assert try_lock(own, locks)


def test_diverging_run_of_another_job_is_left_to_that_job(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = words("good")
    bad = words("bad", "--learning-rate", "1000", "--weight-decay", "1000")
    plan(2, good, bad)
    assert main(good) == 0
    assert "bad: fc2: scores or weights overflowed in epoch 1; lower the learning rate" in capsys.readouterr().out
    assert main(bad) == 1
    assert "overflowed in epoch 1" in capsys.readouterr().err


def test_unreadable_run_of_another_job_is_left_to_that_job(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "convolutions.pt").write_bytes(b"nothing")
    lenet5 = ["--network", "lenet5"]
    good, bad = words("good", *lenet5), words("bad", *lenet5, "--convolutions", str(tmp_path / "convolutions.pt"))
    plan(2, good, bad)
    assert main(good) == 0
    assert "convolutions.pt is damaged, or not a state dict of tensors" in capsys.readouterr().out
    assert main(bad) == 1


def test_job_without_locks_only_runs_its_own_command(
    words: Words, plan: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", no_locks)
    plan(2, words("own"), words("other", "--seed", "2"))
    assert main(words("own")) == 0
    assert list((tmp_path / "other").glob(".*.cached")) == []


def test_damaged_cached_files_are_not_restored(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = words("first"), words("second", "--seed", "2")
    plan(2, first, second)
    assert main(first) == 0
    (tmp_path / "second/.masks.safetensors.cached").write_bytes(b"damaged")
    capsys.readouterr()
    assert main(second) == 0
    assert "earlier attempt" not in capsys.readouterr().out
    assert read_masks(tmp_path / "second/masks.safetensors")


@pytest.mark.parametrize("value", ["0", "-1", "some", ""])
def test_invalid_number_of_runs_per_job_raises(
    value: str, words: Words, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUNS_PER_JOB, value)
    assert main(words("run")) == 1
    assert capsys.readouterr().err == (
        f"lottery prune: {RUNS_PER_JOB}: {value!r} is neither auto nor a whole number from 1; set runs_per_job in the config\n"
    )


def test_job_runs_commands_of_other_jobs_for_a_minimum_time(
    words: Words, plan: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any shape; with a time that has passed already, none."""
    names = ("own", "other", "wide")
    lines = [words("own"), words("other", "--seed", "2"), words("wide", "--structure", "wide")]
    plan("auto", *lines)
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # an allocation of the user's own
    monkeypatch.setattr("lottery.workflow.shared_jobs.MIN_JOB_SECONDS", 0.0)
    assert main(lines[0]) == 0
    assert [len(list((tmp_path / name).glob(".*.cached"))) for name in names] == [5, 0, 0]
    monkeypatch.setattr("lottery.workflow.shared_jobs.MIN_JOB_SECONDS", 60.0)
    assert main(words("own", "--seed", "3")) == 0
    assert [len(list((tmp_path / name).glob(".*.cached"))) for name in names] == [5, 5, 5]
    monkeypatch.delenv(RUNS_PER_JOB)
    assert runs_per_job() is None


def test_short_job_skips_long_runs(
    words: Words, plan: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # an allocation of the user's own
    plan("auto", words("own"), words("long", "--epochs", "2"), words("short", "--seed", "2"))
    assert main(words("own")) == 0
    assert [len(list((tmp_path / name).glob(".*.cached"))) for name in ("long", "short")] == [0, 5]


def test_job_of_a_slurm_group_on_a_cpu_only_runs_its_own_command(
    words: Words, plan: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan("auto", words("own"), words("other", "--seed", "2"))
    monkeypatch.setenv(SUBMITTED, "1")
    assert main(words("own")) == 0
    assert list((tmp_path / "other").glob(".*.cached")) == []


def test_job_also_computes_frontier_points_of_other_jobs(
    words: Words, plan: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {layer.name: np.random.default_rng(0).normal(0, 0.05, layer.shape) for layer in layers("fc2", MNIST)}
    write_target(tmp_path / "target.safetensors", Target("fc2", MNIST, "raw", weights))
    shared = ["--target", str(tmp_path / "target.safetensors"), "--data", str(tmp_path / "data.safetensors")]

    def point(name: str, seed: int) -> list[str]:
        settings = ["--objective", "min_cardinality", "--epsilon", "0.05", "--seed", str(seed)]
        return ["measure-frontier", *shared, *settings, "--output", str(tmp_path / f"{name}.json")]

    words("unused")
    lines = [point("a", 1), point("b_0.5", 2), point("c", 3)]
    plan("auto", *lines, words("run"))
    assert main(lines[0]) == 0
    assert not (tmp_path / "run").exists(), "another kind of result"
    assert not (tmp_path / "c.json").exists(), "its own job will ask for it"
    for line in lines[1:]:
        capsys.readouterr()
        assert main(line) == 0
        assert "was finished by an earlier attempt" in capsys.readouterr().out
    plan(1)
    assert main(point("alone", 2)) == 0
    assert (tmp_path / "alone.json").read_bytes() == (tmp_path / "b_0.5.json").read_bytes()
    own, ahead = (read_record(provenance_path(tmp_path / name)) for name in ("a.json", "c.json"))
    assert 0 < ahead["core_seconds"] < own["core_seconds"], "the own point bears Python's start"
    assert list(tmp_path.glob("*.lock")) == []
    assert list(tmp_path.glob(".speculative*")) == []


def test_plan_lists_the_commands_of_the_workflow(tmp_path: Path, words: Words) -> None:
    line = words("a run with spaces")
    write_plan(tmp_path / "plan.json", [f"set -e; lottery {shlex.join(line)} 2>&1 | tee log.txt", "echo nothing"])
    assert json.loads((tmp_path / "plan.json").read_text()) == [line]
    assert parse_commands("lottery prune --seed 1") == []


@pytest.mark.slow
def test_workflow_gives_the_same_bytes_with_several_runs_per_job(workflow: Path, snakemake: Snakemake) -> None:
    sweep = "{structures: [linear], sparsities: [%s], epochs: [1], published_seed: null, held_out_seeds: [1, 2]}"

    def ask(count: int, sparsities: str) -> subprocess.CompletedProcess[str]:
        own = [f"runs_per_job={count}", "sweeps={fc2: " + sweep % sparsities + "}"]
        return snakemake(workflow, "pruning", "--configfile", "config/demo.yaml", "--config", *own)

    def found() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (workflow / RESULTS / "pruning").rglob("masks.safetensors")}

    assert ask(1, "0.5, 0.9").returncode == 0
    alone = found()
    assert len(alone) == 4
    shutil.rmtree(workflow / RESULTS / "pruning")
    together = ask(4, "0.5, 0.9")
    assert together.returncode == 0, together.stderr
    assert "for another job" in together.stdout + together.stderr
    assert found() == alone
    assert "Nothing to be done" in ask(2, "0.5, 0.9").stderr
    more = ask(9, "0.5, 0.9, 0.75")
    assert re.search(r"^prune +2$", more.stderr, re.MULTILINE), "one more sparsity, two seeds"
    assert alone.items() < found().items()
