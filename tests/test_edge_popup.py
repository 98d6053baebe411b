"""Edge-popup: the plain way's masks at every step, frozen weights, and what is alive."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import MNIST

from benchmarks.carrying import carrying
from benchmarks.plain_pruning import PlainNetwork, plain_step
from lottery.devices import prepare_device
from lottery.networks import ImageShape
from lottery.pruning.masks import topk_masks_on_gpu
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import layer_specs

CPU = prepare_device("cpu")

TINY_CLASSES = ImageShape(channels=1, size=2, classes=3)
SMALL = ImageShape(channels=1, size=6)


SWITCHES = {
    "released": Variant(hidden=20),
    "fan_in": Variant(hidden=20, fan_in_counts_redundancy=True),
    "density": Variant(hidden=20, density_scale=True),
    "no_decay": Variant(hidden=20, decay_scores=False),
    "signed": Variant(hidden=20, signed_constant=True),
    "first": Variant(hidden=20, weight1_sparsity=0.125),
    "scores": Variant(hidden=20, same_score_initialisation=True),
    "bias": Variant(hidden=20, bias=True),
}


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
    plain, ours = PlainNetwork(run, image, dtype), PrunedNetworks([run], image, torch.device("cpu"), dtype, compiled)
    optimizer, differing = plain.optimizer(run), 0
    inputs = layer_specs(run, image)[0].inputs
    for images, labels in batches(steps, inputs, dtype):
        images = images if layer_specs(run, image)[0].signed else images.abs()
        expected = plain_step(plain, optimizer, images, labels)
        assert float(ours.step(images[None], labels[None], run.rate)) == pytest.approx(
            float(expected), rel=1e-3 if dtype == torch.float32 else 1e-9
        )
        masks = ours.masks(0)
        for name, mask in plain.masks().items():
            differing += int(np.count_nonzero(masks[name] != mask.numpy()))
    return differing


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("switch", SWITCHES)
def test_masks_equal_those_of_the_reference_at_every_step(structure: str, switch: str, compiled: bool) -> None:
    run = Run("fc2", structure, 3, 0.3, epochs=1, variant=SWITCHES[switch])
    assert both_ways(run, 60, compiled) == 0


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("network", ["fc4", "lenet5"])
def test_masks_of_fc4_and_lenet5_equal_those_of_the_reference(network: str, structure: str) -> None:
    """fc4 has three hidden layers; lenet5's features are never negative, so even its first layer needs one matrix."""
    run = Run(network, structure, 2, 0.4, epochs=1, variant=replace(SWITCHES["released"], learning_rate=0.1))
    assert both_ways(run, 10, True, MNIST if network == "lenet5" else SMALL) == 0


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_the_selection_of_a_gpu_learns_the_same_masks(structure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU runs, forced on a CPU."""
    monkeypatch.setattr("lottery.pruning.layers.topk_masks", topk_masks_on_gpu)
    assert both_ways(Run("fc2", structure, 3, 0.3, epochs=1, variant=SWITCHES["released"]), 40, False) == 0


@pytest.mark.parametrize("structure", ["linear", "relu"])
def test_masks_of_full_size_fc2_equal_those_of_the_reference(structure: str) -> None:
    run = Run("fc2", structure, 5, 0.5, epochs=1)
    assert both_ways(run, 4, True, MNIST, torch.float64) == 0


def test_training_changes_the_masks_that_are_compared() -> None:
    run = Run("fc2", "linear", 3, 0.3, epochs=1, variant=SWITCHES["released"])
    network = PrunedNetworks([run], SMALL, torch.device("cpu"), torch.float64)
    before = network.masks(0)
    for images, labels in batches(60, SMALL.pixels, torch.float64):
        network.step(images[None], labels[None], run.rate)
    assert all(np.count_nonzero(before[name] != mask) > 0 for name, mask in network.masks(0).items())


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_training_changes_scores_but_no_weights(structure: str, compiled: bool) -> None:
    run = Run("fc4", structure, 2, 0.5, epochs=1, variant=Variant(hidden=12, bias=True))
    network = PrunedNetworks([run], SMALL, torch.device("cpu"), compiled=compiled)

    def random_numbers() -> list[np.ndarray]:
        found = []
        for layer in network.layers:
            found += [layer.weight2.weights.numpy().copy(), layer.bias.numpy().copy()]
            found += [layer.weight1.weights.numpy().copy()] if layer.weight1 else []
        return found

    before, state = random_numbers(), {name: value.clone() for name, value in network.state(0).items()}
    for images, labels in batches(10, SMALL.pixels, torch.float32):
        network.step(images[None], labels[None], run.rate)
    for old, new in zip(before, random_numbers(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert any(not torch.equal(state[name], value) for name, value in network.state(0).items()), "scores are learned"


def tiny(network: str, structure: str, seed: int) -> PrunedNetworks:
    run = Run(network, structure, 2, 0.6, epochs=1, seed=seed, variant=Variant(hidden=4))
    return PrunedNetworks([run], TINY_CLASSES, torch.device("cpu"), torch.float64, compiled=False)


def inputs_of_all_signs() -> torch.Tensor:
    """(600, pixels): mixed, all positive, all negative."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(200, TINY_CLASSES.pixels, dtype=torch.float64, generator=generator) * 3
    return torch.cat([inputs, inputs.abs(), -inputs.abs()])


def weights_that_move_an_output(network: PrunedNetworks, inputs: torch.Tensor) -> int:
    """Brute force: take each kept weight out, and look whether some input's output moves."""
    whole, found = network.outputs(inputs[None]), 0
    for layer in network.layers:
        for matrix in [layer.weight2] + ([layer.weight1] if layer.weight1 else []):
            flat = matrix.weights.view(-1)
            for index in np.flatnonzero(matrix.mask.numpy().ravel()):
                weight = flat[index].item()
                flat[index] = 0
                found += int(not torch.equal(network.outputs(inputs[None]), whole))
                flat[index] = weight
    return found


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_alive_weights_are_those_whose_removal_moves_an_output_where_no_signs_cancel(structure: str) -> None:
    network = tiny("fc2", structure, seed=5)
    found = network.counts(0)
    for layer in network.layers:  # all positive, but for the signs that decide which part of an input `relu` sees
        layer.weight2.weights.abs_()
        if structure == "linear" and layer.weight1:
            layer.weight1.weights.abs_()
    assert found.alive == weights_that_move_an_output(network, inputs_of_all_signs())
    assert found.remaining == sum(int(mask.sum()) for mask in network.masks(0).values())
    assert found.alive <= found.paired <= found.remaining <= found.initial


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("network", ["fc2", "fc4"])
def test_with_mixed_signs_the_count_of_alive_weights_is_an_upper_bound(network: str, structure: str) -> None:
    """Exact with one hidden layer of `linear` and `wide` and inputs of both signs; elsewhere units can be shut for good."""
    inputs, excess = inputs_of_all_signs(), []
    for seed in range(8):
        pruned = tiny(network, structure, seed)
        alive, moving = pruned.counts(0).alive, weights_that_move_an_output(pruned, inputs)
        assert carrying(pruned, inputs) <= alive
        excess.append(alive - moving)
    assert min(excess) >= 0
    assert (max(excess) == 0) == (network == "fc2" and structure != "relu")


def test_under_independent_masks_about_the_square_of_the_kept_share_is_paired() -> None:
    """Published x-values count weights whose partner is pruned: at s = 0.9 about 199k are plotted, 20k have a partner."""
    run = Run("fc2", "linear", 5, 0.9, epochs=1)
    network = PrunedNetworks([run], MNIST, torch.device("cpu"))
    found = network.counts(0)
    assert found.remaining == 199_142
    assert found.paired == pytest.approx(0.1**2 * 1_985_000, rel=0.1)


def test_the_baseline_learns_its_biases_and_a_random_network_keeps_them() -> None:
    for structure, learned in (("dense", True), ("linear", False)):
        run = Run("fc2", structure, 1, 0, epochs=1, variant=SWITCHES["bias"])
        network = PrunedNetworks([run], SMALL, CPU)
        before = [layer.bias.detach().clone() for layer in network.layers]
        for images, labels in batches(3, SMALL.pixels, torch.float32):
            network.step(images[None], labels[None], run.rate)
        assert all(torch.equal(a, b.bias) != learned for a, b in zip(before, network.layers, strict=True))
