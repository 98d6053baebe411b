"""One page to read: what was run, what the paper says, what we found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from lottery import __version__
from lottery.published import deviations
from lottery.results.claims import HOLDS, UNTESTED
from lottery.results.comparison import verdicts
from lottery.results.frontier import smallest
from lottery.results.points import points_for_people
from lottery.results.tables import cross_check_summary, table1_for_people
from lottery.results.theory import theory_for_people
from lottery.results.tickets import tickets_for_people
from lottery.results.verdicts import REPRODUCED

CAPTIONS = {
    "errors": "How far each subset sum is from its weight. A float64 optimum, not a tolerance, decides the left end.",
    "cardinality": "How many coefficients are kept for a weight.",
    "seconds": "What a weight costs on one core: the paper's run as reported, ours as measured here.",
}


FRONTIER_CAPTION = (
    "Left: test error against remaining parameters, mean and 95% interval over seeds of the coefficients, one point an epsilon. "
    "Right: the parameters that an epsilon takes, and the fewest that serve every linear map of norm at most 1 (Theorem 2 of the "
    "paper); one trained network can do with less."
)

# Figures of experiment 2, by the start of their name.
SWEEP_CAPTIONS = {
    "replays": "The published points (pale) beside runs of the same lengths. Below: ours less published; bars show how far two "
    "runs of that point differ in 95 of 100 cases.",
    "accuracy_remaining": "Test accuracy against the parameters that masks keep; above the whole range, below the part near "
    "the baseline. Each protocol has its own panel; published points, where there are any, are small open markers.",
    "accuracy_alive": "The same against alive parameters: kept weights that lie on some path of kept weights from an input to "
    "an output. A kept weight whose partner is pruned carries nothing.",
    "epochs": "Accuracy after each epoch; markers show where runs of each length ended, bands the range over seeds.",
    "redundancy": "Test accuracy against redundancy; dashed: the published one.",
    "variants": "Test accuracy of each variant by run length: mean and 95% interval over seeds, small markers the seeds.",
}


# Figures of the theory, likewise.
THEORY_CAPTIONS = {
    "theory_success": "Probability that random coefficients have a subset sum within epsilon, 95% Wilson intervals: of one target "
    "(above), of all targets of [-1/2, 1/2] at once (below).",
    "theory_thresholds": "Coefficients for probability 1/2 against bits of precision, with fitted lines, the first moment and the "
    "counting bound.",
    "theory_single": "Coefficients until a single one hits the target, against what subset sums need.",
    "theory_cardinality": "Subsets of exactly k coefficients: n H2(k/n) at probability 1/2 against log2(k/epsilon).",
}


def caption(figure: Path) -> str:
    """What is said below a figure."""
    if figure.stem in CAPTIONS:
        return CAPTIONS[figure.stem]
    if figure.stem.startswith("frontier_"):
        return FRONTIER_CAPTION
    return next(text for start, text in (SWEEP_CAPTIONS | THEORY_CAPTIONS).items() if figure.stem.startswith(start))


@dataclass(frozen=True)
class Tables:
    """What the page shows, as `lottery tabulate`, `tabulate-frontiers`, `tabulate-tickets`, `tabulate-runs`,
    `tabulate-theory` and `trace` wrote it."""

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

    @property
    def counts(self) -> dict[str, int]:
        """How many published points of experiment 2 have which verdict."""
        return {str(verdict): int(count) for verdict, count in self.points_compared.verdict.value_counts().items()}

    def hours(self, kind: str) -> str:
        """Hours of cores or GPUs in all stages, for people."""
        hours = float(self.stages[f"{kind}_hours"].sum())
        return f"{hours:,.1f} {kind} hours" if hours >= 1 else f"{60 * hours:.1f} {kind} minutes"


def embedded_svg(path: Path) -> str:
    """SVG source without the XML prologue, to be put into a page."""
    text = path.read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cell(value: Any) -> Any:
    return "" if pd.isna(value) else _number(value) if isinstance(value, float) else value


def _html(frame: pd.DataFrame, index: bool) -> str:
    return str(frame.astype(object).map(_cell).to_html(index=index, index_names=False, border=0, justify="left"))


def _stages(stages: pd.DataFrame) -> pd.DataFrame:
    """Costs by stage, for people."""
    return pd.DataFrame(
        {
            "stage": "lottery " + stages.stage,
            "results": stages.results,
            "minutes of jobs": 60 * stages.hours,
            "core minutes": 60 * stages.core_hours,
            "GPU minutes": 60 * stages.gpu_hours,
            "peak memory (MB)": stages.peak_memory_mb,
        }
    )


def _claims(claims: pd.DataFrame) -> pd.DataFrame:
    """A row a claim, a column a network and protocol; empty where the claim is not about that network."""
    where = (claims.network + ", " + claims.protocol).rename("where")
    if claims.empty:
        return pd.DataFrame()
    statement = claims.claim + ": " + claims.statement
    grid = claims.answer.groupby([statement, where], sort=False).first().unstack(sort=False)
    return grid[sorted(grid.columns)].fillna("")


def _shown(figures: Sequence[Path], starts: Iterable[str]) -> list[tuple[str, str]]:
    """Caption and source of the figures whose names start with one of `starts`."""
    return [(caption(path), embedded_svg(path)) for path in figures if path.stem.startswith(tuple(starts))]


def _plain(text: str) -> str:
    return text.replace("`", "")


def summary_page(tables: Tables, figures: Sequence[Path]) -> str:
    """The page as HTML that needs no other file; `figures` are SVG files."""
    found = verdicts(tables.comparison)
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(files("lottery.results").joinpath("summary.html.j2").read_text(encoding="utf-8"))
    differences = deviations().map(lambda cell: _plain(cell) if isinstance(cell, str) else cell)
    return template.render(
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        tables=tables,
        verdicts=found,
        good=(REPRODUCED, HOLDS),
        untested=UNTESTED,
        claims=_claims(tables.claims),
        table1=_html(table1_for_people(tables.table1, found, tables.cost), index=True),
        comparison=_html(tables.comparison.drop(columns=["difference"]), index=False),
        cross_check=_html(cross_check_summary(tables.cross_check), index=False) if len(tables.cross_check) else "",
        costs=_html(tables.cost, index=False),
        tickets=_html(tickets_for_people(tables.tickets), index=True) if len(tables.tickets) else "",
        frontier=_html(smallest(tables.frontier), index=False) if len(tables.frontier) else "",
        figures=_shown(figures, CAPTIONS),
        frontier_figures=_shown(figures, ["frontier_"]),
        sweep_points=_html(points_for_people(tables.points), index=False),
        sweep_compared=_html(tables.points_compared, index=False),
        sweep_figures=_shown(figures, SWEEP_CAPTIONS),
        theory=_html(theory_for_people(tables.theory_thresholds, tables.theory_slopes), index=False)
        if len(tables.theory_slopes)
        else "",
        theory_figures=_shown(figures, THEORY_CAPTIONS),
        differences=[
            (experiment, _html(part.drop(columns="experiment"), index=False))
            for experiment, part in differences.groupby("experiment")
        ],
        stages=_html(_stages(tables.stages), index=False),
        origins=_html(tables.origins, index=False),
    )
