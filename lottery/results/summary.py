"""One page to read: what was run, what the paper says, what we found."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pandas as pd
from jinja2 import Environment, StrictUndefined

from lottery import __version__
from lottery.results.comparison import REPRODUCED, verdicts
from lottery.results.tables import cross_check_summary, table1_for_people

CAPTIONS = {
    "errors": "How far each subset sum is from its weight. A float64 optimum, not a tolerance, decides the left end.",
    "cardinality": "How many coefficients are kept for a weight.",
    "seconds": "What a weight costs on one core: the paper's run as reported, ours as measured here.",
}


def embedded_svg(path: Path) -> str:
    """SVG source without the XML prologue, to be put into a page."""
    text = path.read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _html(frame: pd.DataFrame, index: bool) -> str:
    return frame.to_html(index=index, border=0, justify="left", na_rep="", float_format=_number)


def summary_page(
    table: pd.DataFrame,
    comparison: pd.DataFrame,
    costs: pd.DataFrame,
    checked: pd.DataFrame,
    figures: Sequence[tuple[str, Path]],
) -> str:
    """The page as HTML that needs no other file; `figures` are (caption, SVG path)."""
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
        figures=[(caption, embedded_svg(path)) for caption, path in figures],
    )
