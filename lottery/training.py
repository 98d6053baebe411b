"""Training a target network and measuring any network; the data lies on the device, there is no loader."""

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
    """One line of a training history: mean loss over the training images, accuracy on the test images (percent)."""

    epoch: int
    loss: float
    test_accuracy: float


def resident(data: Images, part: str, pixels: Pixels, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images of a part (`train` or `test`) as float32 (count, channels, size, size), and labels (count,), on the device."""
    images = torch.from_numpy(getattr(data, f"{part}_images")).to(device).float() / 255
    labels = torch.from_numpy(getattr(data, f"{part}_labels")).to(device).long()
    if pixels == "normalised":
        mean, deviation = (
            torch.tensor(values, device=device).view(1, -1, 1, 1)  # (channels,) -> (1, channels, 1, 1)
            for values in (data.dataset.mean, data.dataset.deviation)
        )
        images.sub_(mean).div_(deviation)
    return images, labels


def order_by_loader(images: int, generator: torch.Generator) -> Tensor:
    """The order of so many images by a loader of the released code, which first draws a base seed for its workers."""
    torch.empty((), dtype=torch.int64).random_(generator=generator)
    return torch.randperm(images, generator=generator)


def _orders(recipe: Recipe, train: int, test: int) -> Iterator[Tensor]:
    """The order of the training images in each epoch; the global generator has drawn the network just before."""
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
    """Take `step(images, labels)` on each batch of one epoch in `order`; the mean loss over all images.

    The last, smaller batch counts like any other.  The device is waited for once, at the end.
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
    """The class with the largest output for each image (count,)."""
    network.eval()
    return torch.cat([network(batch).argmax(dim=1) for batch in images.split(EVALUATION_BATCH)])


def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """Share of right predictions, in percent."""
    return 100.0 * int((predicted == labels).sum()) / len(labels)


def _next_rate(rate: float, epoch: int, epochs: int) -> float:
    """The learning rate after so many epochs, by the recursion of torch.optim.lr_scheduler.CosineAnnealingLR."""
    before, after = (1 + math.cos(math.pi * number / epochs) for number in (epoch - 1, epoch))
    return after / before * rate


def train(
    network: NetworkName,
    data: Images,
    recipe: Recipe,
    device: torch.device,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[dict[str, np.ndarray], list[Epoch]]:
    """Train `network` from PyTorch's default initialisation; its weights by name (float32) and the history.

    On one kind of processor the seed decides every byte.
    """
    torch.manual_seed(recipe.seed)
    model = build(network, data.dataset.image).to(device)
    images, labels = resident(data, "train", recipe.pixels, device)
    test_images, test_labels = resident(data, "test", recipe.pixels, device)
    orders = _orders(recipe, len(labels), len(test_labels))
    learned: list[Tensor] = list(model.parameters())
    velocities = [torch.zeros_like(parameter) for parameter in learned]
    rate, first = recipe.learning_rate, True

    def step(batch: Tensor, batch_labels: Tensor) -> Tensor:
        nonlocal first
        loss = nn.functional.cross_entropy(model(batch), batch_labels)
        gradients = torch.autograd.grad(loss, learned)
        with torch.no_grad():
            # What torch.optim.SGD(fused=True) calls; to make one of those imports PyTorch's compiler, two seconds.
            torch._fused_sgd_(
                learned, list(gradients), velocities if recipe.momentum else [], weight_decay=recipe.weight_decay, momentum=recipe.momentum,
                lr=rate, dampening=0.0, nesterov=False, maximize=False, is_first_step=first,
            )  # fmt: skip
        first = False
        return loss.detach()

    history = []
    for number in range(1, recipe.epochs + 1):
        model.train()
        mean_loss = epoch_loss(step, images, labels, recipe.batch_size, next(orders), number)
        rate = _next_rate(rate, number, recipe.epochs)
        history.append(Epoch(number, mean_loss, accuracy(predictions(model, test_images), test_labels)))
        report(history[-1])
    return {name: tensor.cpu().numpy() for name, tensor in model.state_dict().items()}, history


def with_weights(network: NetworkName, data: Images, weights: dict[str, np.ndarray], device: torch.device) -> nn.Module:
    """`network` with exactly these weights, on the device."""
    model = build(network, data.dataset.image)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=True)
    return model.to(device)
