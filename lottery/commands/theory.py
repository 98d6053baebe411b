"""Theory."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from lottery.records.files import check_writable, write_text
from lottery.records.provenance import ProvenanceTracker
from lottery.theory.exactness import ExactExperiment, count_exact
from lottery.theory.success import Experiment, count_successes


def measure_success(
    provenance: ProvenanceTracker,
    /,
    *,
    kind: Annotated[str, "of coefficients: uniform, product, relu, relu_pair or hyperbolic"],
    targets: Annotated[Sequence[str], "one, all, or both"] = ("one",),
    coefficients: Annotated[list[int], "how many a trial draws"],
    cardinality: Annotated[int | None, "the only size of subsets that counts; default: any"] = None,
    trials: Annotated[int, "for each number of coefficients"] = 10000,
    epsilons: list[float],
    seed: int = 1,
    output: Annotated[Path, "CSV"],
) -> None:
    r"""How often n random coefficients have a subset sum within epsilon.

    A trial draws n coefficients; `one`: and a target from [-1/2, 1/2]; `all`: every target of that interval has to be served.
    With --cardinality only subsets of that size count.  Writes successes by epsilon as CSV.  Example:

        lottery measure-success --kind uniform --targets one all --coefficients 8 9 10 --trials 10000 \
            --epsilons 0.1 0.01 --output success.csv
    """
    experiments = [Experiment(kind, covered, n, trials, seed, cardinality) for covered in targets for n in coefficients]
    check_writable(output.parent)
    count_successes(Experiment(kind, targets[0], 2, 1, cardinality=cardinality), epsilons)  # compiles
    rows: list[dict[str, Any]] = []
    timed: list[dict[str, Any]] = []
    for experiment in experiments:
        started = time.monotonic()
        counts = count_successes(experiment, epsilons)
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
            for epsilon, count in zip(epsilons, counts, strict=True)
        ]
    write_text(provenance.add_outputs(provenance.output_path(output)), pd.DataFrame(rows).to_csv(index=False))
    provenance.add_metadata(timed=timed)
    total = sum(part["seconds"] for part in timed)
    print(f"{len(timed) * trials:,} trials in {total:.2f} s ({len(timed) * trials / total:,.0f} a second)")


def measure_exactness(
    provenance: ProvenanceTracker,
    /,
    *,
    kind: Annotated[str, "of integers: uniform or product"],
    bits: Annotated[int, "M = 2^bits: integers lie in [-M, M], targets in [-M/2, M/2]"],
    coefficients: Annotated[int, "up to how many a trial draws"],
    trials: int = 10000,
    seed: int = 1,
    output: Annotated[Path, "CSV"],
) -> None:
    """How often n random integers have a subset with exactly the sum of a target.

    A trial draws integers one after the other, and a target; `one`: of how many on a subset equals it; `all`: of how many on
    every target is equalled.  Writes successes for every number of coefficients as CSV.  Example:

        lottery measure-exactness --kind uniform --bits 8 --coefficients 26 --trials 10000 --output exactness.csv
    """
    experiment = ExactExperiment(kind, bits, coefficients, trials, seed)
    check_writable(output.parent)
    count_exact(ExactExperiment(kind, bits, 1, 1))  # compiles
    started = time.monotonic()
    counts = count_exact(experiment)
    seconds = time.monotonic() - started
    rows = [
        {"kind": kind, "bits": bits, "targets": targets, "coefficients": n, "trials": trials, "successes": successes}
        for targets, of_targets in counts.items()
        for n, successes in enumerate(of_targets, start=1)
    ]
    write_text(provenance.add_outputs(provenance.output_path(output)), pd.DataFrame(rows).to_csv(index=False))
    provenance.add_metadata(seconds=seconds)
    print(f"{trials:,} trials in {seconds:.2f} s ({trials / seconds:,.0f} a second)")
