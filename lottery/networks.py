"""The networks of the paper, their layers and sizes.  They have no biases, so a layer is one weight tensor.

Sizes follow the dataset: `fc2` is 784-500-10 on 28x28 grey images, and 3072-500-10 on 32x32 colour images.
torch is imported only to build a network.
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
    """The input of a network: images (channels, size, size) of `classes` classes."""

    channels: int
    size: int
    classes: int = 10

    @property
    def pixels(self) -> int:
        """Numbers per image."""
        return self.channels * self.size * self.size

    def __str__(self) -> str:
        return f"of {self.channels} x {self.size} x {self.size} pixels and {self.classes} classes"


@dataclass(frozen=True)
class Layer:
    """A weight tensor by name and shape: (out, in) for a linear layer, (out, in, height, width) for a convolution."""

    name: str
    shape: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Output units; subset sums approximate the tensor as a (rows, columns) matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """Weights per output unit."""
        return math.prod(self.shape[1:])

    @property
    def size(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)


def fully_connected(inputs: int, *outputs: int) -> tuple[Layer, ...]:
    """Linear layers fc1, fc2, ... with these numbers of outputs, the first with `inputs` inputs."""
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


# Each network is a function from the image shape and the hidden size (used by fc2 and fc4) to its layers, from input to output.
NETWORKS: Registry[Callable[[ImageShape, int], tuple[Layer, ...]]] = Registry(
    "network", {"fc2": _fc2, "fc4": _fc4, "lenet5": _lenet5}
)


def layers(network: NetworkName, image: ImageShape, hidden: int = HIDDEN) -> tuple[Layer, ...]:
    """The layers of `network`, from input to output; `hidden` is the size of the hidden layers of fc2 and fc4.

    Raises LotteryError for an unknown network.
    """
    return NETWORKS.lookup(network)(image, hidden)


def _lenet5_padding(image: ImageShape) -> int:
    """Padding per side: LeNet-5 expects 32x32 images, smaller ones are padded to that size."""
    return max(0, (32 - image.size + 1) // 2)


def _lenet5_side(image: ImageShape) -> int:
    """Height and width of the feature maps that are flattened."""
    first = (image.size + 2 * _lenet5_padding(image) - KERNEL + 1) // 2
    return (first - KERNEL + 1) // 2


def build(network: NetworkName, image: ImageShape) -> nn.Module:
    """A torch module from images (batch, channels, size, size) to logits (batch, classes), with the weight names of `layers`."""
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
