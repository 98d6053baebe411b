"""How many weights a run keeps, counted in its masks, and how many of these lie on a path from an input to an output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lottery.pruning.structures import Block


@dataclass(frozen=True)
class Counts:
    """Weights of the fully connected layers.

    initial: all.  remaining: kept by the masks.
    paired: kept, and the partner in the other factor is kept too (weight1[k, i] of weight2[k, o, i], or at least one
        weight2[k, :, i] of weight1[k, i]); equal to `remaining` where there is one matrix.
    alive: kept, and on some path of kept weights from an input to an output.  Units of `relu` whose weight1 is negative
        carry nothing where inputs cannot be negative, and so are not alive.  This is an upper bound of the weights that
        can change an output: a path through a unit whose ReLU never opens counts too.
    """

    initial: int
    remaining: int
    paired: int
    alive: int


@dataclass(frozen=True)
class _Kept:
    """A layer's masks: second (r, out, in), first (r, in) (all True where there is no weight1), usable (r, in)."""

    second: np.ndarray
    first: np.ndarray
    usable: np.ndarray
    has_first: bool

    def links(self) -> np.ndarray:
        """(out, in): some kept path leads from the input to the output."""
        return np.asarray((self.second & self.usable[:, None, :]).any(axis=0))


def count(blocks: Sequence[Block], masks: Mapping[str, np.ndarray], negative: Mapping[str, np.ndarray]) -> Counts:
    """Counts of a run from its masks (bool, by `LAYER.weight1` and `LAYER.weight2`); without masks nothing is pruned.

    negative: by layer, where weight1 is negative (r, in), for `relu`.
    """
    size = sum(block.size for block in blocks)
    if not masks:
        return Counts(size, size, size, size)
    layers = [_kept(block, masks, negative) for block in blocks]
    forward: list[np.ndarray] = [np.ones(blocks[0].inputs, bool)]
    for layer in layers:
        forward.append(np.any(layer.links() & forward[-1], axis=1))
    backward: list[np.ndarray] = [np.ones(blocks[-1].outputs, bool)]
    for layer in reversed(layers):
        backward.append(np.any(layer.links() & backward[-1][:, None], axis=0))
    backward.reverse()
    remaining = paired = alive = 0
    for number, layer in enumerate(layers):
        remaining += _sum(layer.second) + (_sum(layer.first) if layer.has_first else 0)
        everywhere = np.ones(layer.second.shape[1], bool), np.ones(layer.second.shape[2], bool)
        paired += _connected(layer, layer.first, *everywhere)
        alive += _connected(layer, layer.usable, backward[number + 1], forward[number])
    return Counts(size, remaining, paired, alive)


def _sum(mask: np.ndarray) -> int:
    return int(np.count_nonzero(mask))


def _kept(block: Block, masks: Mapping[str, np.ndarray], negative: Mapping[str, np.ndarray]) -> _Kept:
    second = masks[f"{block.name}.weight2"]
    first = masks.get(f"{block.name}.weight1", np.ones(block.first_shape, bool))
    dead = block.structure == "relu" and not block.signed
    return _Kept(second, first, first & ~negative[block.name] if dead else first, block.factored)


def _connected(layer: _Kept, first: np.ndarray, outputs: np.ndarray, inputs: np.ndarray) -> int:
    """Kept weights of both factors whose partner is kept (`first`), between inputs and outputs that are reached."""
    first = first & inputs
    second = layer.second & first[:, None, :] & outputs[None, :, None]
    return _sum(second) + (_sum(second.any(axis=1)) if layer.has_first else 0)
