"""Theory."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd

from lottery.records.files import check_writable, write_text
from lottery.records.provenance import ProvenanceTracker
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
