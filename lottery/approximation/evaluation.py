"""Accuracy of an approximated network beside its target's."""

from pathlib import Path

import torch

from lottery.approximation.target import Target, read_target
from lottery.datasets import Images, load
from lottery.errors import LotteryError
from lottery.training import accuracy, predictions, resident, with_weights


def compare(data: Images, target: Target, approximated: Target, device: torch.device) -> dict[str, float | int | str]:
    """Both networks on the test images, and on how many of them they differ."""
    images, labels = resident(data.test_images, data.test_labels, device)
    of_target, of_approximated = (
        predictions(with_weights(network.network, data, network.weights, device), images)
        for network in (target, approximated)
    )
    return {
        "dataset": data.dataset.name,
        "test_images": len(labels),
        "target_accuracy": accuracy(of_target, labels),
        "approximated_accuracy": accuracy(of_approximated, labels),
        "predictions_that_differ": int((of_target != of_approximated).sum()),
    }


def evaluate(
    data_path: Path, target_path: Path, network_path: Path, device: torch.device
) -> dict[str, float | int | str]:
    """`compare` for networks that are each read from their own file."""
    data = load(data_path)
    target, network = read_target(target_path), read_target(network_path)
    check_images(target, data, target_path)
    check_images(network, data, network_path)
    return compare(data, target, network, device)


def check_images(network: Target, data: Images, path: Path) -> None:
    """Refuses a network that is made for other images."""
    if network.image != data.dataset.image:
        raise LotteryError(f"{path}: made for images {network.image}, {data.dataset.name} has {data.dataset.image}")
