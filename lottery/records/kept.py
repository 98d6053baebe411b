"""Finished results that were not asked for yet, or not any more, and wait under second names until they are.

In a job of several commands of which one fails, Snakemake deletes the outputs of all, and the retry starts all of
them again.  So in the jobs that Snakemake submits the files of a finished result, and its record, get second names (hard links: no space).  And a job
that makes runs of others as well (`lottery.workflow.shared_jobs`) gives those that others will ask for second names only: their
first names belong to Snakemake, which deletes what lies there when a job starts.

The same command, asked for, takes them back: the record says whether it is the same.  What reads the results removes the
second names.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lottery.errors import LotteryError
from lottery.records.files import sha256
from lottery.records.provenance import AHEAD, SUFFIX, Step, provenance_path, read_record, recorded_files, records_at

# Verbs of which several go into one Slurm job: see `groups` in slurm/config.yaml.
GATHERED = ("solve", "prune", "measure-frontier", "measure-success")
SUBMITTED = "LOTTERY_SUBMITTED"  # set by the workflow in the jobs that it submits
_ENDING = ".kept"


def _second_name(path: Path) -> Path:
    return path.with_name(f".{path.name}{_ENDING}")


def _first_name(path: Path) -> Path:
    return path.with_name(path.name[1:].removesuffix(_ENDING))


def _link(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        shutil.copy2(path, name)


def is_submitted() -> bool:
    """Whether Snakemake has submitted this job, perhaps one of several; an allocation of the user's own is no such job."""
    return SUBMITTED in os.environ


def keep(result: Path) -> None:
    """Second names for the files of a result that was just recorded, where a submitted job made it."""
    if is_submitted() and read_record(provenance_path(result))["verb"] in GATHERED:
        link(result)


def link(result: Path) -> None:
    """Second names for the files of a result that was just recorded: should its job fail later, it is not lost."""
    record = provenance_path(result)
    for path in (*recorded_files(record), record):
        _link(path, _second_name(path))


def set_aside(result: Path, folder: Path) -> None:
    """Move a result that was recorded to second names in the folder where it will be asked for; the record comes last."""
    record = provenance_path(result)
    for path in (*recorded_files(record), record):
        os.replace(path, _second_name(folder / path.name))


def _kept_records(output: Path) -> Iterator[Path]:
    """Records under second names of what a command with this `--output` makes: of a file, or in a folder."""
    yield from (path for path in [_second_name(provenance_path(output))] if path.is_file())
    yield from sorted(output.glob(f".*{SUFFIX}{_ENDING}"))


def _kept(step: Step) -> tuple[Path, dict[Path, Path]] | None:
    """The result of `step` if it waits under second names, undamaged: first name of its record, and first to second names."""
    for record in _kept_records(step.output):
        with suppress(LotteryError):  # a damaged record, like none, means that the result is made again
            files = recorded_files(record)
            names = {path: _second_name(path) for path in files}
            intact = all(name.is_file() and sha256(name) == files[path] for path, name in names.items())
            if files and intact and step.made(read_record(record)):
                return _first_name(record), {**names, _first_name(record): record}
    return None


def take_back(step: Step) -> Path | None:
    """The result of `step` if it had been finished; its files have their names again then."""
    found = _kept(step) if step.verb in GATHERED else None
    if found is None:
        return None
    record, names = found
    for path, name in names.items():
        _link(name, path)
    return record.with_name(record.name.removesuffix(SUFFIX))


def is_finished(step: Step) -> bool:
    """Whether the result of a command is there, under its names or second ones."""
    for record in records_at(step.output):
        with suppress(LotteryError):
            if all(path.is_file() for path in recorded_files(record)) and step.made(read_record(record)):
                return True
    return _kept(step) is not None


def forget_files(paths: Iterable[Path]) -> None:
    """Remove the second names of some results: they are to be made again, or nobody will ask for them."""
    for path in paths:
        for name in (path, provenance_path(path)):
            _second_name(name).unlink(missing_ok=True)


def forget(folder: Path) -> None:
    """Remove the second names in a folder whose results were read, and what killed jobs left beside them."""
    for name in folder.glob(f".*{_ENDING}"):
        name.unlink(missing_ok=True)
    for unfinished in folder.glob(f"{AHEAD}*"):
        shutil.rmtree(unfinished, ignore_errors=True)
