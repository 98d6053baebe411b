"""Jobs that also run commands of other jobs, which the workflow has planned.

Snakemake starts one job per run and per point of a frontier, and each of these is one result.  But a short run takes less time than
starting Python, and a GPU has room for many stacked runs.  So the workflow writes a list of all planned commands, and a job may run
some of them besides its own.

To run a command, a job locks a file; the operating system releases the lock when the process ends.  Results of other jobs go to the
cache (`lottery.records.result_cache`), from which their own jobs restore them.  Which job computes a result does not change a byte on
a CPU; on a GPU, sums may be rounded in another order.

On a file system without locks, each job only runs its own command.  If machines do not share locks, a result may be computed twice.

This module is not part of the code fingerprint of commands.
"""

import argparse
import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from lottery.errors import LotteryError
from lottery.pruning.run import Run
from lottery.records.files import check_writable, read_json, write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.records.result_cache import cache, is_finished, is_submitted, move_to_cache, restore
from lottery.settings import settings_from
from lottery.workflow.snakemake_output import parse_commands

# Environment variables, set by the workflow.  They are not flags, because they change no result.
PLANNED = "LOTTERY_PLANNED_RUNS"  # path of a JSON list of command lines, which `write_plan` writes
PLAN_FILE = ".snakemake/lottery_planned_runs.json"  # that file, in the folder of the workflow's last run
RUNS_PER_JOB = "LOTTERY_RUNS_PER_JOB"  # a number, or auto
SHARED = ("solve", "prune", "measure_frontier", "measure_success")  # rules whose jobs may run commands of other jobs
_INPUTS = ("data", "target", "solver_choice")  # flags of inputs; commands with other inputs may have to wait for these
MIN_JOB_SECONDS = 60.0  # on a CPU: after this time, a job starts no further commands of other jobs
LOCK_SUFFIX = ".lock"

Parse = Callable[[list[str]], argparse.Namespace]
Execute = Callable[[argparse.Namespace, ProvenanceTracker], None]


def runs_per_job() -> int | None:
    """How many runs a job computes, from the environment variable `RUNS_PER_JOB`; None (`auto`): chosen by device.

    Raises LotteryError unless it is `auto` or a whole number from 1.
    """
    value = os.environ.get(RUNS_PER_JOB, "auto")
    if value == "auto":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise LotteryError(
            f"{RUNS_PER_JOB}: {value!r} is neither auto nor a whole number from 1; set runs_per_job in the config"
        )
    return int(value)


@dataclass(frozen=True)
class Command:
    """A `lottery` command: its arguments and its provenance tracker."""

    arguments: argparse.Namespace
    provenance: ProvenanceTracker

    @cached_property
    def run(self) -> Run:
        """The run of a `lottery prune` command."""
        return settings_from(Run, self.arguments)

    def is_longer_than(self, other: "Command") -> bool:
        """Whether a run has another network or more epochs, so that it may exceed the time limit of the other's job."""
        if self.provenance.command != "prune":
            return False
        return self.run.network != other.run.network or self.run.epochs > other.run.epochs

    @property
    def lock_path(self) -> Path:
        """The file to lock for computing the result, in the folder of a run or beside the file of a point."""
        output = self.provenance.output
        return (
            output / LOCK_SUFFIX
            if self.provenance.command == "prune"
            else output.with_name(f".{output.name}{LOCK_SUFFIX}")
        )


def write_plan(path: Path, shell_commands: Iterable[str]) -> None:
    """Write the list of commands that the workflow is about to run."""
    write_json(path, [words for command in shell_commands for words in parse_commands(command)])


def planned_commands(own: Command, parse: Parse) -> list[Command]:
    """The planned commands with the name and inputs of `own`, in an order that differs between jobs, so that they rarely collide."""
    path = os.environ.get(PLANNED)
    if not path or not Path(path).is_file():
        return []
    lines: list[list[str]] = [line for line in read_json(Path(path)) if line[0] == own.provenance.command]
    lines.sort(key=lambda line: sha256(repr((str(own.provenance.output), line)).encode()).digest())
    inputs, found = _inputs(own.arguments), []
    for line in lines:
        with suppress(SystemExit):  # a list by another version of this package
            arguments = parse(line)
            if arguments.output != own.arguments.output and _inputs(arguments) == inputs:
                found.append(Command(arguments, own.provenance.for_speculative_run(vars(arguments))))
    return found


def _inputs(arguments: argparse.Namespace) -> list[Path | None]:
    return [getattr(arguments, name, None) for name in _INPUTS]


def _acquire(command: Command) -> AbstractContextManager[object] | None:
    """A held lock on a result, or None if another job holds it.  Raises OSError on a file system without locks."""
    command.lock_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return FileLock(command.lock_path, fallback_to_soft=False).acquire(timeout=0)
    except Timeout:
        return None


