"""Train a target network, and evaluate any network, with all data on the device instead of in a loader.

Shapes: N images of a split, B images of a batch.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lottery.data.datasets import Images, Pixels
from lottery.errors import LotteryError
from lottery.networks import NetworkName, build
from lottery.recipe import Recipe

EVALUATION_BATCH = 2000


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training history: mean loss over the training images, accuracy on the test images in percent."""

    epoch: int
    loss: float
    test_accuracy: float


def to_device(data: Images, split: str, pixels: Pixels, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (N, channels, size, size) in float32 and labels (N,) in int64 of a split (`train` or `test`), on the device."""
    images = torch.from_numpy(getattr(data, f"{split}_images")).to(device).float() / 255
    labels = torch.from_numpy(getattr(data, f"{split}_labels")).to(device).long()
    if pixels == "normalised":
        mean, deviation = (
            torch.tensor(values, device=device).view(1, -1, 1, 1)  # (channels,) -> (1, channels, 1, 1)
            for values in (data.dataset.mean, data.dataset.deviation)
        )
        images.sub_(mean).div_(deviation)
    return images, labels


def order_by_loader(images: int, generator: torch.Generator) -> Tensor:
    """A random order (images,) as the loader of the released code draws it: after a base seed for its workers."""
    torch.empty((), dtype=torch.int64).random_(generator=generator)
    return torch.randperm(images, generator=generator)


def _orders(recipe: Recipe, train: int, test: int) -> Iterator[Tensor]:
    """The order of the training images per epoch, without end.

    Stream `released` uses the global generator, which must have drawn the network's weights just before.
    """
    if recipe.stream == "keyed":
        own = torch.Generator().manual_seed(recipe.seed)
        while True:
            yield torch.randperm(train, generator=own)
    while True:
        yield order_by_loader(train, torch.default_generator)
        order_by_loader(test, torch.default_generator)


def epoch_loss(
    step: Callable[[Tensor, Tensor], Tensor], images: Tensor, labels: Tensor, batch_size: int, order: Tensor, epoch: int
) -> float:
    """Call `step(images, labels)` for each batch of one epoch in `order` (N,); returns the mean loss over all images.

    The last batch may be smaller; its loss is weighted by its size.  The host waits for the device once, at the end.
    Raises LotteryError if the loss is not finite.
    """
    total = torch.zeros((), device=images.device)
    for batch in order.to(images.device).split(batch_size):
        total += step(images[batch], labels[batch]) * len(batch)
    mean = float(total) / len(labels)
    if not math.isfinite(mean):
        raise LotteryError(f"training: the loss is {mean} in epoch {epoch}; lower the learning rate")
    return mean


@torch.no_grad()
def predictions(network: nn.Module, images: Tensor) -> Tensor:
    """The class with the largest output per image, (N,), for images (N, channels, size, size)."""
    network.eval()
    return torch.cat([network(batch).argmax(dim=1) for batch in images.split(EVALUATION_BATCH)])


def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """Share of correct predictions in percent, for predictions and labels (N,)."""
    return 100.0 * int((predicted == labels).sum()) / len(labels)


def _next_learning_rate(learning_rate: float, epoch: int, epochs: int) -> float:
    """The learning rate after `epoch` epochs from that before, as in torch.optim.lr_scheduler.CosineAnnealingLR."""
    before, after = (1 + math.cos(math.pi * number / epochs) for number in (epoch - 1, epoch))
    return after / before * learning_rate


def train(
    network: NetworkName,
    data: Images,
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[dict[str, np.ndarray], list[Epoch]]:
    """Train `network` from PyTorch's default initialisation; returns its weights by name (float32) and the history.

    On one type of processor the seed determines every byte.  report: called after each epoch.
    Raises LotteryError if training diverges.
    """
    torch.manual_seed(recipe.seed)
    model = build(network, data.dataset.image).to(device)
    images, labels = to_device(data, "train", recipe.pixels, device)
    test_images, test_labels = to_device(data, "test", recipe.pixels, device)
    orders = _orders(recipe, len(labels), len(test_labels))
    learned: list[Tensor] = list(model.parameters())
    velocities = [torch.zeros_like(parameter) for parameter in learned]
    learning_rate, first = recipe.learning_rate, True

    def step(batch: Tensor, batch_labels: Tensor) -> Tensor:
        nonlocal first
        loss = nn.functional.cross_entropy(model(batch), batch_labels)
        gradients = torch.autograd.grad(loss, learned)
        with torch.no_grad():
            # The kernel of torch.optim.SGD(fused=True); creating such an optimizer imports PyTorch's compiler, which takes 2 s.
            torch._fused_sgd_(
                learned, list(gradients), velocities if recipe.momentum else [], weight_decay=recipe.weight_decay, momentum=recipe.momentum,
                lr=learning_rate, dampening=0.0, nesterov=False, maximize=False, is_first_step=first,
            )  # fmt: skip
        first = False
        return loss.detach()

    history = []
    for number in range(1, recipe.epochs + 1):
        model.train()
        mean_loss = epoch_loss(step, images, labels, recipe.batch_size, next(orders), number)
        learning_rate = _next_learning_rate(learning_rate, number, recipe.epochs)
        history.append(Epoch(number, mean_loss, accuracy(predictions(model, test_images), test_labels)))
        report(history[-1])
    return {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}, history


def with_weights(network: NetworkName, data: Images, weights: dict[str, np.ndarray], device: torch.device) -> nn.Module:
    """The module of `network` with these weights, by the names of `networks.layers`, on the device."""
    model = build(network, data.dataset.image)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return model.to(device)
