"""One job carries out commands of several: runs that a workflow is about to ask for, trained together with its own.

Snakemake asks for each run by a job of its own, and what is kept is always the run.  But the workflow also writes down
the commands of all runs that are to be made, and a job may claim some that go with its own.  A claim is a locked file; the
lock goes with the process that holds it, however that ends.  What was made ahead waits under second names
(`lottery.kept`), and the job that asks for it finds it finished.  Nothing has to be made again because of how many
runs a job takes; on a CPU it changes no byte, on a GPU sums may be rounded in another order.

Where a file system has no locks, each job makes its own run; where machines do not share them, a run may be made twice.

What is in here is not part of the code by which `lottery prune` is known.
"""

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.commands import commands_in
from lottery.errors import LotteryError

if TYPE_CHECKING:
    import torch

    from lottery.provenance import Step
    from lottery.pruning.run import Run

# Set by the workflow.  No flags: they change no result.
PLANNED = "LOTTERY_PLANNED_RUNS"  # a file, a JSON list of command lines: workflow/rules/pruning.smk writes it
RUNS_PER_JOB = "LOTTERY_RUNS_PER_JOB"  # a number, or auto
RUNS_OF_A_SLURM_JOB = 12  # as many as slurm/config.yaml gathers into one job
CLAIM = ".claim"

Parse = Callable[[list[str]], argparse.Namespace]


def runs_per_job() -> int | None:
    """How many runs one job makes, from the environment; None for what is fast on its device, also where nothing is said."""
    said = os.environ.get(RUNS_PER_JOB, "auto")
    if said == "auto":
        return None
    if not said.isdecimal() or int(said) < 1:
        raise LotteryError(f"{RUNS_PER_JOB}: {said!r} is neither auto nor a whole number from 1")
    return int(said)


@dataclass(frozen=True)
class Command:
    """A `lottery prune`: its arguments, and what it reads and writes."""

    arguments: argparse.Namespace
    step: "Step"

    @cached_property
    def run(self) -> "Run":
        from lottery.verbs.pruning import run_of

        return run_of(self.arguments)

    def goes_with(self, other: "Command") -> bool:
        """Whether both can be trained together: on the same data and device, of one shape."""
        from lottery.pruning.batches import shape_of

        same = all(getattr(self.arguments, name) == getattr(other.arguments, name) for name in ("data", "device"))
        return same and shape_of(self.run) == shape_of(other.run)


def write_plan(path: Path, shell_commands: Iterable[str]) -> None:
    """Write down the commands that the workflow is about to run."""
    from lottery.files import write_json

    write_json(path, [words for command in shell_commands for words in commands_in(command)])


def planned(own: Command, parse: Parse) -> list[Command]:
    """What the workflow is about to make beside `own`, in another order for each job, so that jobs rarely meet."""
    from lottery.files import read_json

    path = os.environ.get(PLANNED)
    if not path or not Path(path).is_file():
        return []
    lines: list[list[str]] = read_json(Path(path))
    lines.sort(key=lambda line: sha256(repr((str(own.step.output), line)).encode()).digest())
    others = [parse(line) for line in lines]
    return [Command(a, own.step.beside(vars(a))) for a in others if a.output != own.arguments.output]


def _lock(command: Command) -> AbstractContextManager[object] | None:
    """A lock on a run, held; None where another job has it.  Raises OSError where a file system has no locks."""
    from filelock import FileLock, Timeout

    folder = command.step.output
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(folder / CLAIM, fallback_to_soft=False).acquire(timeout=0)
    except Timeout:
        return None


def claim(command: Command, claims: ExitStack) -> bool:
    """Take the run that this job was asked for until `claims` is closed; False where another job has it."""
    try:
        lock = _lock(command)
    except OSError:  # nothing is taken along then, and this run is made in any case
        return True
    if lock is None:
        return False
    claims.enter_context(lock)
    return True


def filled(batch: Sequence[Command], others: Iterable[Command], most: int, claims: ExitStack) -> list[Command]:
    """A batch with further runs that go with its first, up to `most` in all, neither made nor being made by others."""
    found = list(batch)
    for command in others:
        if len(found) >= most:
            break
        if all(command.goes_with(first) for first in found[:1]) and _take(command, claims):
            found.append(command)
    return found


