"""What a run came to, counted once: for the first screen, and for verdicts.json."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from lottery.results.page.inputs import Tables
from lottery.results.tables.claims import UNTESTED
from lottery.results.tables.comparison import verdicts
from lottery.results.tables.replays import OWN_SPREAD
from lottery.results.tables.verdicts import DIFFERS, NOT_RUN, REPRODUCED

JUDGED = (REPRODUCED, DIFFERS)


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(value): int(count) for value, count in values.value_counts().items()}


@dataclass(frozen=True)
class Outcome:
    """numbers, points, claims: how many have which answer; numbers are those of approximations with published settings.

    own_spread: judged points of experiment 2 whose spread was measured at the point itself.
    """

    approximations: dict[str, str]
    numbers: dict[str, int]
    points: dict[str, int]
    own_spread: int
    claims: dict[str, int]

    @property
    def rehearsal(self) -> bool:
        """Whether nothing here can be compared with the paper."""
        compared = set(self.numbers) | (set(self.points) - {NOT_RUN}) | (set(self.claims) - {UNTESTED})
        return not compared

    @property
    def judged(self) -> int:
        """Points of experiment 2 with a verdict."""
        return sum(self.points.get(verdict, 0) for verdict in JUDGED)


def outcome(tables: Tables) -> Outcome:
    """Count all answers."""
    comparison, points = tables.comparison, tables.points_compared
    own = points.verdict.isin(JUDGED) & points.why.fillna("").str.endswith(OWN_SPREAD)
    return Outcome(
        verdicts(comparison) if len(comparison) else {},
        _counts(comparison.verdict[comparison.verdict.isin(JUDGED)]) if len(comparison) else {},
        _counts(points.verdict),
        int(own.sum()),
        _counts(tables.claims.answer),
    )


def _plain(value: Any) -> Any:
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value


def _records(frame: pd.DataFrame, *names: str) -> list[dict[str, Any]]:
    return [{name: _plain(line[name]) for name in names} for line in frame.to_dict("records")]


def verdict_record(tables: Tables) -> dict[str, Any]:
    """All verdicts and answers, for scripts: `tables/verdicts.json`.  No times: same tables, same bytes."""
    found, numbers = outcome(tables), ("published", "ours", "verdict", "why")
    return {
        "comparable": not found.rehearsal,
        "table_1": {
            "approximations": found.approximations,
            "counts": found.numbers,
            "numbers": _records(tables.comparison, "approximation", "quantity", *numbers[:2], "lowest", "highest", *numbers[2:]),
        },
        "points": {
            "counts": found.points,
            "own_spread": found.own_spread,
            "points": _records(tables.points_compared, "network", "structure", "sparsity", "epochs", *numbers[:2], "spread", *numbers[2:]),
        },
        "claims": {
            "counts": found.claims,
            "claims": _records(tables.claims, "claim", "network", "protocol", "statement", "answer"),
        },
    }  # fmt: skip
