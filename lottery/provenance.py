"""Where a result came from: a small JSON beside each one."""

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lottery.files import write_json

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


def provenance_path(result: Path) -> Path:
    """fc2.safetensors -> fc2.safetensors.provenance.json"""
    return result.with_name(result.name + ".provenance.json")


def installed_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    """The commit of the source tree, with `+changes` where files differ from it; None outside a git checkout."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip() or None


def record(result: Path, verb: str, settings: Mapping[str, Any], seconds: float, facts: Mapping[str, Any]) -> None:
    """Write what made `result`: the verb with all its settings, `facts` of the run, versions, machine, time."""
    write_json(
        provenance_path(result),
        {
            "result": result.name,
            "verb": verb,
            "settings": json.loads(json.dumps(dict(settings), default=str)),  # paths as text
            **facts,
            "seconds": round(seconds, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "git_commit": _git_commit(),
            "versions": installed_versions(),
            "machine": {"system": platform.platform(), "processor": platform.machine()},
        },
    )
