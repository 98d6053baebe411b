"""Experiment 2, pruned random networks."""

from pathlib import Path
from typing import Annotated

from lottery.data.datasets import load
from lottery.devices import leased_device
from lottery.pruning.control_accuracies import measure_controls as measure
from lottery.pruning.controls import ControlSettings
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.records.tensors import read_state_dict


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
