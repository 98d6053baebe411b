"""Where the expected number of subsets within epsilon of a target reaches 1, for each kind of coefficients.

A random subset of m coefficients that are not zero has a sum of mean 0 and variance m E[x^2] / 2 (each member is there with
probability 1/2, and has mean 0).  Its density is taken as normal, so that a target z expects

    2^m * 2 epsilon * exp(-z^2 / (2 v)) / sqrt(2 pi v)      subsets within epsilon,  v = m E[x^2] / 2.

The probability that there is one is at most the expected number (Markov), so this is where success can begin to be likely: a
lower bound on the number of coefficients for P = 1/2 would be where the number is 1/2.  No constant is fitted.
"""

import math
from collections.abc import Callable

import numpy as np

from lottery.errors import LotteryError
from lottery.theory.coefficients import kind_named

MOST = 10_000
_TARGETS = (np.arange(200) + 0.5) / 200 - 0.5  # midpoints: targets are uniform in [-1/2, 1/2]


def _density(variance: float) -> np.ndarray:
    """Of a sum, at each target."""
    return np.exp(-(_TARGETS**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def expected_hits(name: str, coefficients: int, epsilon: float) -> float:
    """Subsets of n coefficients within epsilon of a target uniform in [-1/2, 1/2], as expected over target and coefficients.

    Kinds that ReLU makes zero in part: subsets of the m others, m binomial.  `relu_pair`: pairs of a subset of the m units of one
    sign that reaches z and one of the n - m others that reaches -z.
    """
    kind = kind_named(name)
    variance, n = kind.second_moment / 2, coefficients
    if kind.useful == 1:
        return float(2**n * 2 * epsilon * _density(n * variance).mean())
    pair = name == "relu_pair"
    hits = 0.0
    for m in range(1, n if pair else n + 1):  # no useful coefficient: too rare to matter
        binomial = math.comb(n, m) * kind.useful**m * (1 - kind.useful) ** (n - m)
        if pair:
            both = _density(m * variance) * _density((n - m) * variance)
            hits += binomial * 2**n * (2 * epsilon) ** 2 * float(both.mean())
        else:
            hits += binomial * 2**m * 2 * epsilon * float(_density(m * variance).mean())
    return hits


def expected_hits_of_cardinality(name: str, coefficients: int, members: int, epsilon: float) -> float:
    """The same for subsets of exactly `members` coefficients, of kinds whose coefficients are not zero."""
    variance = members * kind_named(name).second_moment
    return math.comb(coefficients, members) * 2 * epsilon * float(_density(variance).mean())


def where_one_is_expected(hits: Callable[[int], float], first: int) -> float:
    """The n from `first` on where hits(n) = 1, between whole numbers on a straight line of the logarithm."""
    before = -math.inf
    for n in range(first, MOST):
        here = hits(n)
        now = math.log(here) if here > 0 else -math.inf
        if now >= 0:
            return n if not math.isfinite(before) else n - now / (now - before)
        before = now
    raise LotteryError(f"first moment: beyond {MOST} coefficients")


def first_moment_threshold(name: str, epsilon: float) -> float:
    """Coefficients at which one subset within epsilon of a target is expected."""
    return where_one_is_expected(lambda n: expected_hits(name, n, epsilon), 1)


def first_moment_threshold_of_cardinality(name: str, members: int, epsilon: float) -> float:
    """The same for subsets of exactly `members`."""
    return where_one_is_expected(lambda n: expected_hits_of_cardinality(name, n, members, epsilon), members)
