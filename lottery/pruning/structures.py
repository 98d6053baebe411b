"""The layers of each structure, and how many parameters they have.

`linear` and `relu` put R hidden units between each input and the layer: unit (k, i) gets input i alone, with weight1[k, i], and
feeds every output o with weight2[k, o, i].  The paper writes weight2 as (O, I * R), in another order of the same numbers.
`relu` has a ReLU after the hidden units, `linear` has none.  `wide` is an ordinary network with as many parameters.

Shapes: R redundancy, O outputs, I inputs.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from lottery.networks import ImageShape, Layer, NetworkName, layers
from lottery.pruning.run import STRUCTURES, Run, Stream


@dataclass(frozen=True)
class LayerSpec:
    """The sizes of a fully connected layer in a structure.

    number: 1 for the first fully connected layer.  signed: whether inputs can be negative: true for normalised pixels, false after
    a ReLU.
    """

    number: int
    structure: str
    inputs: int
    outputs: int
    redundancy: int
    signed: bool

    @property
    def name(self) -> str:
        """fc1, fc2, ..."""
        return f"fc{self.number}"

    @property
    def factored(self) -> bool:
        """Whether the layer has two factors, weight1 and weight2."""
        return STRUCTURES[self.structure].factored

    @property
    def weight1_shape(self) -> tuple[int, int]:
        """Shape (R, I) of weight1, if the layer is factored."""
        return (self.redundancy, self.inputs)

    @property
    def weight2_shape(self) -> tuple[int, int, int]:
        """Shape (R, O, I) of weight2; it is the only matrix of `wide` and `dense`, with R = 1."""
        return (self.redundancy, self.outputs, self.inputs)

    @property
    def size(self) -> int:
        """Number of weights, without biases."""
        return math.prod(self.weight2_shape) + (math.prod(self.weight1_shape) if self.factored else 0)


def _linear_layers(network: NetworkName, image: ImageShape, hidden: int) -> list[Layer]:
    return [layer for layer in layers(network, image, hidden) if len(layer.shape) == 2]


def convolutions(network: NetworkName, image: ImageShape) -> list[Layer]:
    """The convolutions of a network; they are random and frozen in every structure, including the dense baseline."""
    return [layer for layer in layers(network, image) if len(layer.shape) == 4]


def matched_hidden(parameters: int, inputs: int, classes: int, depth: int) -> int:
    """The size of equal hidden layers with which a network of `depth` layers has about `parameters` weights.

    Solves h (inputs + classes) + (depth - 2) h^2 = parameters and rounds: 2508, 1314, 378 for the published networks.
    """
    ends, between = inputs + classes, depth - 2
    if between == 0:
        return round(parameters / ends)
    return round((math.sqrt(ends**2 + 4 * between * parameters) - ends) / (2 * between))


def structure_layer_specs(
    network: NetworkName, structure: str, image: ImageShape, redundancy: int, hidden: int
) -> tuple[LayerSpec, ...]:
    """The fully connected layers of a network in a structure, from input to output.

    hidden: size of the hidden layers of the target network; `wide` has larger ones, to match the number of parameters.
    """
    base = _linear_layers(network, image, hidden)
    widths = [base[0].columns, *(layer.rows for layer in base)]
    if structure == "wide":
        parameters = sum(redundancy * (layer.size + layer.columns) for layer in base)
        size = matched_hidden(parameters, widths[0], widths[-1], len(base))
        widths[1:-1] = [size] * (len(widths) - 2)
    return tuple(
        LayerSpec(
            number=number,
            structure=structure,
            inputs=inputs,
            outputs=outputs,
            redundancy=redundancy if STRUCTURES[structure].replacing else 1,
            signed=number == 1 and not convolutions(network, image),
        )
        for number, (inputs, outputs) in enumerate(pairwise(widths), start=1)
    )


def layer_specs(run: Run, image: ImageShape) -> tuple[LayerSpec, ...]:
    """The layers that a run prunes (or, for `dense`, trains), from input to output."""
    return structure_layer_specs(run.network, run.structure, image, run.redundancy, run.variant.hidden)


def kept_count(size: int, sparsity: float, stream: Stream = "keyed") -> int:
    """Number of `size` weights that a mask keeps: all but floor(size * sparsity).

    The product is exact in decimal arithmetic.  For the `released` stream it is a floating-point product, as in the released code:
    there, a sparsity of 0.29 removes 28 of 100 weights.
    """
    return size - (int(sparsity * size) if stream == "released" else math.floor(size * Fraction(str(sparsity))))


def weight1_sparsity(run: Run) -> float:
    """The share of weight1 that is pruned."""
    return run.sparsity if run.variant.weight1_sparsity is None else run.variant.weight1_sparsity
