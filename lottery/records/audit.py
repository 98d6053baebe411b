"""Is each result still what the config asks for, made by today's code from today's inputs, and undamaged?

Snakemake answers that from its own records in `.snakemake/`, which are lost when results are copied or that folder is
deleted.  Here the record beside each result answers: every command that the workflow would run for this config is held
against the record of the result that it would make.
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
from lottery.records.kept import forget
from lottery.records.provenance import SUFFIX, as_recorded, deciding, read_record, recorded_files, records_at
from lottery.workflow.snakemake_output import commands_in


@dataclass(frozen=True)
class Command:
    """What the config asks for: a verb with all its settings, and where its result goes."""

    verb: str
    settings: Mapping[str, Any]

    @property
    def output(self) -> str:
        return str(self.settings["output"])


@dataclass(frozen=True)
class Finding:
    """A result, the files of it, those that it was made from, and what is wrong: `faults` is empty where nothing is."""

    result: str
    outputs: frozenset[Path]
    inputs: frozenset[Path]
    faults: tuple[str, ...]


def _with_a_home(spare: str) -> dict[str, str]:
    """The environment for Snakemake, which needs a name of the user and a home that can be written to, for its cache."""
    home = os.path.expanduser("~")
    usable = os.path.isabs(home) and os.access(home, os.W_OK)
    return {"USERNAME": str(os.getuid()), **os.environ} | ({} if usable else {"HOME": spare})


def planned_commands(
    snakemake_options: Sequence[str], parse: Callable[[list[str]], Any], targets: Sequence[str] = ("all",)
) -> list[Command]:
    """Every command for some targets, whether its result is there or not; `parse` reads the command line of `lottery`."""
    dry_run = ["--forceall", "--dry-run", "--printshellcmds", "--cores", "1", *snakemake_options]
    command = [sys.executable, "-m", "snakemake", *targets, *dry_run]
    with TemporaryDirectory() as spare:
        # UTF-8 for names of files, whatever the user's terminal has.
        environment = {**_with_a_home(spare), "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        told = [line for line in lines if line.startswith(("config:", "Error", "snakemake: error"))] or lines[-1:]
        raise LotteryError(f"the workflow cannot be planned: {' '.join(told[:1]) or 'snakemake failed'}")
    found = []
    for words in commands_in(done.stdout + done.stderr):
        arguments = parse(words)
        found.append(Command(arguments.verb, as_recorded(vars(arguments))))
    if not found:
        raise LotteryError("the workflow's plan shows no command; a Snakemake profile of yours may keep it quiet")
    return found


@cache
def _code(verb: str, plugins: tuple[Path, ...]) -> str:
    return fingerprint(verb, plugins=plugins)


def _digest(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _different(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*asked, *recorded}):
        before, now = recorded.get(name), asked.get(name)
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
    yield from _different(deciding(command.settings, record), deciding(record["settings"], record))
    if record["code"] != _code(command.verb, tuple(map(Path, command.settings["plugin"]))):
        yield f"made by other code of `lottery {command.verb}`"
    for name, digest in record["inputs"].items():
        found = _digest(Path(name))
        if found is None:
            yield f"its input {name} is missing"
        elif found != digest:
            yield f"its input {name} was another file then"


def _finding(command: Command) -> Finding:
    output = Path(command.output)
    for path in records_at(output):
        result = str(path).removesuffix(SUFFIX)
        try:
            record = read_record(path)
        except LotteryError:
            return Finding(result, frozenset({path, Path(result)}), frozenset(), ("its record is damaged",))
        if record["verb"] == command.verb:
            outputs, inputs = recorded_files(path), frozenset(Path(name) for name in record["inputs"])
            return Finding(result, frozenset({*outputs, path}), inputs, tuple(_faults(command, record, outputs)))
    fault = f"{'no record' if output.exists() else 'missing'}: `lottery {command.verb}` has not made it"
    return Finding(str(output), frozenset(), frozenset(), (fault,))


def _with_consequences(findings: list[Finding]) -> list[Finding]:
    """Results that are as they were made, but from results with a fault, have one themselves."""
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
    """What is wrong with each result that `commands` would make, and the records of results that none of them makes.

    folder: where the results are.  Each file that a record names is read in full.
    """
    findings = _with_consequences([_finding(command) for command in commands])
    known = {file for finding in findings for file in finding.outputs}
    others = [path for path in sorted(folder.rglob(f"*{SUFFIX}")) if path not in known]
    return sorted(findings, key=lambda finding: finding.result), others


def remove(finding: Finding) -> None:
    """Delete the files of a result and its record, so that the next run of the workflow makes it again."""
    for file in finding.outputs:
        file.unlink(missing_ok=True)
        forget(file.parent)
