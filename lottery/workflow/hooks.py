"""What the workflow does before its first job and after its last: prepare jobs that share work, and clean up."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from lottery.records.result_cache import clear_files
from lottery.workflow.shared_jobs import PLAN_FILE, SHARED, write_plan


class Rule(Protocol):
    """A rule of Snakemake."""

    @property
    def name(self) -> str: ...


class Job(Protocol):
    """A job of Snakemake."""

    @property
    def rule(self) -> Rule: ...

    @property
    def output(self) -> Iterable[str]: ...

    @property
    def shellcmd(self) -> str: ...


def _that_share(jobs: Iterable[Job]) -> list[Job]:
    """Jobs that make more than their own result, or restore one that another job made."""
    return [job for job in jobs if job.rule.name in SHARED]


def _forget_results(jobs: Iterable[Job]) -> None:
    """Delete the kept copies of what these jobs make."""
    clear_files(Path(path) for job in jobs for path in job.output)


def on_start(jobs: Iterable[Job], is_forced: Callable[[Job], bool]) -> None:
    """Write down the commands of `jobs`, which are to be carried out; a forced result is not taken from an earlier run."""
    to_make = _that_share(jobs)
    _forget_results(job for job in to_make if is_forced(job))
    write_plan(Path(PLAN_FILE), [job.shellcmd for job in to_make])


def on_success(jobs: Iterable[Job]) -> None:
    """All `jobs` are done: delete kept copies and the plan."""
    _forget_results(_that_share(jobs))
    Path(PLAN_FILE).unlink(missing_ok=True)


def on_error() -> None:
    """Delete the plan; kept copies are for the next attempt."""
    Path(PLAN_FILE).unlink(missing_ok=True)
