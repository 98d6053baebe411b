"""Random integers of b bits: coefficients on a grid, where a subset sum can equal its target exactly.

M = 2^b stands for 1: an integer x is the number x / M of the grid with step 2^-b.  Coefficients lie in [-M, M], targets in
[-M/2, M/2], as their continuous counterparts in `lottery.theory.coefficients` do in [-1, 1] and [-1/2, 1/2].
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery.errors import LotteryError
from lottery.theory.coefficients import random_words

IntegerKindName = Literal["uniform", "product"]
INTEGER_KINDS: tuple[str, ...] = get_args(IntegerKindName)
MAX_BITS = 20  # a bitset of all sums has 2^b times a few bits for each coefficient


@dataclass(frozen=True)
class IntegerKind:
    """A distribution of integer coefficients: products of `factors` integers, each uniform in [-m, m] without 0.

    m is the `factors`-th root of M = 2^b, so that every kind lies on the same grid and reaches the same range.
    stream: of the generator, beyond those of the continuous kinds; each number of bits has its own.
    """

    stream: int
    factors: int

    def factor_bits(self, bits: int) -> int:
        """log2 m; LotteryError where b bits are too few, too many, or cannot be shared out evenly."""
        if not self.factors <= bits <= MAX_BITS:
            raise LotteryError(f"bits: {bits} is not between {self.factors} and {MAX_BITS}")
        if bits % self.factors:
            raise LotteryError(
                f"bits: a product of {self.factors} factors needs a multiple of {self.factors}, not {bits}"
            )
        return bits // self.factors


REGISTRY: Mapping[str, IntegerKind] = {"uniform": IntegerKind(6, 1), "product": IntegerKind(7, 2)}


def integer_kind_named(name: str) -> IntegerKind:
    """LotteryError where there is no such kind."""
    if name not in REGISTRY:
        raise LotteryError(f"kind: {name!r} is not one of {', '.join(INTEGER_KINDS)}")
    return REGISTRY[name]


def _nonzero(words: np.ndarray, bits: int) -> np.ndarray:
    """Random words -> integers, uniform in [-2^bits, 2^bits] without 0, by their upper bits + 1 bits: no value is favoured."""
    numbers: np.ndarray = (words >> np.uint64(63 - bits)).astype(np.int64) - 2**bits
    numbers[numbers >= 0] += 1
    return numbers


def values(name: str, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Every value of a coefficient, ascending, and its probability."""
    kind = integer_kind_named(name)
    m = 2 ** kind.factor_bits(bits)
    factor = np.concatenate([np.arange(-m, 0), np.arange(1, m + 1)])
    products = factor
    for _ in range(kind.factors - 1):
        products = np.multiply.outer(products, factor).ravel()
    found, counts = np.unique(products, return_counts=True)
    return found, counts / products.size


def draw_integers(name: str, bits: int, coefficients: int, trials: range, seed: int) -> np.ndarray:
    """The sets of some trials: (len(trials), coefficients) int64.

    A coefficient depends on (seed, kind, bits, trial, position) alone, as in `lottery.theory.coefficients`: the set of n + 1
    begins with the set of n.
    """
    kind = integer_kind_named(name)
    factor_bits = kind.factor_bits(bits)
    if not len(trials) or coefficients < 1 or seed < 0:
        raise LotteryError("theory: trials, coefficients and seed must be positive (the seed may be 0)")
    drawn = np.ones((len(trials), coefficients), np.int64)
    for position in range(coefficients):
        for factor in range(kind.factors):
            words = random_words(_stream(kind, bits), seed, position + 1, factor, trials)
            drawn[:, position] *= _nonzero(words, factor_bits)
    return drawn


def draw_integer_targets(name: str, bits: int, trials: range, seed: int) -> np.ndarray:
    """A target for each trial (len(trials),) int64, uniform in [-M/2, M/2] (to 2^-53 times M)."""
    words = random_words(_stream(integer_kind_named(name), bits), seed, 0, 0, trials)
    targets: np.ndarray = ((words >> np.uint64(11)) * 2.0**-53 * (2**bits + 1)).astype(np.int64)
    targets -= 2 ** (bits - 1)
    return targets


def _stream(kind: IntegerKind, bits: int) -> int:
    return kind.stream + 8 * bits
