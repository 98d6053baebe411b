"""Edge-popup: exact masks, the same as the plain way's at every step; frozen weights; counts; resume."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.plain_pruning import PlainNetwork, plain_step
from lottery.cli import parser
from lottery.datasets import Images, fetch, load
from lottery.errors import LotteryError
from lottery.networks import ImageShape, build
from lottery.pruning.layers import CANDIDATES
from lottery.pruning.learning import Epoch, _extract, _features, prune
from lottery.pruning.masks import Selector, mask_by_bits, mask_by_partition
from lottery.pruning.network import PrunedNetwork
from lottery.pruning.records import packed, read_masks, unpacked, write_run
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import blocks, blocks_of, draw, draw_convolutions, kept_count
from lottery.training import prepare_device

MNIST = ImageShape(channels=1, size=28)
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
    inputs = blocks_of(run, image)[0].inputs
    for images, labels in batches(steps, inputs, dtype):
        images = images if blocks_of(run, image)[0].signed else images.abs()
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


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("network", ["fc4", "lenet5"])
def test_other_networks_have_the_masks_of_the_plain_way(network: str, structure: str) -> None:
    """fc4 has three hidden layers; lenet5's features are never negative, so even its first layer needs one matrix."""
    run = Run(network, structure, 2, 0.4, epochs=1, variant=replace(SWITCHES["released"], learning_rate=0.1))
    assert both_ways(run, 10, True, MNIST if network == "lenet5" else SMALL) == 0


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_selection_bit_by_bit_learns_the_same_masks(structure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a GPU runs, forced on a CPU."""
    monkeypatch.setattr("lottery.pruning.layers.top_mask", mask_by_bits)
    assert both_ways(Run("fc2", structure, 3, 0.3, epochs=1, variant=SWITCHES["released"]), 40, False) == 0


@pytest.mark.parametrize("structure", ["linear", "relu"])
def test_full_size_fc2_has_the_masks_of_the_plain_way(structure: str) -> None:
    run = Run("fc2", structure, 5, 0.5, epochs=1)
    assert both_ways(run, 4, True, MNIST, torch.float64) == 0


def test_learning_really_moves_the_masks_that_are_compared() -> None:
    run = Run("fc2", "linear", 3, 0.3, epochs=1, variant=SWITCHES["released"])
    network = PrunedNetwork(run, SMALL, torch.device("cpu"), torch.float64)
    before = network.masks()
    for images, labels in batches(60, SMALL.pixels, torch.float64):
        network.step(images, labels, run.rate)
    assert all(np.count_nonzero(before[name] != mask) > 0 for name, mask in network.masks().items())


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
    np.testing.assert_array_equal(mask_by_partition(magnitudes, kept)[0], expected)
    for precision in (torch.float32, torch.float64):
        np.testing.assert_array_equal(mask_by_bits(torch.from_numpy(magnitudes).to(precision), kept).numpy(), expected)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.02, 0.5, 0.9, 0.999]),
    st.sampled_from([1e-4, 0.1, 3.0]),
    st.booleans(),
)
def test_a_mask_that_is_kept_up_to_date_is_the_one_chosen_anew(
    seed: int, sparsity: float, pace: float, coarse: bool
) -> None:
    """Whether scores creep or jump, and also where many are equal."""
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((2, 7, 30))
    if coarse:
        scores = np.round(scores, 1)
    kept = kept_count(scores.size, sparsity)
    selector, candidates = Selector(kept, scores.size), np.empty(CANDIDATES, np.int64)
    mask = np.zeros(scores.shape, bool)
    for _ in range(12):
        step = pace * generator.standard_normal(scores.shape)
        scores += np.round(step, 1) if coarse else step
        low, high = selector.band()
        magnitudes = np.abs(scores).ravel()
        near = np.flatnonzero((magnitudes >= low) & (magnitudes <= high))
        candidates[: near.size] = near
        mask[...] = np.abs(scores) > high
        selector.settle(scores, mask, int(mask.sum()), candidates, near.size)
        np.testing.assert_array_equal(mask, brute_force_mask(np.abs(scores), kept))


@pytest.mark.parametrize(
    ("network", "structure", "total", "hidden"),
    [
        ("fc2", "dense", 397_000, 500),
        ("fc4", "dense", 897_000, 500),
        ("lenet5", "dense", 58_920, 120),
        ("fc2", "linear", 1_991_420, 500),
        ("fc4", "relu", 4_496_420, 500),
        ("lenet5", "relu", 297_620, 120),
        ("fc2", "wide", 1_991_352, 2508),
        ("fc4", "wide", 4_496_508, 1314),
        ("lenet5", "wide", 297_864, 378),
    ],
)
def test_structures_have_the_published_sizes(network: str, structure: str, total: int, hidden: int) -> None:
    found = blocks(network, structure, MNIST, 5, 500)
    assert sum(block.size for block in found) == total
    assert found[0].outputs == hidden
    drawn = [draw(block, Run(network, structure, 1 if structure == "dense" else 5, 0, 1)) for block in found]
    assert sum(d.weight2.size + (0 if d.weight1 is None else d.weight1.size) for d in drawn) == total


@pytest.mark.parametrize("sparsity", [0, 0.01, 0.29, 0.5, 0.95, 0.975, 0.999])
def test_sparsity_is_the_share_removed_in_decimal_arithmetic(sparsity: float) -> None:
    """int(0.29 * 100) is 28 in floating point."""
    assert kept_count(100, 0.29) == 71
    assert kept_count(1000, sparsity) == 1000 - round(1000 * sparsity)


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "torch"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_frozen_really_means_frozen(structure: str, compiled: bool) -> None:
    run = Run("fc4", structure, 2, 0.5, epochs=1, variant=Variant(hidden=12, bias=True))
    network = PrunedNetwork(run, SMALL, torch.device("cpu"), compiled=compiled)

    def random_numbers() -> list[np.ndarray]:
        found = []
        for layer in network.layers:
            found += [layer.second.weights.numpy().copy(), layer.bias.numpy().copy()]
            found += [layer.first.weights.numpy().copy()] if layer.first else []
        return found

    before, state = random_numbers(), {name: value.clone() for name, value in network.state().items()}
    for images, labels in batches(10, SMALL.pixels, torch.float32):
        network.step(images, labels, run.rate)
    for old, new in zip(before, random_numbers(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert any(not torch.equal(state[name], value) for name, value in network.state().items()), "scores are learned"


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_alive_weights_are_those_whose_removal_can_change_an_output(structure: str) -> None:
    """Brute force: a kept weight is alive if some input moves some output when it is taken out."""
    run = Run("fc2", structure, 2, 0.6, epochs=1, seed=5, variant=Variant(hidden=4))
    image = ImageShape(channels=1, size=2, classes=3)
    network = PrunedNetwork(run, image, torch.device("cpu"), torch.float64)
    masks, layers = network.masks(), network.layers
    found = network.counts()
    # Signs that cancel a path by chance (a ReLU that no input opens) are not what is counted: make all others positive.
    for layer in layers:
        layer.second.weights.abs_()
        if structure == "linear" and layer.first:
            layer.first.weights.abs_()
    inputs = torch.randn(200, image.pixels, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3
    inputs = torch.cat([inputs, inputs.abs(), -inputs.abs()])
    whole, alive = network.outputs(inputs), 0
    for layer in layers:
        for matrix in [layer.second] + ([layer.first] if layer.first else []):
            flat = matrix.weights.view(-1)
            for index in np.flatnonzero(matrix.mask.numpy().ravel()):
                weight = flat[index].item()
                flat[index] = 0
                alive += int(not torch.equal(network.outputs(inputs), whole))
                flat[index] = weight
    assert found.alive == alive
    assert found.remaining == sum(int(mask.sum()) for mask in masks.values())
    assert found.alive <= found.paired <= found.remaining <= found.initial


def test_under_independent_masks_about_the_square_of_the_kept_share_is_paired() -> None:
    """Published x-values count weights whose partner is pruned: at s = 0.9 about 199k are plotted, 20k have a partner."""
    run = Run("fc2", "linear", 5, 0.9, epochs=1)
    network = PrunedNetwork(run, MNIST, torch.device("cpu"))
    found = network.counts()
    assert found.remaining == 199_142
    assert found.paired == pytest.approx(0.1**2 * 1_985_000, rel=0.1)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Images:
    path = tmp_path_factory.mktemp("data") / "mnist5k.safetensors"
    fetch("mnist5k", "embedded", path)
    return load(path)


CPU = torch.device("cpu")
TINY = Variant(hidden=16)


def test_without_sparsity_nothing_can_be_learned(digits: Images) -> None:
    """s = 0 keeps all whatever the scores are: the same accuracy in each epoch, at chance."""
    pruned = prune(Run("fc2", "linear", 2, 0, epochs=2, variant=TINY), digits, CPU)
    accuracies = {epoch.test_accuracy for epoch in pruned.history}
    assert len(accuracies) == 1
    assert accuracies.pop() < 25
    assert pruned.counts.remaining == pruned.counts.initial


def test_pruning_alone_learns_digits(digits: Images) -> None:
    pruned = prune(Run("fc2", "wide", 5, 0.5, epochs=2, variant=replace(TINY, hidden=60)), digits, CPU)
    assert pruned.history[-1].test_accuracy > 75


def test_lenet5_keeps_its_convolutions_random_and_counts_them(digits: Images) -> None:
    run = Run("lenet5", "linear", 2, 0.5, epochs=1)
    pruned = prune(run, digits, CPU)
    assert pruned.convolution_parameters == 2550
    given = {name: -array for name, array in draw_convolutions("lenet5", MNIST, 1).items()}
    other = prune(run, digits, CPU, convolutions_given=given)
    assert other.history[-1].loss != pruned.history[-1].loss
    with pytest.raises(LotteryError, match=r"convolutions: conv2.weight of shape \(16, 6, 5, 5\) is needed"):
        prune(run, digits, CPU, convolutions_given={"conv1.weight": given["conv1.weight"]})


def test_features_of_frozen_convolutions_are_what_the_whole_network_computes(digits: Images) -> None:
    """They are computed once for all epochs; the network as a torch module computes them anew."""
    weights = draw_convolutions("lenet5", MNIST, 3)
    run = Run("lenet5", "dense", 1, 0, epochs=1, seed=3)
    features, _ = _extract(run, digits, weights, "test", CPU)
    module = build("lenet5", MNIST)
    module.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    images = (torch.from_numpy(digits.test_images[:50]).float() / 255 - 0.1307) / 0.3081
    with torch.no_grad():
        torch.testing.assert_close(features[:50], module[:7](images))


def test_the_held_out_protocol_looks_at_the_test_images_once(digits: Images) -> None:
    run = Run("fc2", "linear", 2, 0.5, epochs=3, protocol="held_out", validation_images=500, variant=TINY)
    history = prune(run, digits, CPU).history
    assert [epoch.test_accuracy is None for epoch in history] == [True, True, False]
    assert all(epoch.validation_accuracy is not None for epoch in history)
    assert all(
        epoch.validation_accuracy is None
        for epoch in prune(replace(run, protocol="published", validation_images=None), digits, CPU).history
    )


@pytest.mark.parametrize("structure", ["linear", "dense"])
def test_a_killed_run_goes_on_to_the_same_bytes(digits: Images, tmp_path: Path, structure: str) -> None:
    run = Run("fc2", structure, 1, 0 if structure == "dense" else 0.5, epochs=4, variant=TINY)
    checkpoint = tmp_path / "checkpoint.safetensors"
    whole = prune(run, digits, CPU)

    class Killed(Exception):
        pass

    def killed_after_two(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        prune(run, digits, CPU, checkpoint, report=killed_after_two)
    reported: list[int] = []
    resumed = prune(run, digits, CPU, checkpoint, report=lambda epoch: reported.append(epoch.epoch))
    assert reported == [3, 4]
    for folder, pruned in (("whole", whole), ("resumed", resumed)):
        write_run(tmp_path / folder, run, "mnist5k", pruned)
    for name in ("metrics.json", "history.csv", "masks.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()


@pytest.mark.parametrize("damage", ["truncated", "a flipped bit", "another run", "other data"])
def test_a_checkpoint_that_does_not_fit_is_not_used(
    digits: Images, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run("fc2", "linear", 2, 0.5, epochs=2, variant=TINY)
    checkpoint = tmp_path / "checkpoint.safetensors"
    other = replace(digits, train_images=255 - digits.train_images)
    prune(
        replace(run, seed=2) if damage == "another run" else run,
        other if damage == "other data" else digits,
        CPU,
        checkpoint,
    )
    content = bytearray(checkpoint.read_bytes())
    if damage == "truncated":
        checkpoint.write_bytes(content[:100])
    if damage == "a flipped bit":
        content[-1000] ^= 64
        checkpoint.write_bytes(content)
    again = prune(run, digits, CPU, checkpoint)
    assert "starts afresh" in capsys.readouterr().out
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in prune(run, digits, CPU).history]


def test_masks_come_back_from_their_bits() -> None:
    masks = {"fc1.weight2": np.arange(77).reshape(1, 7, 11) % 3 == 0, "fc1.weight1": np.zeros((1, 11), bool)}
    back = unpacked(*packed(masks))
    for name, mask in masks.items():
        np.testing.assert_array_equal(back[name], mask)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sparsity": 1.0}, "sparsity: the share removed"),
        ({"sparsity": -0.1}, "sparsity: the share removed"),
        ({"structure": "narrow"}, "'narrow' is not one of linear, relu, wide, dense"),
        ({"redundancy": 0}, "redundancy"),
        ({"epochs": 0}, "epochs"),
        ({"validation_images": 500}, "validation_images: at least 1 is needed, and only protocol held_out has any"),
        ({"protocol": "both"}, "'both' is not one of published, held_out"),
        ({"structure": "dense"}, "dense has redundancy 1"),
        ({"network": "fc3"}, "'fc3' is not one of"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LotteryError, match=message):
        Run(**{"network": "fc2", "structure": "linear", "redundancy": 5, "sparsity": 0.5, "epochs": 1} | wrong)  # type: ignore[arg-type]


def test_more_validation_images_than_there_are_is_a_clear_error(digits: Images) -> None:
    run = Run("fc2", "linear", 2, 0.5, epochs=1, protocol="held_out", validation_images=4000, variant=TINY)
    with pytest.raises(LotteryError, match="validation_images: 4000 of 4000 training images leave none"):
        prune(run, digits, CPU)


@pytest.mark.parametrize(
    ("structure", "variant", "expected"),
    [
        # weight1's and weight2's standard deviation, bounds of scores1 and scores2, for 784 inputs and r = 5
        ("linear", {}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("relu", {}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("wide", {}, (None, 0.0505, None, 0.0357)),
        ("linear", {"fan_in_counts_redundancy": True}, (1.4142, 0.02259, 1.4142, 0.0505)),
        ("linear", {"density_scale": True}, (2.8284, 0.1010, 1.4142, 0.0505)),
        ("linear", {"density_scale": True, "first_sparsity": 0.0}, (1.4142, 0.1010, 1.4142, 0.0505)),
        ("linear", {"signed_constant": True}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("linear", {"same_score_initialisation": True}, (1.4142, 0.0505, 1.0, 0.0357)),
    ],
)
def test_draws_have_the_released_distributions_and_switches_change_what_they_say(
    structure: str, variant: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    run = Run("fc2", structure, 5, 0.75, epochs=1, variant=Variant(**variant))
    drawn = draw(blocks_of(run, MNIST)[0], run)
    std1, std2, bound1, bound2 = expected
    assert drawn.weight2.std() == pytest.approx(std2, rel=0.01)
    assert np.abs(drawn.scores2).max() == pytest.approx(bound2, rel=0.002)
    assert drawn.scores2.std() == pytest.approx(bound2 / np.sqrt(3), rel=0.01)
    if std1 is not None:
        assert drawn.weight1.std() == pytest.approx(std1, rel=0.05)
        assert np.abs(drawn.scores1).max() == pytest.approx(bound1, rel=0.01)
    values = np.unique(np.abs(drawn.weight2))
    assert (values.size == 1) == ("signed_constant" in variant)


def test_learning_rates_and_decay_are_the_published_ones() -> None:
    assert [Run(n, "wide", 5, 0.5, 1).rate for n in ("fc2", "fc4", "lenet5")] == [0.1, 0.1, 0.01]
    assert Run("lenet5", "dense", 1, 0, 1).rate == 0.1
    assert Run("fc2", "relu", 5, 0.5, 1).decay == 5e-4
    no_decay = Variant(decay_scores=False)
    assert Run("fc2", "relu", 5, 0.5, 1, variant=no_decay).decay == 0
    assert Run("fc2", "dense", 1, 0, 1, variant=no_decay).decay == 5e-4


def test_the_rate_follows_pytorchs_cosine(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr(PrunedNetwork, "step", lambda self, images, labels, rate: rates.append(rate) or torch.zeros(()))
    prune(Run("fc2", "linear", 1, 0.5, epochs=5, variant=replace(TINY, batch_size=4000)), digits, CPU)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    for rate in rates:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        schedule.step()
    assert len(rates) == 5


def test_held_out_images_are_not_learned_from_and_none_is_lost(digits: Images) -> None:
    """Also the same ones whatever the seed."""
    runs = [Run("fc2", "linear", 1, 0.5, 1, seed=seed, protocol="held_out", validation_images=500) for seed in (1, 2)]
    first, second = (_features(run, digits, {}, CPU) for run in runs)
    assert torch.equal(first.validation[0], second.validation[0])
    together = torch.cat([first.train[0], first.validation[0]])
    whole = _features(replace(runs[0], protocol="published", validation_images=None), digits, {}, CPU).train[0]
    assert together.shape == whole.shape
    assert sorted(map(bytes, together.numpy())) == sorted(map(bytes, whole.numpy()))


def test_scores_that_overflow_are_an_error_not_a_result(digits: Images) -> None:
    """Weights are frozen, so the loss stays finite: nothing else would show it."""
    run = Run("fc2", "linear", 2, 0.5, epochs=3, variant=replace(TINY, learning_rate=1000.0, weight_decay=1000.0))
    with pytest.raises(LotteryError, match="fc2: scores or weights overflowed in epoch 1; lower the learning rate"):
        prune(run, digits, CPU)


def test_the_baseline_learns_its_biases_and_a_random_network_keeps_them() -> None:
    for structure, learned in (("dense", True), ("linear", False)):
        run = Run("fc2", structure, 1, 0, epochs=1, variant=SWITCHES["bias"])
        network = PrunedNetwork(run, SMALL, CPU)
        before = [layer.bias.detach().clone() for layer in network.layers]
        for images, labels in batches(3, SMALL.pixels, torch.float32):
            network.step(images, labels, run.rate)
        assert all(torch.equal(a, b.bias) != learned for a, b in zip(before, network.layers, strict=True))


def test_a_band_that_grew_too_wide_becomes_narrow_again() -> None:
    generator = np.random.default_rng(0)
    scores, candidates = generator.standard_normal((1, 10, 100)), np.empty(20, np.int64)
    selector, mask, full = Selector(500, 1000), np.zeros((1, 10, 100), bool), []
    for step in range(60):
        scores *= generator.uniform(0.5, 2) if step < 10 else 1.00001
        low, high = selector.band()
        magnitudes = np.abs(scores).ravel()
        near = np.flatnonzero((magnitudes >= low) & (magnitudes <= high))
        candidates[: min(20, near.size)] = near[:20]
        mask[...] = np.abs(scores) > high
        full.append(not 0 <= 500 - int(mask.sum()) <= near.size <= 20)
        selector.settle(scores, mask, int(mask.sum()), candidates, near.size)
        np.testing.assert_array_equal(mask, brute_force_mask(np.abs(scores), 500))
    assert any(full[:10])
    assert not any(full[40:])


def test_masks_of_a_run_are_read_back(digits: Images, tmp_path: Path) -> None:
    run = Run("fc2", "relu", 2, 0.9, epochs=1, variant=TINY)
    pruned = prune(run, digits, CPU)
    write_run(tmp_path, run, "mnist5k", pruned)
    masks = read_masks(tmp_path / "masks.safetensors")
    assert masks.keys() == {"fc1.weight1", "fc1.weight2", "fc2.weight1", "fc2.weight2"}
    assert sum(int(mask.sum()) for mask in masks.values()) == pruned.counts.remaining


def test_defaults_are_the_same_on_the_command_line_and_in_the_schema() -> None:
    given = parser().parse_args(["prune", "--data", "d", "--network", "fc2", "--structure", "wide", "--output", "o"])
    schema = yaml.safe_load((Path(__file__).parent.parent / "workflow/schemas/config.schema.yaml").read_text())
    for field in fields(Variant):
        assert getattr(given, field.name) == field.default, field.name
        assert schema["$defs"]["variant"]["properties"][field.name]["default"] == field.default, field.name
