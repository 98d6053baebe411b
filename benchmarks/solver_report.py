"""What `benchmarks.solvers` measured, as a page and as a figure for people."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.measuring import Measurement

PACKAGES = ("lottery-subsetsum", "numpy", "numba", "gurobipy", "pulp", "ortools", "scipy", "pyscipopt")
MARKERS = {"gurobi": "s", "cbc": "^", "cp-sat": "D", "highs": "v", "scip": "P"}


def machine() -> str:
    """Processor, number of cores, system."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].split(":", 1)[1].strip() if models else processor
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}"


def versions() -> str:
    """The installed ones of `PACKAGES`, with their versions."""
    installed = []
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            installed.append(f"{package} {version(package)}")
    return ", ".join(installed)


def in_words(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def report(found: list[Measurement], weights: str, epsilon: float) -> str:
    """The measurements as Markdown, a table a section."""
    import pandas as pd

    from lottery.results.tables.experiment_1 import markdown

    parts = ["# Speed of the solvers\n", f"- Weights: {weights}", f"- Machine: {machine()}"]
    parts += [f"- Python {platform.python_version()}, {versions()}", f"- epsilon {epsilon}; one thread\n"]
    for section in dict.fromkeys(line.section for line in found):
        lines = [line for line in found if line.section == section]
        columns = {
            "n": [line.n for line in lines],
            "weights": [f"{line.weights:,}" for line in lines],
            "a weight": [in_words(line.seconds_per_weight) for line in lines],
            "quartiles": [f"{in_words(line.low)} to {in_words(line.high)}" for line in lines],
            "note": [line.note for line in lines],
        }
        if not any(columns["note"]):
            del columns["note"]
        table = pd.DataFrame(columns, index=pd.Index([line.case for line in lines], name="case"))
        parts += [f"## {section.capitalize()}\n", markdown(table)]
    return "\n".join(parts)


def plot(found: list[Measurement], row: int, stem: Path) -> list[Path]:
    """Seconds a weight against n, and against the number of weights on one set.  row: weights in a whole row."""
    import matplotlib.pyplot as plt

    from lottery.results.figures.style import FILL, INK, drawing, save

    def line(axes, section: str, case: str, across: str, colour: str, label: str | None) -> None:
        chosen = [m for m in found if m.section == section and m.case == case]
        x, y = [getattr(m, across) for m in chosen], [m.seconds_per_weight for m in chosen]
        spread = [[m.seconds_per_weight - m.low for m in chosen], [m.high - m.seconds_per_weight for m in chosen]]
        axes.errorbar(x, y, yerr=spread, marker="o", markersize=4, linewidth=1.2, color=colour, label=label)

    with drawing():
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4))
        line(left, "cost against n", "weight sharing", "n", FILL, "exact, one set a weight")
        line(left, "cost against n", "row sharing", "n", INK, f"exact, one set for {row}")
        for m in found:
            if m.section == "side by side, min_error" and m.case in MARKERS:
                left.plot(m.n, m.seconds_per_weight, MARKERS[m.case], markersize=5, color="0.4", label=m.case)
        for m in found:
            if (m.section, m.case) == ("cost against n", "row sharing") and m.weights < row:
                at, offset = (m.n, m.seconds_per_weight), (8, -56)
                left.annotate(
                    f"n = {m.n}: {m.weights} weights", at, offset, textcoords="offset points", ha="right", fontsize=7
                )
        left.set_yscale("log")
        left.set_xlabel("coefficients a weight, n")
        left.set_ylabel("seconds a weight")
        left.set_xticks(sorted({m.n for m in found if m.section == "cost against n"}))
        left.set_ylim(top=30 * left.get_ylim()[1])  # room for the legend
        left.legend(loc="upper left", fontsize=7, ncols=2)
        line(right, "cost against weights", "row sharing", "weights", INK, None)
        right.set_xscale("log")
        right.set_yscale("log")
        right.set_xlabel("weights on one set (n = 21)")
        right.set_ylabel("seconds a weight")
        words = [f"{m.section}, {m.case}, n = {m.n}: {m.seconds_per_weight:.2g} s per weight." for m in found]
        return save(figure, stem, "Time per weight by coefficients and by weights on one set", " ".join(words))
