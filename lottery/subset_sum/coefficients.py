"""How many random coefficients a weight gets, and the draws themselves."""

import math
from typing import Literal, get_args

import numpy as np

from lottery.subset_sum.problem import SubsetSumError

Sharing = Literal["row", "weight"]
Stream = Literal["keyed", "released"]
SHARINGS: tuple[str, ...] = get_args(Sharing)
STREAMS: tuple[str, ...] = get_args(Stream)


def number_of_coefficients(epsilon: float, per_bit: float) -> int:
    """n = int(c * round(log2(1 / epsilon))): 21 for the paper's c = 3, epsilon = 0.01.

    The released code computes it so, and the published 8.34 million initial parameters need it (21 for each
    of 397,000 weights); its README states round(c * log2(1 / epsilon)), which would be 20.
    """
    if not 0 < epsilon < 1:
        raise SubsetSumError(f"epsilon: a number between 0 and 1 is needed, not {epsilon}")
    if not (math.isfinite(per_bit) and per_bit > 0):
        raise SubsetSumError(f"coefficients_per_bit: a positive number is needed, not {per_bit}")
    return int(per_bit * round(math.log2(1 / epsilon)))


def _uniform(words: np.ndarray, low: float, high: float) -> np.ndarray:
    """Random 64-bit words -> [low, high), by their upper 53 bits; spelt out so that no release of NumPy can change it."""
    return low + (high - low) * ((words >> np.uint64(11)) * 2.0**-53)


def _keyed(seed: int, layer: int, row: int, weight: int, round_: int, count: int) -> np.ndarray:
    """`count` random words of the counter-based generator Philox-4x64 (Salmon et al., SC 2011).

    The key is (seed, layer); the counter starts at (0, weight, row, round), so that streams of different
    rows, weights or rounds can never meet.
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
    """Coefficients of some rows of a layer, uniform in [low, high): (R, n), or (R, weights, n) if `weights` is given.

    A draw depends on (seed, layer, row[, weight]) and on nothing else: not on which rows are asked for
    together, in which order, or by how many processes.

    `stream="released"` repeats the released code draw for draw: one `RandomState(seed)` for the whole network, n
    numbers for row after row, layer after layer; `rows_before` is the number of rows in the layers before
    this one.  It has one set a row, so `weights` must be None.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SubsetSumError(f"coefficient range: low < high is needed, not [{low}, {high}]")
    if n < 0 or not 0 <= seed < 2**64:
        raise SubsetSumError(
            f"number of coefficients and seed must not be negative, nor the seed 2^64, not {n} and {seed}"
        )
    if stream == "released":
        if weights is not None:
            raise SubsetSumError("stream released has one set a row; sharing weight needs stream keyed")
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
    return _uniform(np.array(words, np.uint64), low, high).reshape(shape)


def redraw_coefficients(
    *, seed: int, layer: int, row: int, weight: int, round_: int, count: int, low: float, high: float
) -> np.ndarray:
    """`count` further coefficients for one weight that its first ones could not serve; round_ counts from 1."""
    if round_ < 1:
        raise SubsetSumError(f"redraw rounds count from 1, not {round_}")
    return _uniform(_keyed(seed, layer, row, weight, round_, count), low, high)
