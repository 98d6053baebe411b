"""A ticket: a seed and masks.  What network it is follows from them alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lottery.data.datasets import PIXELS, Pixels
from lottery.errors import LotteryError
from lottery.networks import NETWORKS, ImageShape, Layer, NetworkName, layers
from lottery.tickets.random_network import Distribution, RandomLayer

MOST_UNITS = 64  # for each input: bits of a subset-sum mask


@dataclass(frozen=True)
class LayerMasks:
    """Which random weights of a layer are kept; boolean arrays, slab by slab (see `random_network`).

    first: (units, inputs), the weight by which unit (k, j) sees input j; the rest of the first matrix is pruned.
    second: (units, outputs, inputs), the weight from unit (k, j) to output i.
    """

    first: np.ndarray
    second: np.ndarray

    def __post_init__(self) -> None:
        for name, dimensions in (("first", 2), ("second", 3)):
            array = getattr(self, name)
            if array.dtype != bool or array.ndim != dimensions:
                raise LotteryError(
                    f"masks: {name} holds {array.dtype} of {array.ndim} dimensions, not 0/1 of {dimensions}"
                )
        units, _outputs, inputs = self.second.shape
        if self.first.shape != (units, inputs):
            raise LotteryError(f"masks: first is {self.first.shape}, which does not fit second, {self.second.shape}")
        if not 1 <= units <= MOST_UNITS:
            raise LotteryError(f"masks: {units} units an input, 1 to {MOST_UNITS} are possible")
        stray = np.count_nonzero(self.second & ~self.first[:, None, :])
        if stray:
            raise LotteryError(f"masks: {stray} weights of the second matrix are kept for units that are pruned")

    @property
    def units(self) -> int:
        """Hidden units for each input."""
        return int(self.first.shape[0])


@dataclass(frozen=True)
class Ticket:
    """A pruned random network in the shape of `network`; refuses masks that do not fit it.

    masks: by layer name, for each linear layer.  Convolutions stay the target's.
    signed_inputs: whether both signs of a layer's input are served, as in the theorem; raw pixels and what comes out of a ReLU
        have only one.
    pixels: what it classifies, as its target; normalised ones have both signs.
    """

    network: NetworkName
    image: ImageShape
    seed: int
    distribution: Distribution
    signed_inputs: bool
    masks: dict[str, LayerMasks]
    pixels: Pixels = "raw"

    def __post_init__(self) -> None:
        if self.pixels not in PIXELS:
            raise LotteryError(f"pixels: {self.pixels!r} is not one of {', '.join(PIXELS)}")
        if type(self.seed) is not int or not 0 <= self.seed < 2**64:
            raise LotteryError(f"seed: a whole number from 0 is needed, not {self.seed!r}")
        if type(self.signed_inputs) is not bool:
            raise LotteryError(f"signed_inputs: true or false is needed, not {self.signed_inputs!r}")
        expected = [spec.name for spec in self.specifications]
        if sorted(self.masks) != sorted(expected):
            raise LotteryError(f"masks: of {', '.join(self.masks)}; {self.network} needs {', '.join(expected)}")
        check_signs(self.network, self.image, self.pixels, self.signed_inputs)
        for spec in self.specifications:
            _units, outputs, inputs = self.masks[spec.name].second.shape
            if (outputs, inputs) != spec.shape:
                raise LotteryError(f"masks: {spec.name} is {outputs} x {inputs}, {self.network} has {spec.shape}")

    @property
    def specifications(self) -> tuple[Layer, ...]:
        """The layers that are built from random weights: the linear ones, in order."""
        return linear_layers(self.network, self.image)

    def random_layers(self) -> Iterator[tuple[Layer, RandomLayer, LayerMasks]]:
        """Each layer with its random matrices and its masks, from input to output."""
        for number, spec in enumerate(self.specifications):
            random = RandomLayer(self.seed, number, spec.columns, spec.rows, self.distribution)
            yield spec, random, self.masks[spec.name]


def check_signs(network: NetworkName, image: ImageShape, pixels: Pixels, signed_inputs: bool) -> None:
    """Raises LotteryError where the first layer of a ticket sees negative pixels that no unit of it passes."""
    if pixels == "normalised" and not signed_inputs and linear_layers(network, image)[0] == layers(network, image)[0]:
        raise LotteryError(
            f"signed_inputs: this {network} was trained on normalised pixels, many of them negative; serve both signs"
            " (signed_inputs), or take a target that was trained on raw pixels"
        )


def linear_layers(network: NetworkName, image: ImageShape) -> tuple[Layer, ...]:
    """The linear layers of a network, in order; raises LotteryError for a network that there is not."""
    NETWORKS.named(network)
    return tuple(layer for layer in layers(network, image) if len(layer.shape) == 2)


def effective_weights(random: RandomLayer, masks: LayerMasks) -> tuple[np.ndarray, np.ndarray]:
    """What a pruned random layer multiplies a positive and a negative input by: two arrays (outputs, inputs) float64.

    Unit (k, j) with weights u and v gives v relu(u x): v u x for positive x if u > 0, v u x for negative x if u < 0.
    """
    positive, negative = (np.zeros((random.outputs, random.inputs)) for _ in range(2))
    for unit in range(masks.units):
        u = random.first_blocks(unit).astype(np.float64) * masks.first[unit]
        kept = random.second(unit).astype(np.float64) * masks.second[unit]
        positive += kept * np.maximum(u, 0)
        negative += kept * np.minimum(u, 0)
    return positive, negative
