"""Theory beside experiment: subset sums of random coefficients."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def measure_success(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    r"""How often n random coefficients have a subset sum within epsilon.

    A trial draws n coefficients; `one`: and a target from [-1/2, 1/2]; `all`: every target of that interval has to be served.
    With --cardinality only subsets of that size count.  Writes successes by epsilon as CSV.  Example:

        lottery measure-success --kind uniform --targets one all --coefficients 8 9 10 --trials 10000 \
            --epsilons 0.1 0.01 --output success.csv
    """
    import pandas as pd

    from lottery.records.files import check_writable, write_text
    from lottery.theory.success import Experiment, count_successes

    experiments = [
        Experiment(arguments.kind, targets, n, arguments.trials, arguments.seed, arguments.cardinality)
        for targets in arguments.targets
        for n in arguments.coefficients
    ]
    check_writable(arguments.output.parent)
    warm_up = Experiment(arguments.kind, arguments.targets[0], 2, 1, cardinality=arguments.cardinality)
    count_successes(warm_up, arguments.epsilons)
    rows: list[dict[str, Any]] = []
    timed: list[dict[str, Any]] = []
    for experiment in experiments:
        started = time.monotonic()
        counts = count_successes(experiment, arguments.epsilons)
        seconds = time.monotonic() - started
        timed.append({"targets": experiment.targets, "coefficients": experiment.coefficients, "seconds": seconds})
        rows += [
            {
                "kind": experiment.kind,
                "targets": experiment.targets,
                "cardinality": experiment.cardinality,
                "coefficients": experiment.coefficients,
                "epsilon": epsilon,
                "trials": experiment.trials,
                "successes": count,
            }
            for epsilon, count in zip(arguments.epsilons, counts, strict=True)
        ]
    write_text(provenance.add_outputs(provenance.output_path(arguments.output)), pd.DataFrame(rows).to_csv(index=False))
    provenance.add_metadata(timed=timed)
    total = sum(part["seconds"] for part in timed)
    print(
        f"{len(timed) * arguments.trials:,} trials in {total:.2f} s ({len(timed) * arguments.trials / total:,.0f} a second)"
    )


def tabulate_theory(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Probabilities, thresholds, slopes beside the bounds, and what trials cost.

    Reads what `measure-success` wrote; writes theory_*.csv into the folder OUTPUT.
    """
    from lottery.records.files import write_text
    from lottery.records.result_cache import clear_cache
    from lottery.results.tables.theory import cost, slopes, success, thresholds

    measured = [provenance.add_input(path) for path in arguments.measurements]
    probabilities = success(measured)
    found = thresholds(probabilities)
    contents = {
        "theory_success.csv": probabilities,
        "theory_thresholds.csv": found,
        "theory_slopes.csv": slopes(found),
        "theory_cost.csv": cost(measured),
    }
    for name, table in contents.items():
        write_text(provenance.add_outputs(arguments.output / name), table.to_csv(index=False))
    for folder in {path.parent for path in measured}:
        clear_cache(folder)


def plot_theory(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: success against coefficients, thresholds, single coefficients, or subsets of one size."""
    from lottery.records.files import read_table
    from lottery.results.figures import theory
    from lottery.results.tables.theory import SUCCESS_NUMBERS, THRESHOLD_NUMBERS

    table = arguments.table
    if arguments.figure == "success":
        provenance.add_outputs(
            *theory.plot_success(read_table(provenance.add_input(table), SUCCESS_NUMBERS), arguments.output)
        )
    else:
        plot = {
            "thresholds": theory.plot_thresholds,
            "single": theory.plot_single,
            "cardinality": theory.plot_cardinality,
        }[arguments.figure]
        provenance.add_outputs(*plot(read_table(provenance.add_input(table), THRESHOLD_NUMBERS), arguments.output))
