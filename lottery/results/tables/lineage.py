"""What results rest on: the records of everything that they were made from, what it cost and where it came from."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lottery.records.provenance import find_record, read_record

Records = Sequence[Mapping[str, Any]]


def lineage(files: Iterable[Path]) -> list[dict[str, Any]]:
    """The records of `files`, of what they were made from, and so on, each once, in the order of their paths.

    What has no record (a user's own weights, a list that the workflow writes) ends its line.
    """
    found: dict[Path, dict[str, Any]] = {}
    record_by_file: dict[Path, Path] = {}  # files of one command share a record, which need not be looked for again
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        path = record_by_file.get(file) or find_record(file)
        if path is None or path in found:
            continue
        found[path] = record = read_record(path)
        record_by_file |= {path.parent / name: path for name in record["outputs"]}
        waiting += [Path(name) for name in record["inputs"]]
    return [found[path] for path in sorted(found)]


def stages(records: Records) -> pd.DataFrame:
    """What each stage cost, added up over its results: hours of jobs, of cores and of GPUs, and the largest memory.

    Of the command that finished each result: what attempts before it took that were killed is not in here.
    """
    rows = [
        {
            "stage": record["verb"],
            "hours": record["seconds"] / 3600,
            "core_hours": record["core_seconds"] / 3600,
            "gpu_hours": record["device_seconds"] / 3600 if record.get("device") == "cuda" else 0.0,
            "peak_memory_mb": record["peak_memory_mb"],
        }
        for record in records
    ]
    columns = ["stage", "hours", "core_hours", "gpu_hours", "peak_memory_mb"]
    numbers = pd.DataFrame(rows, columns=columns).astype({"peak_memory_mb": float})  # none where no system told
    grouped = numbers.groupby("stage", sort=False)
    table = grouped[["hours", "core_hours", "gpu_hours"]].sum().round(6)
    table.insert(0, "results", grouped.size())
    table["peak_memory_mb"] = grouped["peak_memory_mb"].max()
    return table.sort_values("core_hours", ascending=False).reset_index()


def _system(machine: Mapping[str, Any]) -> str:
    vectors = machine.get("vector_instructions")  # older records have none
    return f"{machine['system']}, {vectors}" if vectors else f"{machine['system']}"


def origins(records: Records) -> pd.DataFrame:
    """By which code, with which packages and on what kind of machine results were made, and when."""
    packages = ("python", "numpy", "torch", "gurobipy", "pulp")
    rows = [
        {
            "commit": record.get("git_commit") or "outside a git checkout",
            "versions": ", ".join(
                f"{name} {record['versions'][name]}" for name in packages if name in record["versions"]
            ),
            "system": _system(record["machine"]),
            "finished": record["finished"],
        }
        for record in records
    ]
    columns = ["commit", "versions", "system", "finished"]
    grouped = pd.DataFrame(rows, columns=columns).groupby(["commit", "versions", "system"])["finished"]
    return grouped.agg(results="size", first="min", last="max").reset_index()
