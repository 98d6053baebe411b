"""How an answer looks: symbol, word and colour, never colour alone."""

from dataclasses import dataclass

from lottery.errors import LotteryError
from lottery.results.tables.claims import FAILS, HOLDS, OPEN, PARTLY, UNTESTED
from lottery.results.tables.verdicts import DIFFERS, NOT_COMPARABLE, NOT_RUN, REPRODUCED

BEYOND, REHEARSAL = "beyond the paper", "rehearsal"


@dataclass(frozen=True)
class Chip:
    """style: a class of the style sheet.  meaning: for the legend."""

    symbol: str
    style: str
    meaning: str


CHIPS = {
    REPRODUCED: Chip("✓", "good", "our number is within the allowed band, or within the measured spread of the point"),
    DIFFERS: Chip("✗", "bad", "our number has the published settings and is outside"),
    NOT_COMPARABLE: Chip(
        "–", "quiet", "a setting or the run length is not the published one, or no spread was measured"
    ),
    NOT_RUN: Chip("○", "empty", "there is no run of this point"),
    HOLDS: Chip("✓", "good", "the statement is true of our points, and their uncertainty cannot explain it away"),
    PARTLY: Chip("✓", "partly", "it holds at every point that was run, and some points were not"),
    OPEN: Chip("~", "open", "the uncertainty of our points is larger than the difference"),
    FAILS: Chip("✗", "bad", "our points contradict the statement by more than their uncertainty"),
    UNTESTED: Chip("○", "empty", "points that the statement needs were not run"),
    BEYOND: Chip("+", "open", "the paper has no such number"),
    REHEARSAL: Chip("–", "quiet", "no result has the published settings, so none gets a verdict"),
}


def chip(answer: str) -> Chip:
    """How an answer looks.  Raises LotteryError where it is none of those that the page knows."""
    if answer not in CHIPS:
        raise LotteryError(
            f"{answer!r} is no answer of this version (known: {', '.join(CHIPS)}); make the tables again"
        )
    return CHIPS[answer]
