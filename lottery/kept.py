"""Finished results that outlive a failed Slurm job of several.

Where one of the runs in a job fails, the retry of that job begins by deleting the outputs of all of them, and starts all of
them again.  So in a Slurm job a finished file gets a second name (a hard link: no space), by which the retry takes it back.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def _second_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.kept")


class Kept:
    """Second names of the files of one result.  The first attempt trusts none: it is what `--force` asks for."""

    def __init__(self, paths: Iterable[Path], attempt: int) -> None:
        self.paths = list(paths)
        if attempt == 1:
            for path in self.paths:
                _second_name(path).unlink(missing_ok=True)

    def taken_back(self) -> bool:
        """Whether an earlier attempt had finished the result; its files have their names again then."""
        if not all(_second_name(path).exists() for path in self.paths):
            return False
        for path in self.paths:
            path.unlink(missing_ok=True)
            _link(_second_name(path), path)
            print(f"{path} was finished by an earlier attempt")
        return True

    def keep(self) -> None:
        """After the result is finished.  A local job fails alone, and needs no second names."""
        if "SLURM_JOB_ID" in os.environ:
            for path in self.paths:
                _link(path, _second_name(path))


def _link(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        shutil.copy2(path, name)
