"""The released stream: the very random numbers of the paper's runs, and what may not be asked of it."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import MNIST
from torch import nn
from torch.nn import functional

from lottery.data.datasets import Images, load
from lottery.data.sources import fetch
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import layers
from lottery.pruning.features import extract_features
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import CHANGE_DRAWS, Run, Variant
from lottery.pruning.streams import image_orders, init_convolutions, init_layers
from lottery.pruning.structures import kept_count
from lottery.pruning.training_loop import Epoch, prune

CPU = prepare_device("cpu")


def released(network: str, structure: str, **settings: Any) -> Run:
    asked = (
        {"redundancy": 5, "sparsity": 0, "epochs": 1} | settings | ({"redundancy": 1} if structure == "dense" else {})
    )
    return Run(network, structure, stream="released", **asked)


def redundant(inputs: int, outputs: int, r: int) -> dict[str, torch.Tensor]:
    """A layer of the released redundant networks, from PyTorch's global generator."""
    scores1 = nn.init.uniform_(torch.empty(r, inputs), -math.sqrt(2), math.sqrt(2))
    scores2 = nn.init.uniform_(torch.empty(outputs, inputs * r), -math.sqrt(2 / inputs), math.sqrt(2 / inputs))
    weight1 = nn.init.normal_(torch.empty(r, inputs), 0, math.sqrt(2))
    weight2 = nn.init.normal_(torch.empty(outputs, inputs * r), 0, math.sqrt(2 / inputs))
    return {"scores1": scores1, "scores2": scores2, "weight1": weight1, "weight2": weight2}


def the_slow_way(network: str, structure: str, sizes: list[tuple[int, int]], r: int) -> list[dict[str, torch.Tensor]]:
    """All random numbers of a run as the released code draws them: modules one after another, after one `manual_seed`."""
    torch.manual_seed(1)
    if network == "lenet5":
        nn.Conv2d(1, 6, 5, padding=2, bias=False)
        nn.Conv2d(6, 16, 5, bias=False)
    elif structure == "wide":
        hidden = [500] if network == "fc2" else [500, 500, 500]
        widths = [784, *hidden, 10]
        for inputs, outputs in pairwise(widths):
            redundant(inputs, outputs, r)
    found = []
    for inputs, outputs in sizes:
        if structure in ("linear", "relu"):
            found.append(redundant(inputs, outputs, r))
            continue
        weight = nn.Linear(inputs, outputs, bias=False).weight.detach()
        if structure == "dense":
            found.append({"weight2": weight})
            continue
        scores = nn.init.kaiming_uniform_(torch.empty(outputs, inputs), a=math.sqrt(5))
        nn.init.kaiming_normal_(weight, mode="fan_in", nonlinearity="relu")
        found.append({"scores2": scores, "weight2": weight})
    return found


