"""Data and targets."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from lottery.approximation import target
from lottery.approximation.target import Target, write_target
from lottery.data import datasets, sources
from lottery.recipe import Recipe
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker

Device = Annotated[str, "auto, cpu or cuda"]


def fetch(
    provenance: ProvenanceTracker,
    /,
    *,
    dataset: Annotated[str, "mnist, fashion_mnist, kmnist, cifar10 or mnist5k (embedded)"],
    source: Annotated[str, "download, embedded, or the folder with the published files"] = "download",
    output: Path,
) -> None:
    """Download a dataset or read its published files, verify it, and write one file of arrays.

    Of an interrupted download, whole files are kept.  Example, with no network:

        lottery fetch --dataset mnist5k --source embedded --output mnist5k.safetensors
    """
    found = sources.fetch(dataset, source, provenance.add_outputs(output))
    print(f"{found.name}: {found.train_count:,} training and {found.test_count:,} test images, verified")


def train(
    provenance: ProvenanceTracker,
    /,
    recipe: Recipe,
    *,
    data: Annotated[Path, "a file by `lottery fetch`"],
    network: Annotated[str, "fc2, fc4 or lenet5"],
    device: Device = "auto",
    history: Annotated[Path, "JSON of loss and accuracy by epoch"],
    output: Path,
) -> None:
    """Train a target network; the seed decides every byte.

    Example:

        lottery train --data mnist5k.safetensors --network fc2 --epochs 3 --history history.json --output fc2.safetensors
    """
    from lottery import devices, training  # these import torch

    images = datasets.load(provenance.add_input(data))
    provenance.check_outputs(output, history)
    started = time.monotonic()

    def report(epoch: training.Epoch) -> None:
        left = (time.monotonic() - started) / epoch.epoch * (recipe.epochs - epoch.epoch)
        print(
            f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.loss:.4f}, test accuracy {epoch.test_accuracy:.2f}%"
            f", about {left:.0f} s left",
            flush=True,
        )

    with provenance.computing_on(devices.leased_device(device)) as chosen:
        weights, epochs = training.train(network, images, recipe, chosen, report)
    provenance.add_outputs(output, history)
    write_json(history, {"recipe": asdict(recipe), "epochs": [asdict(epoch) for epoch in epochs]})
    write_target(output, Target(network, images.dataset.image, recipe.pixels, weights, recipe))
    provenance.add_metadata(test_accuracy=epochs[-1].test_accuracy)


def import_weights(
    provenance: ProvenanceTracker,
    /,
    *,
    weights: Annotated[Path, "safetensors, or a PyTorch state dict or checkpoint"],
    network: Annotated[str, "fc2, fc4 or lenet5"],
    dataset: Annotated[str, "decides the input size"],
    pixels: Annotated[
        Literal["normalised", "raw"], "what the weights were trained on: normalised, or raw (0 to 1)"
    ] = "normalised",
    output: Path,
) -> None:
    """Take a file of weights as the target instead of training.

    Refuses weights that are not finite or not of the network's shapes.  Example:

        lottery import-weights --weights fc2.pt --network fc2 --dataset mnist --output fc2.safetensors
    """
    image = datasets.get_dataset(dataset).image
    found = target.import_weights(provenance.add_input(weights), network, image, pixels)
    write_target(provenance.add_outputs(output), found)
    print(f"{weights}: {found.size:,} weights of {found.network}")
