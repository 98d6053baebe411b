"""The random network that a ticket is cut from: nothing but a seed, the same numbers on every machine.

A layer of the target, `outputs` x `inputs`, becomes two random matrices with a ReLU in between.  The first has `units` hidden
units for each input.  They are drawn in slabs: slab k holds unit k of every input, so its part of the first matrix is inputs x
inputs, its part of the second outputs x inputs.  A slab depends on (seed, layer, k) only, so that a network with more units has
the same numbers in the slabs that it had before.

`GENERATOR` names this way to draw.  It stands in every ticket file; a change of a single number here needs another name.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery.errors import LotteryError

GENERATOR = "philox-slabs-1"
KEYS = 2**32  # the second word of the key starts here, so that no stream is one of `subset_sum.draw_coefficients`

LARGEST = 1e6  # of random weights, so that float32 holds them and their sums have no overflow

DistributionName = Literal["uniform", "normal"]


@dataclass(frozen=True)
class Distribution:
    """What random weights are drawn from: `uniform` on [low, high), or `normal` with mean 0 and standard deviation 1."""

    name: DistributionName = "uniform"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(DistributionName):
            raise LotteryError(
                f"distribution: {self.name!r} is not one of {', '.join(get_args(DistributionName))}, nor two numbers"
            )
        if type(self.low) is not float or type(self.high) is not float:
            raise LotteryError(f"distribution: its ends are {self.low!r} and {self.high!r}, not two numbers")
        if not (-LARGEST <= self.low < self.high <= LARGEST):  # NaN is not, either
            raise LotteryError(f"distribution: low < high within {LARGEST:g} is needed, not [{self.low}, {self.high}]")
        if self.name == "normal" and (self.low, self.high) != (-1.0, 1.0):
            raise LotteryError("distribution: a normal one has no ends to set")
        if self.high <= 0:  # a product of two negative numbers is positive, but its unit passes negative inputs alone
            raise LotteryError(
                f"distribution: [{self.low}, {self.high}] has no positive numbers, so no unit passes a positive input"
            )

    def __str__(self) -> str:
        return "N(0, 1)" if self.name == "normal" else f"U[{self.low:g}, {self.high:g})"

    def of(self, words: np.ndarray) -> np.ndarray:
        """Random 64-bit words -> float32 of the same shape.

        Uniform: 24 bits of each word, so that U[-1, 1) has multiples of 2^-23, which float32 holds exactly.  Normal: the
        quantile of 53 bits, rounded to multiples of 2^-12, so that a last bit that differs between mathematical
        libraries is all but surely rounded away.  For these two, products of two numbers are exact in float64, and so are
        sums of 64 of them; for other ranges they are rounded, always in the same order.
        """
        if self.name == "uniform":
            return (self.low + (self.high - self.low) * ((words >> np.uint64(40)) * 2.0**-24)).astype(np.float32)
        from scipy.special import ndtri

        quantiles: np.ndarray = ndtri(((words >> np.uint64(11)) + 0.5) * 2.0**-53)
        return (np.rint(quantiles * 2.0**12) * 2.0**-12).astype(np.float32)


@dataclass(frozen=True)
class RandomLayer:
    """The two random matrices that stand for layer number `layer` (from 0) of a target, slab by slab."""

    seed: int
    layer: int
    inputs: int
    outputs: int
    distribution: Distribution

    def _words(self, unit: int, part: int, count: int) -> np.ndarray:
        generator = np.random.Philox(
            counter=[0, 0, unit, part], key=np.array([self.seed, KEYS + self.layer], np.uint64)
        )
        return generator.random_raw(count)

    def first(self, unit: int) -> np.ndarray:
        """The whole slab of the first matrix (inputs, inputs) float32; row j is unit `unit` of input j."""
        words = self._words(unit, 0, self.inputs**2)
        return self.distribution.of(words).reshape(self.inputs, self.inputs)

    def first_blocks(self, unit: int) -> np.ndarray:
        """What of `first` lies in its blocks (inputs,): the weight by which unit j sees input j."""
        return self.distribution.of(self._words(unit, 0, self.inputs**2)[:: self.inputs + 1])

    def second(self, unit: int) -> np.ndarray:
        """The slab of the second matrix (outputs, inputs) float32; entry (i, j) leads from the unit of input j to output i."""
        words = self._words(unit, 1, self.outputs * self.inputs)
        return self.distribution.of(words).reshape(self.outputs, self.inputs)
