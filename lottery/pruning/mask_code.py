"""The masks of a run, coded as ticket files code theirs (see `tickets.coding`): how many bits a network takes beside its seed.

Shapes: R redundancy, O outputs, I inputs, K units that are kept.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from lottery.tickets.coding import encode

Bits = dict[str, np.ndarray]


def mask_bits(masks: Mapping[str, np.ndarray]) -> Bits:
    """The bits of weight1 (R, I) and of weight2 (R, I, O): as in tickets, the outputs of a unit follow each other."""
    return {name: mask.transpose(0, 2, 1) if mask.ndim == 3 else mask for name, mask in masks.items()}


def paired_bits(masks: Mapping[str, np.ndarray]) -> Bits:
    """The same, with the bits (K, O) of kept units alone: weight2 of a unit whose weight1 is pruned computes nothing."""
    bits = mask_bits(masks)
    for name, weight1 in masks.items():
        if name.endswith(".weight1"):
            weight2 = f"{name.removesuffix('.weight1')}.weight2"
            bits[weight2] = bits[weight2][weight1]  # (R, I, O) at (R, I) -> (K, O)
    return bits


def coded_size(bits: Iterable[np.ndarray]) -> int:
    """The size of the range codes in bits, one code for each array."""
    return sum(8 * encode(array.ravel()).nbytes for array in bits)
