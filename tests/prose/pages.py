"""Numbers that people typed into sentences, held to the kept tables (tables inside pages are cog's: test_project.py).

A test of a page asks it to say sentences made from the tables, and at the end that no number is left which nobody asked for:

    page = Page("docs/theory.md")
    page.says(f"Measured are {found:.2f} and {slope:.2f}.")
    assert page.numbers_left(settings="0.01 0.001") == []
"""

import difflib
import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results/reference"
NOT_PROSE = [
    r"<!-- \[\[\[cog.*?\[\[\[end\]\]\] -->",  # written by `make numbers`
    r"^```.*?^```",
    r"^(?: {4}\S.*\n)+",  # indented code
    r"^#+ .*$",
    r"(?<=\])\([^)\s]*\)",  # where links lead
    r"`[^`\n]*`",
    r"\$[^$]*\$",
]
# What looks measured: decimals, thousands, shares and factors, not years.  Small whole numbers are mostly names of things.
NUMBER = re.compile(r"(?<![\w.,⁻])\d+(?:,\d{3})*(?:\.\d+)?[%×]?(?![\w])")
MEASURED = re.compile(r"[.,%×]|\d{3}")
YEAR = re.compile(r"(19|20)\d\d")


class Page:
    """A page in Markdown, of which every number is to be held."""

    def __init__(self, name: str) -> None:
        self.name = name
        text = (ROOT / name).read_text()
        self.words = " ".join(text.split())
        for pattern in NOT_PROSE:
            text = re.sub(pattern, " ", text, flags=re.S | re.M if "cog" in pattern or "```" in pattern else re.M)
        self.unheld = " ".join(text.split())

    def says(self, sentence: str) -> None:
        """Fail unless the page has these words (line breaks do not count)."""
        sentence = " ".join(sentence.split())
        if sentence not in self.words:
            places = [
                self.words[at : at + len(sentence) + 20] for at in range(0, len(self.words), len(sentence) // 2 + 1)
            ]
            nearest = difflib.get_close_matches(sentence, places, n=1, cutoff=0)
            pytest.fail(f"{self.name} should say, by results/reference:\n  {sentence}\nnearest:\n  {nearest[0]}")
        bare = " ".join(re.sub(r"`[^`]*`|(?<=\])\([^)\s]*\)|\$[^$]*\$", " ", sentence).split())
        self.unheld = self.unheld.replace(bare, " ")

    def numbers_left(self, settings: str = "") -> list[str]:
        """Numbers in no sentence asked for, each with what is around it; settings are numbers that need no table."""
        known = set(settings.split())
        found = [match for match in NUMBER.finditer(self.unheld) if MEASURED.search(match[0])]
        found = [match for match in found if match[0] not in known and not YEAR.fullmatch(match[0])]
        return [self.unheld[max(0, m.start() - 40) : m.end() + 20] for m in found]


def kept(name: str, folder: str = "tables") -> pd.DataFrame:
    """A table of results/reference by its name."""
    return pd.read_csv(REFERENCE / folder / f"{name}.csv")
