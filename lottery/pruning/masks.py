"""Which weights a mask keeps: exactly as many as asked, those with the largest |score|; of equal ones, the first.

`top_masks` ranks all scores, of several models at once.  `Selector` is for a CPU and large matrices, where consecutive masks differ little and a narrow
band around the last threshold holds all that is in doubt.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def top_masks(magnitudes: Tensor, kept: Tensor) -> Tensor:
    """For each model (first dimension) a bool mask of its `kept` (models,) largest magnitudes, which are not negative.

    Of equal ones those with the lowest flat index are kept.
    """
    if magnitudes.device.type == "cpu":
        arrays = zip(magnitudes.numpy(), kept.tolist(), strict=True)
        return torch.from_numpy(np.stack([mask_by_partition(array, count)[0] for array, count in arrays]))
    return masks_by_bits(magnitudes, kept)


def mask_by_partition(magnitudes: np.ndarray, kept: int) -> tuple[np.ndarray, float]:
    """The mask of one model, and the threshold: the smallest magnitude kept (infinite where none is)."""
    flat = magnitudes.reshape(-1)
    if kept == 0:
        return np.zeros(magnitudes.shape, bool), float("inf")
    threshold = np.partition(flat, flat.size - kept)[flat.size - kept]
    mask = flat > threshold
    ties = np.flatnonzero(flat == threshold)
    mask[ties[: kept - int(np.count_nonzero(mask))]] = True
    return mask.reshape(magnitudes.shape), float(threshold)


def masks_by_bits(magnitudes: Tensor, kept: Tensor) -> Tensor:
    """The masks of `top_masks` without a sort, and without waiting for the device.

    Non-negative floats are ordered as their bits are, so each model's threshold is found bit by bit, each by one count.
    """
    flat = magnitudes.contiguous().flatten(start_dim=1)
    single = flat.dtype == torch.float32
    bits = flat.view(torch.int32 if single else torch.int64)
    kept = kept[:, None]
    threshold = torch.zeros((len(bits), 1), dtype=bits.dtype, device=bits.device)
    compared = torch.empty_like(bits, dtype=torch.float16)
    for place in range(30 if single else 62, -1, -1):
        raised = threshold + (1 << place)
        threshold = torch.where(_count(torch.ge(bits, raised, out=compared)) >= kept, raised, threshold)
    above, equal = bits > threshold, bits == threshold
    room = kept - above.sum(dim=1, keepdim=True)
    return (above | (equal & (_running_count(equal) <= room))).view(magnitudes.shape)


def _count(ones: Tensor) -> Tensor:
    """How many ones a model has, (models, 1), from zeros and ones in float16 (models, size).

    Summed as they are, without a copy in a wider type first, as integers would be; float32 counts exactly to 2^24.
    """
    exact = torch.float32 if ones.shape[1] < 1 << 24 else torch.float64
    return ones.sum(dim=1, keepdim=True, dtype=exact)


def _running_count(mask: Tensor) -> Tensor:
    """For each place of (models, size), how many are set up to there; one long scan, which uses the whole of a GPU."""
    counted = (
        mask.flatten().cumsum(dim=0, dtype=torch.int32 if mask.numel() < 1 << 31 else torch.int64).view(mask.shape)
    )
    before = torch.zeros_like(counted[:, :1])
    before[1:] = counted[:-1, -1:]
    return counted - before


@dataclass
class Selector:
    """Keeps a mask up to date.  The band only decides how fast the answer is found, never what it is."""

    kept: int
    size: int
    threshold: float = 0.0
    half_width: float = 0.0
    drift: float = 0.0

    def band(self) -> tuple[float, float]:
        """|scores| above the band are surely kept, those below surely not; (low, high)."""
        if self.kept == self.size:
            return -1.0, -1.0
        centre = self.threshold + self.drift
        return max(centre - self.half_width, 0.0), max(centre + self.half_width, 0.0)

    def settle(self, scores: np.ndarray, mask: np.ndarray, above: int, candidates: np.ndarray, found: int) -> None:
        """Finish `mask`, which is |scores| > high, from the flat indices of the candidates in the band."""
        missing = self.kept - above
        if not (0 <= missing <= found <= candidates.size):
            self.select(scores, mask)
            too_many = found > candidates.size
            self.half_width = (0.0 if too_many else 4 * self.half_width) or self.threshold * 1e-4
            return
        near = candidates[:found]
        magnitudes = np.abs(scores.reshape(-1)[near])
        chosen = np.argsort(-magnitudes, kind="stable")[:missing]  # stable: of equal ones the first
        mask.reshape(-1)[near[chosen]] = True
        if missing:
            centre = self.threshold + self.drift
            threshold = float(magnitudes[chosen[-1]])
            self.half_width = max(0.9 * self.half_width, 4 * abs(threshold - centre))
            self.drift, self.threshold = threshold - self.threshold, threshold

    def select(self, scores: np.ndarray, mask: np.ndarray) -> None:
        """Set `mask` from all scores, whatever the band is."""
        mask[...], self.threshold = mask_by_partition(np.abs(scores), self.kept)
        self.drift = 0.0