@pytest.mark.parametrize("network", ["fc2", "fc4", "lenet5"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide", "dense"])
def test_a_run_starts_with_what_modules_draw_one_after_another(network: str, structure: str) -> None:
    state = torch.random.get_rng_state()
    ours = list(init_layers(released(network, structure, redundancy=2), MNIST))
    assert torch.equal(state, torch.random.get_rng_state()), "the global generator is left alone"
    sizes = [(init.weight2.shape[2], init.weight2.shape[1]) for init in ours]
    with torch.random.fork_rng():
        plain = the_slow_way(network, structure, sizes, r=2)
    for init, layer in zip(ours, plain, strict=True):
        for name, expected in layer.items():
            array = torch.from_numpy(getattr(init, name))
            if name in ("weight2", "scores2"):
                array = array.permute(1, 2, 0).reshape(expected.shape)  # (r, out, in) -> (out, in * r)
            assert torch.equal(array, expected), (init, name)


def test_the_convolutions_are_pytorchs_default_ones() -> None:
    ours = init_convolutions(released("lenet5", "linear"), MNIST)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        plain = [nn.Conv2d(1, 6, 5, padding=2, bias=False), nn.Conv2d(6, 16, 5, bias=False)]
    for module, layer in zip(plain, layers("lenet5", MNIST), strict=False):
        assert np.array_equal(ours[layer.name], module.weight.detach().numpy())


def test_the_numbers_are_the_same_with_every_version_of_pytorch() -> None:
    """The first of each tensor; a normal number may differ in its last bit on other processors."""
    first = next(iter(init_layers(released("fc2", "linear"), MNIST)))
    found = {name: float(getattr(first, name).flat[0]) for name in ("scores1", "scores2", "weight1", "weight2")}
    assert found == pytest.approx(
        {"scores1": 0.72869217, "scores2": 0.05042902, "weight1": -1.83688879, "weight2": -0.02147245}, rel=1e-6
    )


ORDERS = {
    "linear": ["ceb3b86607baea30", "fbcf2006ef3f896b", "6e784e60fdbdbbd8"],
    "wide": ["883d5b475d35d133", "6e1d0f718dc7a3cd", "d8f169d7e568dc6a"],
    "dense": ["056af84628fa2914", "50d5c0e005c33727", "10cbd7abec3f9d09"],
}


@pytest.mark.parametrize("structure", ORDERS)
def test_the_order_of_images_is_pinned(structure: str) -> None:
    """After the random numbers of a run: a word and an order for the training images, then the same for the test images."""
    found = [order.numpy() for order in islice(image_orders(released("fc2", structure), MNIST, 60000, 10000, 1), 3)]
    assert [hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()[:16] for order in found] == ORDERS[structure]
    assert all(np.array_equal(np.sort(order), np.arange(60000)) for order in found)


class AtRandom(torch.utils.data.Sampler[int]):
    """The random sampler of the PyTorch that the paper was made with; today's draws a seed for a generator of its own."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self.count).tolist())

    def __len__(self) -> int:
        return self.count


def test_the_order_of_images_is_the_one_of_pytorchs_loader() -> None:
    """With PyTorch's own loaders, which draw from the global generator after the network was drawn."""
    run = released("fc2", "linear", redundancy=1, seed=7)
    ours = list(islice(image_orders(run, MNIST, 100, 20, 1), 2))
    with torch.random.fork_rng():
        torch.manual_seed(7)
        for inputs, outputs in ((784, 500), (500, 10)):
            redundant(inputs, outputs, 1)
        train = torch.utils.data.DataLoader(torch.arange(100), batch_size=10, sampler=AtRandom(100))
        test = torch.utils.data.DataLoader(torch.arange(20), batch_size=10, sampler=AtRandom(20))
        for order in ours:
            assert torch.equal(torch.cat(list(train)), order)
            list(test)


def test_a_resumed_run_has_the_order_that_it_would_have_had() -> None:
    run = released("lenet5", "relu")
    whole = list(islice(image_orders(run, MNIST, 500, 100, 1), 4))
    assert all(map(torch.equal, whole[2:], islice(image_orders(run, MNIST, 500, 100, 3), 2)))


def test_a_killed_replay_goes_on_to_the_same_numbers(digits: Images, tmp_path: Path) -> None:
    run = released("fc2", "linear", sparsity=0.5, epochs=3, variant=Variant(hidden=16))
    whole = prune(run, digits, CPU)

    class Killed(Exception):
        pass

    def killed(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        prune(run, digits, CPU, tmp_path / "checkpoint", report=killed)
    resumed = prune(run, digits, CPU, tmp_path / "checkpoint")
    assert [epoch.loss for epoch in resumed.history] == [epoch.loss for epoch in whole.history]


def test_masks_keep_as_many_weights_as_the_released_code() -> None:
    """0.29 * 100 is 28.999... in floating point; in the keyed stream it is 29."""
    assert kept_count(100, 0.29, "released") == 72
    assert kept_count(100, 0.29) == 71
    run = released("fc2", "linear", sparsity=0.29, redundancy=25)
    network = PrunedNetworks([replace(run, variant=Variant(hidden=4))], MNIST, CPU)
    mask = network.masks(0)["fc2.weight1"]  # 25 copies of 4 inputs
    assert mask.sum() == 72


@pytest.mark.parametrize("switch", CHANGE_DRAWS)
def test_a_switch_that_changes_what_is_drawn_has_no_released_numbers(switch: str) -> None:
    with pytest.raises(LotteryError, match=f"stream: released has no numbers for {switch}, .*; take stream keyed"):
        released("fc2", "linear", variant=Variant(**{switch: True}))


def test_every_switch_that_changes_a_draw_is_known_to_do_so() -> None:
    """Found by drawing: each switch that is not listed leaves all numbers of the keyed stream as they were."""
    settings: dict[str, Any] = {
        "learning_rate": 0.5, "momentum": 0.5, "weight_decay": 0.1, "batch_size": 2, "bias": True,
        "fan_in_counts_redundancy": True, "density_scale": True, "decay_scores": False, "signed_constant": True,
        "weight1_sparsity": 0.2, "same_score_initialisation": True,
    }  # fmt: skip
    run = Run("fc2", "linear", 2, 0.5, 1)
    plain = [vars(init) for init in init_layers(run, MNIST)]
    for name, value in settings.items():
        drawn = [vars(init) for init in init_layers(replace(run, variant=Variant(**{name: value})), MNIST)]
        same = all(np.array_equal(old[part], new[part]) for old, new in zip(plain, drawn, strict=True) for part in old)
        assert same == (name not in CHANGE_DRAWS), name


def test_held_out_runs_see_other_images_and_have_no_released_numbers() -> None:
    with pytest.raises(LotteryError, match="stream: released has the numbers of runs on all training images"):
        released("fc2", "linear", protocol="held_out")


def test_noise_is_of_the_size_of_rounding_and_follows_from_its_seed(digits: Images) -> None:
    run = released("fc2", "relu", sparsity=0.5, epochs=2)
    plain, once, again, other = (
        next(iter(init_layers(replace(run, perturbation=seed), MNIST))) for seed in (None, 1, 1, 2)
    )
    for name in ("scores1", "scores2"):
        moved = getattr(once, name) / getattr(plain, name) - 1
        assert 0.9e-7 < moved.std() < 1.1e-7
        assert np.array_equal(getattr(once, name), getattr(again, name))
        assert not np.array_equal(getattr(once, name), getattr(other, name))
    assert np.array_equal(once.weight1, plain.weight1)
    assert np.array_equal(once.weight2, plain.weight2)
    # Masks are all that scores change: the losses part when noise first exchanges two weights at the edge of a mask.
    losses = [
        [epoch.loss for epoch in prune(replace(run, perturbation=seed), digits, CPU).history]
        for seed in (None, 1, 1, 2)
    ]
    assert losses[1] == losses[2]
    assert len({tuple(found) for found in losses}) == 3
    assert losses[1] == pytest.approx(losses[0], abs=0.2)


def test_the_weights_of_the_baseline_are_perturbed_as_they_are_what_is_learned() -> None:
    run = released("fc2", "dense")
    plain, moved = (next(iter(init_layers(replace(run, perturbation=seed), MNIST))).weight2 for seed in (None, 3))
    assert 0.9e-7 < (moved / plain - 1).std() < 1.1e-7


@pytest.fixture(scope="module")
def mnist(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The real MNIST."""
    path = tmp_path_factory.mktemp("mnist") / "mnist.safetensors"
    fetch("mnist", str(mnist_folder), path)
    return load(path)


# In the published figures: with all weights kept nothing is learned, so that these are the random networks themselves.
AT_SPARSITY_0 = {
    "fc2": {"linear": 9.12, "relu": 5.72, "wide": 11.11},
    "fc4": {"linear": 10.47, "relu": 13.40, "wide": 10.88},
    "lenet5": {"linear": 8.79, "relu": 11.19, "wide": 5.22},
}


@pytest.mark.parametrize("network", AT_SPARSITY_0)
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_random_networks_have_the_published_accuracy_to_the_last_digit(
    mnist: Images, network: str, structure: str
) -> None:
    run = released(network, structure)
    features, _ = extract_features(run, mnist, init_convolutions(run, MNIST), "test", CPU)
    labels = torch.from_numpy(mnist.test_labels).long()
    right = PrunedNetworks([run], MNIST, CPU).outputs(features[None])[0].argmax(dim=1) == labels
    assert round(100 * float(right.double().mean()), 2) == AT_SPARSITY_0[network][structure]


# Losses of fc2, wide, sparsity 0 in the log of the published run: every 100th batch of three epochs.
LOGGED = [
    [2.655805, 2.757087, 2.821529, 2.673793, 2.679193, 2.737281],
    [2.506120, 2.745439, 2.627571, 2.793891, 2.691071, 2.584150],
    [2.746402, 2.976240, 2.694117],
]


def test_batches_have_the_losses_that_were_logged_so_that_images_come_in_the_published_order(mnist: Images) -> None:
    run = released("fc2", "wide")
    network = PrunedNetworks([run], MNIST, CPU)
    images = (torch.from_numpy(mnist.train_images).float().flatten(1) / 255 - 0.1307) / 0.3081
    labels = torch.from_numpy(mnist.train_labels).long()
    for order, logged in zip(image_orders(run, MNIST, 60000, 10000, 1), LOGGED, strict=False):
        for hundred, expected in enumerate(logged, start=1):
            batch = order[64 * (100 * hundred - 1) : 64 * 100 * hundred]
            loss = functional.cross_entropy(network.outputs(images[batch][None])[0], labels[batch])
            assert float(loss) == pytest.approx(expected, abs=2e-6)
