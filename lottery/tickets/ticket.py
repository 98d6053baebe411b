"""A ticket: a seed and masks, which determine the whole pruned network.

Shapes: U units per input, I inputs, O outputs; those of a convolution are the columns and rows of its matrix (see `matrices`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from lottery.data.datasets import PIXELS, Pixels
from lottery.errors import LotteryError
from lottery.networks import ImageShape, Layer, NetworkName, layers
from lottery.tickets.matrices import matrix_shape
from lottery.tickets.random_network import Distribution, RandomLayer

MAX_UNITS = 64  # per input: bits of a subset-sum mask


@dataclass(frozen=True)
class LayerMasks:
    """Which random weights of a layer are kept; bool arrays, slab by slab (see `random_network`).

    first: (U, I), for the weight from input j to unit (k, j); the rest of the first matrix is pruned.
    second: (U, O, I), for the weight from unit (k, j) to output i.
    Raises LotteryError if the arrays do not fit each other.
    """

    first: np.ndarray
    second: np.ndarray

    def __post_init__(self) -> None:
        for name, dimensions in (("first", 2), ("second", 3)):
            array = getattr(self, name)
            if array.dtype != bool or array.ndim != dimensions:
                raise LotteryError(
                    f"masks: got {name} with {array.dtype} in {array.ndim} dimensions, expected bool in {dimensions}"
                )
        units, _outputs, inputs = self.second.shape
        if self.first.shape != (units, inputs):
            raise LotteryError(
                f"masks: got first {self.first.shape}, expected {(units, inputs)} for second {self.second.shape}"
            )
        if not 1 <= units <= MAX_UNITS:
            raise LotteryError(f"masks: got {units} units per input, expected 1 to {MAX_UNITS}")
        stray = np.count_nonzero(self.second & ~self.first[:, None, :])
        if stray:
            raise LotteryError(f"masks: {stray} weights of the second matrix are kept, but their units are pruned")

    @property
    def units(self) -> int:
        """Hidden units per input."""
        return int(self.first.shape[0])


@dataclass(frozen=True)
class Ticket:
    """A pruned random network that replaces the layers of `network`.

    masks: by name, for each layer; or for each linear layer alone, as in files before 2026-12: convolutions are then the target's.
    signed_inputs: whether positive and negative inputs of a layer are approximated, as in the theorem; raw pixels and outputs of a
        ReLU are never negative.
    pixels: the pixels that it classifies, as its target; normalised pixels have both signs.
    Raises LotteryError if seed or pixels are invalid, or masks do not fit the network.
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
            raise LotteryError(f"seed: got {self.seed!r}, expected a whole number from 0 to 2^64 - 1")
        if type(self.signed_inputs) is not bool:
            raise LotteryError(f"signed_inputs: got {self.signed_inputs!r}, expected true or false")
        expected = [spec.name for spec in self.specs]
        if sorted(self.masks) != sorted(expected):
            raise LotteryError(f"masks: got {', '.join(self.masks)}; {self.network} has {', '.join(expected)}")
        if self.specs[0] == layers(self.network, self.image)[0]:
            check_signs(self.network, self.pixels, self.signed_inputs)
        for spec in self.specs:
            _units, outputs, inputs = self.masks[spec.name].second.shape
            if (outputs, inputs) != matrix_shape(spec):
                raise LotteryError(
                    f"masks: got {spec.name} {(outputs, inputs)}, {self.network} has {matrix_shape(spec)}"
                )

    @property
    def specs(self) -> tuple[Layer, ...]:
        """The layers that are built from random weights, from input to output."""
        return replaced_layers(self.network, self.image, self.masks)

    def random_layers(self) -> Iterator[tuple[Layer, RandomLayer, LayerMasks]]:
        """Each of `specs` with its random matrices and its masks, from input to output."""
        for number, spec in enumerate(self.specs):
            outputs, inputs = matrix_shape(spec)
            yield spec, RandomLayer(self.seed, number, inputs, outputs, self.distribution), self.masks[spec.name]


def check_signs(network: NetworkName, pixels: Pixels, signed_inputs: bool) -> None:
    """Raise LotteryError if pixels may be negative, but a ticket only approximates positive inputs."""
    if pixels == "normalised" and not signed_inputs:
        raise LotteryError(
            f"signed_inputs: this {network} was trained on normalised pixels, many of them negative; set signed_inputs, or"
            " use a target that was trained on raw pixels"
        )


def replaced_layers(network: NetworkName, image: ImageShape, names: Collection[str]) -> tuple[Layer, ...]:
    """The layers that a ticket with masks of these names replaces: all of a network, or all linear ones if the first is not named.

    Raises LotteryError for an unknown network.
    """
    whole = layers(network, image)
    return whole if whole[0].name in names else tuple(layer for layer in whole if len(layer.shape) == 2)


def effective_weights(random: RandomLayer, masks: LayerMasks) -> tuple[np.ndarray, np.ndarray]:
    """The weights of a pruned random layer for positive and for negative inputs: two arrays (O, I) float64.

    Unit (k, j) with weights u and v gives v relu(u x).  This is v u x for positive x if u > 0, and for negative x if u < 0.
    """
    positive, negative = (np.zeros((random.outputs, random.inputs)) for _ in range(2))
    for unit in range(masks.units):
        u = random.first_diagonal(unit).astype(np.float64) * masks.first[unit]  # (I,)
        kept = random.second(unit).astype(np.float64) * masks.second[unit]  # (O, I)
        positive += kept * np.maximum(u, 0)
        negative += kept * np.minimum(u, 0)
    return positive, negative
