"""Exact sums of integers as theory expects them: how many subsets hit a target, and how often one does if sums are independent.

The first moment is exact, and no independence is assumed: the probability that a target is reached is at most the expected number
of subsets that reach it (Markov).

The Poisson prediction assumes that the 2^n sums of a set hit a target independently of each other, so that their number is
Poisson distributed, as Borgs, Chayes and Pittel (2001) prove for partitions within the window of the transition.  A set is known
by its sum L alone: its subset sums are taken as normal, of mean L/2 and variance n E[x^2] / 4, and L as normal of variance
n E[x^2].  The first moment is what is left of it where L is averaged over first.  No constant is fitted in either.
"""

import math
from statistics import NormalDist

import numpy as np

from lottery.theory.first_moment import where_one_is_expected
from lottery.theory.integers import values

_LEVELS = 200
_SUMS = np.array(
    [NormalDist().inv_cdf((level + 0.5) / _LEVELS) for level in range(_LEVELS)]
)  # L, in standard deviations
_MAX_TARGETS = 1025  # a prediction looks at so many at most, evenly spread: the density is smooth


def expected_subsets(name: str, bits: int, coefficients: int) -> np.ndarray:
    """The expected number of subsets with the sum t, for each target t of [-M/2, M/2] in turn (M + 1,); exact but for rounding.

    The empty subset counts.  The generating function of the number of subsets is (1 + E[z^x])^n; its coefficients are found by
    a Fourier transform that is long enough for the ends of the range, n M apart from 0, not to meet the targets.
    """
    found, probability = values(name, bits)
    largest, half = 2**bits, 2 ** (bits - 1)
    length = 1 << (coefficients * largest + half).bit_length()
    one = np.zeros(length)
    one[found] = probability  # a negative sum wraps around to the end
    counts = np.fft.irfft((1 + np.fft.rfft(one)) ** coefficients, length)
    return np.concatenate([counts[-half:], counts[: half + 1]])


def expected_exact_hits(name: str, bits: int, coefficients: int) -> float:
    """The expected number of subsets that equal a target drawn uniformly from the integers of [-M/2, M/2]."""
    return float(expected_subsets(name, bits, coefficients).mean())


def exact_first_moment_threshold(name: str, bits: int) -> float:
    """Coefficients at which one subset that equals the target is expected: more than b, as 2^n sums are for M + 1 targets."""
    return where_one_is_expected(lambda n: expected_exact_hits(name, bits, n), bits)


def poisson_probabilities(name: str, bits: int, coefficients: int) -> dict[str, float]:
    """The probability that `one` target is reached, and that `all` targets of [-M/2, M/2] are, were the sums independent."""
    found, probability = values(name, bits)
    deviation = (
        math.sqrt(coefficients * float((found.astype(float) ** 2 * probability).sum())) / 2
    )  # of L/2 and of sums
    half = 2 ** (bits - 1)
    targets = np.linspace(-half, half, min(2 * half + 1, _MAX_TARGETS))
    distance = targets / deviation - _SUMS[:, None]  # (sums L, targets)
    hits = 2.0**coefficients * np.exp(-(distance**2) / 2) / (math.sqrt(2 * math.pi) * deviation)
    reached = -np.expm1(-hits)
    with np.errstate(divide="ignore"):  # log 0 where a target is out of reach
        all_reached = np.exp(np.log(reached).mean(axis=1) * (2 * half + 1))
    return {"one": float(reached.mean()), "all": float(all_reached.mean())}
