"""Masks that keep exactly the k weights with the largest |score|; among equal scores, the first ones.

Shapes: M models, N scores per model (all dimensions but the first, flattened).

`topk_masks` ranks all scores, of several models at once.  `IncrementalTopK` is for large matrices on a CPU: consecutive masks
differ little, so only the scores in a narrow band around the last threshold need ranking.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def topk_masks(magnitudes: Tensor, kept: Tensor) -> Tensor:
    """A bool mask per model, of the shape of `magnitudes`, True for its `kept` largest magnitudes.

    magnitudes: (M, ...), not negative.  kept: (M,) whole numbers.  Of equal magnitudes, those with the lowest flat index are kept.
    """
    if magnitudes.device.type == "cpu":
        arrays = zip(magnitudes.numpy(), kept.tolist(), strict=True)
        return torch.from_numpy(np.stack([topk_mask_partition(array, count)[0] for array, count in arrays]))
    return topk_masks_radix(magnitudes, kept)


def topk_mask_partition(magnitudes: np.ndarray, kept: int) -> tuple[np.ndarray, float]:
    """One model's bool mask, of the shape of `magnitudes`, and the smallest magnitude kept (infinite if none is)."""
    flat = magnitudes.reshape(-1)  # (...) -> (N,)
    if kept == 0:
        return np.zeros(magnitudes.shape, bool), float("inf")
    threshold = np.partition(flat, flat.size - kept)[flat.size - kept]
    mask = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    mask[ties[: kept - int(np.count_nonzero(mask))]] = True
    return mask.reshape(magnitudes.shape), float(threshold)


def topk_masks_radix(magnitudes: Tensor, kept: Tensor) -> Tensor:
    """`topk_masks` by radix select of the kept-th largest magnitude: no sort, and no wait for the device.

    Non-negative floats sort like their bit patterns.  So each model's threshold is found bit by bit, from the highest bit that a
    finite number can have (30 of 32, 62 of 64; the bit above is the sign), with one count per bit.
    """
    flat = magnitudes.contiguous().flatten(start_dim=1)  # (M, ...) -> (M, N)
    single = flat.dtype == torch.float32
    bits = flat.view(torch.int32 if single else torch.int64)
    kept = kept[:, None]  # (M,) -> (M, 1)
    threshold = torch.zeros((len(bits), 1), dtype=bits.dtype, device=bits.device)
    compared = torch.empty_like(bits, dtype=torch.float16)  # zeros and ones: see `_count`
    for place in range(30 if single else 62, -1, -1):
        raised = threshold + (1 << place)  # (M, 1)
        threshold = torch.where(_count(torch.ge(bits, raised, out=compared)) >= kept, raised, threshold)
    above, equal = bits > threshold, bits == threshold  # (M, N)
    room = kept - above.sum(dim=1, keepdim=True)  # (M, 1)
    return (above | (equal & (_running_count(equal) <= room))).view(magnitudes.shape)  # (M, N) -> (M, ...)


def _count(ones: Tensor) -> Tensor:
    """The number of ones per model, (M, 1), from zeros and ones in float16 (M, N).

    A sum of floats needs no copy in a wider type first, as a sum of integers would; float32 counts exactly to 2^24.
    """
    exact = torch.float32 if ones.shape[1] < 1 << 24 else torch.float64
    return ones.sum(dim=1, keepdim=True, dtype=exact)


def _running_count(mask: Tensor) -> Tensor:
    """The number of True up to and with each place, per model, (M, N); one scan over all models uses the whole GPU."""
    dtype = torch.int32 if mask.numel() < 1 << 31 else torch.int64
    counted = mask.flatten().cumsum(dim=0, dtype=dtype).view(mask.shape)  # (M, N) -> (M*N,) -> (M, N)
    before = torch.zeros_like(counted[:, :1])  # (M, 1): the count at the end of the model before
    before[1:] = counted[:-1, -1:]
    return counted - before


@dataclass
class IncrementalTopK:
    """Keeps the mask of one model's k largest of `size` scores up to date, step by step.

    The band around the last threshold only decides how fast a mask is found, never which mask.
    """

    k: int
    size: int
    threshold: float = 0.0
    half_width: float = 0.0
    drift: float = 0.0

    def band(self) -> tuple[float, float]:
        """(low, high): scores whose magnitude is above `high` are surely kept, those below `low` surely pruned."""
        if self.k == self.size:
            return -1.0, -1.0
        centre = self.threshold + self.drift
        return max(centre - self.half_width, 0.0), max(centre + self.half_width, 0.0)

    def update(self, scores: np.ndarray, mask: np.ndarray, above: int, candidates: np.ndarray, found: int) -> None:
        """Complete `mask`, in place; on entry it is |scores| > high, with `above` entries True.

        candidates: flat indices of the `found` scores in the band; more were found than listed if `found` exceeds its size.
        """
        missing = self.k - above
        if not (0 <= missing <= found <= candidates.size):
            self.select_all(scores, mask)
            too_many = found > candidates.size
            self.half_width = (0.0 if too_many else 4 * self.half_width) or self.threshold * 1e-4
            return
        near = candidates[:found]
        magnitudes = np.abs(scores.reshape(-1)[near])  # (R, O, I) -> (N,) -> (found,)
        chosen = np.argsort(-magnitudes, kind="stable")[:missing]  # stable: the first of equal ones
        mask.reshape(-1)[near[chosen]] = True
        if missing:
            centre = self.threshold + self.drift
            threshold = float(magnitudes[chosen[-1]])
            self.half_width = max(0.9 * self.half_width, 4 * abs(threshold - centre))
            self.drift, self.threshold = threshold - self.threshold, threshold

    def select_all(self, scores: np.ndarray, mask: np.ndarray) -> None:
        """Set `mask` from all scores, without the band."""
        mask[...], self.threshold = topk_mask_partition(np.abs(scores), self.k)
        self.drift = 0.0
