"""The provenance of results: a JSON record beside each one, with inputs, outputs, settings, code and cost."""

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
SPECULATIVE = ".speculative"  # prefix of folders for results that are computed before their own job starts

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
    """The content of a record; raises LotteryError if it is missing, damaged or of another version."""
    record = read_json(path)
    if not isinstance(record, dict) or any(not isinstance(record.get(key), kind) for key, kind in _KINDS.items()):
        raise LotteryError(
            f"{path}: damaged, or not a record of this version; delete it and the results beside it, and run again"
        )
    return record


def recorded_files(path: Path) -> dict[Path, str]:
    """The output files in the record at `path`, with their SHA-256."""
    return {path.parent / name: str(digest) for name, digest in read_record(path)["outputs"].items()}


def find_record(path: Path) -> Path | None:
    """The record of a file: its own, or that of another file in its folder which the same command wrote; None without one."""
    own = provenance_path(path)
    if own.is_file():
        return own
    beside = sorted(path.parent.glob(f"*{SUFFIX}"))
    return next((record for record in beside if path in recorded_files(record)), None)


def find_records(output: Path) -> list[Path]:
    """The records of a command with this `--output`: of that file, of PATH.svg, or in that folder."""
    found = [provenance_path(output), provenance_path(output.with_name(f"{output.name}.svg"))]
    return [path for path in (*found, *sorted(output.glob(f"*{SUFFIX}"))) if path.is_file()]


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the installed `PACKAGES`, by name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit(file: Path = Path(__file__).parents[1] / "__init__.py") -> str | None:
    """The commit of the source tree, with `+changes` if the package differs from it; None outside of a git checkout.

    file: a file of the package.  Only changes in its folder count, so a changed config is not changed code.  None as well if git does
    not track this file, for example if the package is installed inside of another repository.
    """
    chosen = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")  # set, for example, by a hook of another repository
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


def vector_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> str | None:
    """The widest vector instructions of this processor, on which the last digits of a training depend; None if the system does not tell.

    cpuinfo: the description of the processors on Linux.
    """
    with suppress(OSError):
        flags = set(re.findall(r"\w+", cpuinfo.read_text()))
        return next((name for name in ("avx512f", "avx2") if name in flags), None)
    return None


def peak_memory_mb(status: Path = Path("/proc/self/status")) -> float | None:
    """Peak memory of this process in MB; None if the system does not report it.

    status: the status file of this process on Linux.  Other sources on Linux include the memory of the parent process at its fork.
    """
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with suppress(OSError):
        if found := re.search(r"^VmHWM:\s*(\d+) kB$", status.read_text(), re.MULTILINE):
            return round(int(found[1]) * 1024 / 1e6, 1)
    return None


def core_seconds() -> float:
    """CPU time in seconds of this process and of its child processes that have ended."""
    import resource

    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def serialize_settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A command's arguments as its record has them: what it was told, paths as text."""
    told = {name: value for name, value in arguments.items() if name not in ("verb", "run")}
    return dict(json.loads(json.dumps(told, default=str)))


