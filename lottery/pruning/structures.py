"""The layers of each structure, how many parameters they have, and their random draws.

`linear` and `relu` put r units between each input and the layer: unit (k, i) sees input i alone, by weight1[k, i], and
feeds every output o by weight2[k, o, i].  (The paper writes weight2 as (out, in * r); only the order differs.)  Without an
activation in between the structure is `linear`.  `wide` is an ordinary network with as many parameters.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from lottery.networks import ImageShape, Layer, NetworkName, layers
from lottery.pruning.run import Run, Structure

REPLACING = ("linear", "relu")  # structures with r random weights in the place of each weight of the target
FACTORED = ("linear", "relu")  # structures whose layers have two matrices, weight1 and weight2


@dataclass(frozen=True)
class Block:
    """A fully connected layer as a structure has it.

    signed: whether its inputs can be negative (normalised pixels), or not (pixels after a ReLU).
    """

    number: int
    structure: Structure
    inputs: int
    outputs: int
    redundancy: int
    signed: bool

    @property
    def name(self) -> str:
        return f"fc{self.number}"

    @property
    def factored(self) -> bool:
        return self.structure in FACTORED

    @property
    def first_shape(self) -> tuple[int, int]:
        """weight1, where there is one."""
        return (self.redundancy, self.inputs)

    @property
    def second_shape(self) -> tuple[int, int, int]:
        """weight2; the only matrix of `wide` and `dense`, whose redundancy is 1."""
        return (self.redundancy, self.outputs, self.inputs)

    @property
    def size(self) -> int:
        return math.prod(self.second_shape) + (math.prod(self.first_shape) if self.factored else 0)


def _base(network: NetworkName, image: ImageShape, hidden: int) -> list[Layer]:
    return [layer for layer in layers(network, image, hidden) if len(layer.shape) == 2]


def convolutions(network: NetworkName, image: ImageShape) -> list[Layer]:
    """The convolutions, random and frozen in every structure, the dense baseline included."""
    return [layer for layer in layers(network, image) if len(layer.shape) == 4]


def matched_hidden(parameters: int, inputs: int, classes: int, depth: int) -> int:
    """Hidden size at which `depth` layers, all hidden ones equal, have about this many parameters.

    Solves h (inputs + classes) + (depth - 2) h^2 = parameters, rounded: 2508, 1314, 378 for the published networks.
    """
    ends, between = inputs + classes, depth - 2
    if between == 0:
        return round(parameters / ends)
    return round((math.sqrt(ends**2 + 4 * between * parameters) - ends) / (2 * between))


def blocks(
    network: NetworkName, structure: Structure, image: ImageShape, redundancy: int, hidden: int
) -> tuple[Block, ...]:
    """The fully connected layers of a structure, from input to output."""
    base = _base(network, image, hidden)
    widths = [base[0].columns, *(layer.rows for layer in base)]
    if structure == "wide":
        parameters = sum(redundancy * (layer.size + layer.columns) for layer in base)
        size = matched_hidden(parameters, widths[0], widths[-1], len(base))
        widths[1:-1] = [size] * (len(widths) - 2)
    return tuple(
        Block(
            number=number,
            structure=structure,
            inputs=inputs,
            outputs=outputs,
            redundancy=redundancy if structure in REPLACING else 1,
            signed=number == 1 and not convolutions(network, image),
        )
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=1)
    )


def blocks_of(run: Run, image: ImageShape) -> tuple[Block, ...]:
    """The layers that a run prunes (or, for `dense`, trains)."""
    return blocks(run.network, run.structure, image, run.redundancy, run.variant.hidden)


def kept_count(size: int, sparsity: float) -> int:
    """How many of `size` weights a mask keeps: all but floor(size * sparsity), in exact decimal arithmetic."""
    return size - math.floor(size * Fraction(str(sparsity)))


@dataclass(frozen=True)
class Draw:
    """A layer's random numbers: frozen weights and the scores they start with (None where there are none)."""

    weight1: np.ndarray | None
    scores1: np.ndarray | None
    weight2: np.ndarray
    scores2: np.ndarray | None
    bias: np.ndarray | None


_KINDS = ("weight1", "weight2", "scores1", "scores2", "bias", "convolution")


def _generator(seed: int, layer: int, kind: str) -> np.random.Generator:
    """A stream of its own for each tensor, so that a change in one draw moves no other."""
    return np.random.Generator(np.random.Philox(key=[seed, 16 * layer + _KINDS.index(kind)]))


def _weights(shape: tuple[int, ...], std: float, density: float, run: Run, block: Block, kind: str) -> np.ndarray:
    generator = _generator(run.seed, block.number, kind)
    if run.variant.density_scale:
        std /= math.sqrt(density)
    if run.variant.signed_constant:
        return std * (2.0 * generator.integers(0, 2, shape) - 1)
    return std * generator.standard_normal(shape)


def first_sparsity(run: Run) -> float:
    """The share of weight1 that is removed."""
    return run.sparsity if run.variant.first_sparsity is None else run.variant.first_sparsity


def draw(block: Block, run: Run) -> Draw:
    """The random numbers of a layer, as the released code distributes them where no switch says otherwise.

    Factored: weight1 ~ N(0, 2), weight2 ~ N(0, 2 / in) whatever r is, scores uniform in +- those deviations.
    Wide: Kaiming normal, scores Kaiming uniform, U(+-1 / sqrt(in)).  Dense: PyTorch's default, U(+-1 / sqrt(in)).
    """
    variant = run.variant
    std1, std2 = math.sqrt(2.0), math.sqrt(2.0 / block.inputs)
    default = 1 / math.sqrt(block.inputs)

    def uniform(shape: tuple[int, ...], bound: float, kind: str) -> np.ndarray:
        return _generator(run.seed, block.number, kind).uniform(-bound, bound, shape)

    bias = uniform((block.outputs,), std2 if block.factored else default, "bias") if variant.bias else None
    if block.structure == "dense":
        return Draw(None, None, uniform(block.second_shape, default, "weight2"), None, bias)
    density1, density2 = 1 - first_sparsity(run), 1 - run.sparsity
    fan_in = block.inputs * (block.redundancy if variant.fan_in_counts_redundancy else 1)
    weight2 = _weights(block.second_shape, math.sqrt(2.0 / fan_in), density2, run, block, "weight2")
    if not block.factored:
        return Draw(None, None, weight2, uniform(block.second_shape, default, "scores2"), bias)
    bound1, bound2 = (1.0, default) if variant.same_score_initialisation else (std1, std2)
    return Draw(
        weight1=_weights(block.first_shape, std1, density1, run, block, "weight1"),
        scores1=uniform(block.first_shape, bound1, "scores1"),
        weight2=weight2,
        scores2=uniform(block.second_shape, bound2, "scores2"),
        bias=bias,
    )


def draw_convolutions(network: NetworkName, image: ImageShape, seed: int) -> dict[str, np.ndarray]:
    """Random convolutions by PyTorch's default, U(+-1 / sqrt(fan-in)); float32, by the names of `networks.layers`."""
    return {
        layer.name: _generator(seed, number, "convolution")
        .uniform(-1 / math.sqrt(layer.columns), 1 / math.sqrt(layer.columns), layer.shape)
        .astype(np.float32)
        for number, layer in enumerate(convolutions(network, image), start=1)
    }
