"""Edge-popup from initial scores that favour a plant, and how much of the plant the learned masks keep.

Shapes: N images, B images of a batch, I inputs, C classes, R redundancy, O outputs.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lottery.approximation.target import Target
from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.planting.plant import make_plant, random_masks
from lottery.planting.settings import Planting
from lottery.pruning.control_networks import Matrices
from lottery.pruning.features import extract_features
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run
from lottery.pruning.streams import image_orders
from lottery.pruning.train_step import make_train_step
from lottery.training import EVALUATION_BATCH, accuracy, epoch_loss, predictions, to_device, with_weights


@dataclass(frozen=True)
class PlantedEpoch:
    """What is known of a run after an epoch; epoch 0 is the start.

    loss: mean over the training images; for epoch 0 that of the start, else during the epoch.  test_accuracy: in percent.
    overlap: share of the plant's weights that the masks keep.  overlap_by_layer: the same in each layer.
    start_kept: share of the weights of the initial masks that the masks still keep.
    """

    epoch: int
    loss: float
    test_accuracy: float
    overlap: float
    overlap_by_layer: dict[str, float]
    start_kept: float


def overlap(masks: Matrices, plant: Matrices) -> float:
    """The share of the weights that `plant` keeps that `masks` keep as well, in all matrices of `plant`."""
    both = sum(int(np.count_nonzero(masks[name] & kept)) for name, kept in plant.items())
    return both / sum(int(np.count_nonzero(kept)) for kept in plant.values())


def favour(networks: PrunedNetworks, plant: Matrices, margin: float) -> None:
    """Raise |score| of the weights that `plant` keeps by `margin` times the largest |score| of their matrix; signs stay.

    From a margin of 1 on, the networks' masks of weight2 are the plant.
    """
    state = networks.state(0)
    for name, kept in plant.items():
        key = name.replace("weight", "scores")  # fc1.weight2 -> fc1.scores2
        raised = margin * state[key].abs().max() * torch.from_numpy(kept).to(state[key].device)  # (R, O, I)
        state[key] = state[key] + torch.copysign(raised, state[key])
    networks.restore([state])


class PlantedRun:
    """A run of edge-popup in a random network that a plant is favoured in."""

    def __init__(self, run: Run, plant: Matrices, data: Images, device: torch.device) -> None:
        self._run, self._plant, self._data = run, plant, data
        self._train, self._labels = extract_features(run, data, {}, "train", device)  # (N, I), (N,)
        self._test, self._test_labels = extract_features(run, data, {}, "test", device)
        self.networks = PrunedNetworks([run], data.dataset.image, device)
        self._train_step = make_train_step(self.networks, device)

    def plant_accuracy(self) -> float:
        """Test accuracy of the plant itself in percent."""
        start = {name: value.clone() for name, value in self.networks.state(0).items()}
        favour(self.networks, self._plant, 1.0)
        found = self._test_accuracy()
        self.networks.restore([start])
        return found

    def epochs(self, margin: float) -> Iterator[PlantedEpoch]:
        """Favour the plant by a margin, then learn: what the start is, and each epoch.

        Learning is that of `lottery prune`, which a margin of 0 repeats to the byte.  Raises LotteryError if it diverges.
        """
        run, data = self._run, self._data
        favour(self.networks, self._plant, margin)
        start = self._masks()
        yield self._described(0, float(functional.cross_entropy(self._logits(self._train), self._labels)), start)
        orders = image_orders(run, data.dataset.image, len(self._labels), data.dataset.test_count, 1)
        for number, order in enumerate(islice(orders, run.epochs), start=1):
            self._train_step.set_learning_rates([run.rate * (1 + math.cos(math.pi * (number - 1) / run.epochs)) / 2])
            loss = epoch_loss(self._step, self._train, self._labels, run.variant.batch_size, order, number)
            if not self.networks.finite()[0]:
                raise LotteryError(f"{run.network}: scores overflowed in epoch {number}; lower the margin")
            yield self._described(number, loss, start)

    def _logits(self, features: Tensor) -> Tensor:
        """Logits (N, C) for features (N, I)."""
        weights = [layer.effective_weight() for layer in self.networks.layers]
        # (B, I) -> (1, B, I) -> (1, B, C) -> (B, C)
        batches = [self.networks.outputs(batch[None], weights)[0] for batch in features.split(EVALUATION_BATCH)]
        return torch.cat(batches)

    def _test_accuracy(self) -> float:
        return accuracy(self._logits(self._test).argmax(dim=1), self._test_labels)

    def _step(self, images: Tensor, labels: Tensor) -> Tensor:
        return self._train_step(images[None], labels[None])[0]  # (B, I) -> (1, B, I), (B,) -> (1, B)

    def _masks(self) -> Matrices:
        found = self.networks.masks(0)
        return {name: found[name] for name in self._plant}  # of weight2: all of weight1 is kept

    def _described(self, epoch: int, loss: float, start: Matrices) -> PlantedEpoch:
        masks = self._masks()
        return PlantedEpoch(
            epoch=epoch,
            loss=loss,
            test_accuracy=self._test_accuracy(),
            overlap=overlap(masks, self._plant),
            overlap_by_layer={
                name.removesuffix(".weight2"): overlap(masks, {name: kept}) for name, kept in self._plant.items()
            },
            start_kept=overlap(masks, start),
        )


def _target_accuracy(target: Target, data: Images, device: torch.device) -> float:
    images, labels = to_device(data, "test", target.pixels, device)
    return accuracy(predictions(with_weights(target.network, data, target.weights, device), images), labels)


def measure_planted(
    target: Target,
    planting: Planting,
    data: Images,
    device: torch.device,
    report: Callable[[PlantedEpoch], None] = lambda epoch: None,
) -> dict[str, Any]:
    """Accuracies and overlaps of a planted run by epoch, with its settings, the accuracy of target and plant, and the
    error of the ticket's weights relative to the target's.

    chance: the overlap of a random mask.  report: called with the start and after each epoch.
    Raises LotteryError for a target that cannot be planted, and if learning diverges.
    """
    run, ticket = planting.run(target.network), make_plant(target, planting)
    masks = ticket.masks if planting.favoured == "ticket" else random_masks(ticket, target, planting)
    planted = PlantedRun(run, masks, data, device)
    plant_accuracy = planted.plant_accuracy()
    history = []
    for epoch in planted.epochs(planting.margin):
        report(epoch)
        history.append(asdict(epoch))
    return {
        "dataset": data.dataset.name,
        "network": target.network,
        "settings": asdict(planting),
        "target_accuracy": _target_accuracy(target, data, device),
        "relative_error": ticket.relative_error,
        "plant_accuracy": plant_accuracy,
        "chance": 1 - planting.sparsity,
        "history": history,
    }
