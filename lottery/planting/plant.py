"""The plant: masks with which a random network computes a target, each weight as the nearest sum of K products.

Shapes: R redundancy, O outputs, I inputs.  Weights are named `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I).  Only weight2 has masks: all of
weight1 is kept.
"""

from dataclasses import dataclass

import numpy as np

from lottery import subset_sum
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.planting.settings import Planting
from lottery.pruning.control_networks import MaskedWeights, Matrices, control_networks, draw_weights
from lottery.pruning.controls import RANDOM_MASK, ControlSettings
from lottery.pruning.structures import convolutions


@dataclass(frozen=True)
class Plant:
    """Masks of weight2 of a random network, by name, and how far its effective weights are from those of the target.

    relative_error: root of the summed squares of all errors, divided by that of the weights.
    """

    weights: Matrices
    masks: Matrices
    relative_error: float


def check_target(target: Target) -> None:
    """Raise LotteryError unless masks can be learned for what the target computes."""
    if convolutions(target.network, target.image):
        raise LotteryError(f"target: {target.network} has convolutions, which have no masks; plant fc2 or fc4")
    if target.pixels != "normalised":
        raise LotteryError(
            "target: was trained on raw pixels, but masks are learned on normalised ones; train it on those"
        )


def make_plant(target: Target, planting: Planting) -> Plant:
    """The plant of a target in the random network of a planted run.

    The effective weight of output o and input i is the sum over k of mask[k, o, i] weight2[k, o, i] weight1[k, i].  So each weight of
    the target is a subset sum over R products of its own.  Every sum keeps the same number of them, so that the plant has exactly
    the sparsity that is asked for.  Raises LotteryError for a target that cannot be planted.
    """
    check_target(target)
    weights = draw_weights(planting.run(target.network), target.image)
    masks, squares, squared_errors = {}, 0.0, 0.0
    for number, layer in enumerate(target.layers):
        name = layer.name.removesuffix(".weight")
        wanted = planting.scale * target.matrix(number)  # (O, I)
        weight1, weight2 = (weights[f"{name}.{kind}"].astype(np.float64) for kind in ("weight1", "weight2"))
        products = np.moveaxis(weight2 * weight1[:, None], 0, 2)  # (R, O, I) * (R, 1, I) -> (O, I, R)
        found = subset_sum.solve(wanted, products, objective=f"exactly_{planting.kept}")
        bits = found.masks >> np.arange(planting.redundancy, dtype=np.uint64)[:, None, None]  # (O, I) -> (R, O, I)
        masks[f"{name}.weight2"] = (bits & np.uint64(1)).astype(bool)
        squares, squared_errors = squares + (wanted**2).sum(), squared_errors + (found.errors**2).sum()
    return Plant(weights, masks, float(np.sqrt(squared_errors / squares)))


def random_masks(plant: Plant, target: Target, planting: Planting) -> Matrices:
    """As many weights of each matrix as the plant has, chosen at random: the first draw of the control `random_mask`."""
    learned = MaskedWeights(plant.weights, plant.masks)
    drawn = control_networks(planting.run(target.network), learned, ControlSettings(draws=1), target.image)
    return next(network.masks for name, network in drawn if name == RANDOM_MASK)
