"""Hidden copies of finished results, which the command that needs a result restores instead of computing it again.

They are for two cases.  If one command of a Slurm job of several fails, Snakemake deletes the outputs of all, and the retry starts
all of them again.  So submitted jobs cache each finished result.  And a job may compute results of other jobs along with its
own (`lottery.workflow.shared_jobs`).  It only moves these to the cache, because Snakemake deletes files at the
outputs of a job when it starts.

The cached copy of NAME is `.NAME.cached` in the same folder, a hard link if possible, and the record of a result is cached with it.
A command restores a result if its cached record matches and its files are intact.  Commands that read the results clear the cache.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from lottery.errors import LotteryError
from lottery.records.files import sha256
from lottery.records.provenance import (
    SPECULATIVE,
    SUFFIX,
    ProvenanceTracker,
    find_records,
    provenance_path,
    read_record,
    recorded_files,
)

# Commands of which several go into one Slurm job: see `groups` in slurm/config.yaml.
GROUPED_COMMANDS = ("solve", "prune", "measure-frontier", "measure-success")
SUBMITTED = "LOTTERY_SUBMITTED"  # environment variable, set by the workflow in the jobs that it submits
_ENDING = ".cached"


def _cache_path(path: Path) -> Path:
    return path.with_name(f".{path.name}{_ENDING}")


def _result_path(path: Path) -> Path:
    """The inverse of `_cache_path`."""
    return path.with_name(path.name[1:].removesuffix(_ENDING))


def _link(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        shutil.copy2(path, name)


def is_submitted() -> bool:
    """Whether Snakemake submitted this job, possibly with several commands; false in a Slurm allocation of the user."""
    return SUBMITTED in os.environ


def cache_if_grouped(result: Path) -> None:
    """Cache a result that was just recorded, if its job was submitted and may run several commands."""
    if is_submitted() and read_record(provenance_path(result))["verb"] in GROUPED_COMMANDS:
        cache(result)


def cache(result: Path) -> None:
    """Cache the files of a result that was just recorded, so that it is not lost if its job fails later."""
    record = provenance_path(result)
    for path in (*recorded_files(record), record):
        _link(path, _cache_path(path))


def move_to_cache(result: Path, folder: Path) -> None:
    """Move a recorded result to the cache of the folder where its own job will write it; the record is moved last."""
    record = provenance_path(result)
    for path in (*recorded_files(record), record):
        os.replace(path, _cache_path(folder / path.name))


def _cached_records(output: Path) -> Iterator[Path]:
    """Cached records of results that a command with this `--output` (a file or a folder) writes."""
    yield from (path for path in [_cache_path(provenance_path(output))] if path.is_file())
    yield from sorted(output.glob(f".*{SUFFIX}{_ENDING}"))


def _find_cached(provenance: ProvenanceTracker) -> tuple[Path, dict[Path, Path]] | None:
    """The record path of a command's cached, intact result, and the cached file of each result file; None if there is none."""
    for record in _cached_records(provenance.output):
        with suppress(LotteryError):  # a damaged record: the result is computed again
            files = recorded_files(record)
            names = {path: _cache_path(path) for path in files}
            intact = all(name.is_file() and sha256(name) == files[path] for path, name in names.items())
            if files and intact and provenance.matches(read_record(record)):
                return _result_path(record), {**names, _result_path(record): record}
    return None


def restore(provenance: ProvenanceTracker) -> Path | None:
    """Restore the cached result of a command; returns its path, or None if there is none."""
    found = _find_cached(provenance) if provenance.command in GROUPED_COMMANDS else None
    if found is None:
        return None
    record, names = found
    for path, name in names.items():
        _link(name, path)
    return record.with_name(record.name.removesuffix(SUFFIX))


def is_finished(provenance: ProvenanceTracker) -> bool:
    """Whether the result of a command exists, at its output or in the cache."""
    for record in find_records(provenance.output):
        with suppress(LotteryError):
            if all(path.is_file() for path in recorded_files(record)) and provenance.matches(read_record(record)):
                return True
    return _find_cached(provenance) is not None


def clear_files(paths: Iterable[Path]) -> None:
    """Delete the cached copies of these results: they are to be computed again, or no job needs them."""
    for path in paths:
        for name in (path, provenance_path(path)):
            _cache_path(name).unlink(missing_ok=True)


def clear_cache(folder: Path) -> None:
    """Delete all cached copies in a folder, and unfinished results of killed jobs."""
    for name in folder.glob(f".*{_ENDING}"):
        name.unlink(missing_ok=True)
    for unfinished in folder.glob(f"{SPECULATIVE}*"):
        shutil.rmtree(unfinished, ignore_errors=True)
