"""The networks of each control: weights and masks, rearranged or drawn again.

Shapes: R redundancy, O outputs, I inputs.  Matrices are named `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I).

A random order is that of random 64-bit words, which the counter-based generator defines for every machine.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from lottery.networks import ImageShape
from lottery.pruning.controls import (
    FRESH_WEIGHTS,
    LARGEST_WEIGHTS,
    LEARNED,
    RANDOM_MASK,
    SHUFFLED_WEIGHTS,
    ControlSettings,
)
from lottery.pruning.masks import topk_mask_partition
from lottery.pruning.run import Run
from lottery.pruning.streams import init_layers
from lottery.pruning.structures import layer_specs

_KINDS = (RANDOM_MASK, FRESH_WEIGHTS, SHUFFLED_WEIGHTS)

Matrices = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class MaskedWeights:
    """Frozen weights (float32) and masks (bool), by the same names."""

    weights: Matrices
    masks: Matrices


@dataclass(frozen=True)
class _Words:
    """Random 64-bit words of one draw of one control of one run; each matrix has its own, by its number.

    `keyed` and `initial` have keys whose second word is below 2^32, so no control shares random numbers with a run.
    """

    control_seed: int
    run_seed: int
    draw: int
    kind: str

    def of(self, matrix: int, count: int) -> np.ndarray:
        """`count` words (count,)."""
        key = [self.control_seed << 32 | self.run_seed, (self.draw + 1) << 32 | matrix << 8 | _KINDS.index(self.kind)]
        return np.random.Philox(key=np.array(key, np.uint64)).random_raw(count)

    def shuffled(self, matrices: Matrices) -> dict[str, np.ndarray]:
        """Each matrix with its entries in random order."""
        return {
            name: array.reshape(-1)[np.argsort(self.of(number, array.size), kind="stable")].reshape(array.shape)
            for number, (name, array) in enumerate(matrices.items())
        }


def draw_weights(run: Run, image: ImageShape) -> dict[str, np.ndarray]:
    """The frozen weights of a run (float32), as its stream and seed draw them."""
    return {
        f"{spec.name}.{name}": array.astype(np.float32)
        for spec, init in zip(layer_specs(run, image), init_layers(run, image), strict=True)
        for name, array in (("weight1", init.weight1), ("weight2", init.weight2))
        if array is not None
    }


def _largest(weights: Matrices, masks: Matrices) -> dict[str, np.ndarray]:
    """Masks that keep as many weights of each matrix, those of the largest magnitude; of equal ones the first."""
    kept = {name: int(np.count_nonzero(mask)) for name, mask in masks.items()}
    return {name: topk_mask_partition(np.abs(weights[name]), kept[name])[0] for name in masks}


def _random_control(
    kind: str, learned: MaskedWeights, words: _Words, weights_of_seed: Callable[[int], Matrices]
) -> MaskedWeights:
    if kind == RANDOM_MASK:
        return replace(learned, masks=words.shuffled(learned.masks))
    if kind == SHUFFLED_WEIGHTS:
        return replace(learned, weights=words.shuffled(learned.weights))
    return replace(learned, weights=weights_of_seed(int(words.of(0, 1)[0]) >> 32))


def control_networks(
    run: Run, learned: MaskedWeights, settings: ControlSettings, image: ImageShape
) -> Iterator[tuple[str, MaskedWeights]]:
    """The name and the network of each control: the learned one first, then all draws, then the one without random numbers.

    Biases and convolutions, which have no masks, are those of the run in all of them.
    """

    def weights_of_seed(seed: int) -> Matrices:
        return draw_weights(replace(run, seed=seed), image)

    yield LEARNED, learned
    for kind in _KINDS:
        for draw in range(settings.draws):
            yield kind, _random_control(kind, learned, _Words(settings.seed, run.seed, draw, kind), weights_of_seed)
    yield LARGEST_WEIGHTS, replace(learned, masks=_largest(learned.weights, learned.masks))
