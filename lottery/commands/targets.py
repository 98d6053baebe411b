"""Target networks, trained or imported."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def train(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Train a target network; the seed decides every byte.

    Example:

        lottery train --data mnist5k.safetensors --network fc2 --epochs 3 --history history.json --output fc2.safetensors
    """
    from dataclasses import asdict, fields

    from lottery.approximation.target import Target, write_target
    from lottery.data.datasets import load
    from lottery.devices import leased_device
    from lottery.recipe import Recipe
    from lottery.records.files import write_json
    from lottery.training import Epoch, train

    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    data = load(provenance.add_input(arguments.data))
    provenance.check_outputs(arguments.output, arguments.history)
    started = time.monotonic()

    def report(epoch: Epoch) -> None:
        left = (time.monotonic() - started) / epoch.epoch * (recipe.epochs - epoch.epoch)
        print(
            f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.loss:.4f}, test accuracy {epoch.test_accuracy:.2f}%"
            f", about {left:.0f} s left",
            flush=True,
        )

    with provenance.computing_on(leased_device(arguments.device)) as device:
        weights, history = train(arguments.network, data, recipe, device, report)
    provenance.add_outputs(arguments.output, arguments.history)
    write_json(arguments.history, {"recipe": asdict(recipe), "epochs": [asdict(epoch) for epoch in history]})
    write_target(arguments.output, Target(arguments.network, data.dataset.image, recipe.pixels, weights, recipe))
    provenance.add_metadata(test_accuracy=history[-1].test_accuracy)


def import_weights(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Take a file of weights as the target instead of training.

    Refuses weights that are not finite or not of the network's shapes.  Example:

        lottery import-weights --weights fc2.pt --network fc2 --dataset mnist --output fc2.safetensors
    """
    from lottery.approximation.target import import_weights, write_target
    from lottery.data.datasets import get_dataset

    image = get_dataset(arguments.dataset).image
    target = import_weights(provenance.add_input(arguments.weights), arguments.network, image, arguments.pixels)
    write_target(provenance.add_outputs(arguments.output), target)
    print(f"{arguments.weights}: {target.size:,} weights of {target.network}")
