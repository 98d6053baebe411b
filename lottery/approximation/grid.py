"""Weights on a grid: where coefficients lie on it too, a subset sum within half a step of a weight is the weight itself.

The grid is that of multiples of 2^-b.  Their sums are exact in float64, and the weights in float32, so that what is checked is
equality and not closeness: there is no rounding that could excuse an error.
"""

from dataclasses import asdict, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from lottery.approximation.settings import CoefficientsPerBit, Objective, OnInfeasible, Settings
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.settings import settings

MAX_BITS = 20  # weights below 8 are then exact in float32
Bits = Annotated[int, Field(ge=1, le=MAX_BITS)]


def _rounded(numbers: np.ndarray, step: float) -> np.ndarray:
    """To the nearest multiple of the step, the middle between two of them to the upper one."""
    multiples: np.ndarray = np.floor(np.asarray(numbers, np.float64) / step + 0.5) * step
    return multiples


def rounded(target: Target, step: float) -> Target:
    """The target with each weight at the nearest multiple of the step, which is within half a step."""
    return replace(target, weights={name: _rounded(array, step) for name, array in target.weights.items()})


def quantised(target: Target, bits: int) -> Target:
    """The target with its weights rounded to multiples of 2^-bits."""
    return rounded(target, 2.0**-bits)


def entropy_bits(target: Target) -> float:
    """Bits of all weights by an ideal code that knows how often each value occurs in each layer; layers are coded apart."""
    total = 0.0
    for array in target.weights.values():
        counts = np.unique(array, return_counts=True)[1]
        total -= float((counts * np.log2(counts / array.size)).sum())
    return total


@settings
class SumsOnGrid(Settings):
    """An approximation of which the coefficients are multiples of 2 epsilon, all of those in the range equally likely, 0 too.

    The ends of the range have to be multiples as well, as a target's own are once it is `quantised`.
    """

    @property
    def step(self) -> float:
        """Epsilon is half of it, within which there is nothing but the weight itself."""
        return 2 * self.epsilon

    def ends(self, target: Target) -> tuple[float, float]:
        """Half a step beyond those of the range, so that rounding gives them as often as what lies between them."""
        low, high = super().ends(target)
        if low % self.step or high % self.step:
            raise LotteryError(f"coefficient_range: [{low}, {high}] does not end on multiples of {self.step}")
        return low - self.step / 2, high + self.step / 2

    def draw(self, target: Target, layer: int, rows: range) -> np.ndarray:
        return _rounded(super().draw(target, layer, rows), self.step)

    def further(self, target: Target, layer: int, row: int, column: int, redraws: int) -> np.ndarray:
        return _rounded(super().further(target, layer, row, column, redraws), self.step)


@settings
class GridSettings:
    """A network on the grid of 2^-bits whose weights are exact sums of coefficients on it."""

    bits: Bits = Field(description="Weights and coefficients are multiples of 2^-bits.")
    coefficients_per_bit: CoefficientsPerBit = Field(
        default=2,
        description="The paper's c: each weight gets int(c * (bits + 1)) coefficients, as many as half a step asks for as epsilon.",
    )
    objective: Objective = Field(default="min_error", description="As for an approximation.")
    seed: int = Field(default=1, ge=0, description="Seed of the coefficients.")
    on_infeasible: OnInfeasible = Field(
        default="redraw",
        description="If no subset equals a weight: error stops; redraw draws more coefficients and counts them, until one does;"
        " nearest keeps the nearest sum and counts a weight that is not exact.",
    )

    def __post_init__(self) -> None:
        self.off_grid()  # refuses what no approximation can be

    @property
    def step(self) -> float:
        return 2.0**-self.bits

    def on_grid(self) -> SumsOnGrid:
        """Sums within half a step of the weights, which is equality."""
        return SumsOnGrid(**asdict(self.off_grid()))

    def off_grid(self) -> Settings:
        """Sums within half a step as well, of as many coefficients of the same range that lie anywhere in it."""
        return Settings(
            self.step / 2, self.coefficients_per_bit, self.objective, seed=self.seed, on_infeasible=self.on_infeasible
        )
