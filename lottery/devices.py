"""The device that a job computes on; jobs on one machine share its GPUs by leases.

A lease is a locked file.  The operating system releases the lock when its process ends, so a killed job frees its GPU.
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

# Set by the workflow from `jobs_per_gpu` of the config.  Not a flag, because it depends on the machine and changes no result.
JOBS_PER_GPU = "LOTTERY_JOBS_PER_GPU"
_POLL_SECONDS = 0.5


def prepare_device(device: str) -> torch.device:
    """The torch device for `auto`, `cpu` or `cuda`; makes PyTorch deterministic, so that a seed determines every byte.

    PyTorch gets one thread: it splits sums of a matrix product by thread, so their rounding depends on the number of threads.
    Raises LotteryError for another name, and for `cuda` without a GPU.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise LotteryError(f"device: {device!r} is not one of auto, cpu, cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise LotteryError("device: cuda is requested, but torch sees no GPU; set device: auto or cpu")
    torch.set_num_threads(1)
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")  # the switch below is not needed here, and takes a second to import a compiler
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.allow_tf32 = False  # on by default for convolutions; rounds inputs to ten bits
    return torch.device("cuda")


def visible_gpus() -> list[str]:
    """Names of the GPUs that this process may use: the entries of CUDA_VISIBLE_DEVICES, or indices if it is not set."""
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [name.strip() for name in named.split(",")][:count] if named else [str(index) for index in range(count)]


def jobs_per_gpu() -> int:
    """How many jobs share one GPU, from the environment variable `JOBS_PER_GPU`; 1 if it is not set.

    Raises LotteryError unless it is a whole number from 1.
    """
    value = os.environ.get(JOBS_PER_GPU, "1")
    if not value.isdecimal() or int(value) < 1:
        raise LotteryError(f"{JOBS_PER_GPU}: {value!r} is not a whole number from 1; set jobs_per_gpu in the config")
    return int(value)


def _lock_free_slot(gpus: Sequence[str], slots: int, folder: Path) -> tuple[int, FileLock] | None:
    """The index of a GPU and a held lock on one of its slots; first slots of all GPUs come before second slots."""
    for slot in range(slots):
        for index, gpu in enumerate(gpus):
            lock = FileLock(folder / f"gpu_{gpu.replace('/', '_')}_place_{slot}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return index, lock
    return None


@contextmanager
def lease(gpus: Sequence[str], slots: int, folder: Path) -> Iterator[int]:
    """Wait for a GPU with a free slot, yield its index, and hold the slot until the block ends.

    slots: how many jobs may hold each GPU at once.  folder: of the locks, shared by all jobs of the machine.
    """
    folder.mkdir(parents=True, exist_ok=True)
    announced = False
    while (found := _lock_free_slot(gpus, slots, folder)) is None:
        if not announced:
            print(f"waiting for a GPU: all {len(gpus)} are in use, {slots} jobs per GPU", flush=True)
            announced = True
        time.sleep(_POLL_SECONDS)
    index, lock = found
    try:
        yield index
    finally:
        lock.release()


def lease_folder() -> Path:
    """The folder of this user's locks.

    Each Slurm job has its own folder: it has its own GPUs, and the first is called 0 in every job.
    """
    return Path(tempfile.gettempdir()) / f"lottery-gpus-{os.getuid()}-{os.environ.get('SLURM_JOB_ID', 'machine')}"


@contextmanager
def leased_device(device: str) -> Iterator[torch.device]:
    """`prepare_device`; if that is a GPU, hold a lease on one that this process may use until the block ends."""
    prepared = prepare_device(device)
    if prepared.type != "cuda":
        yield prepared
        return
    with lease(visible_gpus(), jobs_per_gpu(), lease_folder()) as index:
        torch.cuda.set_device(index)
        yield torch.device("cuda", index)
