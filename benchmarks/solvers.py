"""The solvers, timed side by side on the same weights, and what the exact one's cost depends on.

    python -m benchmarks.solvers --output results/benchmarks [--weights fc2.safetensors] [--sample 16] [--quick]
    python -m benchmarks.solvers --constants

README.md beside this file says how each number is measured and how to read it.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from lottery.approximation.settings import Settings
from lottery.approximation.target import Target, import_weights, write_target
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.subset_sum import Solver, Status, SubsetSumError, create
from lottery.subset_sum import exact as exact_module
from lottery.subset_sum.kernels import index_by_cell, nearest_by_lookup, nearest_by_sweep, sorted_sums

IMAGE = ImageShape(1, 28)
ROW = IMAGE.pixels
EPSILON = 0.01
PACKAGES = ("lottery-subsetsum", "numpy", "numba", "gurobipy", "pulp")


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    rows, own_rows: of each layer, for row and for weight sharing.    sizes, counts: the points of the two curves.
    runs: at most, of one thing.    budget: seconds for one point of a curve, about.
    """

    rows: int
    own_rows: int
    sizes: tuple[int, ...]
    counts: tuple[int, ...]
    runs: int
    budget: float


FULL = Effort(500, 10, (21, 24, 27, 30, 33, 36, 40, 44), tuple(4**k for k in range(8)), 5, 2.0)
QUICK = Effort(10, 1, (21, 24, 27), tuple(4**k for k in range(4)), 2, 0.05)


@dataclass(frozen=True)
class Measurement:
    """A line of the CSV: seconds a weight, their median and quartiles (low, high)."""

    section: str
    case: str
    n: int
    weights: int
    seconds_per_weight: float
    low: float
    high: float
    note: str = ""

    @classmethod
    def of(cls, section: str, case: str, n: int, weights: int, seconds: ArrayLike, note: str = "") -> "Measurement":
        """From seconds a weight, run by run or weight by weight; `weights`: how many were solved."""
        low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
        return cls(section, case, n, weights, float(median), float(low), float(high), note)


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def elapsed(call: Callable[[], object], loops: int = 1) -> float:
    """Seconds of one call, the mean of `loops`."""
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def clock(call: Callable[[], object], runs: int, budget: float) -> np.ndarray:
    """Seconds of a call, run by run: `runs` of them, fewer where the budget ends first; short calls are looped."""
    first = elapsed(call)
    if first > budget / 2:
        return np.array([first])
    loops = max(1, int(0.01 / first))
    return np.array([elapsed(call, loops) for _ in range(min(runs, max(1, int(budget / first) - 1)))])


def drawn_target() -> Target:
    """Weights that look like a trained fc2's: normal, the first layer's narrower."""
    generator = np.random.default_rng(1)
    shapes = {"fc1.weight": ((500, 784), 0.03), "fc2.weight": ((10, 500), 0.1)}
    weights = {name: generator.normal(0, std, shape).astype(np.float32) for name, (shape, std) in shapes.items()}
    return Target("fc2", IMAGE, weights)


def warm(solver: Solver, objective: str = "min_error") -> Solver:
    """The solver, its compiled code loaded."""
    solver.solve_row(np.full(2, 0.1), np.linspace(-0.5, 0.5, 21), EPSILON, objective)
    solver.solve_row(np.full(2, 0.1), np.tile(np.linspace(-0.5, 0.5, 21), (2, 1)), EPSILON, objective)
    return solver


def available(names: tuple[str, ...]) -> dict[str, Solver]:
    """Those of the solvers that can run here."""
    solvers = {}
    for name in names:
        try:
            solvers[name] = warm(create(name))
        except SubsetSumError as error:
            progress(f"left out: {error}")
    return solvers


