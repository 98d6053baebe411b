"""The `released` stream of random numbers: exactly those of the paper's runs.

The released code draws everything from PyTorch's CPU generator after one `torch.manual_seed`, in this order:

1. the convolutions (lenet5 only), by PyTorch's default initialisation;
2. layer by layer, from input to output,
   `linear`, `relu`: scores1, scores2, weight1, weight2;
   `wide`: PyTorch's default weights, which are then overwritten, scores, weights.  Before these, the whole redundant
   network of the same redundancy, which only served to count its parameters (not for lenet5);
   `dense`: PyTorch's default weights;
3. per epoch, one word (the base seed of the loader's workers) and the order of the training images, then a word and
   the order of the test images, which are shuffled as well.

This module uses its own generator and leaves PyTorch's global one alone.  On processors with other vector instructions,
PyTorch's normal numbers may differ in the last bit.  Shapes: R redundancy, O outputs, I inputs.
"""

import math
from collections.abc import Iterator
from itertools import count

import numpy as np
import torch
from torch import Tensor, nn

from lottery.networks import ImageShape
from lottery.pruning.initial import LayerInit
from lottery.pruning.run import Run
from lottery.pruning.structures import LayerSpec, convolutions, layer_specs, structure_layer_specs
from lottery.training import order_by_loader


def _pytorch_default(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """The initial weights of nn.Linear and nn.Conv2d: U(+-1 / sqrt(fan-in))."""
    return nn.init.kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=generator)


def _init_factored(spec: LayerSpec, generator: torch.Generator) -> LayerInit:
    """scores1, weight1 (R, I); scores2, weight2 (R, O, I), drawn as (O, I * R): column i * R + k belongs to unit (k, i)."""
    std1, std2 = math.sqrt(2.0), math.sqrt(2.0 / spec.inputs)
    drawn_shape = (spec.outputs, spec.inputs * spec.redundancy)
    scores1 = nn.init.uniform_(torch.empty(spec.weight1_shape), -std1, std1, generator=generator)
    scores2 = nn.init.uniform_(torch.empty(drawn_shape), -std2, std2, generator=generator)
    weight1 = nn.init.normal_(torch.empty(spec.weight1_shape), 0, std1, generator=generator)
    weight2 = nn.init.normal_(torch.empty(drawn_shape), 0, std2, generator=generator)
    scores2, weight2 = (
        # (O, I * R) -> (O, I, R) -> (R, O, I)
        drawn.view(spec.outputs, spec.inputs, spec.redundancy).permute(2, 0, 1).contiguous()
        for drawn in (scores2, weight2)
    )
    return LayerInit(weight2.numpy(), scores2.numpy(), weight1.numpy(), scores1.numpy())


def _init_wide(spec: LayerSpec, generator: torch.Generator) -> LayerInit:
    shape = (spec.outputs, spec.inputs)
    _pytorch_default(shape, generator)
    scores = _pytorch_default(shape, generator)
    weights = nn.init.kaiming_normal_(torch.empty(shape), mode="fan_in", nonlinearity="relu", generator=generator)
    return LayerInit(weights.numpy()[None], scores.numpy()[None])  # (O, I) -> (1, O, I)


def _init_dense(spec: LayerSpec, generator: torch.Generator) -> LayerInit:
    return LayerInit(_pytorch_default((spec.outputs, spec.inputs), generator).numpy()[None])  # (O, I) -> (1, O, I)


def _draw_convolutions(run: Run, image: ImageShape, generator: torch.Generator) -> dict[str, np.ndarray]:
    return {layer.name: _pytorch_default(layer.shape, generator).numpy() for layer in convolutions(run.network, image)}


def _draw_layers(run: Run, image: ImageShape, generator: torch.Generator) -> Iterator[LayerInit]:
    if run.structure == "wide" and not convolutions(run.network, image):
        for spec in structure_layer_specs(run.network, "linear", image, run.redundancy, run.variant.hidden):
            _init_factored(spec, generator)
    draw = {"wide": _init_wide, "dense": _init_dense}.get(run.structure, _init_factored)
    for spec in layer_specs(run, image):
        yield draw(spec, generator)


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """The frozen convolutions; float32, by the names of `networks.layers`."""
    return _draw_convolutions(run, image, torch.Generator().manual_seed(run.seed))


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """Initial weights and scores of all layers that a run prunes, from input to output."""
    generator = torch.Generator().manual_seed(run.seed)
    _draw_convolutions(run, image, generator)
    yield from _draw_layers(run, image, generator)


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images, (train,), in epoch `first` and every later one.

    The `test` test images are shuffled too, as in the released code, which moves the generator.
    """
    generator = torch.Generator().manual_seed(run.seed)
    _draw_convolutions(run, image, generator)
    for _ in _draw_layers(run, image, generator):
        pass
    for epoch in count(1):
        order = order_by_loader(train, generator)
        if epoch >= first:
            yield order
        order_by_loader(test, generator)
