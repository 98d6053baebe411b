"""One page to read: what was run, what the paper says, what we found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from lottery import __version__
from lottery.results.comparison import verdicts
from lottery.results.points import points_for_people
from lottery.results.tables import cross_check_summary, table1_for_people
from lottery.results.verdicts import REPRODUCED

CAPTIONS = {
    "errors": "How far each subset sum is from its weight. A float64 optimum, not a tolerance, decides the left end.",
    "cardinality": "How many coefficients are kept for a weight.",
    "seconds": "What a weight costs on one core: the paper's run as reported, ours as measured here.",
}


# Figures of experiment 2, by the start of their name.
SWEEP_CAPTIONS = {
    "accuracy_remaining": "Test accuracy against the parameters that masks keep; above the whole range, below the part near "
    "the baseline. Each protocol has its own panel; small open markers are the published points.",
    "accuracy_alive": "The same against alive parameters: kept weights that lie on some path of kept weights from an input to "
    "an output. A kept weight whose partner is pruned carries nothing.",
    "epochs": "Accuracy after each epoch; markers show where runs of each length ended, bands the range over seeds.",
    "redundancy": "Test accuracy against redundancy; dashed: the published one.",
}


def caption(figure: Path) -> str:
    """What is said below a figure."""
    if figure.stem in CAPTIONS:
        return CAPTIONS[figure.stem]
    return next(text for start, text in SWEEP_CAPTIONS.items() if figure.stem.startswith(start))


@dataclass(frozen=True)
class Sweeps:
    """The tables of experiment 2."""

    points: pd.DataFrame
    compared: pd.DataFrame
    claims: pd.DataFrame
    seconds: float

    def cost(self) -> str:
        """Time of learning, for people."""
        return f"{self.seconds / 3600:.1f} hours" if self.seconds >= 3600 else f"{self.seconds / 60:.1f} minutes"

    def counts(self) -> dict[str, int]:
        """How many published points have which verdict."""
        return {str(verdict): int(count) for verdict, count in self.compared.verdict.value_counts().items()}


def embedded_svg(path: Path) -> str:
    """SVG source without the XML prologue, to be put into a page."""
    text = path.read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cell(value: Any) -> Any:
    return "" if pd.isna(value) else _number(value) if isinstance(value, float) else value


def _html(frame: pd.DataFrame, index: bool) -> str:
    return str(frame.astype(object).map(_cell).to_html(index=index, border=0, justify="left"))


def summary_page(
    table: pd.DataFrame,
    comparison: pd.DataFrame,
    costs: pd.DataFrame,
    checked: pd.DataFrame,
    figures: Sequence[Path],
    sweeps: Sweeps,
) -> str:
    """The page as HTML that needs no other file; `figures` are SVG files."""
    found = verdicts(comparison)
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("lottery.results").joinpath("summary.html.j2").read_text(encoding="utf-8")
    )
    return template.render(
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        verdicts=found,
        reproduced=REPRODUCED,
        table1=_html(table1_for_people(table, found, costs), index=True),
        comparison=_html(comparison.drop(columns=["difference"]), index=False),
        cross_check=_html(cross_check_summary(checked), index=False) if len(checked) else "",
        costs=_html(costs, index=False),
        figures=[(caption(path), embedded_svg(path)) for path in figures if path.stem in CAPTIONS],
        sweeps=sweeps,
        sweep_points=_html(points_for_people(sweeps.points), index=False),
        sweep_compared=_html(sweeps.compared, index=False),
        sweep_claims=_html(sweeps.claims, index=False),
        sweep_figures=[(caption(path), embedded_svg(path)) for path in figures if path.stem not in CAPTIONS],
    )
