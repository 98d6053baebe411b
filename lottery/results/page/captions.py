"""Which section a figure belongs to, what it is called, how to read it, and the table of the same numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

from lottery.results.page.svg import Drawing, drawing

ONE, TWO, CONTROLS, PLANTED = "one", "two", "controls", "planted"
FRONTIER, THEORY, EXACT = "frontier", "theory", "exactness"


@dataclass(frozen=True)
class Kind:
    """Figures whose names begin with `start`; what follows is the network or the part.

    folded: of detail, behind the others.
    """

    start: str
    section: str
    title: str
    reading: str
    table: str = ""
    folded: bool = False


# The longer of two starts first.  Names that none begins belong to experiment 2, as `plot-*` of networks write most.
KINDS = (
    Kind("errors_one_weight", ONE, "One weight and its random numbers", "Filled: kept; below, their sum step by step. It is the weight of median error in the first layer."),
    Kind("errors", ONE, "How far each sum is from its weight", "Share of weights by distance on a log axis; the dashed line is ε."),
    Kind("cardinality", ONE, "How many coefficients a weight keeps", "Share of weights by the number of coefficients kept.", "cardinality"),
    Kind("seconds", ONE, "What a weight costs on one core", "Core seconds on a log axis: the paper's run as reported, all others as measured here.", "cost"),
    Kind("replays", TWO, "Published points and the same runs made again", "Pale: published. Below: ours minus published, with the spread of each point.", "points_compared"),
    Kind("wide_minus_linear", TWO, "Is wide better than linear?", "Accuracy of wide minus that of linear: of one seed, and of held-out seeds with their 95% interval.", "points"),
    Kind("held_out", TWO, "Held-out accuracy", "Test images looked at once; of several lengths, the best on validation images. Mean and 95% interval over seeds.", "points"),
    Kind("accuracy_remaining", TWO, "Accuracy by kept parameters", "A panel per protocol; the axis of accuracy is a log axis of the error.", "points"),
    Kind("accuracy_alive", TWO, "Accuracy by alive parameters", "Alive: on some path of kept weights from an input to an output. The paper has no such curve.", "points", True),
    Kind("epochs", TWO, "Accuracy by epoch", "Markers show where runs of each length ended; bands are the range over seeds.", "histories", True),
    Kind("redundancy", TWO, "Accuracy by redundancy", "The dashed line is the published redundancy.", "points", True),
    Kind("variants", TWO, "What each switch of the released code changes", "Mean and 95% interval over seeds, by run length.", "runs", True),
    Kind("controls", CONTROLS, "Pruned networks and their controls", "Mean, and bar from the lowest to the highest draw, by the share of weights kept; the dashed line is the accuracy of guessing.", "controls"),
    Kind("planted", PLANTED, "Accuracy and overlap by margin", "Mean and standard error over seeds; open at the start, filled after learning.", "planted"),
    Kind("frontier", FRONTIER, "Size and accuracy of approximated networks", "One point per ε, mean and 95% interval over seeds. Bound: Theorem 2, for all linear maps of norm at most 1; one trained network can do with less.", "frontier"),
    Kind("theory_success", THEORY, "Probability that some subset sum is within ε", "95% intervals (Wilson), where wider than the marker; of one target, and of all targets in [−1/2, 1/2] at once.", "theory_success"),
    Kind("theory_thresholds", THEORY, "Coefficients for probability 1/2", "Against bits of precision, with fitted lines, first moment and counting bound.", "theory_thresholds"),
    Kind("theory_single", THEORY, "One coefficient against a subset sum", "Coefficients until a single one hits the target, and until a subset sum does.", "theory_thresholds"),
    Kind("theory_cardinality", THEORY, "Subsets of exactly k coefficients", "n H₂(k/n) at probability 1/2 against log₂(k/ε).", "theory_thresholds"),
    Kind("exactness_transition", EXACT, "Probability that some subset sum equals its target", "By κ, bits per coefficient; 95% intervals (Wilson), where wider than the marker. Dotted: if sums were independent. One target above, all targets below.", "exactness"),
    Kind("exactness_thresholds", EXACT, "Integers for probability 1/2, beyond one per bit", "Dotted: if sums were independent; dashed: first moment, and counting bound of all targets.", "exactness_thresholds"),
    Kind("exactness_network", EXACT, "Weights of a network that the first n coefficients miss", "Filled: no sum equals the quantised weight; open: no sum of numbers off the grid is within half a step of the weight. Where a line ends, none is missed.", "exactness_networks"),
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """links: name and relative address of the files with the same content."""

    name: str
    title: str
    reading: str
    drawing: Drawing
    links: list[tuple[str, str]]
    folded: bool


def kind(stem: str) -> Kind:
    """What is known of a figure by its name."""
    words = stem.replace("_", " ").capitalize()
    known = (known for known in KINDS if stem.startswith(known.start))
    return next(known, Kind(stem, TWO, words, "", "points" if stem.startswith("accuracy") else ""))


def _links(path: Path, table: Path | None, page: Path) -> list[tuple[str, str]]:
    files = [table, path, path.with_suffix(".png")]
    return [(file.suffix[1:].upper(), relpath(file, page)) for file in files if file is not None and file.is_file()]


def figures(paths: Sequence[Path], section: str, tables: Path, page: Path, says: str) -> list[Figure]:
    """The figures of a section in the order of `KINDS`.

    tables: the folder of the tables.  page: the folder that links start from.  says: what the section found, in a sentence.
    """
    found = [(kind(path.stem), path) for path in paths]
    order = {known.start: place for place, known in enumerate(KINDS)}
    own = sorted((pair for pair in found if pair[0].section == section), key=lambda pair: order.get(pair[0].start, -1))
    compared = any(about.start == "replays" for about, _ in own)  # shows the same points, all networks together
    shown = []
    for about, path in own:
        rest = path.stem.removeprefix(about.start).strip("_")
        title = f"{about.title}: {rest}" if rest else about.title
        links = _links(path, tables / f"{about.table}.csv" if about.table else None, page)
        description = f"{about.reading} {says}".strip()
        drawn = drawing(path, title, description, f"f{paths.index(path)}-")
        detail = about.folded or (compared and about.start == "accuracy_remaining")
        shown.append(Figure(path.stem, title, about.reading, drawn, links, detail))
    return shown
