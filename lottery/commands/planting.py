"""Experiment 2, pruned random networks."""

from pathlib import Path
from typing import Annotated

from lottery.approximation.evaluation import check_image_shape
from lottery.approximation.target import read_target
from lottery.data.datasets import load
from lottery.devices import leased_device
from lottery.planting.learning import PlantedEpoch, measure_planted
from lottery.planting.settings import Planting
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker


def _report(epoch: PlantedEpoch) -> None:
    when = f"epoch {epoch.epoch}" if epoch.epoch else "start"
    print(
        f"{when}: loss {epoch.loss:.4f}, test accuracy {epoch.test_accuracy:.2f}%, {epoch.overlap:.2%} of the plant kept",
        flush=True,
    )


def plant(
    provenance: ProvenanceTracker,
    /,
    planting: Planting,
    *,
    target: Annotated[Path, "weights by `train` or `import-weights`, for normalised pixels"],
    data: Annotated[Path, "a file by `lottery fetch`"],
    device: Annotated[str, "auto, cpu or cuda"] = "auto",
    output: Annotated[Path, "JSON: accuracy, and the share of the plant that is kept, by epoch"],
) -> None:
    """Plant a ticket in a random network, and learn masks from there.

    Chooses of the network's own weights those whose sums are nearest to a target's, raises their initial scores by a margin,
    and starts edge-popup.  With `--favoured random` a random mask is favoured instead.  Example:

        lottery plant --target fc2.safetensors --data mnist5k.safetensors --margin 1 --epochs 3 --output planted.json
    """
    network = read_target(provenance.add_input(target))
    images = load(provenance.add_input(data))
    check_image_shape(network, images, target)
    provenance.check_outputs(output)
    with provenance.computing_on(leased_device(device)) as chosen:
        found = measure_planted(network, planting, images, chosen, _report)
    write_json(provenance.add_outputs(output), found)
    print(f"the plant itself has {found['plant_accuracy']:.2f}%")
