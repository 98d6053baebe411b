"""The random numbers of a run: one module per stream, all with the same functions."""

from collections.abc import Iterator, Mapping
from types import ModuleType

import numpy as np
from torch import Tensor

from lottery.networks import ImageShape
from lottery.pruning import keyed, released
from lottery.pruning.initial import LayerInit, perturb
from lottery.pruning.run import Run, Stream

STREAM_MODULES: Mapping[Stream, ModuleType] = {"keyed": keyed, "released": released}


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """The frozen convolutions of a run (float32, by the names of `networks.layers`); empty for fc2 and fc4."""
    drawn: dict[str, np.ndarray] = STREAM_MODULES[run.stream].init_convolutions(run, image)
    return drawn


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """Initial weights and scores of each layer, from input to output, drawn one layer at a time."""
    layers = STREAM_MODULES[run.stream].init_layers(run, image)
    for number, layer in enumerate(layers, start=1):
        yield layer if run.perturbation is None else perturb(layer, run.perturbation, number)


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images, (train,), in epoch `first` and every later one, without end.

    It depends only on the run, so a resumed run has the same orders as an uninterrupted one.  test: number of test images.
    """
    orders: Iterator[Tensor] = STREAM_MODULES[run.stream].image_orders(run, image, train, test, first)
    return orders
