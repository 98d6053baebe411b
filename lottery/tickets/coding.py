"""Code the bits of masks: by a range coder in about as many bytes as their entropy, or bit by bit, as in files before 2026-12.

The range coder takes bits in chunks.  For each chunk it codes the number of set bits, with all numbers equally likely, and then the
bits, with this share of them set.  Shares are quotients of whole numbers, so every machine finds the same code.
"""

from collections.abc import Iterator

import numpy as np
from constriction import stream

from lottery.errors import LotteryError

CHUNK = 4096  # bits: longer chunks code fewer numbers, shorter ones follow the density more closely
NUMBER_BITS = 12  # at least, for the number of set bits in a whole chunk


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK))


def _number_model(size: int) -> object:
    """The distribution of the number of set bits among `size`."""
    return stream.model.Uniform(size + 1)


def _bit_model(ones: int, size: int) -> object:
    """The distribution of each bit.  A `perfect` one takes logarithms, which are rounded differently from machine to machine."""
    return stream.model.Bernoulli(ones / size, perfect=False)


def encode(bits: np.ndarray) -> np.ndarray:
    """The range code of bits (N,) bool: words (W,) uint32."""
    encoder = stream.queue.RangeEncoder()
    for chunk in _chunks(bits.size):
        part = bits[chunk].astype(np.int32)
        ones = int(part.sum())
        encoder.encode(ones, _number_model(part.size))
        if 0 < ones < part.size:
            encoder.encode(part, _bit_model(ones, part.size))
    words: np.ndarray = encoder.get_compressed()
    return words


def decode(words: np.ndarray, count: int, name: str) -> np.ndarray:
    """The `count` bits of a range code as bool (count,).

    Raises LotteryError for words that no bits have.  Not all of those are found: compare with `encode` of what comes out.
    """
    if words.dtype != np.uint32 or words.ndim != 1 or 32 * words.size < count // CHUNK * NUMBER_BITS:
        raise LotteryError(f"{name}: got {words.nbytes} bytes ({words.dtype}), expected the range code of {count} bits")
    decoder = stream.queue.RangeDecoder(words)
    bits = np.zeros(count, bool)
    try:
        for chunk in _chunks(count):
            size = chunk.stop - chunk.start
            ones = decoder.decode(_number_model(size))
            bits[chunk] = decoder.decode(_bit_model(ones, size), size) if 0 < ones < size else ones == size
    except AssertionError as error:  # by the decoder
        raise LotteryError(f"{name}: damaged, expected the range code of {count} bits") from error
    return bits


def unpack(packed: np.ndarray, count: int, name: str) -> np.ndarray:
    """The `count` bits that `np.packbits` packed, as bool (count,); raises LotteryError for another size, and for nonzero padding."""
    if packed.dtype != np.uint8 or packed.shape != (-(-count // 8),):
        raise LotteryError(f"{name}: got {packed.size} bytes ({packed.dtype}), expected {count} bits")
    bits = np.unpackbits(packed)
    if bits[count:].any():
        raise LotteryError(f"{name}: padding bits are set")
    return bits[:count].astype(bool)