def _take(command: Command, claims: ExitStack) -> bool:
    """Claim a run that nobody has made or is making."""
    from lottery.kept import is_finished

    if is_finished(command.step):
        return False
    with suppress(OSError), ExitStack() as held:
        if (lock := _lock(command)) is not None:
            held.enter_context(lock)
            if not is_finished(command.step):  # meanwhile
                claims.push(held.pop_all())
                return True
    return False


def _most(own: Command, others: Sequence[Command], device: "torch.device", size: int) -> int:
    """How many runs this job takes: where nothing is said, what fits its GPU, but so that other GPUs have some as well."""
    from lottery.devices import visible_gpus

    asked = runs_per_job()
    if asked is not None or device.type != "cuda":
        return size if asked is None else asked
    if "SLURM_JOB_ID" in os.environ:  # which sees its own GPU alone
        return min(size, RUNS_OF_A_SLURM_JOB)
    going = 1 + sum(own.goes_with(command) for command in others)
    return min(size, -(-going // len(visible_gpus())))


def _together(
    batch: list[Command], others: Sequence[Command], device: "torch.device", claims: ExitStack
) -> list[Command]:
    """Train a batch: `batch` with what goes with it, or what else there is to do; returns it."""
    from lottery.datasets import load
    from lottery.devices import jobs_per_gpu
    from lottery.pruning.memory import at_once
    from lottery.verbs.pruning import prune_together

    batch = filled(batch, others, 1, claims)
    if not batch:
        return []
    first = batch[0]
    try:
        data = load(first.step.reads(first.arguments.data))
        size = at_once(first.run, data, device, runs_per_job(), jobs_per_gpu())
        batch = filled(batch, others, _most(first, others, device, size), claims)
        pairs = [(command.arguments, command.step) for command in batch]
        prune_together(pairs, data, device, size, partial(_finished, several=len(batch) > 1))
    except LotteryError as error:
        if not first.step.ahead:
            raise
        print(f"{first.step.output}: {error}", flush=True)  # its own job will say so
    return batch


def _finished(step: "Step", share: float, several: bool = True) -> None:
    from lottery.kept import link, set_aside

    result = step.record(share)
    if result is not None and step.ahead:
        set_aside(result, step.output)
        shutil.rmtree(step.destination, ignore_errors=True)
    elif result is not None and several:
        link(result)  # what comes after it in this job may fail
    (step.output / CLAIM).unlink(missing_ok=True)  # whoever waits for the lock finds the run finished


def _free_memory() -> None:
    """Give back what PyTorch keeps for later, to whoever has the GPU next."""
    import torch

    with suppress(RuntimeError):  # of a recording that failed
        torch.cuda.empty_cache()


def _takes_others(device: "torch.device") -> bool:
    asked = runs_per_job()
    return device.type == "cuda" if asked is None else asked > 1


def prune(arguments: argparse.Namespace, step: "Step") -> None:
    """Carry out `lottery prune`, and with it others that the workflow is about to ask for."""
    from lottery.devices import prepare_device
    from lottery.files import check_writable
    from lottery.verbs import pruning

    others: list[Command] = []
    if _takes_others(prepare_device(arguments.device)):
        check_writable(arguments.output)
        others = planned(Command(arguments, step), arguments.parser.parse_args)
    if others:
        _prune_with(Command(arguments, step), others)
    else:
        pruning.prune(arguments, step)


def _prune_with(own: Command, others: list[Command]) -> None:
    """Make `own` and others; where another job makes `own`, what nobody makes, until it is there."""
    from lottery.devices import leased_device
    from lottery.kept import take_back

    while True:
        with own.step.computing_on(leased_device(own.arguments.device)) as device, ExitStack() as claims:
            mine = claim(own, claims)
            if mine and (finished := take_back(own.step)):
                print(f"{finished} was made by a job that made several")
                return
            batch = _together([own] if mine else [], others, device, claims)
            if device.type == "cuda":
                _free_memory()
            if mine:
                return
            own.step.begins(device)  # others bear what was done so far
        others = [command for command in others if command not in batch]
        if not batch:
            time.sleep(1)  # another job has this run, and nothing else is left to do
