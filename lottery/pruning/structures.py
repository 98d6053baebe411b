"""The layers of each structure, and how many parameters they have.

`linear` and `relu` put r units between each input and the layer: unit (k, i) sees input i alone, by weight1[k, i], and
feeds every output o by weight2[k, o, i].  (The paper writes weight2 as (out, in * r); only the order differs.)  Without an
activation in between the structure is `linear`.  `wide` is an ordinary network with as many parameters.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lottery.networks import ImageShape, Layer, NetworkName, layers
from lottery.pruning.run import STRUCTURES, Run, Stream


@dataclass(frozen=True)
class Block:
    """A fully connected layer as a structure has it.

    signed: whether its inputs can be negative (normalised pixels), or not (pixels after a ReLU).
    """

    number: int
    structure: str
    inputs: int
    outputs: int
    redundancy: int
    signed: bool

    @property
    def name(self) -> str:
        return f"fc{self.number}"

    @property
    def factored(self) -> bool:
        return STRUCTURES[self.structure].factored

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


def blocks(network: NetworkName, structure: str, image: ImageShape, redundancy: int, hidden: int) -> tuple[Block, ...]:
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
            redundancy=redundancy if STRUCTURES[structure].replacing else 1,
            signed=number == 1 and not convolutions(network, image),
        )
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=1)
    )


def blocks_of(run: Run, image: ImageShape) -> tuple[Block, ...]:
    """The layers that a run prunes (or, for `dense`, trains)."""
    return blocks(run.network, run.structure, image, run.redundancy, run.variant.hidden)


def kept_count(size: int, sparsity: float, stream: Stream = "keyed") -> int:
    """How many of `size` weights a mask keeps: all but floor(size * sparsity).

    The product is exact in decimal arithmetic, but in floating point for `released`, as in the released code: there
    0.29 of 100 weights are 28.
    """
    return size - (int(sparsity * size) if stream == "released" else math.floor(size * Fraction(str(sparsity))))


def first_sparsity(run: Run) -> float:
    """The share of weight1 that is removed."""
    return run.sparsity if run.variant.first_sparsity is None else run.variant.first_sparsity