def try_lock(command: Command, locks: ExitStack) -> bool:
    """Lock the own command of this job until `locks` is closed; False if another job holds the lock."""
    try:
        lock = _acquire(command)
    except OSError:  # a file system without locks: no other job takes it
        return True
    if lock is None:
        return False
    locks.enter_context(lock)
    return True


def lock_if_pending(command: Command, locks: ExitStack) -> bool:
    """Lock a command of another job, if its result does not exist and no job is computing it; returns whether it did."""
    if is_finished(command.provenance):
        return False
    with suppress(OSError), ExitStack() as held:
        if (lock := _acquire(command)) is not None:
            held.enter_context(lock)
            if not is_finished(command.provenance):
                locks.push(held.pop_all())
                return True
            command.lock_path.unlink(missing_ok=True)  # another job has finished it meanwhile
    return False


def lock_first_pending(others: list[Command], locks: ExitStack) -> list[Command]:
    """Lock the first pending command of `others`; returns it in a list, or an empty list.

    Removes it and those before it from `others`.
    """
    while others:
        command = others.pop(0)
        if lock_if_pending(command, locks):
            return [command]
    return []


def execute_with_others(own: Command, execute: Execute, parse: Parse) -> None:
    """Run the own command of a job, and planned commands of other jobs as far as that saves time."""
    requested = runs_per_job()
    others = [] if requested == 1 else planned_commands(own, parse)
    if others:
        check_writable(own.lock_path.parent)
    if others and own.provenance.command == "prune":
        from lottery.workflow.gpu_jobs import prune_on_gpu, uses_gpu  # imports torch, which `solve` does not need

        if uses_gpu(own):
            prune_on_gpu(own, others)
            return
    if not others or (requested is None and is_submitted()):  # the Slurm profile groups commands already
        execute(own.arguments, own.provenance)
    else:
        _execute_sequentially(
            own, [command for command in others if not command.is_longer_than(own)], execute, requested
        )


def _execute_sequentially(own: Command, others: list[Command], execute: Execute, max_runs: int | None) -> None:
    """Run `own` and pending commands of `others`, one after another.

    With the own lock: restore the own result from the cache, or compute it.  If another job holds it: run others, and when none is left,
    poll every second.  max_runs: number of commands to run; None: start new ones for `MIN_JOB_SECONDS`.
    """
    end, executed, own_is_done, first = time.monotonic() + MIN_JOB_SECONDS, 0, False, True
    while not own_is_done or (time.monotonic() < end if max_runs is None else executed < max_runs):
        with ExitStack() as locks:
            is_own = not own_is_done and try_lock(own, locks)
            if is_own and (finished := restore(own.provenance)):
                print(f"{finished} was finished by another job")
                own.lock_path.unlink(missing_ok=True)
                own_is_done = True
                continue
            batch = [own] if is_own else lock_first_pending(others, locks)
            for command in batch:
                _execute_andsave(command, execute, first)
        first, executed = False, executed + len(batch)
        own_is_done = own_is_done or is_own
        if not batch and own_is_done:
            return
        if not batch:
            time.sleep(1)  # another job is computing it, and no other command is pending


def _execute_andsave(command: Command, execute: Execute, first: bool) -> None:
    """Run a command and save its record; the first one of a process is charged for the start of Python."""
    if not first:
        command.provenance.restart_clock()
    if command.provenance.speculative:
        print(f"{command.provenance.output.name}, for another job:", flush=True)
    try:
        execute(command.arguments, command.provenance)
        save(command.provenance)
    except Exception as error:  # of any kind: the own result of this job does not depend on it
        if not command.provenance.speculative:
            raise
        print(
            f"{command.provenance.output}: {str(error) or type(error).__name__}", flush=True
        )  # its own job will report it


def save(provenance: ProvenanceTracker, share: float = 1.0, several: bool = True) -> None:
    """Save the record of a result and cache it, so that its own job, or a retry of this one, can restore it.

    share: of the cost.  several: whether this job runs several commands.
    """
    result = provenance.save(share)
    command = Command(argparse.Namespace(), provenance)
    if result is not None and provenance.speculative:
        move_to_cache(result, result.parent.parent)
        shutil.rmtree(result.parent, ignore_errors=True)
    elif result is not None and several:
        cache(result)  # a later command of this job may fail
    command.lock_path.unlink(missing_ok=True)  # jobs that wait for the lock find the result finished


def shared(execute: Execute, parse: Parse) -> Execute:
    """Wrap the function of a `lottery` command, so that it also runs planned commands of other jobs.

    parse: reads their command lines.
    """

    def executed(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
        execute_with_others(Command(arguments, provenance), execute, parse)

    return executed