def relevant_settings(settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a command that can change its result, for comparison with those of `record`.

    The source of a dataset is left out, because its bytes are verified, and so are paths of plugins, because their code counts.
    Device `auto` becomes the device in the record.
    """
    decided = {name: value for name, value in settings.items() if name not in ("source", "plugin")}
    if decided.get("device") == "auto":
        decided["device"] = record.get("device")
    return decided


def _relevant_versions(versions: Mapping[str, str]) -> dict[str, str]:
    """Versions of packages; that of Python does not change results."""
    return {name: version for name, version in versions.items() if name != "python"}


class ProvenanceTracker:
    """Collects inputs, outputs and cost of one command, and writes the record beside its first output."""

    def __init__(self, verb: str, arguments: Mapping[str, Any]) -> None:
        self._started, self._cores_before = time.monotonic(), 0.0
        self._identity: dict[str, Any] = {
            "verb": verb,
            "settings": serialize_settings(arguments),
            "code": fingerprint(verb, plugins=arguments.get("plugin", ())),
            "versions": installed_versions(),
        }
        self._facts: dict[str, Any] = {}
        self._digests: dict[tuple[Path, int, int], str] = {}  # shared with the trackers of speculative runs
        self._read: dict[str, str] = {}
        self._written: list[Path] = []
        self._recorded = False
        self._held_since: float | None = None  # start of the lease on a device that is still held
        self.speculative = False  # whether the result is computed before its own job starts

    def for_speculative_run(self, arguments: Mapping[str, Any]) -> ProvenanceTracker:
        """The tracker of the same command with other arguments, which this process runs before its own job starts."""
        other = copy(self)
        other.speculative = True
        other._identity = {**self._identity, "settings": serialize_settings(arguments)}
        other._facts, other._read, other._written, other._recorded = {}, {}, [], False
        return other

    def restart_clock(self, device: torch.device | None = None) -> None:
        """Charge only the cost from now on to this result; device: one that this process already holds."""
        self._started, self._cores_before = time.monotonic(), core_seconds()
        if device is not None:
            self._held_since = self._started
            self.add_metadata(device=device.type)

    def matches(self, record: Mapping[str, Any]) -> bool:
        """Whether a record has the settings, code and versions of this command, and its inputs are unchanged."""
        own = self._identity
        return (
            (own["verb"], own["code"]) == (record["verb"], record["code"])
            and relevant_settings(own["settings"], record) == relevant_settings(record["settings"], record)
            and _relevant_versions(own["versions"]) == _relevant_versions(record["versions"])
            and all(
                Path(name).is_file() and self._digest(Path(name)) == digest for name, digest in record["inputs"].items()
            )
        )

    def _digest(self, path: Path) -> str:
        """SHA-256 of an input; computed once per process as long as the file has the same time and size."""
        state = path.stat()
        key = (path, state.st_mtime_ns, state.st_size)
        if key not in self._digests:
            self._digests[key] = sha256(path)
        return self._digests[key]

    @property
    def command(self) -> str:
        """The name of the command, for example `prune`."""
        return str(self._identity["verb"])

    @property
    def output(self) -> Path:
        """The `--output` of the command: a file or a folder."""
        return Path(self._identity["settings"]["output"])

    def output_path(self, path: Path) -> Path:
        """The path to write an output to: `path` itself, or for a speculative run, a file in a folder of this process beside it.

        Each process has its own folder, because two may compute the same result if they do not share locks.
        """
        return path.parent / f"{SPECULATIVE}-{platform.node()}-{os.getpid()}" / path.name if self.speculative else path

    def add_input(self, path: Path) -> Path:
        """Add an input and return its path.  Raises LotteryError if it is missing, or its checksum differs from its record."""
        if not path.is_file():
            raise LotteryError(f"{path}: {'is not a regular file' if path.exists() else 'there is no such file'}")
        self._read[str(path)] = digest = self._digest(path)
        record = find_record(path)
        if record is not None and recorded_files(record).get(path, digest) != digest:
            raise LotteryError(
                f"{path}: checksum differs from its {SUFFIX}: edited or corrupted; delete it and run again"
            )
        return path

    def _reject_inputs(self, paths: tuple[Path, ...]) -> None:
        read = {os.path.realpath(name) for name in self._read}
        for path in paths:
            if os.path.realpath(path) in read:
                raise LotteryError(f"{path}: is also an input of this command; choose another output")

    def check_outputs(self, *paths: Path) -> None:
        """Raise LotteryError for outputs that are inputs, or cannot be written; call it before long computations."""
        self._reject_inputs(paths)
        for path in paths:
            if path.is_dir():
                raise LotteryError(f"{path}: is a folder; choose another output")
            check_writable(path.parent)

    def add_outputs(self, *paths: Path) -> Path:
        """Add outputs, delete the old record of the first, and return the first.  Call it before writing them if possible.

        Raises LotteryError if one is an input: a command never overwrites its inputs.
        """
        self._reject_inputs(paths)
        if not self._written:
            with suppress(
                OSError
            ):  # there is none, or the folder is not writable, which writing the result will report
                provenance_path(paths[0]).unlink()
        self._written += paths
        return paths[0]

    @contextmanager
    def computing_on(self, lease: AbstractContextManager[torch.device]) -> Iterator[torch.device]:
        """Hold a lease on a device; adds its type and the seconds it was held, without the wait for it, to the record."""
        with lease as device:
            self._held_since = time.monotonic()
            self.add_metadata(device=device.type)
            yield device
            self.add_metadata(device_seconds=time.monotonic() - self._held_since)
            self._held_since = None

    def add_metadata(self, **facts: Any) -> None:
        """Add entries to the record."""
        self._facts |= facts

    def save(self, share: float = 1.0) -> Path | None:
        """Write the record: command, settings, code, inputs, outputs, versions, machine and cost.

        Returns the first output, or None if there are no outputs.  A second call does nothing.
        share: of the measured seconds, if a process has computed several results at once.
        """
        if not self._written:
            return None
        result = self._written[0]
        if self._recorded:
            return result
        self._recorded = True
        if self._held_since is not None:
            self.add_metadata(device_seconds=time.monotonic() - self._held_since)
        if "device_seconds" in self._facts:
            self.add_metadata(device_seconds=round(self._facts["device_seconds"] * share, 3))
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
                "machine": {
                    "system": platform.platform(),
                    "processor": platform.machine(),
                    "vector_instructions": vector_instructions(),
                },
            },
        )
        return result
