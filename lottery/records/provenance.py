"""Where a result came from: a small JSON beside each one, with what was read, what was written and by which code."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from copy import copy
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lottery.errors import LotteryError
from lottery.records.files import check_writable, read_json, sha256, write_json
from lottery.records.fingerprint import fingerprint

if TYPE_CHECKING:
    import torch

SUFFIX = ".provenance.json"
AHEAD = ".ahead"  # begins the name of a folder in which a result is made ahead of being asked for

PACKAGES = (
    "lottery-subsetsum",
    "numpy",
    "scipy",
    "numba",
    "torch",
    "torchvision",
    "gurobipy",
    "pulp",
    "pandas",
    "matplotlib",
)


_KINDS: dict[str, Any] = {
    "verb": str, "settings": dict, "code": str, "inputs": dict, "outputs": dict, "seconds": int | float,
    "core_seconds": int | float, "peak_memory_mb": int | float | None, "finished": str, "versions": dict, "machine": dict,
}  # fmt: skip


def provenance_path(result: Path) -> Path:
    """fc2.safetensors -> fc2.safetensors.provenance.json"""
    return result.with_name(result.name + SUFFIX)


def read_record(path: Path) -> dict[str, Any]:
    """The record of a result; raises LotteryError where it is damaged."""
    record = read_json(path)
    if not isinstance(record, dict) or any(not isinstance(record.get(key), kind) for key, kind in _KINDS.items()):
        raise LotteryError(
            f"{path}: is damaged, or no record of this version; delete it and the results beside it, and run again"
        )
    return record


def recorded_files(path: Path) -> dict[Path, str]:
    """The files that a record says were written, with their SHA-256."""
    return {path.parent / name: str(digest) for name, digest in read_record(path)["outputs"].items()}


def record_of(path: Path) -> Path | None:
    """The record that speaks of a file: its own, or that of a file beside it which the same command wrote."""
    own = provenance_path(path)
    if own.is_file():
        return own
    beside = sorted(path.parent.glob(f"*{SUFFIX}"))
    return next((record for record in beside if path in recorded_files(record)), None)


def records_at(output: Path) -> list[Path]:
    """Records where a command with this `--output` leaves them: of a file, of PATH.svg, or in a folder."""
    found = [provenance_path(output), provenance_path(output.with_name(f"{output.name}.svg"))]
    return [path for path in (*found, *sorted(output.glob(f"*{SUFFIX}"))) if path.is_file()]


def installed_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit(file: Path = Path(__file__).parents[1] / "__init__.py") -> str | None:
    """The commit of the source tree, with `+changes` where the package differs from it; None outside a git checkout.

    file: of the package, whose folder and what is below counts: a changed config is not other code.  Installed into a folder of somebody else's repository, it is not one of its files.
    """
    chosen = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # of the repository whose hook has started us, say
    environment = {name: value for name, value in os.environ.items() if name not in chosen}

    def git(*words: str) -> str:
        command = ["git", "-C", str(file.parent), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True, env=environment)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", file.name)
        commit = git("describe", "--always", "--abbrev=40", "--exclude=*")
        return commit + "+changes" * bool(git("status", "--porcelain", "--untracked-files=no", "--", ".")) or None
    except (OSError, subprocess.SubprocessError):
        return None


def peak_memory_mb(status: Path = Path("/proc/self/status")) -> float | None:
    """The most MB that this process has held; None where the system does not tell.

    status: of this process, on Linux.  Other figures of Linux's begin with what the parent process had, so they are no
    substitute.
    """
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE):
            return round(int(found[1]) * 1024 / 1e6, 1)
    return None


def core_seconds() -> float:
    """Core seconds of this process, and of those that it started and that have ended."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def as_recorded(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A command's arguments as its record has them: what it was told, paths as text."""
    told = {name: value for name, value in arguments.items() if name not in ("verb", "run")}
    return dict(json.loads(json.dumps(told, default=str)))


