"""Experiment 2, pruned random networks."""

from pathlib import Path
from typing import Annotated

from lottery.data.datasets import load
from lottery.devices import leased_device
from lottery.pruning.control_accuracies import measure_controls as measure
from lottery.pruning.controls import ControlSettings
from lottery.pruning.requests import Request, prune_together
from lottery.pruning.run import Run
from lottery.records.files import check_writable, write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.records.tensors import read_state_dict


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
    check_writable(output)
    with provenance.computing_on(leased_device(device)) as chosen:
        images = load(provenance.add_input(data))
        prune_together([Request(provenance, run, data, convolutions)], images, chosen, 1)


def measure_controls(
    provenance: ProvenanceTracker,
    /,
    settings: ControlSettings,
    *,
    data: Annotated[Path, "a file by `lottery fetch`, that of the run"],
    folder: Annotated[Path, "that of a finished run by `lottery prune`"],
    convolutions: Annotated[Path | None, "those that the run was given; default: random"] = None,
    device: Annotated[str, "auto, cpu or cuda"] = "auto",
    output: Annotated[Path, "JSON: test accuracies of the run and of each control"],
) -> None:
    """Compare a finished run with random masks and other weights.

    Evaluates the stored masks, as many weights chosen at random, the masks on fresh and on shuffled weights, and the
    largest weights; trains nothing.  Refuses a run whose masks do not give its recorded accuracy.  Example:

        lottery measure-controls --data mnist5k.safetensors --folder run --draws 5 --output controls.json
    """
    for name in ("metrics.json", "masks.safetensors"):
        provenance.add_input(folder / name)
    provenance.check_outputs(output)
    weights = None if convolutions is None else read_state_dict(provenance.add_input(convolutions))
    images = load(provenance.add_input(data))
    with provenance.computing_on(leased_device(device)) as chosen:
        found = measure(folder, images, settings, chosen, weights)
    write_json(provenance.add_outputs(output), found)
    means = {name: sum(accuracies) / len(accuracies) for name, accuracies in found["accuracies"].items()}
    print("test accuracy: " + ", ".join(f"{name} {mean:.2f}%" for name, mean in means.items()))
