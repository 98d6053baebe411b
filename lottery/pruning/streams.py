"""Where a run's random numbers come from: one module for each stream, all with the same functions."""

from collections.abc import Iterator, Mapping
from types import ModuleType

import numpy as np
from torch import Tensor

from lottery.networks import ImageShape
from lottery.pruning import keyed, released
from lottery.pruning.initial import LayerInit, perturbed
from lottery.pruning.run import Run, Stream

STREAM_MODULES: Mapping[Stream, ModuleType] = {"keyed": keyed, "released": released}


def init_convolutions(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """The frozen convolutions of lenet5 (float32, by the names of `networks.layers`); none for fc2 and fc4."""
    drawn: dict[str, np.ndarray] = STREAM_MODULES[run.stream].init_convolutions(run, image)
    return drawn


def init_layers(run: Run, image: ImageShape) -> Iterator[LayerInit]:
    """What each layer starts with, from input to output, drawn one at a time."""
    layers = STREAM_MODULES[run.stream].init_layers(run, image)
    for number, layer in enumerate(layers, start=1):
        yield layer if run.perturbation is None else perturbed(layer, run.perturbation, number)


def image_orders(run: Run, image: ImageShape, train: int, test: int, first: int) -> Iterator[Tensor]:
    """The order of the `train` training images in epoch `first` and in each one after it, without end.

    It follows from the run alone, so that a resumed run goes on with the order that it would have had.
    """
    orders: Iterator[Tensor] = STREAM_MODULES[run.stream].image_orders(run, image, train, test, first)
    return orders