def side_by_side(target: Target, sample: int) -> list[Measurement]:
    """Solve a random sample of weights by the MIP solvers, each right after its whole row by `exact`."""
    from lottery.approximation.cross_check import sample_weights

    settings = Settings(epsilon=EPSILON, stream="official")
    exact, others = warm(create("exact")), available(("gurobi", "cbc"))
    seconds: dict[str, list[float]] = {name: [] for name in ("exact", *others)}
    solved, exact_weights = dict.fromkeys(others, 0), 0
    for number, (layer, row, column) in enumerate(sample_weights(target, sample, 1), start=1):
        progress(f"side by side: weight {number} of {sample}")
        weights = target.matrix(layer)[row]
        coefficients = settings.draw(target, layer, range(row, row + 1))[0]
        whole = elapsed(lambda w=weights, c=coefficients: exact.solve_row(w, c, EPSILON, "min_error"))
        seconds["exact"].append(whole / weights.size)
        exact_weights += weights.size
        for name, solver in others.items():
            start = time.perf_counter()
            _, status = solver.solve_row(weights[column : column + 1], coefficients, EPSILON, "min_error")
            seconds[name].append(time.perf_counter() - start)
            solved[name] += int(status[0] == Status.SOLVED)
    found = [Measurement.of("side by side", "exact", settings.n, exact_weights, seconds["exact"], f"{sample} rows")]
    for name in others:
        low, ratio, high = np.quantile(np.array(seconds[name]) / np.array(seconds["exact"]), (0.25, 0.5, 0.75))
        total = sum(seconds[name]) / sum(seconds["exact"])
        note = (
            f"{ratio:,.0f} times exact (quartiles {low:,.0f} to {high:,.0f}), {total:,.0f} times in total;"
            f" mean {np.mean(seconds[name]):.3g} s; {solved[name]} of {sample} solved"
        )
        found.append(Measurement.of("side by side", name, settings.n, sample, seconds[name], note))
    return found