def deciding(settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a command's settings that may decide a byte, to be compared with those of a record.

    Not the source of a dataset, whose bytes are verified; nor where plugins lie, whose code counts; and `auto` is the device that was found to compute the record's.
    """
    decided = {name: value for name, value in settings.items() if name not in ("source", "plugin")}
    if decided.get("device") == "auto":
        decided["device"] = record.get("device")
    return decided


def _deciding_versions(versions: Mapping[str, str]) -> dict[str, str]:
    """Versions of what computes: Python carries it out, whichever it is."""
    return {name: version for name, version in versions.items() if name != "python"}


class Step:
    """What one command reads and writes; its record goes beside the first file that it wrote."""

    def __init__(self, verb: str, arguments: Mapping[str, Any]) -> None:
        self._started, self._cores_before = time.monotonic(), 0.0
        self._identity: dict[str, Any] = {
            "verb": verb,
            "settings": as_recorded(arguments),
            "code": fingerprint(verb, plugins=arguments.get("plugin", ())),
            "versions": installed_versions(),
        }
        self._facts: dict[str, Any] = {}
        self._digests: dict[tuple[Path, int, int], str] = {}  # common to steps beside each other
        self._read: dict[str, str] = {}
        self._written: list[Path] = []
        self._recorded = False
        self._held_since: float | None = None  # a device, which it holds still
        self.ahead = False  # whether the result is made before it was asked for

    def beside(self, arguments: Mapping[str, Any]) -> Step:
        """Another command of the same verb, carried out by this process ahead of being asked for."""
        other = copy(self)
        other.ahead = True
        other._identity = {**self._identity, "settings": as_recorded(arguments)}
        other._facts, other._read, other._written, other._recorded = {}, {}, [], False
        return other

    def begins(self, device: torch.device | None = None) -> None:
        """Bear the cost of what is done from now on, and of nothing before; device: one that is held already."""
        self._started, self._cores_before = time.monotonic(), core_seconds()
        if device is not None:
            self._held_since = self._started
            self.notes(device=device.type)

    def made(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is that of this command: same settings, code, versions, and inputs as they are now."""
        own = self._identity
        return (
            (own["verb"], own["code"]) == (record["verb"], record["code"])
            and deciding(own["settings"], record) == deciding(record["settings"], record)
            and _deciding_versions(own["versions"]) == _deciding_versions(record["versions"])
            and all(
                Path(name).is_file() and self._digest(Path(name)) == digest for name, digest in record["inputs"].items()
            )
        )

    def _digest(self, path: Path) -> str:
        """SHA-256 of an input, taken once for all steps of a process while the file stays as it is."""
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in self._digests:
            self._digests[key] = sha256(path)
        return self._digests[key]

    @property
    def verb(self) -> str:
        return str(self._identity["verb"])

    @property
    def output(self) -> Path:
        """Where it was told to write: a file or a folder."""
        return Path(self._identity["settings"]["output"])

    def place(self, path: Path) -> Path:
        """Where to write an output now: in its place; ahead of being asked for, beside it in a folder of this process.

        Two processes may make the same where locks are not shared.
        """
        return path.parent / f"{AHEAD}-{platform.node()}-{os.getpid()}" / path.name if self.ahead else path

    def reads(self, path: Path) -> Path:
        """Note an input.  Raises LotteryError where it is not the file that its record speaks of."""
        if not path.is_file():
            raise LotteryError(f"{path}: {'is not a regular file' if path.exists() else 'there is no such file'}")
        self._read[str(path)] = digest = self._digest(path)
        record = record_of(path)
        if record is not None and recorded_files(record).get(path, digest) != digest:
            raise LotteryError(
                f"{path}: damaged or changed by hand, it is not the file that its {SUFFIX[1:]} speaks of;"
                " delete it and run again"
            )
        return path

    def _refuse_inputs(self, paths: tuple[Path, ...]) -> None:
        read = {os.path.realpath(name) for name in self._read}
        for path in paths:
            if os.path.realpath(path) in read:
                raise LotteryError(f"{path}: is also an input of this command; give the output another name")

    def check_outputs(self, *paths: Path) -> None:
        """Refuse outputs that were read, or that cannot be written, before long work is done for them."""
        self._refuse_inputs(paths)
        for path in paths:
            if path.is_dir():
                raise LotteryError(f"{path}: is a folder; give the output another name")
            check_writable(path.parent)

    def writes(self, *paths: Path) -> Path:
        """Note outputs, before they are written where that can be: an old record does not speak of them.  Returns the first.

        Raises LotteryError where one was read: what a result was made from is never written over.
        """
        self._refuse_inputs(paths)
        if not self._written:
            with suppress(OSError):  # none there, or nothing can be written: the result itself will say so
                provenance_path(paths[0]).unlink()
        self._written += paths
        return paths[0]

    @contextmanager
    def computing_on(self, lease: AbstractContextManager[torch.device]) -> Iterator[torch.device]:
        """The device of a lease; its kind, and the seconds that it was held, without the wait for it, are noted."""
        with lease as device:
            self._held_since = time.monotonic()
            self.notes(device=device.type)
            yield device
            self.notes(device_seconds=time.monotonic() - self._held_since)
            self._held_since = None

    def notes(self, **facts: Any) -> None:
        """Facts of this run for the record."""
        self._facts |= facts

    def record(self, share: float = 1.0) -> Path | None:
        """Write what made the results: verb, settings, code, inputs, outputs, versions, machine, time; returns the result.

        share: of the seconds since this step began, where a process has made several results at once.
        """
        if not self._written:
            return None
        result = self._written[0]
        if self._recorded:
            return result
        self._recorded = True
        if self._held_since is not None:
            self.notes(device_seconds=time.monotonic() - self._held_since)
        if "device_seconds" in self._facts:
            self.notes(device_seconds=round(self._facts["device_seconds"] * share, 3))
        write_json(
            provenance_path(result),
            {
                "result": result.name,
                **self._identity,
                **self._facts,
                "inputs": self._read,
                "outputs": {os.path.relpath(path, result.parent): sha256(path) for path in self._written},
                "seconds": round((time.monotonic() - self._started) * share, 3),
                "core_seconds": round((core_seconds() - self._cores_before) * share, 3),
                "peak_memory_mb": peak_memory_mb(),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                "git_commit": git_commit(),
                "machine": {"system": platform.platform(), "processor": platform.machine()},
            },
        )
        return result
