"""Where results came from: code, packages, machine, and the settings of every command, as their records say."""

import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lottery.errors import LotteryError
from lottery.records.fingerprint import fingerprint
from lottery.records.provenance import find_record
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import plural
from lottery.results.page.table import Cell, Head, Table
from lottery.results.tables.lineage import lineage

CHUNKS = ("layer", "first_row", "last_row")  # flags that say how work was cut
FEW = 8  # different values of a setting that are named; of more the range

Records = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Origin:
    """commits: code, packages, machine and dates.  processor: of the machine that wrote the page.

    current: how many results are by today's code; empty where no record tells.  settings: of every command, likewise.
    """

    commits: list[dict[str, str]]
    processor: str
    current: str
    settings: Table | None


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The model of this machine's processor, or its kind where the system does not tell the model."""
    told = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.is_file() else None
    return told[1] if told else platform.processor() or platform.machine()


def _commits(tables: Tables) -> list[dict[str, str]]:
    return [
        {
            "commit": str(line.commit), "versions": str(line.versions), "system": str(line.system),
            "results": plural(int(line.results), "result"), "first": str(line.first), "last": str(line.last),
        }
        for line in tables.origins.itertuples()
    ]  # fmt: skip


@cache
def _code(verb: str, plugins: tuple[str, ...]) -> str | None:
    """The fingerprint of a command; None of one that is gone, or whose plugins are."""
    with suppress(KeyError, LotteryError):
        return fingerprint(verb, plugins=map(Path, plugins))
    return None


def _current(records: Records) -> str:
    """Whether results were made by the code of their commands as it is now."""
    current = sum(record["code"] == _code(record["verb"], tuple(record["settings"].get("plugin", ()))) for record in records)  # fmt: skip
    return f"{current:,} of {plural(len(records), 'result')} by today's code of their commands"


def _is_setting(name: str, value: Any) -> bool:
    """Whether a flag decides something: not where files are, nor how work was cut, nor what is off."""
    if value is None or value is False or value == []:
        return False
    words = value if isinstance(value, list) else [value]
    return name not in (*CHUNKS, "expected_sha256") and not any("/" in str(word) for word in words)


def _values(found: Sequence[Any]) -> str:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        numbers = [f"{value:g}" for value in sorted(set(found))]
        return ", ".join(numbers) if len(numbers) <= FEW else f"{numbers[0]} to {numbers[-1]}"
    words = sorted({"yes" if value is True else str(value) for value in found})
    return ", ".join(words) if len(words) <= FEW else f"{len(words)} values"


def _settings(records: Records) -> Table | None:
    """A row a command in the order of time: each flag with its values."""
    found: dict[str, dict[str, list[Any]]] = {}
    for record in sorted(records, key=lambda record: str(record["finished"])):
        own = found.setdefault(record["verb"], {})
        for name, value in record["settings"].items():
            if _is_setting(name, value):
                own.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    rows = [
        [Cell(f"lottery {verb}"), Cell("; ".join(f"{name} {_values(values)}" for name, values in own.items()))]
        for verb, own in found.items()
        if own
    ]
    caption = "Configuration: the settings of every command"
    return Table("settings", caption, [Head("Command"), Head("Settings")], rows, fold=caption) if rows else None


def origin(tables: Tables, folder: Path) -> Origin:
    """folder: of the tables, whose records lead to all that they were made from; copied without them, they tell less."""
    paths = [path for path in sorted(folder.glob("*.csv")) if find_record(path)]
    records = [
        record for record in lineage(paths) if record["verb"] != "trace"
    ]  # counts results and is none that they rest on
    return Origin(_commits(tables), processor(), _current(records) if records else "", _settings(records))
