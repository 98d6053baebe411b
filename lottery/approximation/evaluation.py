"""Accuracy of an approximated network beside its target's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from lottery.approximation.target import Target, read_target
from lottery.data.datasets import PIXELS, Images, Pixels, load
from lottery.errors import LotteryError
from lottery.training import accuracy, predictions, to_device, with_weights


@dataclass(frozen=True)
class Comparison:
    """Two networks on the same test images: accuracies (percent), and for how many images their predictions differ."""

    target_accuracy: float
    approximated_accuracy: float
    predictions_that_differ: int


def compare(
    data: Images, target: Target, others: Sequence[Target], device: torch.device, pixels: Pixels | None = None
) -> list[Comparison]:
    """Other networks beside the target on the test images; pixels: by default those that the target was trained on."""
    images, labels = to_device(data, "test", target.pixels if pixels is None else pixels, device)
    expected, *found = (
        predictions(with_weights(network.network, data, network.weights, device), images)
        for network in (target, *others)
    )
    return [
        Comparison(accuracy(expected, labels), accuracy(predicted, labels), int((expected != predicted).sum()))
        for predicted in found
    ]


def evaluate(data_path: Path, target_path: Path, network_path: Path, device: torch.device) -> dict[str, Any]:
    """`compare` on normalised and on raw pixels, for networks that are each read from their own file.

    `pixels` says what the target was trained on, `recipe` how (null of imported weights).
    """
    data = load(data_path)
    target, network = read_target(target_path), read_target(network_path)
    check_images(target, data, target_path)
    check_images(network, data, network_path)
    return {
        "dataset": data.dataset.name,
        "test_images": data.dataset.test_count,
        "pixels": target.pixels,
        "recipe": None if target.recipe is None else asdict(target.recipe),
        **{kind: vars(compare(data, target, [network], device, kind)[0]) for kind in PIXELS},
    }


def check_images(network: Target, data: Images, path: Path) -> None:
    """Refuses a network that is made for other images."""
    if network.image != data.dataset.image:
        raise LotteryError(f"{path}: made for images {network.image}, {data.dataset.name} has {data.dataset.image}")
