"""A section of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from lottery.results.page.captions import Figure
from lottery.results.page.table import Table


@dataclass(frozen=True)
class Section:
    """Heading, what was found in one sentence, figures, tables, and how it was done (`method`, in a fold).

    nav: its name in the line of links.
    """

    id: str
    nav: str
    title: str
    answer: str
    tables: Sequence[Table]
    figures: Sequence[Figure] = ()
    method: Sequence[str] = ()
