"""Edge-popup: exact masks, the same as the plain way's at every step; frozen weights; counts; resume."""

import numpy as np
import pytest
import torch

from benchmarks.plain_pruning import PlainNetwork, plain_step
from lottery.networks import ImageShape
from lottery.pruning.network import PrunedNetwork
from lottery.pruning.run import Run, Variant
from lottery.training import prepare_device

SMALL = ImageShape(channels=1, size=6)
SWITCHES = {
    "released": Variant(hidden=20),
    "fan_in": Variant(hidden=20, fan_in_counts_redundancy=True),
    "density": Variant(hidden=20, density_scale=True),
    "no_decay": Variant(hidden=20, decay_scores=False),
    "signed": Variant(hidden=20, signed_constant=True),
    "first": Variant(hidden=20, first_sparsity=0.125),
    "scores": Variant(hidden=20, same_score_initialisation=True),
    "bias": Variant(hidden=20, bias=True),
}


@pytest.fixture(autouse=True)
def cpu() -> torch.device:
    return prepare_device("cpu")


def batches(count: int, inputs: int, dtype: torch.dtype) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Separable images, brighter and darker than the mean, so that scores have something to learn."""
    generator = torch.Generator().manual_seed(3)
    centres = torch.randn(10, inputs, generator=generator, dtype=torch.float64)
    found = []
    for _ in range(count):
        labels = torch.randint(0, 10, (16,), generator=generator)
        noise = torch.randn(16, inputs, generator=generator, dtype=torch.float64)
        found.append(((centres[labels] + 0.5 * noise).to(dtype), labels))
    return found


def both_ways(
    run: Run, steps: int, compiled: bool, image: ImageShape = SMALL, dtype: torch.dtype = torch.float64
) -> int:
    """How many mask entries differ from the plain way's, over all steps."""
    plain, ours = PlainNetwork(run, image, dtype), PrunedNetwork(run, image, torch.device("cpu"), dtype, compiled)
    optimizer, differing = plain.optimizer(run), 0
    for images, labels in batches(steps, image.pixels, dtype):
        expected = plain_step(plain, optimizer, images, labels)
        assert float(ours.step(images, labels, run.rate)) == pytest.approx(
            float(expected), rel=1e-3 if dtype == torch.float32 else 1e-9
        )
        masks = ours.masks()
        for name, mask in plain.masks().items():
            differing += int(np.count_nonzero(masks[name] != mask.numpy()))
    return differing


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("switch", SWITCHES)
def test_masks_are_those_of_the_plain_way_at_every_step(structure: str, switch: str, compiled: bool) -> None:
    run = Run("fc2", structure, 3, 0.3, epochs=1, variant=SWITCHES[switch])
    assert both_ways(run, 60, compiled) == 0


@pytest.mark.parametrize("structure", ["linear", "relu"])
def test_full_size_fc2_has_the_masks_of_the_plain_way(structure: str) -> None:
    run = Run("fc2", structure, 5, 0.5, epochs=1)
    assert both_ways(run, 4, True, ImageShape(1, 28), torch.float64) == 0