def peak_memory() -> float:
    """The most MB that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss on Linux also remembers the parent process
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1e3
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def network(target: Target, objective: str, sharing: str, rows: int, effort: Effort) -> Measurement:
    """All weights in the first `rows` rows of each layer by `exact`; called in a process of its own."""
    stream = "official" if sharing == "row" else "keyed"
    settings = Settings(epsilon=EPSILON, objective=objective, sharing=sharing, stream=stream)
    work = []
    for index, layer in enumerate(target.layers):
        chosen = range(min(rows, layer.rows))
        work += zip(target.matrix(index)[: chosen.stop], settings.draw(target, index, chosen), strict=True)
    solver, weights = warm(create("exact"), objective), sum(row.size for row, _ in work)
    before = peak_memory()
    seconds = clock(
        lambda: [solver.solve_row(*row, EPSILON, objective) for row in work], effort.runs, 10 * effort.budget
    )
    whole = np.median(seconds) / weights * target.size
    note = f"{whole:.3g} s the network" + (", extrapolated" if weights < target.size else "")
    note += f"; peak memory {peak_memory():,.0f} MB, {before:,.0f} MB before solving"
    return Measurement.of("network", f"{objective}, {sharing} sharing", settings.n, weights, seconds / weights, note)


def networks(target: Target, effort: Effort) -> list[Measurement]:
    cases = [(objective, "row", effort.rows) for objective in exact_module.SUPPORTED] + [
        ("min_error", "weight", effort.own_rows)
    ]
    found = []
    for case in cases:
        progress(f"network: {case[0]}, {case[1]} sharing")
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # so that a peak is this case's own
            found.append(pool.submit(network, target, *case, effort).result())
    return found


def point(section: str, target: Target, n: int, weights: int, shared: bool, effort: Effort) -> Measurement:
    """`exact` on random weights of the target, one set for all or a set for each."""
    generator = np.random.default_rng(n)
    values = np.concatenate([array.ravel() for array in target.weights.values()]).astype(np.float64)
    chosen = generator.choice(values, weights)
    coefficients = generator.uniform(*target.range(), n if shared else (weights, n))
    solver = create("exact")
    seconds = clock(lambda: solver.solve_row(chosen, coefficients, EPSILON, "min_error"), effort.runs, effort.budget)
    return Measurement.of(section, "row sharing" if shared else "weight sharing", n, weights, seconds / weights)


def affordable(n: int, shared: bool, budget: float) -> int:
    """How many weights fit the budget: a row of them, halved until they do."""
    weights = ROW
    while weights > 1 and planned(n, weights, shared) > budget:
        weights //= 2
    return weights


def planned(n: int, weights: int, shared: bool) -> float:
    """Seconds that the exact solver expects to take."""
    return 1e-9 * (
        exact_module.plan(n, weights).nanoseconds if shared else exact_module.plan(n, 1).nanoseconds * weights
    )


def curves(target: Target, effort: Effort) -> list[Measurement]:
    """Cost against n, for both sharings, and against the number of weights on one set."""
    warm(create("exact"))
    found = []
    for shared in (True, False):
        for n in effort.sizes:
            progress(f"cost against n: {n}, {'row' if shared else 'weight'} sharing")
            found.append(point("cost against n", target, n, affordable(n, shared, effort.budget), shared, effort))
    for weights in effort.counts:
        progress(f"cost against weights on a set: {weights}")
        found.append(point("cost against weights", target, 21, weights, True, effort))
    return found


WITHOUT_TORCH = """
import sys
from lottery.cli import main
sys.exit(main(sys.argv[1:]) or ("torch" in sys.modules and "torch was loaded"))
"""


def process(target: Target, effort: Effort) -> Measurement:
    """`lottery solve` on the last layer, from the start of the process to its end."""
    run = partial(subprocess.run, capture_output=True, text=True)
    with tempfile.TemporaryDirectory() as folder:
        weights, chunk = Path(folder, "target.safetensors"), Path(folder, "layer_1_rows_0_to_9.safetensors")
        write_target(weights, target)
        rows = ["--layer", "1", "--first-row", "0", "--last-row", "9"]
        arguments = ["solve", "--target", weights, *rows, "--output", chunk]
        progress("process: lottery solve")
        checked = run([sys.executable, "-c", WITHOUT_TORCH, *arguments])
        if checked.returncode and "torch was loaded" not in checked.stderr:
            raise LotteryError(f"lottery solve failed: {checked.stderr.strip()}")
        command = [sys.executable, "-m", "lottery.cli", *arguments]
        seconds = np.array([elapsed(lambda: run(command, check=True)) for _ in range(effort.runs)])
    size = target.layers[1].size
    note = f"{np.median(seconds):.3g} s a process; torch was {'' if checked.returncode else 'not '}loaded"
    return Measurement.of("process", "lottery solve, 10 rows", 21, size, seconds / size, note)


def constants(target: Target, bits: int) -> dict[str, float]:
    """Nanoseconds of the steps that `lottery.subset_sum.exact.plan` counts, for a large half of 2^bits sums."""
    small_bits, large_size = max(bits - 8, 1), 1 << bits
    members = np.random.default_rng(bits).uniform(*target.range(), bits + small_bits)
    weights = target.matrix(0).ravel()[: max(1, (1 << 22) >> bits)]

    def half(part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size = 1 << part.size
        return sorted_sums(part, np.empty(size), np.empty(size, np.uint32), np.empty(size), np.empty(size, np.uint32))

    large, small = half(members[:bits]), half(members[bits:])
    work = (
        np.empty(large_size),
        np.empty(large_size, np.uint32),
        np.empty(large_size),
        np.empty(large_size, np.uint32),
    )
    cells = np.empty(exact_module.CELLS_PER_SUM * large_size + 1, np.int32)
    halves = (weights, members, bits, *large, *small)
    grid = (cells, *index_by_cell(large[0], large_size, cells))
    rest = (EPSILON, False, np.empty(weights.size, np.uint64))
    steps: dict[str, tuple[Callable[[], object], int]] = {
        "BUILD": (lambda: sorted_sums(members[:bits], *work), large_size),
        "INDEX": (lambda: index_by_cell(large[0], large_size, cells), large_size),
        "LOOKUP": (lambda: nearest_by_lookup(*halves, *grid, *rest), weights.size << small_bits),
        "SWEEP": (lambda: nearest_by_sweep(*halves, *rest), weights.size * (large_size + (1 << small_bits))),
    }
    found = {}
    for name, (call, count) in steps.items():
        call()  # compiles it for these types
        found[name] = 1e9 * float(np.median(clock(call, 5, 3.0))) / count
    return found


def print_constants(target: Target) -> None:
    sizes = (10, 12, 14, 16, 18, 20, 22)
    columns = []
    for bits in sizes:
        progress(f"constants: 2^{bits} half-sums")
        columns.append(constants(target, bits))
    print(f"{'ns a step':<10}{'exact.py':>9}" + "".join(f"{f'2^{bits}':>8}" for bits in sizes))
    for name in columns[0]:
        print(f"{name:<10}{getattr(exact_module, name):>9.1f}" + "".join(f"{column[name]:>8.2f}" for column in columns))


def machine() -> str:
    """Processor, number of cores, system."""
    processor = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        models = [line for line in information.read_text().splitlines() if line.startswith("model name")]
        processor = models[0].split(":", 1)[1].strip() if models else processor
    return f"{processor}, {os.cpu_count()} cores, {platform.system()}"


def in_words(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def report(found: list[Measurement], weights: str) -> str:
    """The measurements as Markdown, a table a section."""
    import pandas as pd

    from lottery.results.tables import markdown

    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    parts = ["# Speed of the solvers\n", f"- Weights: {weights}", f"- Machine: {machine()}"]
    parts += [f"- Python {platform.python_version()}, {versions}", f"- epsilon {EPSILON}; one thread\n"]
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


def plot(found: list[Measurement], stem: Path) -> list[Path]:
    """Seconds a weight against n, and against the number of weights on one set."""
    import matplotlib.pyplot as plt

    from lottery.results.style import COLOURS, STYLE, save

    def line(axes, section: str, case: str, across: str, colour: str, label: str | None) -> None:
        chosen = [m for m in found if m.section == section and m.case == case]
        x, y = [getattr(m, across) for m in chosen], [m.seconds_per_weight for m in chosen]
        spread = [[m.seconds_per_weight - m.low for m in chosen], [m.high - m.seconds_per_weight for m in chosen]]
        axes.errorbar(x, y, yerr=spread, marker="o", markersize=4, linewidth=1.2, color=colour, label=label)

    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.4))
        line(left, "cost against n", "weight sharing", "n", COLOURS[1], "exact, one set a weight")
        line(left, "cost against n", "row sharing", "n", COLOURS[0], f"exact, one set for {ROW}")
        for mip, marker in (("gurobi", "s"), ("cbc", "^")):
            for m in found:
                if (m.section, m.case) == ("side by side", mip):
                    left.plot(m.n, m.seconds_per_weight, marker, markersize=5, color="0.4", label=mip)
        for m in found:
            if (m.section, m.case) == ("cost against n", "row sharing") and m.weights < ROW:
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
        line(right, "cost against weights", "row sharing", "weights", COLOURS[0], None)
        right.set_xscale("log")
        right.set_yscale("log")
        right.set_xlabel("weights on one set (n = 21)")
        right.set_ylabel("seconds a weight")
        return save(figure, stem)


def arguments_of(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.solvers", description="Speed of the subset sum solvers."
    )
    add = parser.add_argument
    add("--weights", type=Path, help="fc2 on 28x28 images: safetensors or a PyTorch state dict (default: drawn)")
    add("--sample", type=int, default=16, help="weights that the MIP solvers get (default %(default)s)")
    add("--quick", action="store_true", help="a smoke test: everything small, the numbers mean little")
    add("--constants", action="store_true", help="only print the costs of the exact solver's steps")
    add("--output", type=Path, help="a folder")
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.constants:
        parser.error("--output is needed")
    return arguments


def measure(target: Target, sample: int, effort: Effort) -> list[Measurement]:
    return [
        *side_by_side(target, sample),
        *networks(target, effort),
        *curves(target, effort),
        process(target, effort),
    ]


def main(argv: list[str] | None = None) -> int:
    arguments = arguments_of(argv)
    try:
        target = import_weights(arguments.weights, "fc2", IMAGE) if arguments.weights else drawn_target()
        if arguments.constants:
            print_constants(target)
            return 0
        sample, effort = (min(arguments.sample, 2), QUICK) if arguments.quick else (arguments.sample, FULL)
        found = measure(target, sample, effort)
    except (LotteryError, SubsetSumError) as error:
        print(f"benchmarks.solvers: {error}", file=sys.stderr)
        return 1
    import pandas as pd

    from lottery.files import write_text

    text = report(found, arguments.weights.name if arguments.weights else "drawn as a trained fc2's look")
    table = pd.DataFrame([asdict(line) for line in found])
    write_text(arguments.output / "solvers.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(arguments.output / "solvers.md", text)
    plot(found, arguments.output / "cost")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
