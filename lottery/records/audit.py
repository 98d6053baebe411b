"""Check that all results exist, are intact, and match the current config, code and inputs.

Snakemake checks that by its own records in `.snakemake/`, which are lost if results are copied or that folder is deleted.  The
audit uses the records beside the results: it compares every command that the workflow would run for this config with the record of
its result.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lottery.errors import LotteryError
from lottery.records.files import sha256
from lottery.records.fingerprint import fingerprint
from lottery.records.provenance import (
    SUFFIX,
    find_records,
    read_record,
    recorded_files,
    relevant_settings,
    serialize_settings,
)
from lottery.records.result_cache import clear_cache
from lottery.workflow.snakemake_output import parse_commands


@dataclass(frozen=True)
class Command:
    """A command that the config requests, with all its settings."""

    name: str
    settings: Mapping[str, Any]

    @property
    def output(self) -> str:
        """The file or folder of its result."""
        return str(self.settings["output"])


@dataclass(frozen=True)
class Finding:
    """A result with its output and input files, and its faults; `faults` is empty if there are none."""

    result: str
    outputs: frozenset[Path]
    inputs: frozenset[Path]
    faults: tuple[str, ...]


def _with_writable_home(spare: str) -> dict[str, str]:
    """The environment for Snakemake, which needs a user name, and a writable home folder for its cache."""
    home = os.path.expanduser("~")
    usable = os.path.isabs(home) and os.access(home, os.W_OK)
    return {"USERNAME": str(os.getuid()), **os.environ} | ({} if usable else {"HOME": spare})


def planned_commands(
    snakemake_options: Sequence[str], parse: Callable[[list[str]], Any], targets: Sequence[str] = ("all",)
) -> list[Command]:
    """All commands of the workflow for `targets`, whether or not their results exist.

    parse: parser of a `lottery` command line.  Raises LotteryError if Snakemake cannot plan the workflow.
    """
    dry_run = ["--forceall", "--dry-run", "--printshellcmds", "--cores", "1", *snakemake_options]
    command = [sys.executable, "-m", "snakemake", *targets, *dry_run]
    with TemporaryDirectory() as spare:
        # UTF-8 for file names, whatever the encoding of the terminal.
        environment = {**_with_writable_home(spare), "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("config:", "Error", "snakemake: error"))] or lines[-1:]
        raise LotteryError(f"the workflow cannot be planned: {' '.join(told[:1]) or 'snakemake failed'}")
    found = []
    for words in parse_commands(done.stdout + done.stderr):
        arguments = parse(words)
        found.append(Command(arguments.verb, serialize_settings(vars(arguments))))
    if not found:
        raise LotteryError("the workflow's plan shows no commands; remove `quiet` from your Snakemake profile")
    return found


@cache
def _code(command: str, plugins: tuple[Path, ...]) -> str:
    return fingerprint(command, plugins=plugins)


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _different_settings(requested: Mapping[str, Any], recorded: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*requested, *recorded}):
        before, now = recorded.get(name), requested.get(name)
        if before != now:
            short = all(len(str(value)) < 60 for value in (before, now))
            yield f"made with other settings: {name} {before} instead of {now}" if short else f"made with other {name}"


def _faults(command: Command, record: Mapping[str, Any], outputs: Mapping[Path, str]) -> Iterator[str]:
    for file, digest in outputs.items():
        found = _digest(file)
        if found is None:
            yield f"{file.name} is missing"
        elif found != digest:
            yield f"{file.name} is damaged or was changed by hand"
    yield from _different_settings(
        relevant_settings(command.settings, record), relevant_settings(record["settings"], record)
    )
    if record["code"] != _code(command.name, tuple(map(Path, command.settings["plugin"]))):
        yield f"made by other code of `lottery {command.name}`"
    for name, digest in record["inputs"].items():
        found = _digest(Path(name))
        if found is None:
            yield f"its input {name} is missing"
        elif found != digest:
            yield f"its input {name} was another file then"


def _finding(command: Command) -> Finding:
    output = Path(command.output)
    for path in find_records(output):
        result = str(path).removesuffix(SUFFIX)
        try:
            record = read_record(path)
        except LotteryError:
            return Finding(result, frozenset({path, Path(result)}), frozenset(), ("its record is damaged",))
        if record["verb"] == command.name:
            outputs, inputs = recorded_files(path), frozenset(Path(name) for name in record["inputs"])
            return Finding(result, frozenset({*outputs, path}), inputs, tuple(_faults(command, record, outputs)))
    fault = f"{'no record' if output.exists() else 'missing'}: `lottery {command.name}` has not made it"
    return Finding(str(output), frozenset(), frozenset(), (fault,))


def _with_consequences(findings: list[Finding]) -> list[Finding]:
    """Add a fault to results without one that were made from results with a fault, directly or indirectly."""
    while True:
        faulty = {file: found.result for found in findings if found.faults for file in found.outputs}
        passed_on = [
            replace(found, faults=(f"made from {faulty[min(bad)]}, which has a fault",))
            if not found.faults and (bad := found.inputs & faulty.keys())
            else found
            for found in findings
        ]
        if passed_on == findings:
            return findings
        findings = passed_on


def audit(commands: Sequence[Command], folder: Path) -> tuple[list[Finding], list[Path]]:
    """A finding for the result of each command, and the records in `folder` of results that no command makes.

    Every file that a record names is read in full.
    """
    findings = _with_consequences([_finding(command) for command in commands])
    known = {file for finding in findings for file in finding.outputs}
    others = [path for path in sorted(folder.rglob(f"*{SUFFIX}")) if path not in known]
    return sorted(findings, key=lambda finding: finding.result), others


def remove(finding: Finding) -> None:
    """Delete the files of a result, its record and cached copies, so that the next run of the workflow makes it again."""
    for file in finding.outputs:
        file.unlink(missing_ok=True)
        clear_cache(file.parent)
