"""One job carries out commands of several: what a workflow is about to ask for, made together with its own result.

Snakemake asks for each run and each point of a frontier by a job of its own, and what is kept is always the run or the point.
But a short one takes less time than Python takes to start, and a GPU has room for many runs side by side.  So the workflow
also writes down the commands that are to be carried out, and a job may claim some beside its own.  A claim is a locked file;
the lock goes with the process that holds it, however that ends.  What was made ahead waits under second names
(`lottery.records.kept`), and the job that asks for it finds it finished.  Nothing has to be made again because of how much a job
makes; on a CPU it changes no byte, on a GPU sums may be rounded in another order.

Where a file system has no locks, each job makes its own result; where machines do not share them, one may be made twice.

What is in here is not part of the code by which a command is known.
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

from lottery.workflow.snakemake_output import commands_in
from lottery.errors import LotteryError

if TYPE_CHECKING:
    import torch

    from lottery.records.provenance import Step
    from lottery.pruning.run import Run

# Set by the workflow.  No flags: they change no result.
PLANNED = "LOTTERY_PLANNED_RUNS"  # a file, a JSON list of command lines: workflow/rules/common.smk writes it
RUNS_PER_JOB = "LOTTERY_RUNS_PER_JOB"  # a number, or auto
RUNS_OF_A_SLURM_JOB = 12  # as many as slurm/config.yaml gathers into one job
SHARED = ("solve", "prune", "measure_frontier", "measure_success")  # rules whose jobs make what others ask for
_INPUTS = ("data", "target", "solver_choice")  # flags; what has others may have to wait for them
SECONDS_OF_A_JOB = 60.0  # on a CPU: a job that has lasted so long takes nothing along any more
CLAIM = ".claim"

Parse = Callable[[list[str]], argparse.Namespace]
Carry = Callable[[argparse.Namespace, "Step"], None]


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
    """A `lottery` command: its arguments, and what it reads and writes."""

    arguments: argparse.Namespace
    step: "Step"

    @cached_property
    def run(self) -> "Run":
        """What `lottery prune` is asked for."""
        from lottery.commands.pruning import run_of

        return run_of(self.arguments)

    def goes_with(self, other: "Command") -> bool:
        """Whether both runs, which are of the same data, can be trained side by side: on one device, of one shape."""
        from lottery.pruning.stacking import stacking_key

        return self.arguments.device == other.arguments.device and stacking_key(self.run) == stacking_key(other.run)

    def is_longer_than(self, other: "Command") -> bool:
        """Whether a run is of another network or has more epochs: a job that was given time for a short one makes none such."""
        if self.step.verb != "prune":
            return False
        return self.run.network != other.run.network or self.run.epochs > other.run.epochs

    @property
    def claim_path(self) -> Path:
        """Whoever holds a lock on this file makes the result; it lies in a run's folder, beside a point's file."""
        output = self.step.output
        return output / CLAIM if self.step.verb == "prune" else output.with_name(f".{output.name}{CLAIM}")


def write_plan(path: Path, shell_commands: Iterable[str]) -> None:
    """Write down the commands that the workflow is about to run."""
    from lottery.records.files import write_json

    write_json(path, [words for command in shell_commands for words in commands_in(command)])


def planned(own: Command, parse: Parse) -> list[Command]:
    """What the workflow is about to make beside `own`, in another order for each job, so that jobs rarely meet."""
    from lottery.records.files import read_json

    path = os.environ.get(PLANNED)
    if not path or not Path(path).is_file():
        return []
    lines: list[list[str]] = [line for line in read_json(Path(path)) if line[0] == own.step.verb]
    lines.sort(key=lambda line: sha256(repr((str(own.step.output), line)).encode()).digest())
    there, found = _inputs(own.arguments), []
    for line in lines:
        with suppress(SystemExit):  # a list of another version
            arguments = parse(line)
            if arguments.output != own.arguments.output and _inputs(arguments) == there:
                found.append(Command(arguments, own.step.beside(vars(arguments))))
    return found


def _inputs(arguments: argparse.Namespace) -> list[Path | None]:
    return [getattr(arguments, name, None) for name in _INPUTS]


def _lock(command: Command) -> AbstractContextManager[object] | None:
    """A lock on a result, held; None where another job has it.  Raises OSError where a file system has no locks."""
    from filelock import FileLock, Timeout

    command.claim_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(command.claim_path, fallback_to_soft=False).acquire(timeout=0)
    except Timeout:
        return None


def claim(command: Command, claims: ExitStack) -> bool:
    """Take what this job was asked for until `claims` is closed; False where another job has it."""
    try:
        lock = _lock(command)
    except OSError:  # nothing is taken along then, and this is made in any case
        return True
    if lock is None:
        return False
    claims.enter_context(lock)
    return True


def take(command: Command, claims: ExitStack) -> bool:
    """Claim what nobody has made or is making."""
    from lottery.records.kept import is_finished

    if is_finished(command.step):
        return False
    with suppress(OSError), ExitStack() as held:
        if (lock := _lock(command)) is not None:
            held.enter_context(lock)
            if not is_finished(command.step):
                claims.push(held.pop_all())
                return True
            command.claim_path.unlink(missing_ok=True)  # another job made it meanwhile
    return False


def first_of(others: list[Command], claims: ExitStack) -> list[Command]:
    """The first of `others` that nobody has, claimed, or nothing; it and those before it are taken off the list."""
    while others:
        command = others.pop(0)
        if take(command, claims):
            return [command]
    return []


def filled(batch: Sequence[Command], others: Iterable[Command], most: int, claims: ExitStack) -> list[Command]:
    """A batch with further runs that go with its first, up to `most` in all, neither made nor being made by others."""
    found = list(batch)
    for command in others:
        if len(found) >= most:
            break
        if command.goes_with(found[0]) and take(command, claims):
            found.append(command)
    return found


def _on_a_gpu(own: Command) -> bool:
    from lottery.devices import prepare_device

    return prepare_device(own.arguments.device).type == "cuda"


def carry_out(own: Command, carry: Carry, parse: Parse) -> None:
    """Carry out a command, and with it others that the workflow is about to ask for."""
    from lottery.records.files import check_writable
    from lottery.records.kept import is_submitted

    asked = runs_per_job()
    others = [] if asked == 1 else planned(own, parse)
    if others:
        check_writable(own.claim_path.parent)
    if others and own.step.verb == "prune" and _on_a_gpu(own):
        _prune_on_a_gpu(own, others)
    elif not others or (asked is None and is_submitted()):  # the profile gathers several commands into one job
        carry(own.arguments, own.step)
    else:
        _one_after_another(own, [command for command in others if not command.is_longer_than(own)], carry, asked)


def _one_after_another(own: Command, others: list[Command], carry: Carry, most: int | None) -> None:
    """Make `own`, and while another job makes it, what nobody makes; then further ones, until the job is long enough.

    most: how many this job makes, however long it takes; None: until it has lasted a minute.
    """
    from lottery.records.kept import take_back

    end, made, own_is_made, first = time.monotonic() + SECONDS_OF_A_JOB, 0, False, True
    while not own_is_made or (time.monotonic() < end if most is None else made < most):
        with ExitStack() as claims:
            mine = not own_is_made and claim(own, claims)
            if mine and (finished := take_back(own.step)):
                print(f"{finished} was made by a job that made several")
                own.claim_path.unlink(missing_ok=True)
                own_is_made = True
                continue
            batch = [own] if mine else first_of(others, claims)
            for command in batch:
                _make(command, carry, first)
        first, made = False, made + len(batch)
        own_is_made = own_is_made or mine
        if not batch and own_is_made:
            return
        if not batch:
            time.sleep(1)  # another job has it, and nothing else is left to do


def _make(command: Command, carry: Carry, first: bool) -> None:
    """Make a result and record it; first: it bears the start of the process."""
    if not first:
        command.step.begins()
    if command.step.ahead:
        print(f"{command.step.output.name}, which another job will ask for:", flush=True)
    try:
        carry(command.arguments, command.step)
        _finished(command.step)
    except Exception as error:  # whatever it is: this job's own result does not depend on it
        if not command.step.ahead:
            raise
        print(f"{command.step.output}: {str(error) or type(error).__name__}", flush=True)  # its own job will say so


def _prune_on_a_gpu(own: Command, others: list[Command]) -> None:
    """Make `own` and others side by side; where another job makes `own`, what nobody makes, until it is there.

    Runs are claimed by whoever holds the GPU: a job that waits for it leaves its own run to those before.
    """
    from lottery.devices import leased_device
    from lottery.records.kept import take_back

    while True:
        with own.step.computing_on(leased_device(own.arguments.device)) as device, ExitStack() as claims:
            mine = claim(own, claims)
            if mine and (finished := take_back(own.step)):
                print(f"{finished} was made by a job that made several")
                own.claim_path.unlink(missing_ok=True)
                return
            batch = [own] if mine else first_of(others, claims)
            if batch:
                batch = _side_by_side(batch, others, device, claims)
            if mine:
                return
            own.step.begins(device)  # others bear what was done so far
        others = [command for command in others if command not in batch]
        if not batch:
            time.sleep(1)  # another job has this run, and nothing else is left to do


def _most(own: Command, others: Sequence[Command], size: int) -> int:
    """How many runs this job takes: where nothing is said, what fits its GPU, but so that other GPUs have some as well."""
    from lottery.devices import visible_gpus
    from lottery.records.kept import is_submitted

    asked = runs_per_job()
    if asked is not None:
        return asked
    if is_submitted():  # it sees its own GPU alone
        return min(size, RUNS_OF_A_SLURM_JOB)
    going = 1 + sum(own.goes_with(command) for command in others)
    return min(size, -(-going // len(visible_gpus())))


def _side_by_side(
    batch: list[Command], others: list[Command], device: "torch.device", claims: ExitStack
) -> list[Command]:
    """Train a run on a GPU with others that go with it; returns all that were trained."""
    from lottery.data.datasets import load
    from lottery.devices import jobs_per_gpu
    from lottery.pruning.memory import stack_size
    from lottery.commands.pruning import prune_together

    [first] = batch
    try:
        data = load(first.step.reads(first.arguments.data))
        size = stack_size(first.run, data, device, runs_per_job(), jobs_per_gpu())
        batch = filled(batch, others, _most(first, others, size), claims)
        pairs = [(command.arguments, command.step) for command in batch]
        prune_together(pairs, data, device, size, partial(_finished, several=len(batch) > 1))
    except LotteryError as error:
        if not first.step.ahead:
            raise
        print(f"{first.step.output}: {error}", flush=True)  # its own job will say so
    _free_memory()
    return batch


def _finished(step: "Step", share: float = 1.0, several: bool = True) -> None:
    """Record a result, so that its own job, or the next attempt at this one, finds it."""
    from lottery.records.kept import link, set_aside

    result = step.record(share)
    command = Command(argparse.Namespace(), step)
    if result is not None and step.ahead:
        set_aside(result, result.parent.parent)
        shutil.rmtree(result.parent, ignore_errors=True)
    elif result is not None and several:
        link(result)  # what comes after it in this job may fail
    command.claim_path.unlink(missing_ok=True)  # whoever waits for the lock finds it finished


def _free_memory() -> None:
    """Give back what PyTorch keeps for later, to whoever has the GPU next."""
    import torch

    with suppress(RuntimeError):  # of a recording that failed
        torch.cuda.empty_cache()


def shared(carry: Carry) -> Carry:
    """`carry`, the function of a `lottery` command, together with others that the workflow is about to ask for."""

    def carried(arguments: argparse.Namespace, step: "Step") -> None:
        carry_out(Command(arguments, step), carry, arguments.parser.parse_args)

    return carried
