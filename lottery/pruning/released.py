"""Random numbers of a run in the released stream: the very numbers of the paper's runs.

The released code draws everything from PyTorch's CPU generator after one `torch.manual_seed`, in this order:

1. the convolutions (lenet5 alone), by PyTorch's default initialisation;
2. layer by layer, from input to output,
   `linear`, `relu`: scores1, scores2, weight1, weight2;
   `wide`: PyTorch's default weights, which are then overwritten, scores, weights.  Before that the whole redundant
   network of the same r, which only served to count its parameters (not for lenet5);
   `dense`: PyTorch's default weights;
3. in each epoch one word (the base seed of the loader's workers) and the order of the training images, then a word and
   the order of the test images, which are shuffled as well.

Here the generator is one of its own: PyTorch's global generator is neither read nor moved.  On processors with other
vector instructions PyTorch's normal numbers may differ in the last bit.
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
from lottery.pruning.structures import Block, blocks, blocks_of, convolutions
from lottery.training import order_by_loader


def _pytorch_default(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """What nn.Linear and nn.Conv2d start with: U(+-1 / sqrt(fan-in))."""
    return nn.init.kaiming_uniform_(torch.empty(shape), a=math.sqrt(5), generator=generator)


def _factored(block: Block, generator: torch.Generator) -> LayerInit:
    """scores1, weight1 (r, in); scores2, weight2, which are drawn as (out, in * r): column i * r + k is copy k of input i."""
    std1, std2 = math.sqrt(2.0), math.sqrt(2.0 / block.inputs)
    drawn_as = (block.outputs, block.inputs * block.redundancy)
    scores1 = nn.init.uniform_(torch.empty(block.first_shape), -std1, std1, generator=generator)
    scores2 = nn.init.uniform_(torch.empty(drawn_as), -std2, std2, generator=generator)
    weight1 = nn.init.normal_(torch.empty(block.first_shape), 0, std1, generator=generator)
    weight2 = nn.init.normal_(torch.empty(drawn_as), 0, std2, generator=generator)
    scores2, weight2 = (
        # (out, in * r) -> (out, in, r) -> (r, out, in)
        drawn.view(block.outputs, block.inputs, block.redundancy).permute(2, 0, 1).contiguous()
        for drawn in (scores2, weight2)
    )
    return LayerInit(weight2.numpy(), scores2.numpy(), weight1.numpy(), scores1.numpy())


def _wide(block: Block, generator: torch.Generator) -> LayerInit:
    shape = (block.outputs, block.inputs)
    _pytorch_default(shape, generator)
    scores = _pytorch_default(shape, generator)
    weights = nn.init.kaiming_normal_(torch.empty(shape), mode="fan_in", nonlinearity="relu", generator=generator)
    return LayerInit(weights.numpy()[None], scores.numpy()[None])  # (out, in) -> (1, out, in)


def _dense(block: Block, generator: torch.Generator) -> LayerInit:
    return LayerInit(_pytorch_default((block.outputs, block.inputs), generator).numpy()[None])


def _draw_convolutions(run: Run, image: ImageShape, generator: torch.Generator) -> dict[str, np.ndarray]:
    return {layer.name: _pytorch_default(layer.shape, generator).numpy() for layer in convolutions(run.network, image)}


def _draw_layers(run: Run, image: ImageShape, generator: torch.Generator) -> Iterator[LayerInit]:
    if run.structure == "wide" and not convolutions(run.network, image):
        for block in blocks(run.network, "linear", image, run.redundancy, run.variant.hidden):
            _factored(block, generator)
    draw = {"wide": _wide, "dense": _dense}.get(run.structure, _factored)
    for block in blocks_of(run, image):
        yield draw(block, generator)


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """The frozen convolutions; float32, by the names of `networks.layers`."""
    return _draw_convolutions(run, image, torch.Generator().manual_seed(run.seed))


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """The random numbers of all layers that a run prunes, from input to output."""
    generator = torch.Generator().manual_seed(run.seed)
    _draw_convolutions(run, image, generator)
    yield from _draw_layers(run, image, generator)


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images in epoch `first` and each one after it; `test` images are shuffled too."""
    generator = torch.Generator().manual_seed(run.seed)
    _draw_convolutions(run, image, generator)
    for _ in _draw_layers(run, image, generator):
        pass
    for epoch in count(1):
        order = order_by_loader(train, generator)
        if epoch >= first:
            yield order
        order_by_loader(test, generator)
