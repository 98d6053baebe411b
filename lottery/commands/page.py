"""The page."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import pandas as pd

from lottery.errors import LotteryError
from lottery.records.files import json_text, read_table, write_text
from lottery.records.provenance import ProvenanceTracker
from lottery.results.page import findings as summary
from lottery.results.page.inputs import NEEDED, Tables
from lottery.results.page.outcome import verdict_record
from lottery.results.page.page import summary_page

LATER = ("controls",)  # tables that a folder of an earlier version does not have


def _read_table(provenance: ProvenanceTracker, path: Path) -> pd.DataFrame:
    words = NEEDED.get(path.stem, ())
    if path.stem in LATER and not path.exists():
        return pd.DataFrame(columns=list(words))
    return read_table(provenance.add_input(path), words=words)


def _read_tables(provenance: ProvenanceTracker, folder: Path) -> Tables:
    return Tables(**{field.name: _read_table(provenance, folder / f"{field.name}.csv") for field in fields(Tables)})


def summarise(
    provenance: ProvenanceTracker,
    /,
    *,
    tables: Annotated[Path, "the folder by `tabulate` and `tabulate-runs`"],
    figures: Annotated[Sequence[Path], "SVG files"] = (),
    output: Annotated[Path, "HTML; the verdicts go to tables/verdicts.json beside it"],
) -> None:
    """One page with tables, figures and verdicts, that needs no other file.

    The verdicts are also written as JSON, to tables/verdicts.json beside OUTPUT.
    """
    read = _read_tables(provenance, tables)
    page = summary_page(read, [provenance.add_input(path) for path in figures], tables, output.parent)
    verdicts = output.parent / "tables" / "verdicts.json"
    provenance.add_outputs(output, verdicts)
    write_text(verdicts, json_text(verdict_record(read)))
    write_text(output, page)


def findings(provenance: ProvenanceTracker, /, *, tables: Annotated[Path, "the folder of all tables"]) -> None:
    """What a run found, in a few lines.

    Reads the tables that the summary page is made from.  Status 1 if a check has failed.  Example:

        lottery findings --tables results/demo/tables
    """
    read = _read_tables(provenance, tables)
    print("\n".join(summary.findings(read)))
    if failed := summary.faults(read):
        raise LotteryError(f"failed: {'; '.join(failed)}")
