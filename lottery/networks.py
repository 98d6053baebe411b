"""The networks of the paper, their layers and sizes; no biases, so that a layer is its weight tensor.

Sizes follow the dataset: `fc2` on 28x28 grey images is 784-500-10, on 32x32 colour images 3072-500-10.
torch is imported only where a network is built.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from lottery.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

NetworkName = str  # one of NETWORKS
HIDDEN = 500  # units in each hidden layer of fc2 and fc4
KERNEL = 5


@dataclass(frozen=True)
class ImageShape:
    """What a network looks at: images (channels, size, size) of `classes` classes."""

    channels: int
    size: int
    classes: int = 10

    @property
    def pixels(self) -> int:
        return self.channels * self.size * self.size


@dataclass(frozen=True)
class Layer:
    """A weight tensor: (out, in) of a linear layer, (out, in, height, width) of a convolution."""

    name: str
    shape: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Output units; the tensor is approximated as a (rows, columns) matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        return math.prod(self.shape[1:])

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def fully_connected(inputs: int, *outputs: int) -> tuple[Layer, ...]:
    """Linear layers fc1, fc2, ... from `inputs` through layers of these sizes."""
    widths = pairwise((inputs, *outputs))
    return tuple(Layer(f"fc{number}.weight", (out, into)) for number, (into, out) in enumerate(widths, start=1))


def _fc2(image: ImageShape, hidden: int) -> tuple[Layer, ...]:
    return fully_connected(image.pixels, hidden, image.classes)


def _fc4(image: ImageShape, hidden: int) -> tuple[Layer, ...]:
    return fully_connected(image.pixels, hidden, hidden, hidden, image.classes)


def _lenet5(image: ImageShape, hidden: int) -> tuple[Layer, ...]:
    side = _lenet5_side(image)
    return (
        Layer("conv1.weight", (6, image.channels, KERNEL, KERNEL)),
        Layer("conv2.weight", (16, 6, KERNEL, KERNEL)),
        *fully_connected(16 * side * side, 120, 84, image.classes),
    )


# The layers of each network, from input to output, for some images and a size of hidden layers (of fc2 and fc4).
NETWORKS: Registry[Callable[[ImageShape, int], tuple[Layer, ...]]] = Registry(
    "network", {"fc2": _fc2, "fc4": _fc4, "lenet5": _lenet5}
)


def layers(network: NetworkName, image: ImageShape, hidden: int = HIDDEN) -> tuple[Layer, ...]:
    """The layers of `network`, from input to output; `hidden` is the size of the hidden layers of fc2 and fc4."""
    return NETWORKS.named(network)(image, hidden)


def _lenet5_padding(image: ImageShape) -> int:
    """LeNet-5 was made for 32x32: smaller images are padded to it."""
    return max(0, (32 - image.size + 1) // 2)


def _lenet5_side(image: ImageShape) -> int:
    first = (image.size + 2 * _lenet5_padding(image) - KERNEL + 1) // 2
    return (first - KERNEL + 1) // 2


def build(network: NetworkName, image: ImageShape) -> nn.Module:
    """A torch module for images (batch, channels, size, size); its state dict has the names of `layers`."""
    from torch import nn

    modules: OrderedDict[str, nn.Module] = OrderedDict()
    specified = layers(network, image)
    for number, layer in enumerate(specified, start=1):
        name = layer.name.removesuffix(".weight")
        if len(layer.shape) == 4:
            padding = _lenet5_padding(image) if name == "conv1" else 0
            modules[name] = nn.Conv2d(layer.shape[1], layer.rows, KERNEL, padding=padding, bias=False)
            modules[f"relu{number}"] = nn.ReLU()
            modules[f"pool{number}"] = nn.MaxPool2d(2)
            continue
        if "flatten" not in modules:
            modules["flatten"] = nn.Flatten()
        modules[name] = nn.Linear(layer.columns, layer.rows, bias=False)
        if number < len(specified):
            modules[f"relu{number}"] = nn.ReLU()
    return nn.Sequential(modules)
