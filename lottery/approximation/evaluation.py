"""Compare the accuracy of an approximated network with that of its target."""

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
    """Two networks on the same test images: accuracies in percent, and the number of images with different predictions."""

    target_accuracy: float
    approximated_accuracy: float
    predictions_that_differ: int


def compare(
    data: Images, target: Target, others: Sequence[Target], device: torch.device, pixels: Pixels | None = None
) -> list[Comparison]:
    """Compare other networks with the target on the test images; one `Comparison` per network.

    pixels: None for the pixels that the target was trained on.
    """
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
    """`compare` two networks, each read from its file, on normalised and on raw pixels; returns the content of evaluation.json.

    Its `pixels` are those that the target was trained on, and `recipe` the settings of its training (null for imported weights).
    Raises LotteryError if a file is invalid, or a network is for other images.
    """
    data = load(data_path)
    target, network = read_target(target_path), read_target(network_path)
    check_image_shape(target, data, target_path)
    check_image_shape(network, data, network_path)
    return {
        "dataset": data.dataset.name,
        "test_images": data.dataset.test_count,
        "pixels": target.pixels,
        "recipe": None if target.recipe is None else asdict(target.recipe),
        **{kind: vars(compare(data, target, [network], device, kind)[0]) for kind in PIXELS},
    }


def check_image_shape(network: Target, data: Images, path: Path) -> None:
    """Raise LotteryError if the network, read from `path`, is for images of another shape."""
    if network.image != data.dataset.image:
        raise LotteryError(
            f"{path}: the network is for images {network.image}, {data.dataset.name} has {data.dataset.image}"
        )
