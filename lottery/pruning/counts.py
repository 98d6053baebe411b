"""How many weights a run keeps, counted in its masks, and how many of these lie on a path from an input to an output.

Shapes: R redundancy, O outputs, I inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lottery.pruning.structures import LayerSpec


@dataclass(frozen=True)
class Counts:
    """Weights of the fully connected layers.

    initial: all.  remaining: kept by the masks.
    paired: kept, and the partner in the other factor is kept too (weight1[k, i] of weight2[k, o, i], or at least one
        weight2[k, :, i] of weight1[k, i]); equal to `remaining` if there is one matrix.
    alive: kept, and on some path of kept weights from an input to an output.  Units of `relu` with a negative weight1 carry
        nothing if inputs cannot be negative, and so are not alive.  This is an upper bound of the weights that can change an
        output: it includes paths through units whose ReLU never opens.
    """

    initial: int
    remaining: int
    paired: int
    alive: int


@dataclass(frozen=True)
class _LayerMasks:
    """A layer's masks: weight2 (R, O, I), weight1 (R, I), and `usable` (R, I), the units that can pass some input.

    Without a weight1 (`factored` False), weight1 is all True.
    """

    weight2: np.ndarray
    weight1: np.ndarray
    usable: np.ndarray
    factored: bool

    def links(self) -> np.ndarray:
        """(O, I), True if a kept path leads from the input to the output."""
        # any over R of (R, O, I) & (R, 1, I)
        return np.asarray((self.weight2 & self.usable[:, None, :]).any(axis=0))


def count(specs: Sequence[LayerSpec], masks: Mapping[str, np.ndarray], negative: Mapping[str, np.ndarray]) -> Counts:
    """Counts of a run from its bool masks, by `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I).

    Without masks, nothing is pruned.  negative: by layer, whether weight1 is negative, (R, I); only used for `relu`.
    """
    size = sum(spec.size for spec in specs)
    if not masks:
        return Counts(size, size, size, size)
    layers = [_layer_masks(spec, masks, negative) for spec in specs]
    forward: list[np.ndarray] = [
        np.ones(specs[0].inputs, bool)
    ]  # per layer, inputs that are reached from the network's inputs
    for layer in layers:
        forward.append(np.any(layer.links() & forward[-1], axis=1))  # any over I of (O, I) & (I,) -> (O,)
    backward: list[np.ndarray] = [np.ones(specs[-1].outputs, bool)]  # and those from which an output is reached
    for layer in reversed(layers):
        backward.append(np.any(layer.links() & backward[-1][:, None], axis=0))  # any over O of (O, I) & (O, 1) -> (I,)
    backward.reverse()
    remaining = paired = alive = 0
    for number, layer in enumerate(layers):
        remaining += _sum(layer.weight2) + (_sum(layer.weight1) if layer.factored else 0)
        everywhere = np.ones(layer.weight2.shape[1], bool), np.ones(layer.weight2.shape[2], bool)
        paired += _connected(layer, layer.weight1, *everywhere)
        alive += _connected(layer, layer.usable, backward[number + 1], forward[number])
    return Counts(size, remaining, paired, alive)


def _sum(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _layer_masks(spec: LayerSpec, masks: Mapping[str, np.ndarray], negative: Mapping[str, np.ndarray]) -> _LayerMasks:
    weight2 = masks[f"{spec.name}.weight2"]
    weight1 = masks.get(f"{spec.name}.weight1", np.ones(spec.weight1_shape, bool))
    dead = spec.structure == "relu" and not spec.signed
    return _LayerMasks(weight2, weight1, weight1 & ~negative[spec.name] if dead else weight1, spec.factored)


def _connected(layer: _LayerMasks, weight1: np.ndarray, outputs: np.ndarray, inputs: np.ndarray) -> int:
    """Number of kept weights of both factors whose partner is kept, between some outputs (O,) and inputs (I,).

    weight1: (R, I), units that count as kept.
    """
    weight1 = weight1 & inputs  # (R, I) & (I,)
    weight2 = layer.weight2 & weight1[:, None, :] & outputs[None, :, None]  # (R, O, I) & (R, 1, I) & (1, O, 1)
    return _sum(weight2) + (_sum(weight2.any(axis=1)) if layer.factored else 0)  # any over O -> (R, I)
