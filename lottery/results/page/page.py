"""The page: sections, templates, style and script put together."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from os.path import relpath
from pathlib import Path

from jinja2 import DictLoader, Environment, StrictUndefined

from lottery import __version__
from lottery.records.fingerprint import ROOT
from lottery.results.page import rehearsal
from lottery.results.page.background import cost_section, differences_section
from lottery.results.page.captions import CONTROLS, EXACT, FRONTIER, ONE, PLANTED, THEORY, TWO, Figure
from lottery.results.page.captions import figures as figures_of
from lottery.results.page.chips import CHIPS, chip
from lottery.results.page.exact_sums import exact_section
from lottery.results.page.experiment_1 import section as experiment_1
from lottery.results.page.experiment_1 import sentence as experiment_1_answer
from lottery.results.page.experiment_2 import section as experiment_2
from lottery.results.page.experiment_2 import sentence as experiment_2_answer
from lottery.results.page.extensions import controls_section, frontier_section, theory_section, ticket_section
from lottery.results.page.first_screen import claims_matrix, evidence, tiles
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import plural
from lottery.results.page.origin import origin
from lottery.results.page.outcome import Outcome, outcome
from lottery.results.page.planted import planted_section
from lottery.results.page.section import Section
from lottery.results.page.svg import dark
from lottery.results.page.words import GLOSSARY, dataset

# Named here, and so a part of the fingerprint of what makes the page.
TEMPLATES = (
    "page.html.j2", "macros.html.j2", "header.html.j2", "verdict.html.j2", "rehearsal.html.j2", "tile.html.j2", "section.html.j2",
    "words.html.j2", "origin.html.j2", "page.css", "page.js",
)  # fmt: skip
PAPER = "https://arxiv.org/abs/2006.07990"
FOUND = "results/reference/README.md"  # what was found on MNIST
DOCUMENTS = ("README.md", "docs/glossary.md", "docs/reproducing.md", "docs/deviations.md", FOUND)  # of a checkout
TITLE = "Optimal Lottery Tickets via SubsetSum"


def _environment() -> Environment:
    folder = files(__package__ or "lottery.results.page")
    sources = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in TEMPLATES}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(chip_of=chip, chips=CHIPS, plural=plural)
    return environment


def _sections(tables: Tables, found: Outcome, paths: Sequence[Path], folder: Path, page: Path) -> list[Section]:
    """Those that have something to show, in the order of the page."""

    def shown(section: str, says: str) -> list[Figure]:
        return figures_of(paths, section, folder, page, says)

    every = (
        experiment_1(tables, shown(ONE, experiment_1_answer(tables)), found.rehearsal),
        experiment_2(tables, shown(TWO, experiment_2_answer(tables, found)), found),
        controls_section(tables, shown(CONTROLS, "")),
        planted_section(tables, shown(PLANTED, "")),
        ticket_section(tables),
        frontier_section(tables, shown(FRONTIER, "")),
        theory_section(tables, shown(THEORY, "")),
        exact_section(tables, shown(EXACT, "")),
        differences_section(),
        cost_section(tables),
    )
    return [section for section in every if section is not None]


def _colours(sections: Sequence[Section]) -> dict[str, tuple[str, str]]:
    """Every colour of the figures, on white and on a dark ground."""
    used: dict[str, str] = {}
    for section in sections:
        for figure in section.figures:
            used |= figure.drawing.colours
    return {name: (colour, dark(colour)) for name, colour in sorted(used.items())}


def _files(folder: Path, page: Path) -> list[tuple[str, str]]:
    """Name and address of each table, from the page."""
    return [(path.name, relpath(path, page)) for path in sorted(folder.glob("*.csv"))]


def _documents(page: Path) -> dict[str, str]:
    """Documents of the project and their addresses from the page; none where the page is not in a checkout."""
    inside = page.resolve().is_relative_to(ROOT)
    return {name: relpath(ROOT / name, page) for name in DOCUMENTS if inside and (ROOT / name).is_file()}


def _short(commit: str) -> str:
    """Seven digits of a commit, and whether files differed from it."""
    digits, changes, _ = commit.partition("+changes")
    return (digits[:7] if " " not in digits else digits) + (" with changes" if changes else "")


def summary_page(tables: Tables, figures: Sequence[Path], folder: Path, page: Path) -> str:
    """The page as HTML that needs no other file.

    figures: SVG files.  folder: that of the tables.  page: the folder that the page is put in, from which links start.
    """
    found, documents = outcome(tables), _documents(page)
    sections = _sections(tables, found, figures, folder, page)
    return _environment().get_template("page.html.j2").render(
        title=rehearsal.title(tables) if found.rehearsal else f"{TITLE}: what could be reproduced",
        paper=PAPER,
        version=__version__,
        commits=", ".join(map(_short, tables.commits)),
        written=datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"),
        datasets=", ".join(map(dataset, tables.datasets)),
        rehearsal=found.rehearsal,
        tiles=rehearsal.tiles(tables) if found.rehearsal else tiles(tables, found),
        story=rehearsal.story(tables),
        checks=rehearsal.checks(tables),
        why=rehearsal.why(tables),
        reference=documents.get(FOUND, ""),
        documents=documents,
        claims=None if found.rehearsal else claims_matrix(tables),
        evidence=None if found.rehearsal else evidence(tables),
        sections=sections,
        glossary=GLOSSARY,
        colours=_colours(sections),
        origin=origin(tables, folder),
        untraced_runs=tables.untraced_runs,
        tables=_files(folder, page),
    )  # fmt: skip
