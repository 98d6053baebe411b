"""`snakemake --profile slurm` on a real Slurm of one node, started for these tests: jobs that die, limits, Ctrl-C.

Memory is handed out by this Slurm but not enforced, and it keeps no accounts: a job that runs out of memory is played by
one that exits, and `sacctmgr` by a script that knows one account.

Nearly all that a scenario does is to wait: those that were selected are played at once, on one cluster.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import RESULTS, ROOT, SMALL, contents, copy_workflow

TARGET = RESULTS / "targets/fc2/weights.safetensors"
AT_ONCE = 8  # scenarios; more would only wait for each other's computing
CPUS = 16  # of the cluster, so that no job waits in the queue
WITHOUT_A_SLURM = {"LOTTERY_SLURM_STATUS": "squeue", "LOTTERY_SLURM_POLL": "1"}  # no accounting, short polls
MISSING = ", ".join(name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None)
WHY_NOT = f"no {MISSING} here (Debian: apt-get install slurmctld slurmd slurm-client munge)" * bool(
    MISSING
) or "only root can start a Slurm for the tests" * (os.geteuid() != 0)
needs_slurm = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
RUNS = "pruning/*/fc2/*/released/*"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A Slurm that runs while the tests of this file do."""
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run([ROOT / "tests/slurm/up", folder, str(CPUS)], capture_output=True, text=True)
    try:
        assert started.returncode == 0, started.stderr
        yield
    finally:
        subprocess.run([ROOT / "tests/slurm/down", folder], check=True)


