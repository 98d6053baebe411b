"""Experiment 2, pruned random networks."""

from pathlib import Path
from typing import Annotated

from lottery.pruning.run import Run
from lottery.records.files import check_writable
from lottery.records.provenance import ProvenanceTracker


def prune(
    provenance: ProvenanceTracker,
    /,
    run: Run,
    *,
    data: Annotated[Path, "a file by `lottery fetch`"],
    convolutions: Annotated[Path | None, "weights of the frozen convolutions of lenet5; default: random"] = None,
    device: Annotated[str, "auto, cpu or cuda"] = "auto",
    output: Annotated[Path, "a folder; an interrupted run resumes from its checkpoint there"],
) -> None:
    """Prune one random network by learned scores.

    Its weights are never trained.  An interrupted run resumes after its last finished epoch.  In a workflow a job may train
    further runs that are requested anyway, stacked if there is a GPU (`runs_per_job` of the config).  Example:

        lottery prune --data mnist5k.safetensors --network fc2 --structure linear --sparsity 0.5 --epochs 3 --output run
    """
    from lottery.pruning.requests import (  # imports torch, which a job with a finished run does without
        Request,
        prune_alone,
    )

    check_writable(output)
    prune_alone(Request(provenance, run, data, convolutions), device)
