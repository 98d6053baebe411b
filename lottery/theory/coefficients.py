"""Random coefficients as the theorems draw them: many sets, each a trial."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery.errors import LotteryError

KindName = Literal["uniform", "product", "relu", "relu_pair", "hyperbolic"]
KINDS: tuple[str, ...] = get_args(KindName)
LEAST_MAGNITUDE = 0.001  # of `hyperbolic`
BLOCK = 1024  # trials that one counter of the generator serves


@dataclass(frozen=True)
class Kind:
    """A distribution of coefficients, and what the bounds need to know of it.

    stream: of the generator, so that kinds are drawn independently of each other.
    factors: independent uniform numbers in [-1, 1) that make a coefficient.
    sides: from the factors (factors, ...) to the coefficients that serve positive inputs and, for `relu_pair`, to those that serve
        negative ones.  The second ones have to reach minus the target.
    useful: the share of coefficients that are not zero (of one side).
    second_moment: E[x^2] of those.
    """

    stream: int
    factors: int
    sides: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    useful: float
    second_moment: float

    @property
    def step(self) -> int:
        """How many coefficients it takes for one useful one."""
        return round(1 / self.useful)


def _uniform(factors: np.ndarray) -> tuple[np.ndarray, ...]:
    return (factors[0],)


def _product(factors: np.ndarray) -> tuple[np.ndarray, ...]:
    return (factors[0] * factors[1],)


def _relu(factors: np.ndarray) -> tuple[np.ndarray, ...]:
    return (factors[1] * np.maximum(factors[0], 0),)


def _relu_pair(factors: np.ndarray) -> tuple[np.ndarray, ...]:
    return factors[1] * np.maximum(factors[0], 0), factors[1] * np.maximum(-factors[0], 0)


def _hyperbolic(factors: np.ndarray) -> tuple[np.ndarray, ...]:
    return (np.copysign(LEAST_MAGNITUDE ** ((factors[0] + 1) / 2), factors[1]),)


# E[x^2]: of U[-1, 1] 1/3; of a product of two 1/9, and no other where the first factor is only ever positive; of a density
# proportional to 1/x on [a, 1] the integral of x / ln(1/a).
_HYPERBOLIC_MOMENT = (1 - LEAST_MAGNITUDE**2) / (-2 * np.log(LEAST_MAGNITUDE))
REGISTRY: Mapping[str, Kind] = {
    "uniform": Kind(1, 1, _uniform, 1, 1 / 3),
    "product": Kind(2, 2, _product, 1, 1 / 9),
    "relu": Kind(3, 2, _relu, 1 / 2, 1 / 9),
    "relu_pair": Kind(4, 2, _relu_pair, 1 / 2, 1 / 9),
    "hyperbolic": Kind(5, 2, _hyperbolic, 1, float(_HYPERBOLIC_MOMENT)),
}
WITHOUT_ZEROS: tuple[str, ...] = tuple(name for name, kind in REGISTRY.items() if kind.useful == 1)


def kind_named(name: str) -> Kind:
    """LotteryError where there is no such kind."""
    if name not in REGISTRY:
        raise LotteryError(f"kind: {name!r} is not one of {', '.join(KINDS)}")
    return REGISTRY[name]


def random_words(stream: int, seed: int, position: int, factor: int, trials: range) -> np.ndarray:
    """64 random bits for each trial (len(trials),) uint64.

    By the counter-based generator Philox-4x64 (Salmon et al., SC 2011): key (seed, stream of the kind), counter (0, block of
    trials, position, factor).
    """
    first, last = trials.start // BLOCK, (trials.stop - 1) // BLOCK
    key = np.array([seed, stream], np.uint64)
    words = [
        np.random.Philox(counter=[0, block, position, factor], key=key).random_raw(BLOCK)
        for block in range(first, last + 1)
    ]
    return np.concatenate(words)[trials.start - first * BLOCK :][: len(trials)]


def _numbers(kind: Kind, seed: int, position: int, factor: int, trials: range) -> np.ndarray:
    """Uniform in [-1, 1), one for each trial."""
    return (random_words(kind.stream, seed, position, factor, trials) >> np.uint64(11)) * 2.0**-52 - 1


def draw_sides(name: str, coefficients: int, trials: range, seed: int) -> tuple[np.ndarray, ...]:
    """For each side of the kind, the sets of some trials: (len(trials), coefficients).

    A coefficient depends on (seed, kind, trial, position) alone.  So trials can be cut into any parts, and the sets of n
    coefficients are the beginnings of those of n + 1: one more never makes a trial worse.
    """
    kind = kind_named(name)
    if not len(trials) or coefficients < 1 or seed < 0:
        raise LotteryError("theory: trials, coefficients and seed must be positive (the seed may be 0)")
    factors = np.empty((kind.factors, len(trials), coefficients))
    for position in range(coefficients):
        for factor in range(kind.factors):
            factors[factor, :, position] = _numbers(kind, seed, position + 1, factor, trials)
    return kind.sides(factors)


def draw_targets(name: str, trials: range, seed: int) -> np.ndarray:
    """A target for each trial (len(trials),), uniform in [-1/2, 1/2)."""
    return _numbers(kind_named(name), seed, 0, 0, trials) / 2
