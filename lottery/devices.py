"""The device that a job computes on; jobs on one machine share its GPUs by leases.

A lease is a locked file.  The lock is the operating system's and goes with the process that holds it, however that ends, so
that a killed job frees its GPU.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from lottery.errors import LotteryError

# Set by the workflow from `jobs_per_gpu` of the config.  No flag: it is about the machine and changes no result.
JOBS_PER_GPU = "LOTTERY_JOBS_PER_GPU"
_SECONDS_BETWEEN_LOOKS = 0.5


def prepare_device(device: str) -> torch.device:
    """The torch device for `auto`, `cpu` or `cuda`, set up so that a seed decides every byte.

    One thread: sums in a matrix product are split by thread, so their rounding depends on how many there are.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise LotteryError(f"device: {device!r} is not one of auto, cpu, cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise LotteryError("device: cuda is asked for, but torch sees no GPU; set device: auto or cpu")
    torch.set_num_threads(1)
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")  # where one thread is enough, and the switch below would import a compiler, a second
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.allow_tf32 = False  # PyTorch's default for convolutions: ten bits of each number
    return torch.device("cuda")


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use: those of CUDA_VISIBLE_DEVICES, else their numbers."""
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [name.strip() for name in named.split(",")][:count] if named else [str(index) for index in range(count)]


def jobs_per_gpu() -> int:
    """How many jobs share one GPU, from the environment; 1 where nothing is said."""
    said = os.environ.get(JOBS_PER_GPU, "1")
    if not said.isdecimal() or int(said) < 1:
        raise LotteryError(f"{JOBS_PER_GPU}: {said!r} is not a whole number from 1")
    return int(said)


def _free_place(gpus: Sequence[str], places: int, folder: Path) -> tuple[int, FileLock] | None:
    """(index of a GPU, its lock, held): first places of all GPUs come before second places."""
    for place in range(places):
        for index, gpu in enumerate(gpus):
            lock = FileLock(folder / f"gpu_{gpu.replace('/', '_')}_place_{place}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return index, lock
    return None


@contextmanager
def lease(gpus: Sequence[str], places: int, folder: Path) -> Iterator[int]:
    """The index of a GPU with a free place, held until the block ends; waits until there is one.

    places: how many may hold each GPU at once.  folder: where the locks are, common to all jobs of the machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = False
    while (found := _free_place(gpus, places, folder)) is None:
        if not told:
            print(f"waiting for a GPU: {len(gpus)} there, {places} jobs on each", flush=True)
            told = True
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    index, lock = found
    try:
        yield index
    finally:
        lock.release()


def lease_folder() -> Path:
    """Where this user's locks are; a Slurm job has its own, since its GPUs are its own and the first is called 0 in each."""
    return Path(tempfile.gettempdir()) / f"lottery-gpus-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'machine')}"


@contextmanager
def leased_device(device: str) -> Iterator[torch.device]:
    """`prepare_device`, and where that is a GPU, a lease on one that this process may use."""
    prepared = prepare_device(device)
    if prepared.type != "cuda":
        yield prepared
        return
    with lease(visible_gpus(), jobs_per_gpu(), lease_folder()) as index:
        torch.cuda.set_device(index)
        yield torch.device("cuda", index)
