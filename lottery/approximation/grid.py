"""Weights on a grid: where coefficients lie on it too, a subset sum within half a step of a weight is the weight itself.

The grid is that of multiples of 2^-b.  Their sums are exact in float64, and the weights in float32, so that what is checked is
equality and not closeness: there is no rounding that could excuse an error.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from lottery.approximation.assembly import Approximation, summary
from lottery.approximation.evaluation import compare
from lottery.approximation.settings import OnInfeasible, Settings
from lottery.approximation.target import Target
from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.subset_sum import Objective

MAX_BITS = 20  # weights below 8 are then exact in float32
COSTS = ("initial", "remaining", "redrawn", "beyond_epsilon", "largest_error")


def _rounded(numbers: np.ndarray, step: float) -> np.ndarray:
    """To the nearest multiple of the step, the middle between two of them to the upper one."""
    rounded: np.ndarray = np.floor(np.asarray(numbers, np.float64) / step + 0.5) * step
    return rounded


def quantised(target: Target, bits: int) -> Target:
    """The target with its weights rounded to multiples of 2^-bits."""
    return replace(target, weights={name: _rounded(array, 2.0**-bits) for name, array in target.weights.items()})


@dataclass(frozen=True)
class GridSettings(Settings):
    """An approximation of which the coefficients are multiples of 2^-bits, all of those in the range equally likely, 0 too.

    The ends of the range have to be multiples as well, as a target's own are once it is `quantised`.
    """

    @property
    def step(self) -> float:
        """2^-bits: epsilon is half of it, which is within nothing but the weight itself."""
        return 2 * self.epsilon

    @property
    def bits(self) -> int:
        return round(-math.log2(self.step))

    def off_grid(self) -> Settings:
        """As many coefficients of the same range that lie anywhere in it, within half a step of the weights."""
        return Settings(**asdict(self))

    def coefficient_range(self, target: Target) -> tuple[float, float]:
        """Half a step wider, so that rounding gives the ends as often as what lies between them."""
        low, high = super().coefficient_range(target)
        if low % self.step or high % self.step:
            raise LotteryError(f"coefficient range: [{low}, {high}] does not end on multiples of {self.step}")
        return low - self.step / 2, high + self.step / 2

    def draw(self, target: Target, layer: int, rows: range) -> np.ndarray:
        return _rounded(super().draw(target, layer, rows), self.step)

    def further(self, target: Target, layer: int, row: int, column: int, redraws: int) -> np.ndarray:
        return _rounded(super().further(target, layer, row, column, redraws), self.step)


def grid_settings(
    bits: int,
    coefficients_per_bit: float,
    objective: Objective = "min_error",
    seed: int = 1,
    on_infeasible: OnInfeasible = "redraw",
) -> GridSettings:
    """Sums on the grid of 2^-bits, of int(c (bits + 1)) coefficients a weight: as many as half a step asks for as epsilon."""
    if not 1 <= bits <= MAX_BITS:
        raise LotteryError(f"bits: {bits} is not between 1 and {MAX_BITS}")
    return GridSettings(2.0 ** -(bits + 1), coefficients_per_bit, objective, seed=seed, on_infeasible=on_infeasible)


def inexact_weights(approximation: Approximation) -> int:
    """Weights that their sums do not equal, be it in float64 or as the network holds them in float32."""
    network, target = approximation.network(), approximation.target
    differ = [
        (layer.sums != target.matrix(number)) | (network.matrix(number) != target.matrix(number))
        for number, layer in enumerate(approximation.layers)
    ]
    return int(sum(np.count_nonzero(layer) for layer in differ))


def exact_point(
    target: Target,
    settings: GridSettings,
    on_grid: Approximation,
    off_grid: Approximation,
    data: Images,
    device: torch.device,
) -> dict[str, Any]:
    """What exact sums take (`on_grid`, of the quantised target) beside sums within half a step (`off_grid`, of the target).

    inexact: weights of the quantised target that their sums do not equal; predictions are compared with those of that target.
    """
    [rounded] = compare(data, target, [on_grid.target], device)
    [ticket] = compare(data, on_grid.target, [on_grid.network()], device)
    on, off = summary(on_grid, settings), summary(off_grid, settings.off_grid())
    return {
        "settings": asdict(settings),
        "network": target.network,
        "dataset": data.dataset.name,
        "test_images": data.dataset.test_count,
        "pixels": target.pixels,
        "bits": settings.bits,
        "coefficients": settings.n,
        "weights": target.size,
        "weights_not_zero": int(sum(np.count_nonzero(array) for array in on_grid.target.weights.values())),
        "values": round((on_grid.target.range()[1] - on_grid.target.range()[0]) / settings.step) + 1,
        "inexact": inexact_weights(on_grid),
        "on_grid": {name: on[name] for name in COSTS},
        "off_grid": {name: off[name] for name in COSTS},
        "target_accuracy": rounded.target_accuracy,
        "quantised_accuracy": ticket.target_accuracy,
        "ticket_accuracy": ticket.approximated_accuracy,
        "predictions_that_differ": ticket.predictions_that_differ,
    }
