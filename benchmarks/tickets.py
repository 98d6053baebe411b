"""What a ticket costs: microseconds a weight against the units of an input, on one core.

    python -m benchmarks.tickets --output results/benchmarks

Each weight has a set of its own, of about half the units of its input.  The sample is inputs of a layer like fc2's first: 500
outputs each, normal weights; drawing the random network is not in the time.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import elapsed, progress
from lottery.records.files import check_writable, write_text
from lottery.records.provenance import peak_memory_mb
from lottery.results.tables.experiment_1 import markdown
from lottery.subset_sum import solve
from lottery.tickets.random_network import Distribution, RandomLayer

OUTPUTS, INPUTS = 500, 40
WEIGHTS_OF_FC2 = 397_000
UNITS = (22, 26, 30, 34, 38, 42, 46, 50)
OBJECTIVES = ("min_error", "first_feasible", "min_cardinality")
SIZE_IN_WEIGHTS = 0.05  # the standard deviation of fc2's weights


def products(units: int) -> np.ndarray:
    """(inputs, outputs, units) float64, the products of a layer with useless units as zeros."""
    random = RandomLayer(1, 0, INPUTS, OUTPUTS, Distribution())
    first = np.array([random.first_diagonal(unit) for unit in range(units)], np.float64)
    second = np.array([random.second(unit) for unit in range(units)], np.float64)
    return np.ascontiguousarray((second * np.maximum(first, 0)[:, None, :]).transpose(2, 1, 0))


def measure(units: int, objective: str, epsilon: float) -> dict[str, object]:
    """Seconds a weight, input by input, and how many weights are beyond epsilon."""
    sets = products(units)
    weights = np.random.default_rng(1).normal(0, SIZE_IN_WEIGHTS, (INPUTS, OUTPUTS))
    solve(weights[:1], sets[:1], epsilon, objective)  # compiled and planned
    found = []
    seconds = [
        elapsed(lambda j=j: found.append(solve(weights[j : j + 1], sets[j : j + 1], epsilon, objective))) / OUTPUTS
        for j in range(INPUTS)
    ]
    return {
        "units": units,
        "objective": objective,
        "microseconds": 1e6 * float(np.mean(seconds)),
        "standard_error": 1e6 * float(np.std(seconds, ddof=1) / INPUTS**0.5),
        "fc2_seconds": WEIGHTS_OF_FC2 * float(np.mean(seconds)),
        "beyond_epsilon": sum(int((~one.feasible).sum()) for one in found),
        "weights": INPUTS * OUTPUTS,
        "kept": float(np.mean([one.cardinality.mean() for one in found])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    parser.add_argument("--epsilon", type=float, default=0.01)
    parser.add_argument("--units", type=int, nargs="+", default=UNITS, help="for each input (default: 22 to 50)")
    arguments = parser.parse_args()
    check_writable(arguments.output)
    rows = []
    for units in arguments.units:
        for objective in OBJECTIVES:
            progress(f"{units} units an input, {objective}")
            rows.append(measure(units, objective, arguments.epsilon))
    table = pd.DataFrame(rows)
    write_text(arguments.output / "tickets.csv", table.to_csv(index=False))
    shown = table.round({"microseconds": 1, "standard_error": 1, "fc2_seconds": 1, "kept": 2}).set_index("units")
    peak = peak_memory_mb()
    memory = "" if peak is None else f"; peak memory of this benchmark {peak:,.0f} MB"
    people = f"{markdown(shown)}\nOne core{memory}.\n"
    write_text(arguments.output / "tickets.md", people)
    print(people)


if __name__ == "__main__":
    main()
