"""The number of random coefficients per weight, and the draws themselves.

Shapes: W rows, T weights per row, n coefficients per set.
"""

import math
from typing import Literal, get_args

import numpy as np

from lottery.subset_sum.problem import SubsetSumError

Sharing = Literal["row", "weight"]
Stream = Literal["keyed", "released"]
SHARINGS: tuple[str, ...] = get_args(Sharing)
STREAMS: tuple[str, ...] = get_args(Stream)


def number_of_coefficients(epsilon: float, per_bit: float) -> int:
    """n = int(c * round(log2(1 / epsilon))), where c is `per_bit`: 21 for the paper's c = 3 and epsilon = 0.01.

    This is the formula of the released code, and the published 8.34 million initial parameters agree with it (21 for each of
    397,000 weights).  The README of the released code states round(c * log2(1 / epsilon)), which would be 20.
    Raises SubsetSumError if a number is out of range.
    """
    if not 0 < epsilon < 1:
        raise SubsetSumError(f"epsilon: got {epsilon}, expected a number between 0 and 1")
    if not (math.isfinite(per_bit) and per_bit > 0):
        raise SubsetSumError(f"coefficients_per_bit: got {per_bit}, expected a positive number")
    return int(per_bit * round(math.log2(1 / epsilon)))


def _uniform(words: np.ndarray, low: float, high: float) -> np.ndarray:
    """Random 64-bit words -> numbers in [low, high), from the upper 53 bits; independent of NumPy's version."""
    return low + (high - low) * ((words >> np.uint64(11)) * 2.0**-53)


def _keyed(seed: int, layer: int, row: int, weight: int, round_: int, count: int) -> np.ndarray:
    """`count` random words of the counter-based generator Philox-4x64 (Salmon et al., SC 2011).

    The key is (seed, layer), and the counter starts at (0, weight, row, round).  So streams of different rows, weights or
    rounds never overlap.
    """
    return np.random.Philox(counter=[0, weight, row, round_], key=np.array([seed, layer], np.uint64)).random_raw(count)


def draw_coefficients(
    *,
    seed: int,
    layer: int,
    rows: range,
    n: int,
    low: float,
    high: float,
    weights: int | None = None,
    stream: Stream = "keyed",
    rows_before: int = 0,
) -> np.ndarray:
    """Coefficients of some rows of a layer, uniform in [low, high): (W, n), or (W, T, n) if `weights` = T is given.

    A draw depends only on (seed, layer, row[, weight]), and not on which rows are drawn together, in which order, or by how
    many processes.

    `stream="released"` repeats the released code draw for draw: one `RandomState(seed)` for the whole network, with n
    numbers per row, row by row and layer by layer.  `rows_before` is the number of rows in earlier layers.  This stream has one
    set per row, so `weights` must be None.

    Raises SubsetSumError for an empty range, a negative n, a seed outside of 64 bits, or an unknown stream.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SubsetSumError(f"coefficient range: got [{low}, {high}], expected low < high")
    if n < 0 or not 0 <= seed < 2**64:
        raise SubsetSumError(
            f"coefficients: got n = {n} and seed {seed}, expected n from 0 and a seed from 0 to 2^64 - 1"
        )
    if stream == "released":
        if weights is not None:
            raise SubsetSumError("stream: released has one set per row; use stream keyed with sharing weight")
        generator = np.random.RandomState(seed)
        generator.uniform(low, high, (rows_before + rows.start) * n)
        return generator.uniform(low, high, (len(rows), n))
    if stream != "keyed":
        raise SubsetSumError(f"stream: {stream!r} is not one of {', '.join(STREAMS)}")
    if weights is None:
        words = [_keyed(seed, layer, row, 0, 0, n) for row in rows]
        shape: tuple[int, ...] = (len(rows), n)
    else:
        words = [_keyed(seed, layer, row, weight, 0, n) for row in rows for weight in range(weights)]
        shape = (len(rows), weights, n)
    # list of W or W*T arrays (n,) -> (W, n) or (W, T, n)
    return _uniform(np.array(words, np.uint64), low, high).reshape(shape)


def redraw_coefficients(
    *, seed: int, layer: int, row: int, weight: int, round_: int, count: int, low: float, high: float
) -> np.ndarray:
    """`count` further coefficients (count,) for a weight without a subset within epsilon; `round_` counts redraws from 1.

    Raises SubsetSumError for round 0, which is the first draw.
    """
    if round_ < 1:
        raise SubsetSumError(f"redraw rounds count from 1, not {round_}")
    return _uniform(_keyed(seed, layer, row, weight, round_, count), low, high)
