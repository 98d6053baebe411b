"""What theorems ask for, as numbers without hidden constants.  Logarithms are to base 2, epsilon is an absolute error.

The worst case over a class of linear maps: a particular network, or a known distribution of weights, may need less.
"""

import math

from lottery.errors import LotteryError


def _checked(epsilon: float) -> float:
    if not 0 < epsilon < 0.5:
        raise LotteryError(f"epsilon: a number between 0 and 1/2 is needed, not {epsilon}")
    return epsilon


def counting_bound(epsilon: float) -> float:
    """log2(1 / (2 epsilon)): fewer coefficients cannot serve every target of [-1/2, 1/2] within epsilon.

    n coefficients have 2^n subset sums, each of which serves an interval of length 2 epsilon; together they have to cover an
    interval of length 1, so 2^n * 2 epsilon >= 1.  Holds for every set of coefficients, random or chosen.
    """
    return -math.log2(2 * _checked(epsilon))


def parameters_per_weight(epsilon: float) -> float:
    """log2(1 / (2 epsilon)) random parameters for each weight of the target (Pensia et al., NeurIPS 2020, Theorem 2).

    If every linear map of R^d with spectral norm <= 1 is within epsilon (in that norm) of a subnetwork of one random network with
    probability 1/2 or more, then that network has m >= d^2 log2(1 / (2 epsilon)) - 1 parameters: the maps hold
    (1 / (2 epsilon))^(d^2) of them no two of which one subnetwork can serve, and m parameters have 2^m subnetworks.  This is
    m / d^2 without the 1 / d^2 that vanishes for wide layers.
    """
    return -math.log2(2 * _checked(epsilon))


def remaining_per_weight(initial_per_weight: float, epsilon: float) -> float:
    """The fewest parameters that a pruned network can keep for each weight of the target, of `initial_per_weight` random ones.

    Subnetworks that keep a share gamma of m parameters, or less, are at most (e / gamma)^(gamma m) in number.  With the count of
    Theorem 2 (`parameters_per_weight`, the same assumptions: all linear maps of norm <= 1, worst case) that asks for

        gamma * m * log2(e / gamma) >= log2(1 / (2 epsilon))    for each weight,  m = initial_per_weight

    (Natale et al., NeurIPS 2024, section 4).  Returns gamma * m for the smallest such gamma, to 12 digits; the left side
    increases in gamma.  LotteryError where even gamma = 1 is not enough.
    """
    bits = parameters_per_weight(epsilon)
    if not (math.isfinite(initial_per_weight) and initial_per_weight * math.log2(math.e) >= bits):
        raise LotteryError(
            f"initial_per_weight: {initial_per_weight} parameters for each weight are too few for epsilon {epsilon}"
        )

    def enough(share: float) -> bool:
        return share * initial_per_weight * math.log2(math.e / share) >= bits

    low, high = 0.0, 1.0  # `enough` is false at low and true at high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * initial_per_weight


def single_best_threshold(epsilon: float, probability: float = 0.5) -> float:
    """Coefficients U[-1, 1] until one alone is within epsilon of a target of [-1/2, 1/2]: the mechanism of Malach et al. (2020).

    Each one hits with probability 2 epsilon / 2 = epsilon (for epsilon <= 1/2), so none of n does with (1 - epsilon)^n.  Exact.
    """
    return math.log(1 - probability) / math.log(1 - _checked(epsilon))


def binary_entropy(share: float) -> float:
    """H2(p) = -p log2 p - (1 - p) log2(1 - p), in bits."""
    if share in (0, 1):
        return 0.0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def fixed_cardinality_bits(members: int, epsilon: float) -> float:
    """log2(k / epsilon): n H2(k / n) has to reach it, times a constant >= 1, for subsets of exactly k to serve a target.

    Natale et al. (NeurIPS 2024), Theorem 2: n >= c log2(k / epsilon) / H2(k / n), k <= n / 2, any target |z| <= sqrt(k), and the
    probability is a constant, not near 1.  The constants are not stated.
    """
    return math.log2(members / _checked(epsilon))
