"""What happens when the machine fails: killed at any moment, disk full, nothing writable, licence gone, solver stuck."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import RESULTS, Snakemake, contents

from lottery.records.files import write_json

EXPIRED = "TYPE=NODE\nVERSION=13\nHOSTID=00000000\nEXPIRATION=2020-01-01\nKEY=ABCDEFGH\n"

Lottery = Callable[..., subprocess.CompletedProcess[str]]


def lottery(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does; it has a minute."""
    return subprocess.run(
        [sys.executable, "-m", "lottery.cli", *line.split()],
        capture_output=True, text=True, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


def said_in_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    for part in parts:
        assert part in done.stderr


class Disk:
    """A small file system in memory, mounted on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mount(self, options: str) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True, capture_output=True)

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder)
    try:
        disk.mount("size=64k")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a full disk needs a small file system, which only root can mount ({error})")
    yield disk
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def results(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished demo as the current folder; nothing is written there."""
    monkeypatch.chdir(demo)
    return demo / RESULTS


TARGET = f"{RESULTS}/targets/fc2/weights.safetensors"
COMMANDS = {
    "fetch": "fetch --dataset mnist5k --source embedded --output {}/data.safetensors",
    "train": f"train --data {RESULTS}/data/mnist5k.safetensors --network fc2 --epochs 1 --history {{0}}/h.json --output {{0}}/o",
    "solve": f"solve --target {TARGET} --layer 0 --first-row 0 --last-row 99 --output {{}}/chunk.safetensors",
    "prune": f"prune --data {RESULTS}/data/mnist5k.safetensors --network lenet5 --structure linear --epochs 2 --output {{}}/run",
}  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_one_line_leaves_no_part_and_with_more_room_it_goes_on(
    results: Path, disk: Disk, tmp_path: Path, command: str
) -> None:
    done = lottery(COMMANDS[command].format(disk.folder))
    said_in_one_line(done, str(disk.folder), "No space left on device", "fix the cause and run again")
    parts = [path for path in disk.folder.rglob("*") if path.is_file() and path.suffix not in (".json", ".csv")]
    assert not parts, "a part of a file was left"
    disk.remount("size=200m")
    done = lottery(COMMANDS[command].format(disk.folder))
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path / "elsewhere"
    assert lottery(COMMANDS[command].format(elsewhere)).returncode == 0
    for path in elsewhere.rglob("*"):
        if path.suffix == ".safetensors" or path.name == "metrics.json":
            assert path.read_bytes() == (disk.folder / path.relative_to(elsewhere)).read_bytes()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_to_is_one_line(results: Path, disk: Disk, command: str) -> None:
    disk.remount("ro")
    done = lottery(COMMANDS[command].format(disk.folder))
    said_in_one_line(done, str(disk.folder), "Read-only file system")
    assert "epoch" not in done.stdout, "said only after work was done"


@pytest.mark.slow
def test_the_workflow_on_a_full_disk_fails_and_goes_on_with_more_room(
    workflow: Path, disk: Disk, snakemake: Snakemake, demo: Path, small: tuple[str, ...]
) -> None:
    """Room for the dataset (3.9 MB), not for the weights of the target (1.6 MB) and its solution."""
    (workflow / "results").symlink_to(disk.folder)
    disk.remount("size=5m")
    failed = snakemake(workflow, "subset_sum", *small)
    assert failed.returncode != 0
    assert "No space left on device" in failed.stdout + failed.stderr
    disk.remount("size=200m")
    done = snakemake(workflow, "subset_sum", "--rerun-incomplete", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("targets/fc2/weights.safetensors", "subset_sum/min_error/network.safetensors"):
        assert (workflow / RESULTS / name).read_bytes() == (demo / RESULTS / name).read_bytes()


def test_a_licence_that_expires_between_chunks_stops_there_and_loses_nothing(results: Path, tmp_path: Path) -> None:
    choice = tmp_path / "solver.json"
    write_json(choice, {"solver": "gurobi", "reason": "a licence was there"})
    (tmp_path / "expired.lic").write_text(EXPIRED)

    def chunk(row: int, **environment: str) -> subprocess.CompletedProcess[str]:
        """Row of the last layer, with a set of nine coefficients and wide epsilon: quick for a MIP."""
        return lottery(
            f"solve --target {TARGET} --layer 1 --first-row {row} --last-row {row} --epsilon 0.1 --solver-choice {choice}"
            f" --objective first_feasible --output {tmp_path}/row_{row}",
            **environment,
        )

    assert chunk(0).returncode == 0
    before = (tmp_path / "row_0").read_bytes()
    expired = chunk(1, GRB_LICENSE_FILE=str(tmp_path / "expired.lic"))
    said_in_one_line(expired, "gurobi: no licence", "2020-01-01", "exact, cbc or mip")
    assert not (tmp_path / "row_1").exists()
    assert (tmp_path / "row_0").read_bytes() == before
    assert chunk(1).returncode == 0


@pytest.mark.parametrize("content", [None, "", "garbage", EXPIRED], ids=["missing", "empty", "garbage", "expired"])
def test_a_licence_that_is_no_good_is_said_once_and_mip_takes_cbc(tmp_path: Path, content: str | None) -> None:
    licence = tmp_path / "gurobi.lic"
    if content is not None:
        licence.write_text(content)
    line = "choose-solver --solver {} --weights-per-set 784 --output {}"
    refused = lottery(line.format("gurobi", tmp_path / "g"), GRB_LICENSE_FILE=str(licence))
    said_in_one_line(refused, "licence", "exact, cbc or mip")
    chosen = lottery(line.format("mip", tmp_path / "m"), GRB_LICENSE_FILE=str(licence))
    assert chosen.returncode == 0
    assert "solver: cbc" in chosen.stdout


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )  # fmt: skip


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused_and_harms_nothing(
    workflow: Path, demo: Path, snakemake: Snakemake, small: tuple[str, ...]
) -> None:
    first = started(workflow, "subset_sum", *small)
    try:
        deadline = time.monotonic() + 120
        while "Training target" not in (workflow / "log").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGSTOP)  # so that it is surely not over
        second = snakemake(workflow, "subset_sum", *small)
    finally:
        os.killpg(first.pid, signal.SIGCONT)
    assert second.returncode != 0
    assert "locked" in second.stdout + second.stderr
    assert first.wait(timeout=200) == 0
    name = RESULTS / "subset_sum/min_error/network.safetensors"
    assert (workflow / name).read_bytes() == (demo / name).read_bytes()


@pytest.mark.slow
def test_killed_twenty_times_at_random_moments_it_finishes_with_the_same_bytes(
    workflow: Path, demo: Path, snakemake: Snakemake, small: tuple[str, ...]
) -> None:
    moments = random.Random(1)
    for _ in range(20):
        run = started(workflow, "all", "--rerun-incomplete", *small)
        time.sleep(moments.uniform(2, 9))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        assert snakemake(workflow, "--unlock", *small).returncode == 0
    done = snakemake(workflow, "all", "--rerun-incomplete", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(workflow) == contents(demo)