class Run:
    """A Snakemake with our profile, in the background; its output so far is `text`."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.log = folder / f"snakemake_{time.monotonic_ns()}.log"
        variables = {**os.environ, "PYTHONPATH": str(folder), **WITHOUT_A_SLURM, **environment}
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=variables, start_new_session=True
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def wait(self, seconds: float = 1500) -> int:
        return self.process.wait(seconds)

    def until(self, seen: Callable[[], object], seconds: float = 1000) -> None:
        deadline = time.monotonic() + seconds
        while not seen():
            assert self.process.poll() is None, f"it ended before it was seen:\n{self.text}"
            assert time.monotonic() < deadline, self.text
            time.sleep(0.1)


Start = Callable[..., Run]
Scenario = Callable[[Path, Path, Start, tuple[str, ...]], None]
SCENARIOS: dict[str, Scenario] = {}


def scenario(play: Scenario) -> Scenario:
    """Something that happens on a cluster: in a copy of the workflow, held against the finished demo."""
    SCENARIOS[play.__name__] = play
    return play


def play(name: str, folder: Path, demo: Path) -> None:
    """A Snakemake that is left behind, of a scenario that failed, is ended."""
    runs = []

    def start(*arguments: str | Path, **environment: str) -> Run:
        runs.append(Run(*arguments, **environment))  # type: ignore[arg-type]
        return runs[-1]

    try:
        SCENARIOS[name](copy_workflow(folder), demo, start, SMALL)
    finally:
        for run in runs:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGINT)
                run.wait()


@pytest.fixture(scope="module")
def played(
    request: pytest.FixtureRequest, demo: Path, slurm: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[None]]]:
    """Each scenario that this session tests, going on or over."""
    selected = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    folder = tmp_path_factory.mktemp("scenarios")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(play, name, folder / name, demo) for name in SCENARIOS if name in selected}


def jobs(run: Run) -> list[dict[str, str]]:
    """Fields of the Slurm jobs that a run submitted, in order, as Slurm has them."""
    found = []
    for number in re.findall(r"submitted with SLURM jobid (\d+)", run.text):
        shown = subprocess.run(["scontrol", "show", "job", number], capture_output=True, text=True, check=True).stdout
        found.append(dict(re.findall(r"(\S+?)=(\S*)", shown)))
    return found


def waiting(run: Run) -> list[str]:
    """Jobs of a run that Slurm has not ended yet."""
    return [job["JobId"] for job in jobs(run) if job["JobState"] in ("PENDING", "RUNNING", "COMPLETING")]


def logs(folder: Path, rule: str) -> str:
    return "".join(path.read_text() for path in (folder / RESULTS / "logs" / rule).rglob("*.log"))


def before(folder: Path, rule: str, guard: str) -> None:
    """Let the command of a rule begin with `guard`."""
    for path in (folder / "workflow/rules").glob("*.smk"):
        path.write_text(path.read_text().replace(f'"lottery {rule}{{', f'"{guard}; lottery {rule}{{'))


def same_runs(folder: Path, demo: Path) -> bool:
    """Whether the runs of experiment 2 found the same."""
    paths = [path.relative_to(demo) for path in (demo / RESULTS).glob(f"{RUNS}/masks.safetensors")]
    paths += [path.with_name("metrics.json") for path in paths]
    assert len(paths) == 8
    return all((folder / path).read_bytes() == (demo / path).read_bytes() for path in paths)


@pytest.mark.slow
@needs_slurm
@pytest.mark.parametrize("folder_is_left", [True, False])
def test_a_slurm_that_died_with_its_tests_does_not_stop_the_next(tmp_path: Path, folder_is_left: bool) -> None:
    """Before the first test that has the common Slurm: there can be one at a time."""
    dead, alive = tmp_path / "dead", tmp_path / "alive"
    subprocess.run([ROOT / "tests/slurm/up", dead], check=True)
    refused = subprocess.run([ROOT / "tests/slurm/up", alive], capture_output=True, text=True)
    assert refused.returncode == 1
    assert f"or tests run; after killed tests: tests/slurm/down {dead}" in refused.stderr
    for daemon in ("slurmd", "slurmctld", "munged"):
        os.kill(int((dead / f"{daemon}.pid").read_text()), signal.SIGKILL)
    if not folder_is_left:
        shutil.rmtree(dead)
    try:
        subprocess.run([ROOT / "tests/slurm/up", alive], check=True)
        assert Path("/etc/slurm/slurm.conf").readlink() == alive / "slurm.conf"
    finally:
        subprocess.run([ROOT / "tests/slurm/down", alive], check=True)


@scenario
def the_demo_on_a_cluster_finds_the_same_bytes_in_few_jobs(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    run = on_cluster(workflow, "all", *small)
    assert run.wait() == 0, run.text
    assert contents(workflow) == contents(demo)
    submitted = jobs(run)
    expected = "two trainings; 4 runs in one; 3 chunks in one, twice; 2 cross-checks; 2 evaluations; a point; a ticket, verified; theory"
    assert len(submitted) == 13, expected
    assert {job["NumCPUs"] for job in submitted} == {"1"}


@scenario
def a_job_that_dies_gets_more_memory_and_time(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    before(workflow, "train", "[ {resources.mem_mb} -ge 9000 ] || exit 9")
    run = on_cluster(workflow, str(TARGET), *small)
    assert run.wait() == 0, run.text
    assert [(job["JobState"], job["MinMemoryNode"], job["TimeLimit"]) for job in jobs(run)] == [
        ("FAILED", "3000M", "01:00:00"), ("FAILED", "6000M", "02:00:00"), ("COMPLETED", "9000M", "03:00:00"),
    ]  # fmt: skip
    assert (workflow / TARGET).read_bytes() == (demo / TARGET).read_bytes()


@scenario
def a_run_that_fails_takes_nothing_from_the_others_in_its_job(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    third = (
        f"[ $(ls {RESULTS}/{RUNS}/metrics.json 2> /dev/null | wc -l) = 2 ] && [ {{resources.mem_mb}} = 3000 ] && exit 9"
    )
    before(workflow, "prune", third)
    run = on_cluster(workflow, "pruning", *small)
    assert run.wait() == 0, run.text
    assert [job["JobState"] for job in jobs(run)] == ["FAILED", "COMPLETED"]
    assert logs(workflow, "prune").count("metrics.json was finished by an earlier attempt") == 2
    assert same_runs(workflow, demo)


@scenario
def what_was_finished_beside_a_run_that_never_works_is_not_lost(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    before(
        workflow,
        "prune",
        f"[ $(ls {RESULTS}/{RUNS}/metrics.json 2> /dev/null | wc -l) = 2 ] && [ ! -e cured ] && exit 9",
    )
    run = on_cluster(workflow, "pruning", "--retries", "1", *small)
    assert run.wait() != 0, run.text
    assert [job["JobState"] for job in jobs(run)] == ["FAILED", "FAILED"]
    finished = len(list((workflow / RESULTS).glob(f"{RUNS}/.metrics.json.cached")))
    assert finished >= 2, "the attempts may make the runs of a job in different orders: then more than two"
    (workflow / "cured").touch()
    again = on_cluster(workflow, "pruning", *small)
    assert again.wait() == 0, again.text
    assert logs(workflow, "prune").count("metrics.json was finished by an earlier attempt") == finished
    assert same_runs(workflow, demo)


@scenario
def a_job_that_is_cancelled_goes_on_in_another(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    run = on_cluster(workflow, "pruning", *small)
    run.until(lambda: list((workflow / RESULTS).glob(f"{RUNS}/metrics.json")))
    [job] = jobs(run)
    subprocess.run(["scancel", job["JobId"]], check=True)
    assert run.wait() == 0, run.text
    assert [job["JobState"] for job in jobs(run)] == ["CANCELLED", "COMPLETED"]
    assert "metrics.json was finished by an earlier attempt" in logs(workflow, "prune")
    assert same_runs(workflow, demo)


@scenario
def a_job_beyond_its_time_gets_more(workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]) -> None:
    before(workflow, "train", "[ {resources.runtime} -gt 1 ] || sleep 300")
    run = on_cluster(workflow, str(TARGET), "--set-resources", "train:runtime=59*attempt-58", *small)
    assert run.wait() == 0, run.text
    assert [(job["JobState"], job["TimeLimit"]) for job in jobs(run)] == [
        ("TIMEOUT", "00:01:00"), ("COMPLETED", "01:00:00"),
    ]  # fmt: skip


@scenario
def ctrl_c_empties_the_queue_and_the_next_run_goes_on_to_the_same_bytes(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    run = on_cluster(workflow, "all", *small)
    run.until(lambda: list((workflow / RESULTS).glob(f"{RUNS}/metrics.json")))
    assert waiting(run)
    run.process.send_signal(signal.SIGINT)
    assert run.wait() != 0
    assert {job["JobState"] for job in jobs(run)} <= {"CANCELLED", "COMPLETED"}
    assert waiting(run) == []
    again = on_cluster(workflow, "all", *small)
    assert again.wait() == 0, again.text
    assert contents(workflow) == contents(demo)


@scenario
def a_killed_head_process_loses_nothing(workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]) -> None:
    """What is in the queue runs to its end without Snakemake; the next run finds it there."""
    run = on_cluster(workflow, "pruning", *small)
    run.until(lambda: jobs(run))
    os.killpg(run.process.pid, signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 1000
    while waiting(run):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert on_cluster(workflow, "--unlock", *small).wait() == 0
    again = on_cluster(workflow, "pruning", *small)
    assert again.wait() == 0, again.text
    assert same_runs(workflow, demo)
    assert jobs(again) == []


@scenario
def what_a_site_needs_reaches_slurm_by_the_environment(
    workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]
) -> None:
    stubs = workflow / "stubs"
    stubs.mkdir()
    scripts = {
        "sacctmgr": "#!/bin/sh\necho physics\n",
        "sbatch": f'#!/bin/sh\necho "$@" >> {stubs}/calls\nexec {shutil.which("sbatch")} "$@"\n',
    }
    for name, text in scripts.items():
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    run = on_cluster(
        workflow, "targets", *small,
        PATH=f"{stubs}:{os.environ['PATH']}", LOTTERY_SLURM_ACCOUNT="physics", LOTTERY_SLURM_PARTITION="other",
        LOTTERY_SLURM_QOS="long", LOTTERY_GUROBI_TOKENS="2",
    )  # fmt: skip
    assert run.wait() == 0, run.text
    [job] = jobs(run)
    assert (job["Account"], job["Partition"]) == ("physics", "other")
    assert "--qos=long" in (stubs / "calls").read_text()
    assert 'Resource("gurobi", 2)' in run.text, "no more jobs with Gurobi than tokens"


@scenario
def the_profile_works_within_a_slurm_job(workflow: Path, demo: Path, on_cluster: Start, small: tuple[str, ...]) -> None:
    """Whose variables say that its own memory and cores are meant."""
    command = shlex.join([sys.executable, "-m", "snakemake", "--profile", "slurm", "pruning", *small])
    (workflow / "head.sh").write_text(f"#!/bin/bash\nexec {command}\n")
    variables = {**os.environ, "PYTHONPATH": str(workflow), **WITHOUT_A_SLURM}
    submit = ["sbatch", "--wait", "--mem=2000", "--cpus-per-task=2", "--output=head.log", "head.sh"]
    done = subprocess.run(submit, cwd=workflow, env=variables, capture_output=True, text=True)
    log = (workflow / "head.log").read_text()
    assert done.returncode == 0, done.stderr + log
    assert len(re.findall(r"submitted with SLURM jobid", log)) == 1, "four runs in one job"
    assert same_runs(workflow, demo)
    assert list((workflow / RESULTS).rglob(".*.cached")) == []


@pytest.mark.slow
@needs_slurm
@pytest.mark.parametrize("name", SCENARIOS)
def test_on_a_cluster(played: dict[str, Future[None]], name: str) -> None:
    played[name].result()


def plan(folder: Path, *arguments: str, **environment: str) -> str:
    """A dry run with our profile; it asks nothing of Slurm."""
    run = Run(folder, "-n", *arguments, **environment)
    assert run.wait() == 0, run.text
    return run.text


@pytest.mark.parametrize("size", [(), ("--group-components", "prune=1", "solve=2")], ids=["profile", "other sizes"])
def test_the_profile_has_nothing_to_do_after_a_local_run(
    finished: Path, small: tuple[str, ...], size: tuple[str, ...]
) -> None:
    assert "Nothing to be done" in plan(finished, "all", *size, *small)


def planned_resource(
    folder: Path, resource: str, rules: Sequence[str], *arguments: str, **environment: str
) -> set[str]:
    """`RULE VALUE` for each value of a resource that jobs of some rules are planned with."""
    for rule in rules:  # a plan shows commands, but no resources of rules with a message
        before(folder, rule, f"planned {rule} {{resources.{resource}}}")
    return set(re.findall(r"planned ([\w-]+ \w+);", plan(folder, "all", *arguments, **environment)))


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("auto", 0), ("cuda", 1)])
def test_a_gpu_is_asked_for_where_the_config_says_cuda(workflow: Path, device: str, gpus: int) -> None:
    rules = ("train", "prune", "evaluate")
    options = ("--configfile", "config/demo.yaml", "--config", f"device={device}")
    assert planned_resource(workflow, "gpu", rules, *options) == {f"{rule} {gpus}" for rule in rules}


def test_the_gpu_partition_is_for_what_computes_by_torch(workflow: Path, small: tuple[str, ...]) -> None:
    partitions = {"LOTTERY_SLURM_PARTITION": "cpus", "LOTTERY_SLURM_GPU_PARTITION": "gpus"}
    rules = ("train", "prune", "evaluate", "solve", "cross-check")
    found = planned_resource(workflow, "slurm_partition", rules, *small, **partitions)
    assert found == {"train gpus", "prune gpus", "evaluate gpus", "solve cpus", "cross-check cpus"}


def test_every_rule_that_may_ask_for_a_gpu_goes_to_the_gpu_partition_and_is_named_in_the_docs() -> None:
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    blocks = re.findall(r"^rule (\w+):(.*?)(?=^\S|\Z)", rules, re.M | re.S)
    asking = {name for name, block in blocks if "gpu=GPUS_PER_JOB" in block}
    assert {"train", "measure_controls"} <= asking
    assert len(asking) == rules.count("gpu=GPUS_PER_JOB")
    profile = (ROOT / "slurm/config.yaml").read_text()
    placed = profile.split("set-resources:")[1].split("\n?if")[0]
    assert set(re.findall(r"^    (\w+):", placed, re.M)) == asking
    named = [set(re.findall(r"`(\w+)`", line)) for line in (ROOT / "docs/cluster.md").read_text().splitlines()]
    assert sum(asking <= names for names in named) == 2


def test_a_licence_is_counted_where_gurobi_may_be_used(workflow: Path, small: tuple[str, ...]) -> None:
    solvers = "approximations={min_error: {solver: mip}, min_cardinality: {solver: exact}}"
    before(workflow, "solve", "true {wildcards.approximation} {resources.gurobi}")
    before(workflow, "cross-check", "true {wildcards.checker} {resources.gurobi}")
    found = set(re.findall(r"true (\w+ \d);", plan(workflow, "all", *small, solvers)))
    assert found == {"min_error 1", "min_cardinality 0", "gurobi 1", "cbc 0"}
