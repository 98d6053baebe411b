"""Which weights a mask keeps: exact counts, ties, and the same mask however it is found."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.pruning.layers import MAX_CANDIDATES
from lottery.pruning.masks import (
    IncrementalTopK,
    _running_count,
    topk_mask_partition,
    topk_masks,
    topk_masks_on_gpu,
)
from lottery.pruning.records import pack_masks, unpack_masks
from lottery.pruning.structures import kept_count


def brute_force_mask(magnitudes: np.ndarray, kept: int) -> np.ndarray:
    """The largest, one after the other, the first of equal ones."""
    mask = np.zeros(magnitudes.size, bool)
    for _ in range(kept):
        best = max((value, -index) for index, value in enumerate(magnitudes.ravel()) if not mask[index])
        mask[-best[1]] = True
    return mask.reshape(magnitudes.shape)


TIED = st.lists(
    st.sampled_from([0.0, 1e-45, 0.25, 0.5, 0.5000001, 3e38]) | st.floats(0, 10, width=32), min_size=1, max_size=40
)


@given(TIED, st.floats(0, 1))
def test_masks_keep_exactly_the_largest_scores_ties_included(values: list[float], share: float) -> None:
    magnitudes = np.array(values, np.float32)
    kept = round(share * len(values))
    expected = brute_force_mask(magnitudes, kept)
    np.testing.assert_array_equal(topk_mask_partition(magnitudes, kept)[0], expected)
    for precision in (torch.float32, torch.float64):
        found = topk_masks_on_gpu(torch.from_numpy(magnitudes).to(precision)[None], [kept])
        np.testing.assert_array_equal(found[0].numpy(), expected)


@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0, 1), min_size=1, max_size=5), st.booleans())
def test_masks_of_several_models_are_those_of_each(seed: int, shares: list[float], coarse: bool) -> None:
    magnitudes = np.random.default_rng(seed).random((len(shares), 3, 8), np.float32)
    magnitudes = np.round(magnitudes, 1) if coarse else magnitudes
    kept = [round(share * 24) for share in shares]
    expected = np.stack([brute_force_mask(own, count) for own, count in zip(magnitudes, kept, strict=True)])
    for select in (topk_masks, topk_masks_on_gpu):
        np.testing.assert_array_equal(select(torch.from_numpy(magnitudes), kept).numpy(), expected)


def test_running_counts_are_those_of_each_model() -> None:
    mask = torch.rand((3, 5000), generator=torch.Generator().manual_seed(1)) < 0.3
    assert torch.equal(_running_count(mask).long(), mask.long().cumsum(dim=1))


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.02, 0.5, 0.9, 0.999]),
    st.sampled_from([1e-4, 0.1, 3.0]),
    st.booleans(),
)
def test_incremental_mask_equals_full_selection(seed: int, sparsity: float, pace: float, coarse: bool) -> None:
    """Whether scores creep or jump, and also where many are equal."""
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((2, 7, 30))
    if coarse:
        scores = np.round(scores, 1)
    kept = kept_count(scores.size, sparsity)
    topk, candidates = IncrementalTopK(kept, scores.size), np.empty(MAX_CANDIDATES, np.int64)
    mask = np.zeros(scores.shape, bool)
    for _ in range(12):
        step = pace * generator.standard_normal(scores.shape)
        scores += np.round(step, 1) if coarse else step
        low, high = topk.band()
        magnitudes = np.abs(scores).ravel()
        near = np.flatnonzero((magnitudes >= low) & (magnitudes <= high))
        candidates[: near.size] = near
        mask[...] = np.abs(scores) > high
        topk.update(scores, mask, int(mask.sum()), candidates, near.size)
        np.testing.assert_array_equal(mask, brute_force_mask(np.abs(scores), kept))


@pytest.mark.parametrize("sparsity", [0, 0.01, 0.29, 0.5, 0.95, 0.975, 0.999])
def test_sparsity_is_the_share_removed_in_decimal_arithmetic(sparsity: float) -> None:
    """int(0.29 * 100) is 28 in floating point."""
    assert kept_count(100, 0.29) == 71
    assert kept_count(1000, sparsity) == 1000 - round(1000 * sparsity)


def test_packed_masks_unpack_to_the_same_masks() -> None:
    masks = {"fc1.weight2": np.arange(77).reshape(1, 7, 11) % 3 == 0, "fc1.weight1": np.zeros((1, 11), bool)}
    back = unpack_masks(*pack_masks(masks))
    for name, mask in masks.items():
        np.testing.assert_array_equal(back[name], mask)


def test_band_that_grew_too_wide_becomes_narrow_again() -> None:
    generator = np.random.default_rng(0)
    scores, candidates = generator.standard_normal((1, 10, 100)), np.empty(20, np.int64)
    topk, mask, full = IncrementalTopK(500, 1000), np.zeros((1, 10, 100), bool), []
    for step in range(60):
        scores *= generator.uniform(0.5, 2) if step < 10 else 1.00001
        low, high = topk.band()
        magnitudes = np.abs(scores).ravel()
        near = np.flatnonzero((magnitudes >= low) & (magnitudes <= high))
        candidates[: min(20, near.size)] = near[:20]
        mask[...] = np.abs(scores) > high
        full.append(not 0 <= 500 - int(mask.sum()) <= near.size <= 20)
        topk.update(scores, mask, int(mask.sum()), candidates, near.size)
        np.testing.assert_array_equal(mask, brute_force_mask(np.abs(scores), 500))
    assert any(full[:10])
    assert not any(full[40:])
