"""The solvers, timed side by side on the same weights, and what the exact one's cost depends on.

    python -m benchmarks.solvers --output results/benchmarks [--weights fc2.safetensors] [--sample 16] [--quick]
    python -m benchmarks.solvers --constants

README.md beside this file says how each number is measured and how to read it.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.measuring import Measurement, clock, elapsed, progress
from benchmarks.other_solvers import MODELS, OtherSolver
from benchmarks.solver_constants import print_constants
from benchmarks.solver_report import plot, report
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target, import_weights, write_target
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.records.files import check_writable, write_text
from lottery.records.provenance import peak_memory_mb
from lottery.subset_sum import Solver, Status, SubsetSumError, create
from lottery.subset_sum import exact as exact_module

IMAGE = ImageShape(1, 28)
ROW = IMAGE.pixels
EPSILON = 0.01


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


def drawn_target() -> Target:
    """Weights that look like a trained fc2's: normal, the first layer's narrower."""
    generator = np.random.default_rng(1)
    shapes = {"fc1.weight": ((500, 784), 0.03), "fc2.weight": ((10, 500), 0.1)}
    weights = {name: generator.normal(0, std, shape).astype(np.float32) for name, (shape, std) in shapes.items()}
    return Target("fc2", IMAGE, "raw", weights)


def read_target(weights: Path | None) -> Target:
    """The target in a file, else a drawn one."""
    return import_weights(weights, "fc2", IMAGE, "raw") if weights else drawn_target()


def warm(solver: Solver, objective: str = "min_error") -> Solver:
    """The solver, its compiled code loaded."""
    solver.solve_row(np.full(2, 0.1), np.linspace(-0.5, 0.5, 21), EPSILON, objective)
    solver.solve_row(np.full(2, 0.1), np.tile(np.linspace(-0.5, 0.5, 21), (2, 1)), EPSILON, objective)
    return solver


def available() -> dict[str, Solver]:
    """The solvers beside `exact` that can run here."""
    solvers = {}
    for name in ("gurobi", "cbc", *MODELS):
        try:
            solvers[name] = warm(OtherSolver(name) if name in MODELS else create(name))
        except SubsetSumError as error:
            progress(f"left out: {error}")
    return solvers


def side_by_side(target: Target, objective: str, sample: int) -> list[Measurement]:
    """Solve a random sample of weights by the other solvers, each right after its whole row by `exact`."""
    from lottery.approximation.cross_check import sample_weights

    settings = Settings(epsilon=EPSILON, stream="released")
    section = f"side by side, {objective}"
    exact, others = warm(create("exact"), objective), available()
    seconds: dict[str, list[float]] = {name: [] for name in ("exact", *others)}
    solved, exact_weights = dict.fromkeys(others, 0), 0
    for number, (layer, row, column) in enumerate(sample_weights(target, sample, 1), start=1):
        progress(f"{section}: weight {number} of {sample}")
        weights = target.matrix(layer)[row]
        coefficients = settings.draw(target, layer, range(row, row + 1))[0]
        whole = elapsed(lambda w=weights, c=coefficients: exact.solve_row(w, c, EPSILON, objective))
        seconds["exact"].append(whole / weights.size)
        exact_weights += weights.size
        for name, solver in others.items():
            start = time.perf_counter()
            _, status = solver.solve_row(weights[column : column + 1], coefficients, EPSILON, objective)
            seconds[name].append(time.perf_counter() - start)
            solved[name] += int(status[0] == Status.SOLVED)
    found = [Measurement.of(section, "exact", settings.n, exact_weights, seconds["exact"], f"{sample} rows")]
    for name in others:
        low, ratio, high = np.quantile(np.array(seconds[name]) / np.array(seconds["exact"]), (0.25, 0.5, 0.75))
        total = sum(seconds[name]) / sum(seconds["exact"])
        note = (
            f"{ratio:,.0f} times exact (quartiles {low:,.0f} to {high:,.0f}), {total:,.0f} times in total;"
            f" mean {np.mean(seconds[name]):.3g} s; {solved[name]} of {sample} solved"
        )
        found.append(Measurement.of(section, name, settings.n, sample, seconds[name], note))
    return found


def network(target: Target, objective: str, sharing: str, rows: int, effort: Effort) -> Measurement:
    """All weights in the first `rows` rows of each layer by `exact`; called in a process of its own."""
    stream = "released" if sharing == "row" else "keyed"
    settings = Settings(epsilon=EPSILON, objective=objective, sharing=sharing, stream=stream)
    work = []
    for index, layer in enumerate(target.layers):
        chosen = range(min(rows, layer.rows))
        work += zip(target.matrix(index)[: chosen.stop], settings.draw(target, index, chosen), strict=True)
    solver, weights = warm(create("exact"), objective), sum(row.size for row, _ in work)
    before = peak_memory_mb()
    seconds = clock(
        lambda: [solver.solve_row(*row, EPSILON, objective) for row in work], effort.runs, 10 * effort.budget
    )
    whole = np.median(seconds) / weights * target.size
    note = f"{whole:.3g} s the network" + (", extrapolated" if weights < target.size else "")
    if before is not None and (peak := peak_memory_mb()) is not None:
        note += f"; peak memory {peak:,.0f} MB, {before:,.0f} MB before solving"
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


def arguments_of(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.solvers", description="Speed of the subset sum solvers."
    )
    add = parser.add_argument
    add("--weights", type=Path, help="fc2 on 28x28 images: safetensors or a PyTorch state dict (default: drawn)")
    add("--sample", type=int, default=16, help="weights that the other solvers get (default %(default)s)")
    add("--quick", action="store_true", help="a smoke test: everything small, the numbers mean little")
    add("--constants", action="store_true", help="only print the costs of the exact solver's steps")
    add("--output", type=Path, help="a folder")
    arguments = parser.parse_args(argv)
    if arguments.output is None and not arguments.constants:
        parser.error("--output is needed")
    return arguments


def measure(target: Target, sample: int, effort: Effort) -> list[Measurement]:
    return [
        *side_by_side(target, "min_error", sample),
        *side_by_side(target, "min_cardinality", sample),
        *networks(target, effort),
        *curves(target, effort),
        process(target, effort),
    ]


def main(argv: list[str] | None = None) -> int:
    arguments = arguments_of(argv)
    try:
        target = read_target(arguments.weights)
        if arguments.constants:
            print_constants(target)
            return 0
        check_writable(arguments.output)
        sample, effort = (min(arguments.sample, 2), QUICK) if arguments.quick else (arguments.sample, FULL)
        found = measure(target, sample, effort)
    except (LotteryError, SubsetSumError) as error:
        print(f"benchmarks.solvers: {error}", file=sys.stderr)
        return 1
    import pandas as pd

    text = report(found, arguments.weights.name if arguments.weights else "drawn as a trained fc2's look", EPSILON)
    table = pd.DataFrame([asdict(line) for line in found])
    write_text(arguments.output / "solvers.csv", table.to_csv(index=False, float_format="%.6g"))
    write_text(arguments.output / "solvers.md", text)
    plot(found, ROW, arguments.output / "cost")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
