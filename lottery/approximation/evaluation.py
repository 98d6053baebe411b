"""Accuracy of the approximated network beside its target's."""

from pathlib import Path

import torch

from lottery.approximation.target import read_target
from lottery.datasets import load
from lottery.errors import LotteryError
from lottery.training import accuracy, predictions, resident, with_weights


def evaluate(
    data_path: Path, target_path: Path, network_path: Path, device: torch.device
) -> dict[str, float | int | str]:
    """Both networks on the test images, each read from its own file, and on how many images they differ."""
    data = load(data_path)
    images, labels = resident(data.test_images, data.test_labels, device)
    predicted = []
    for path in (target_path, network_path):
        network = read_target(path)
        if network.image != data.dataset.image:
            raise LotteryError(f"{path}: made for images {network.image}, {data.dataset.name} has {data.dataset.image}")
        predicted.append(predictions(with_weights(network.network, data, network.weights, device), images))
    target, approximated = predicted
    return {
        "dataset": data.dataset.name,
        "test_images": len(labels),
        "target_accuracy": accuracy(target, labels),
        "approximated_accuracy": accuracy(approximated, labels),
        "predictions_that_differ": int((target != approximated).sum()),
    }
