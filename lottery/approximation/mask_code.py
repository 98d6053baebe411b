"""The masks of an approximation, coded as ticket files code theirs (see `tickets.coding`).

Shapes: R rows of a layer, T weights per row, n coefficients per weight.
"""

import numpy as np

from lottery.approximation.assembly import Approximation, LayerApproximation
from lottery.tickets.coding import encode


def mask_bits(layer: LayerApproximation) -> np.ndarray:
    """Whether a weight keeps a coefficient, bool (R, n, T): the weights of a row that share a coefficient follow each other."""
    octets = layer.masks.astype("<u8")[..., None].view(np.uint8)  # (R, T) -> (R, T, 8)
    bits = np.unpackbits(octets, axis=-1, count=int(layer.drawn.max()), bitorder="little")  # (R, T, n)
    return bits.transpose(0, 2, 1).astype(bool)  # (R, T, n) -> (R, n, T)


def coded_size(approximation: Approximation) -> int:
    """The size of the range codes in bits, one code for each layer."""
    return sum(8 * encode(mask_bits(layer).ravel()).nbytes for layer in approximation.layers)
