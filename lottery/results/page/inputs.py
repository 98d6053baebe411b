"""The tables that the page is made from."""

from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from pathlib import Path

import pandas as pd

from lottery.results.tables.controls import CONTROL_NUMBERS, CONTROL_WORDS
from lottery.results.tables.exactness import NETWORK_NUMBERS, THRESHOLD_NUMBERS
from lottery.results.tables.experiment_1 import PUBLISHED_PRUNED, PUBLISHED_TARGET
from lottery.results.tables.frontier import FRONTIER_NUMBERS
from lottery.results.tables.planted import PLANTED_NUMBERS, PLANTED_WORDS
from lottery.results.tables.runs import GROUP
from lottery.results.tables.tickets import COLUMNS as TICKET_COLUMNS

# Columns that the page cannot do without, by table: what an older version has written may lack some.
NEEDED = {
    "table1": ("row", "network", "dataset", "objective", "stream", "pixels"),
    "comparison": ("approximation", "quantity", "lowest", "highest", "verdict", "why"),
    "frontier": ("frontier", "dataset", "objective", *FRONTIER_NUMBERS),
    "tickets": TICKET_COLUMNS,
    "points": (*GROUP, "accuracy", "half_interval", "seeds", "epochs"),
    "points_compared": ("network", "structure", "sparsity", "published", "ours", "spread", "verdict", "why"),
    "exactness_thresholds": ("kind", "targets", *THRESHOLD_NUMBERS),
    "exactness_networks": ("entry", "network", "objective", *NETWORK_NUMBERS),
    "claims": ("claim", "network", "protocol", "statement", "answer", "evidence"),
    "controls": (*CONTROL_WORDS, *CONTROL_NUMBERS),
    "planted": (*PLANTED_WORDS, *PLANTED_NUMBERS),
    "stages": ("stage", "results", "hours", "core_hours", "gpu_hours", "peak_memory_mb"),
    "origins": ("commit", "versions", "system", "results", "first", "last"),
}


def _empty(name: str) -> partial[pd.DataFrame]:
    return partial(pd.DataFrame, columns=[*NEEDED[name]])


@dataclass(frozen=True)
class Tables:
    """Each field is a CSV file of this name, as `tabulate`, `tabulate-frontiers`, `tabulate-tickets`, `tabulate-runs`,
    `tabulate-controls`, `tabulate-planted`, `tabulate-theory` and `trace` write it.  Those with a default are empty where there is no such file: by an earlier version, or not asked for."""

    table1: pd.DataFrame
    comparison: pd.DataFrame
    cost: pd.DataFrame
    cross_check: pd.DataFrame
    frontier: pd.DataFrame
    tickets: pd.DataFrame
    points: pd.DataFrame
    points_compared: pd.DataFrame
    claims: pd.DataFrame
    theory_thresholds: pd.DataFrame
    theory_slopes: pd.DataFrame
    stages: pd.DataFrame
    origins: pd.DataFrame
    controls: pd.DataFrame = field(default_factory=_empty("controls"))
    planted: pd.DataFrame = field(default_factory=_empty("planted"))
    exactness_thresholds: pd.DataFrame = field(default_factory=_empty("exactness_thresholds"))
    exactness_networks: pd.DataFrame = field(default_factory=_empty("exactness_networks"))

    @property
    def approximations(self) -> pd.DataFrame:
        """Rows of table 1 that were computed here."""
        return self.table1[~self.table1.row.isin([PUBLISHED_TARGET, PUBLISHED_PRUNED])]

    @property
    def main(self) -> pd.Series | None:
        """The approximation that is nearest to the paper's: by its objective, then by its random numbers; of several the first."""
        ours = self.approximations
        for same in (ours.objective == "min_error", ours.stream == "released"):
            if (found := ours[same.reindex(ours.index)]).shape[0]:
                ours = found
        return None if ours.empty else ours.iloc[0]

    @property
    def pruned(self) -> pd.DataFrame:
        """Points of pruned networks; the trained baseline is none."""
        return self.points[self.points.structure != "dense"]

    @property
    def datasets(self) -> list[str]:
        """What was computed on."""
        found = [*self.approximations.dataset, *self.points.dataset, *self.tickets.dataset, *self.frontier.dataset]
        return list(dict.fromkeys(found))

    @property
    def core_seconds(self) -> float:
        """Of all results."""
        return 3600 * float(self.stages.core_hours.sum())

    @property
    def results(self) -> int:
        return int(self.stages.results.sum())

    @property
    def untraced_runs(self) -> bool:
        """Whether runs of experiment 2 came as tables, without the records that cost and origin are read from."""
        return not self.points.empty and not (self.stages.stage == "prune").any()

    @property
    def commits(self) -> list[str]:
        return list(dict.fromkeys(map(str, self.origins.commit)))


def table_files(folder: Path) -> dict[str, Path]:
    """The file of each table in a folder; of those that may be missing only what is there."""
    files = {table: folder / f"{table.name}.csv" for table in fields(Tables)}
    return {table.name: path for table, path in files.items() if table.default_factory is MISSING or path.exists()}
