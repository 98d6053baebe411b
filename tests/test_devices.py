"""Jobs on one machine share its GPUs: who gets which, who waits, and what a killed job leaves behind."""

import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from conftest import Snakemake

from lottery import devices
from lottery.devices import JOBS_PER_GPU, jobs_per_gpu, lease, prepare_device
from lottery.errors import LotteryError
from lottery.records.provenance import ProvenanceTracker, provenance_path, read_record

# A job as another process: it takes a lease, says which GPU it got, and holds it until a line comes or it is killed.
JOB = """
import sys
from pathlib import Path
from lottery.devices import lease
with lease({gpus!r}, {places}, Path({folder!r})) as index:
    print("got", index, flush=True)
    sys.stdin.readline()
"""


class Job:
    def __init__(self, folder: Path, gpus: list[str], places: int) -> None:
        code = JOB.format(gpus=gpus, places=places, folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def finish(self) -> None:
        self.process.communicate("\n", timeout=60)


def test_jobs_take_all_gpus_before_they_share_one_and_then_wait(tmp_path: Path) -> None:
    jobs = []
    for expected in ("got 0", "got 1", "got 0", "got 1"):
        jobs.append(Job(tmp_path, ["4", "5"], places=2))
        assert jobs[-1].says() == expected
    waiting = Job(tmp_path, ["4", "5"], places=2)
    assert waiting.says() == "waiting for a GPU: all 2 are in use, 2 jobs per GPU"
    jobs[1].finish()
    assert waiting.says() == "got 1"
    for job in (jobs[0], jobs[2], jobs[3], waiting):
        job.finish()


def test_a_killed_job_frees_its_gpu(tmp_path: Path) -> None:
    holder = Job(tmp_path, ["0"], places=1)
    assert holder.says() == "got 0"
    waiting = Job(tmp_path, ["0"], places=1)
    assert waiting.says().startswith("waiting for a GPU")
    holder.process.send_signal(signal.SIGKILL)
    assert waiting.says() == "got 0"
    waiting.finish()
    holder.process.communicate()


def test_jobs_that_see_other_gpus_do_not_wait_for_each_other(tmp_path: Path) -> None:
    holder = Job(tmp_path, ["MIG-1/0"], places=1)
    assert holder.says() == "got 0"
    started = time.monotonic()
    with lease(["MIG-1/1"], 1, tmp_path) as index:
        assert index == 0
    assert time.monotonic() - started < 30
    holder.finish()


def test_a_lease_is_given_back_when_the_job_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such"), lease(["0"], 1, tmp_path):
        raise ValueError("no such luck")
    with lease(["0"], 1, tmp_path) as index:
        assert index == 0


def test_jobs_of_a_slurm_job_share_its_gpus_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two Slurm jobs on one node both call theirs 0. (A GPU is played here by the name of one.)"""
    monkeypatch.setattr(devices, "prepare_device", torch.device)
    monkeypatch.setattr(devices, "visible_gpus", lambda: ["0"])
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folders = []
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        folders.append(devices.lease_folder())
    monkeypatch.delenv("SLURM_JOB_ID")
    folders.append(devices.lease_folder())
    assert len(set(folders)) == 3
    with devices.leased_device("cuda") as device:
        assert [path.name for path in folders[-1].iterdir()] == ["gpu_0_place_0.lock"]
        assert device == torch.device("cuda", 0)


def test_waiting_for_a_gpu_does_not_count_as_computing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    @contextmanager
    def lease_after_a_wait():
        time.sleep(0.5)
        yield torch.device("cuda")

    provenance = ProvenanceTracker("prune", {})
    with provenance.computing_on(lease_after_a_wait()):
        pass
    result = provenance.add_outputs(tmp_path / "result")
    result.touch()
    provenance.save()
    record = read_record(provenance_path(result))
    assert record["device"] == "cuda"
    assert record["device_seconds"] < 0.3 < record["seconds"]


@pytest.mark.parametrize("said", ["0", "-1", "two", ""])
def test_how_many_share_a_gpu_is_a_whole_number_from_1(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(JOBS_PER_GPU, said)
    with pytest.raises(LotteryError, match="is not a whole number from 1"):
        jobs_per_gpu()


def test_one_job_has_a_gpu_to_itself_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(JOBS_PER_GPU, raising=False)
    assert jobs_per_gpu() == 1


def test_the_workflow_says_how_many(workflow: Path, snakemake: Snakemake) -> None:
    (workflow / "Snakefile").open("a").write('\nrule say:\n    shell: "echo $LOTTERY_JOBS_PER_GPU > said"\n')
    done = snakemake(workflow, "say", "--config", "jobs_per_gpu=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert JOBS_PER_GPU == "LOTTERY_JOBS_PER_GPU"
    assert (workflow / "said").read_text() == "3\n"


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(LotteryError, match="device: 'tpu' is not one of auto, cpu, cuda"):
        prepare_device("tpu")
