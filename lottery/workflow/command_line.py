"""What rules put on a command line: settings as flags, and what all commands have."""

import base64
import gzip
import hashlib
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from lottery import settings
from lottery.records.files import json_text
from lottery.records.result_cache import SUBMITTED
from lottery.workflow.shared_jobs import PLAN_FILE, PLANNED, RUNS_PER_JOB


def command_prefix(config: Mapping[str, Any], submitted: bool) -> str:
    """The beginning of each shell command: `lottery` is that of the Python which runs Snakemake, whatever the PATH.

    A prefix replaces Snakemake's own, so strict mode is said again: without pipefail a failed command would hide behind
    `tee`.  submitted: whether this Snakemake is itself a job of a cluster.
    """
    variables = {
        "LOTTERY_JOBS_PER_GPU": str(config["jobs_per_gpu"]),
        RUNS_PER_JOB: str(config["runs_per_job"]),
        PLANNED: PLAN_FILE,
    }
    if submitted:
        variables[SUBMITTED] = "1"
    exported = shlex.join(f"{name}={value}" for name, value in variables.items())
    python = shlex.quote(sys.executable)
    # Not the script `lottery` beside it: the first line of a script cannot name every folder.
    prefix = f'set -euo pipefail; export {exported}; lottery() {{ {python} -P -m lottery.cli "$@"; }}; '
    return prefix.replace("{", "{{").replace("}", "}}")  # Snakemake formats it


def flags(*parts: object, **others: Any) -> str:
    """Settings, and other values by name, as text of a command line."""
    return shlex.join(settings.flags(*parts, **others))


def as_plugin_flags(paths: Iterable[str]) -> str:
    """A flag for each plugin, with a space before it: most often there is none."""
    return "".join(f" --plugin {shlex.quote(path)}" for path in paths)


def not_compared(value: str) -> Callable[[object, object], str]:
    """A parameter of a rule that Snakemake passes on, but does not compare with earlier runs."""

    def parameter(wildcards: object, output: object) -> str:  # Snakemake does not compare what is made from `output`
        return value

    return parameter


def folders(paths: Iterable[str]) -> list[str]:
    """The folder of each file."""
    return [str(Path(path).parent) for path in paths]


def packed(listed: list[dict[str, str]]) -> str:
    """A list as compressed JSON in Base64: a word of a command line has at most 128 KB, too few for thousands of runs."""
    return base64.b64encode(gzip.compress(json_text(listed).encode(), mtime=0)).decode()


def digest(listed: list[dict[str, str]]) -> str:
    """The SHA-256 of a list as JSON: a command of another list is another command."""
    return hashlib.sha256(json_text(listed).encode()).hexdigest()
