"""Finished results that outlive a failed Slurm job of several.

Where one of the runs in a job fails, Snakemake deletes the outputs of all, and the retry starts all of them again.  So in a
Slurm job a finished file gets a second name (a hard link: no space), by which the same run, asked for again, takes it back.
What reads the results removes the second names.
"""

import hashlib
import json
import os
import shutil
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from lottery.fingerprint import fingerprint
from lottery.provenance import installed_versions

RUN_FILES = ("metrics.json", "history.csv", "masks.safetensors", "cost.json")


def _files(arguments: Namespace) -> tuple[list[Path], list[Path | None]]:
    """What a run of a gathered verb reads and makes."""
    if arguments.verb == "solve":
        return [arguments.output], [arguments.target, arguments.solver_choice]
    if arguments.verb == "prune":
        return [arguments.output / name for name in RUN_FILES], [arguments.data, arguments.convolutions]
    return [], []


class Kept:
    """Second names of what a verb makes; of nothing where no Slurm job runs it."""

    def __init__(self, arguments: Namespace) -> None:
        self.paths, inputs = _files(arguments) if "SLURM_JOB_ID" in os.environ else ([], [])
        if self.paths:  # named after all that decides the result
            settings = {name: str(value) for name, value in vars(arguments).items() if name != "run"}
            decides = [settings, fingerprint(arguments.verb), installed_versions()]
            digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode())
            for path in inputs:
                digest.update(hashlib.sha256(b"" if path is None or not path.exists() else path.read_bytes()).digest())
            self.key = digest.hexdigest()[:16]

    def _second_name(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.{self.key}.kept")

    def taken_back(self) -> bool:
        """Whether the result had been finished; its files have their names again then."""
        if not self.paths or not all(self._second_name(path).exists() for path in self.paths):
            return False
        for path in self.paths:
            _link(self._second_name(path), path)
            print(f"{path} was finished by an earlier attempt")
        return True

    def keep(self) -> None:
        """After the result is finished, its provenance included."""
        _forget(self.paths)
        for path in self.paths:
            _link(path, self._second_name(path))


def settle(arguments: Namespace) -> None:
    """Whoever asks again for results that were read on wants them computed."""
    if arguments.verb == "assemble":
        _forget(arguments.chunks)
    elif arguments.verb == "tabulate-runs":
        _forget(path for name in RUN_FILES for path in arguments.folder.rglob(name))


def _forget(paths: Iterable[Path]) -> None:
    for path in paths:
        for name in path.parent.glob(f".{path.name}.*.kept"):
            name.unlink(missing_ok=True)


def _link(path: Path, name: Path) -> None:
    name.unlink(missing_ok=True)
    try:
        os.link(path, name)
    except OSError:  # a file system without hard links
        shutil.copy2(path, name)
