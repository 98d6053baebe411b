"""Masks that keep exactly the k weights with the largest |score|; among equal scores, the first ones.

Shapes: M models, N scores per model (all dimensions but the first, flattened).

`topk_masks` ranks all scores, of several models at once.  `IncrementalTopK` is for large matrices on a CPU: consecutive masks
differ little, so only the scores in a narrow band around the last threshold need ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


def topk_masks(magnitudes: Tensor, kept: Sequence[int]) -> Tensor:
    """A bool mask per model, of the shape of `magnitudes`, True for its `kept` largest magnitudes.

    magnitudes: (M, ...), not negative.  kept: a count per model.  Of equal magnitudes, those with the lowest flat index are kept.
    """
    if magnitudes.device.type == "cpu":
        arrays = zip(magnitudes.numpy(), kept, strict=True)
        return torch.from_numpy(np.stack([topk_mask_partition(array, count)[0] for array, count in arrays]))
    return topk_masks_on_gpu(magnitudes, kept)


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


def topk_masks_on_gpu(magnitudes: Tensor, kept: Sequence[int]) -> Tensor:
    """`topk_masks` without waiting for the device, so that it can be captured in a CUDA graph."""
    flat = magnitudes.flatten(start_dim=1)  # (M, ...) -> (M, N)
    thresholds = [_kth_largest(own, count) for own, count in zip(flat, kept, strict=True)]
    threshold = torch.stack(thresholds)[:, None]  # M x () -> (M, 1)
    above, equal = flat > threshold, flat == threshold  # (M, N)
    missing = [count - found for count, found in zip(kept, above.sum(dim=1), strict=True)]
    room = torch.stack(missing)[:, None]  # M x () -> (M, 1)
    return (above | (equal & (_running_count(equal) <= room))).view(magnitudes.shape)  # (M, N) -> (M, ...)


def _kth_largest(values: Tensor, k: int) -> Tensor:
    """The k-th largest of (N,) numbers, infinite if k is 0, as a tensor without dimensions.

    `topk` writes out all that it selects, so it selects the smaller side.  `kthvalue` has no deterministic kernel.
    """
    if k == 0:
        return values.new_full((), float("inf"))
    if 2 * k <= len(values):
        return values.topk(k, sorted=False).values.amin()
    return values.topk(len(values) - k + 1, largest=False, sorted=False).values.amax()


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
