"""The random network that contains a ticket.  It is determined by its seed, with the same numbers on every machine.

Shapes: U units per input, I inputs, O outputs; those of a convolution are the columns and rows of its matrix (see `matrices`).

A target layer (O, I) becomes two random matrices with a ReLU in between, and U hidden units per input.  They are drawn in slabs:
slab k contains unit k of every input, so its part of the first matrix is (I, I), and its part of the second (O, I).  A slab only
depends on (seed, layer, k).  So a network with more units has the same numbers in the first slabs.

`GENERATOR` names this procedure and is part of every ticket file; a change to any number needs another name.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery.errors import LotteryError

GENERATOR = "philox-slabs-1"
FIRST_KEY = (
    2**32
)  # second word of the first key; `subset_sum.draw_coefficients` uses smaller ones, so streams do not overlap
MAX_MAGNITUDE = 1e6  # of random weights, so that neither they nor their sums overflow float32

DistributionName = Literal["uniform", "normal"]


@dataclass(frozen=True)
class Distribution:
    """The distribution of random weights: `uniform` on [low, high), or `normal` with mean 0 and standard deviation 1.

    Raises LotteryError if it is unknown, has invalid limits, or has no positive numbers.
    """

    name: DistributionName = "uniform"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(DistributionName):
            raise LotteryError(
                f"distribution: got {self.name!r}, expected {' or '.join(get_args(DistributionName))}, or two numbers"
            )
        if type(self.low) is not float or type(self.high) is not float:
            raise LotteryError(f"distribution: got limits {self.low!r} and {self.high!r}, expected two numbers")
        if not (-MAX_MAGNITUDE <= self.low < self.high <= MAX_MAGNITUDE):  # false for NaN as well
            raise LotteryError(
                f"distribution: got [{self.low}, {self.high}], expected low < high within {MAX_MAGNITUDE:g} of 0"
            )
        if self.name == "normal" and (self.low, self.high) != (-1.0, 1.0):
            raise LotteryError("distribution: a normal distribution has no limits; omit them")
        if self.high <= 0:  # a product of two negative numbers is positive, but its unit only passes negative inputs
            raise LotteryError(
                f"distribution: [{self.low}, {self.high}] has no positive numbers, so no unit passes a positive input; raise"
                " the upper limit"
            )

    def __str__(self) -> str:
        return "N(0, 1)" if self.name == "normal" else f"U[{self.low:g}, {self.high:g})"

    def sample(self, words: np.ndarray) -> np.ndarray:
        """Random 64-bit words -> float32 samples of the same shape.

        Uniform: from 24 bits of each word, so samples of U[-1, 1) are multiples of 2^-23, which float32 represents exactly.  Normal:
        the quantile of 53 bits, rounded to multiples of 2^-12; rounding almost surely removes differences in the last bit
        between mathematical libraries.  For these two, products of two samples and sums of 64 products are exact in float64; for
        other ranges they are rounded, always in the same order.
        """
        if self.name == "uniform":
            return (self.low + (self.high - self.low) * ((words >> np.uint64(40)) * 2.0**-24)).astype(np.float32)
        from scipy.special import ndtri

        quantiles: np.ndarray = ndtri(((words >> np.uint64(11)) + 0.5) * 2.0**-53)
        return (np.rint(quantiles * 2.0**12) * 2.0**-12).astype(np.float32)


@dataclass(frozen=True)
class RandomLayer:
    """The two random matrices that replace layer number `layer` (from 0) of a target, slab by slab."""

    seed: int
    layer: int
    inputs: int
    outputs: int
    distribution: Distribution

    def _words(self, unit: int, part: int, count: int) -> np.ndarray:
        generator = np.random.Philox(
            counter=[0, 0, unit, part], key=np.array([self.seed, FIRST_KEY + self.layer], np.uint64)
        )
        return generator.random_raw(count)

    def first(self, unit: int) -> np.ndarray:
        """A whole slab of the first matrix, (I, I) float32; row j is unit `unit` of input j."""
        words = self._words(unit, 0, self.inputs**2)
        return self.distribution.sample(words).reshape(self.inputs, self.inputs)  # (I * I,) -> (I, I)

    def first_diagonal(self, unit: int) -> np.ndarray:
        """The diagonal of `first`, (I,): the weight from input j to its own unit."""
        return self.distribution.sample(self._words(unit, 0, self.inputs**2)[:: self.inputs + 1])

    def second(self, unit: int) -> np.ndarray:
        """A slab of the second matrix, (O, I) float32; entry (i, j) is the weight from the unit of input j to output i."""
        words = self._words(unit, 1, self.outputs * self.inputs)
        return self.distribution.sample(words).reshape(self.outputs, self.inputs)  # (O * I,) -> (O, I)
