"""A run from its first epoch to its files: protocols, checkpoints, convolutions, overflow."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import MNIST

from lottery.data.datasets import Images
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import build
from lottery.pruning.features import compute_features, extract_features
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.records import read_masks, write_run
from lottery.pruning.run import Run, Variant
from lottery.pruning.streams import init_convolutions
from lottery.pruning.training_loop import Epoch, prune

CPU = prepare_device("cpu")


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
    given = {name: -array for name, array in init_convolutions(run, MNIST).items()}
    other = prune(run, digits, CPU, convolutions_given=given)
    assert other.history[-1].loss != pruned.history[-1].loss
    with pytest.raises(LotteryError, match=r"convolutions: expected conv2.weight \(16, 6, 5, 5\)"):
        prune(run, digits, CPU, convolutions_given={"conv1.weight": given["conv1.weight"]})


def test_features_of_frozen_convolutions_are_what_the_whole_network_computes(digits: Images) -> None:
    """They are computed once for all epochs; the network as a torch module computes them anew."""
    run = Run("lenet5", "dense", 1, 0, epochs=1, seed=3)
    weights = init_convolutions(run, MNIST)
    features, _ = extract_features(run, digits, weights, "test", CPU)
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
    assert "starts from the beginning" in capsys.readouterr().out
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in prune(run, digits, CPU).history]


def test_more_validation_images_than_there_are_is_a_clear_error(digits: Images) -> None:
    run = Run("fc2", "linear", 2, 0.5, epochs=1, protocol="held_out", validation_images=4000, variant=TINY)
    with pytest.raises(LotteryError, match="validation_images: 4000 of 4000 training images leave none to train on"):
        prune(run, digits, CPU)


def test_the_rate_follows_pytorchs_cosine(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    monkeypatch.setattr(PrunedNetworks, "step", lambda self, images, labels, rate: rates.append(rate) or torch.zeros(1))
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
    first, second = (compute_features([run], digits, [{}], CPU) for run in runs)
    assert torch.equal(first.validation.features, second.validation.features)
    together = torch.cat([first.train.features[0], first.validation.features[0]])
    published = replace(runs[0], protocol="published", validation_images=None)
    whole = compute_features([published], digits, [{}], CPU).train.features[0]
    assert together.shape == whole.shape
    assert sorted(map(bytes, together.numpy())) == sorted(map(bytes, whole.numpy()))


def test_scores_that_overflow_are_an_error_not_a_result(digits: Images) -> None:
    """Weights are frozen, so the loss stays finite: nothing else would show it."""
    run = Run("fc2", "linear", 2, 0.5, epochs=3, variant=replace(TINY, learning_rate=1000.0, weight_decay=1000.0))
    with pytest.raises(LotteryError, match="fc2: scores or weights overflowed in epoch 1; lower the learning rate"):
        prune(run, digits, CPU)


def test_masks_of_a_run_are_read_back(digits: Images, tmp_path: Path) -> None:
    run = Run("fc2", "relu", 2, 0.9, epochs=1, variant=TINY)
    pruned = prune(run, digits, CPU)
    write_run(tmp_path, run, "mnist5k", pruned)
    masks = read_masks(tmp_path / "masks.safetensors")
    assert masks.keys() == {"fc1.weight1", "fc1.weight2", "fc2.weight1", "fc2.weight2"}
    assert sum(int(mask.sum()) for mask in masks.values()) == pruned.counts.remaining
