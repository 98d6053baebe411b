"""Random numbers of a run in the keyed stream: each tensor has a counter-based generator of its own.

A draw depends on the seed, the layer and the kind of tensor alone, so that a change in one draw moves no other, and so
that a switch of `Variant` leaves all that it does not concern as it was.
"""

import math
from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torch import Tensor

from lottery.networks import ImageShape
from lottery.pruning.initial import LayerInit
from lottery.pruning.run import Run
from lottery.pruning.structures import Block, blocks_of, convolutions, first_sparsity

_KINDS = ("weight1", "weight2", "scores1", "scores2", "bias", "convolution")


def _generator(seed: int, layer: int, kind: str) -> np.random.Generator:
    """A stream of its own for each tensor."""
    return np.random.Generator(np.random.Philox(key=[seed, 16 * layer + _KINDS.index(kind)]))


def _weights(shape: tuple[int, ...], std: float, density: float, run: Run, block: Block, kind: str) -> np.ndarray:
    generator = _generator(run.seed, block.number, kind)
    if run.variant.density_scale:
        std /= math.sqrt(density)
    if run.variant.signed_constant:
        return std * (2.0 * generator.integers(0, 2, shape) - 1)
    return std * generator.standard_normal(shape)


def init_layer(block: Block, run: Run) -> LayerInit:
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
        return LayerInit(weight2=uniform(block.second_shape, default, "weight2"), bias=bias)
    density1, density2 = 1 - first_sparsity(run), 1 - run.sparsity
    fan_in = block.inputs * (block.redundancy if variant.fan_in_counts_redundancy else 1)
    weight2 = _weights(block.second_shape, math.sqrt(2.0 / fan_in), density2, run, block, "weight2")
    if not block.factored:
        return LayerInit(weight2=weight2, scores2=uniform(block.second_shape, default, "scores2"), bias=bias)
    bound1, bound2 = (1.0, default) if variant.same_score_initialisation else (std1, std2)
    return LayerInit(
        weight1=_weights(block.first_shape, std1, density1, run, block, "weight1"),
        scores1=uniform(block.first_shape, bound1, "scores1"),
        weight2=weight2,
        scores2=uniform(block.second_shape, bound2, "scores2"),
        bias=bias,
    )


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """The random numbers of all layers that a run prunes, from input to output."""
    return (init_layer(block, run) for block in blocks_of(run, image))


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """Random convolutions by PyTorch's default, U(+-1 / sqrt(fan-in)); float32, by the names of `networks.layers`."""
    return {
        layer.name: _generator(run.seed, number, "convolution")
        .uniform(-1 / math.sqrt(layer.columns), 1 / math.sqrt(layer.columns), layer.shape)
        .astype(np.float32)
        for number, layer in enumerate(convolutions(run.network, image), start=1)
    }


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images in epoch `first` and each one after it.

    The one word may also begin a tensor's stream: here it only seeds another generator.
    """
    for epoch in count(first):
        words = np.random.Philox(key=[run.seed, epoch]).random_raw(1)
        yield torch.randperm(train, generator=torch.Generator().manual_seed(int(words[0] >> np.uint64(1))))
