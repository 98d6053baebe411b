"""Weights on a grid: where coefficients lie on it too, a subset sum within half a step of a weight is the weight itself.

The grid is that of multiples of 2^-b.  Their sums are exact in float64, and the weights in float32, so that what is checked is
equality and not closeness: there is no rounding that could excuse an error.
"""

import math
from dataclasses import asdict, dataclass, replace

import numpy as np

from lottery.approximation.settings import OnInfeasible, Settings
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.subset_sum import Objective

MAX_BITS = 20  # weights below 8 are then exact in float32


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
