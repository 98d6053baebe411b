"""Jobs on a GPU that train runs of other jobs stacked with their own."""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import torch

from lottery.data.datasets import load
from lottery.devices import jobs_per_gpu, leased_device, prepare_device, visible_gpus
from lottery.errors import LotteryError
from lottery.pruning.memory import stack_size
from lottery.pruning.requests import Request, prune_together
from lottery.pruning.stacking import stacking_key
from lottery.records.result_cache import is_submitted, restore
from lottery.workflow.shared_jobs import Command, lock_first_pending, lock_if_pending, runs_per_job, save, try_lock

RUNS_PER_SLURM_JOB = 12  # as many as slurm/config.yaml groups into one job


def uses_gpu(own: Command) -> bool:
    """Whether the device of a command is a GPU."""
    return prepare_device(own.arguments.device).type == "cuda"


def _is_compatible(one: Command, other: Command) -> bool:
    """Whether two runs, which have the same data, can be stacked: same device and same tensor shapes."""
    return one.arguments.device == other.arguments.device and stacking_key(one.run) == stacking_key(other.run)


def fill_batch(batch: Sequence[Command], others: Iterable[Command], max_runs: int, locks: ExitStack) -> list[Command]:
    """The batch, and pending runs of `others` that are compatible with its first, locked; up to `max_runs` in all."""
    found = list(batch)
    for command in others:
        if len(found) >= max_runs:
            break
        if _is_compatible(command, found[0]) and lock_if_pending(command, locks):
            found.append(command)
    return found


def prune_on_gpu(own: Command, others: list[Command]) -> None:
    """Train `own` stacked with others; while another job trains it, train pending runs of other jobs.

    A job locks runs only while it holds a GPU.  So the own run of a job that waits for a GPU can be trained by jobs before it.
    """
    while True:
        with own.provenance.computing_on(leased_device(own.arguments.device)) as device, ExitStack() as locks:
            is_own = try_lock(own, locks)
            if is_own and (finished := restore(own.provenance)):
                print(f"{finished} was finished by another job")
                own.lock_path.unlink(missing_ok=True)
                return
            batch = [own] if is_own else lock_first_pending(others, locks)
            if batch:
                batch = _train_batch(batch, others, device, locks)
            if is_own:
                return
            own.provenance.restart_clock(device)  # the cost so far was charged to other runs
        others = [command for command in others if command not in batch]
        if not batch:
            time.sleep(1)  # another job is training this run, and no other is pending


def _max_runs(own: Command, others: Sequence[Command], size: int) -> int:
    """How many runs this job trains: as configured, or as fit on its GPU (`size`), but leaving a share for other GPUs."""
    requested = runs_per_job()
    if requested is not None:
        return requested
    if is_submitted():  # it only sees its own GPU
        return min(size, RUNS_PER_SLURM_JOB)
    compatible = 1 + sum(_is_compatible(own, command) for command in others)
    return min(size, -(-compatible // len(visible_gpus())))


def _train_batch(batch: list[Command], others: list[Command], device: torch.device, locks: ExitStack) -> list[Command]:
    """Train a run on a GPU, stacked with compatible pending ones; returns all that were trained."""
    [first] = batch
    try:
        data = load(first.provenance.add_input(first.arguments.data))
        size = stack_size(first.run, data, device, runs_per_job(), jobs_per_gpu())
        batch = fill_batch(batch, others, _max_runs(first, others, size), locks)
        requests = [Request(c.provenance, c.run, c.arguments.data, c.arguments.convolutions) for c in batch]
        prune_together(requests, data, device, size, partial(save, several=len(batch) > 1))
    except LotteryError as error:
        if not first.provenance.speculative:
            raise
        print(f"{first.provenance.output}: {error}", flush=True)  # its own job will report it
    _free_memory()
    return batch


def _free_memory() -> None:
    """Release memory that PyTorch has cached, for the next job on this GPU."""
    with suppress(RuntimeError):  # of a graph capture that failed
        torch.cuda.empty_cache()
