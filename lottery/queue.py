"""One job carries out commands of several: runs that a workflow is about to ask for, trained together with its own.

Snakemake asks for each run by a job of its own, and what is kept is always the run.  But the workflow also writes down
the commands of all runs that are to be made, and a job may claim some that go with its own.  A claim is a locked file; the
lock goes with the process that holds it, however that ends.  What was made ahead waits under second names
(`lottery.kept`), and the job that asks for it finds it finished.  How many runs a job takes changes no file, and nothing has
to be made again for it.

Two jobs on machines whose file system shares no locks may make the same run twice; the last one stays.

What is in here decides no result, and is not part of the code by which `lottery prune` is known.
"""

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
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


def claim(command: Command, claims: ExitStack, without_locks: bool = False) -> bool:
    """Take a run for this job until `claims` is closed; False where another job has it.

    without_locks: the answer on a file system that has none.
    """
    from filelock import FileLock, Timeout

    folder = command.step.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
        claims.enter_context(FileLock(folder / CLAIM).acquire(timeout=0))
    except Timeout:
        return False
    except (OSError, NotImplementedError):
        return without_locks
    return True


def filled(batch: Sequence[Command], others: Iterable[Command], most: int, claims: ExitStack) -> list[Command]:
    """A batch with further runs that go with its first, up to `most` in all, neither made nor being made by others."""
    from lottery.kept import is_finished

    found = list(batch)
    for command in others:
        if len(found) >= most:
            break
        suits = all(command.goes_with(first) for first in found[:1])
        if suits and claim(command, claims) and not is_finished(command.step):
            found.append(command)
    return found


def _most(own: Command, others: Sequence[Command], device: "torch.device", size: int) -> int:
    """How many runs this job takes: where nothing is said, what fits its GPU, but each GPU of the machine has some."""
    from lottery.devices import visible_gpus

    asked = runs_per_job()
    if asked is not None or device.type != "cuda":
        return size if asked is None else asked
    going = 1 + sum(own.goes_with(command) for command in others)
    return min(size, -(-going // len(visible_gpus())))


def _together(batch: list[Command], others: Sequence[Command], device: "torch.device", claims: ExitStack) -> bool:
    """Train a batch, `own` or what else there is to do first; whether there was anything."""
    from lottery.datasets import load
    from lottery.pruning.batches import at_once
    from lottery.verbs.pruning import prune_together

    batch = filled(batch, others, 1, claims)
    if not batch:
        return False
    first = batch[0]
    data = load(first.step.reads(first.arguments.data))
    size = at_once(first.run, data, device, runs_per_job())
    batch = filled(batch, others, _most(first, others, device, size), claims)
    prune_together([(command.arguments, command.step) for command in batch], data, device, size, _finished)
    return True


def _finished(step: "Step", share: float) -> None:
    from lottery.kept import set_aside

    result = step.record(share)
    if step.ahead and result is not None:
        set_aside(result, step.output)
        shutil.rmtree(step.destination, ignore_errors=True)
    (step.output / CLAIM).unlink(missing_ok=True)  # whoever waits for the lock finds the run finished


def _takes_others(device: "torch.device") -> bool:
    asked = runs_per_job()
    return device.type == "cuda" if asked is None else asked > 1


def prune(arguments: argparse.Namespace, step: "Step") -> None:
    """Carry out `lottery prune`, and with it others that the workflow is about to ask for."""
    from lottery.devices import leased_device
    from lottery.files import check_writable
    from lottery.kept import take_back

    own = Command(arguments, step)
    check_writable(arguments.output)
    while True:
        with step.computing_on(leased_device(arguments.device)) as device, ExitStack() as claims:
            others = planned(own, arguments.parser.parse_args) if _takes_others(device) else []
            mine = not others or claim(own, claims, without_locks=True)
            if mine and (finished := take_back(step)):
                print(f"{finished} was made by a job that trained several")
                break
            busy = _together([own] if mine else [], others, device, claims)
        if mine:
            break
        if not busy:
            time.sleep(1)  # another job has this run, and nothing else is left to do
