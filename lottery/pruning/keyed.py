"""The `keyed` stream of random numbers: each tensor has its own counter-based generator.

A draw depends only on the seed, the layer and the kind of tensor.  So a change in one draw does not shift others, and a switch of
`Variant` changes only the tensors that it concerns.
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
from lottery.pruning.structures import LayerSpec, convolutions, layer_specs, weight1_sparsity

_KINDS = ("weight1", "weight2", "scores1", "scores2", "bias", "convolution")


def _generator(seed: int, layer: int, kind: str) -> np.random.Generator:
    """The generator of one tensor."""
    return np.random.Generator(np.random.Philox(key=[seed, 16 * layer + _KINDS.index(kind)]))


def _weights(shape: tuple[int, ...], std: float, density: float, run: Run, spec: LayerSpec, kind: str) -> np.ndarray:
    generator = _generator(run.seed, spec.number, kind)
    if run.variant.density_scale:
        std /= math.sqrt(density)
    if run.variant.signed_constant:
        return std * (2.0 * generator.integers(0, 2, shape) - 1)
    return std * generator.standard_normal(shape)


def init_layer(spec: LayerSpec, run: Run) -> LayerInit:
    """The initial weights and scores of a layer; without switches, distributed as in the released code.

    Factored: weight1 ~ N(0, 2), weight2 ~ N(0, 2 / I) for every redundancy, scores uniform in +- these standard deviations.
    Wide: Kaiming normal, scores Kaiming uniform, U(+-1 / sqrt(I)).  Dense: PyTorch's default, U(+-1 / sqrt(I)).
    """
    variant = run.variant
    std1, std2 = math.sqrt(2.0), math.sqrt(2.0 / spec.inputs)
    default = 1 / math.sqrt(spec.inputs)

    def uniform(shape: tuple[int, ...], bound: float, kind: str) -> np.ndarray:
        return _generator(run.seed, spec.number, kind).uniform(-bound, bound, shape)

    bias = uniform((spec.outputs,), std2 if spec.factored else default, "bias") if variant.bias else None
    if spec.structure == "dense":
        return LayerInit(weight2=uniform(spec.weight2_shape, default, "weight2"), bias=bias)
    density1, density2 = 1 - weight1_sparsity(run), 1 - run.sparsity
    fan_in = spec.inputs * (spec.redundancy if variant.fan_in_counts_redundancy else 1)
    weight2 = _weights(spec.weight2_shape, math.sqrt(2.0 / fan_in), density2, run, spec, "weight2")
    if not spec.factored:
        return LayerInit(weight2=weight2, scores2=uniform(spec.weight2_shape, default, "scores2"), bias=bias)
    bound1, bound2 = (1.0, default) if variant.same_score_initialisation else (std1, std2)
    return LayerInit(
        weight1=_weights(spec.weight1_shape, std1, density1, run, spec, "weight1"),
        scores1=uniform(spec.weight1_shape, bound1, "scores1"),
        weight2=weight2,
        scores2=uniform(spec.weight2_shape, bound2, "scores2"),
        bias=bias,
    )


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """Initial weights and scores of all layers that a run prunes, from input to output."""
    return (init_layer(spec, run) for spec in layer_specs(run, image))


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """Random convolutions as PyTorch initialises them, U(+-1 / sqrt(fan-in)); float32, by the names of `networks.layers`."""
    return {
        layer.name: _generator(run.seed, number, "convolution")
        .uniform(-1 / math.sqrt(layer.columns), 1 / math.sqrt(layer.columns), layer.shape)
        .astype(np.float32)
        for number, layer in enumerate(convolutions(run.network, image), start=1)
    }


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images, (train,), in epoch `first` and every later one.

    The random word may also be the first of a tensor's stream; here it only seeds another generator.
    """
    for epoch in count(first):
        words = np.random.Philox(key=[run.seed, epoch]).random_raw(1)
        yield torch.randperm(train, generator=torch.Generator().manual_seed(int(words[0] >> np.uint64(1))))
