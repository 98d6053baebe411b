"""The exact solver of this code and of another commit in turn, on the same weights in one process; and whether masks agree.

    python -m benchmarks.solver_against --commit 860446c [--weights fc2.safetensors]

Weights of fc2 on shared sets, a row at a time, and on sets of their own as in `benchmarks.tickets`.  A round is some rows by the
other commit's code, then by this code; printed are medians over rounds, and the median of their ratios.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.measuring import progress
from benchmarks.solvers import EPSILON, read_target
from benchmarks.tickets import INPUTS, OUTPUTS, SIZE_IN_WEIGHTS, products
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.subset_sum import Solver, approximations, create
from lottery.subset_sum.exact import SUPPORTED

UNITS = 42  # for each input of a ticket: sets of 21 coefficients, on average
ROWS = 20  # in a round
Row = tuple[np.ndarray, np.ndarray]  # weights (T,), and coefficients (n,) or (T, n)


def exact_of(commit: str, folder: Path) -> ModuleType:
    """The module of the exact solver at a commit, with its own kernels, and all else from this code."""
    package = folder / "other"
    package.mkdir()
    for name in ("__init__", "kernels", "exact"):
        source = ["git", "show", f"{commit}:lottery/subset_sum/{name}.py"]
        text = subprocess.run(source, check=True, capture_output=True, text=True).stdout if name != "__init__" else ""
        (package / f"{name}.py").write_text(text.replace("lottery.subset_sum.kernels", "other.kernels"))
    sys.path.insert(0, str(folder))
    return importlib.import_module("other.exact")


def shared(target: Target) -> Iterator[Row]:
    settings = Settings(epsilon=EPSILON, stream="released")
    for index, layer in enumerate(target.layers):
        yield from zip(target.matrix(index), settings.draw(target, index, range(layer.rows)), strict=True)


def own() -> Iterator[Row]:
    yield from zip(np.random.default_rng(1).normal(0, SIZE_IN_WEIGHTS, (INPUTS, OUTPUTS)), products(UNITS), strict=True)


def timed(solver: Solver, rows: list[Row], objective: str) -> tuple[float, list[np.ndarray]]:
    """Microseconds a weight, and the masks of each row."""
    start = time.perf_counter()
    masks = [solver.solve_row(*row, EPSILON, objective)[0] for row in rows]
    return 1e6 * (time.perf_counter() - start) / sum(found.size for found in masks), masks


def compared(case: str, rows: list[Row], objective: str, solvers: list[Solver]) -> str:
    """A line of the table."""
    for solver in solvers:
        timed(solver, rows[:1], objective)  # compiled and planned
    cost, weights, same, other = [], 0, 0, 0
    for first in range(0, len(rows), ROWS):
        some = rows[first : first + ROWS]
        (then, masks_then), (now, masks_now) = (timed(solver, some, objective) for solver in solvers)
        cost.append((then, now, then / now))
        for (values, sets), *masks in zip(some, masks_then, masks_now, strict=True):
            errors = [np.abs(approximations(found[None], sets[None])[0] - values) for found in masks]
            weights, same = weights + values.size, same + int((masks[0] == masks[1]).sum())
            other += int((errors[0] != errors[1]).sum())
    then, now, ratio = np.median(cost, axis=0)
    return f"| {case}, {objective} | {then:.3g} → {now:.3g} | {ratio:.2f} | {same:,} of {weights:,} | {other:,} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", required=True, help="whose solver is compared with this one")
    parser.add_argument("--weights", type=Path, help="as for benchmarks.solvers")
    arguments = parser.parse_args()
    cases = {"shared sets": list(shared(read_target(arguments.weights))), "own sets": list(own())}
    print("| case | µs a weight, then → now | times faster | same masks | other errors |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        solvers = [exact_of(arguments.commit, Path(folder)).ExactSolver(), create("exact")]
        for case, rows in cases.items():
            for objective in SUPPORTED:
                progress(f"{case}, {objective}")
                print(compared(case, rows, objective, solvers), flush=True)


if __name__ == "__main__":
    main()
