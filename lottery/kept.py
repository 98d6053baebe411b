"""Finished results that outlive a failed Slurm job of several.

Where one of the commands in a job fails, Snakemake deletes the outputs of all, and the retry starts all of them again.  So
in a Slurm job the files of a finished result get second names (hard links: no space), by which the same command, asked for
again, takes them back.  The record beside the result says whether it is the same.  What reads the results removes the
second names.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from lottery.errors import LotteryError
from lottery.files import sha256
from lottery.provenance import SUFFIX, Step, provenance_path, read_record, recorded_files, records_at

# Verbs of which several go into one Slurm job: see `groups` in slurm/config.yaml.
GATHERED = ("solve", "prune", "measure-frontier", "measure-success")


def _second_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.kept")


def _link(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        shutil.copy2(path, name)


def _in_a_job() -> bool:
    return "SLURM_JOB_ID" in os.environ


def keep(result: Path) -> None:
    """Second names for the files of a result that was just recorded, where a Slurm job of several made it."""
    record = provenance_path(result)
    if _in_a_job() and read_record(record)["verb"] in GATHERED:
        for path in recorded_files(record):
            _link(path, _second_name(path))


def take_back(step: Step) -> Path | None:
    """The result of `step` if it had been finished; its files have their names again then."""
    if not _in_a_job() or step.verb not in GATHERED:
        return None
    for record in records_at(step.output):
        with suppress(LotteryError):  # a damaged record, like none, means that the result is made again
            files = recorded_files(record)
            kept = {path: _second_name(path) for path in files}
            intact = all(name.is_file() and sha256(name) == files[path] for path, name in kept.items())
            if files and intact and step.made(read_record(record)):
                for path, name in kept.items():
                    _link(name, path)
                return record.with_name(record.name.removesuffix(SUFFIX))
    return None


def forget(folder: Path) -> None:
    """Remove the second names in a folder whose results were read."""
    for name in folder.glob(".*.kept"):
        name.unlink(missing_ok=True)
