"""Networks have the published sizes; training is decided by its seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lottery.approximation.target import import_weights
from lottery.data.datasets import PIXELS, Images, load
from lottery.data.sources import fetch
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import NETWORKS, ImageShape, build, layers
from lottery.pruning.run import Run
from lottery.pruning.training_loop import prune
from lottery.recipe import Recipe
from lottery.training import accuracy, predictions, to_device, train, with_weights

MNIST, CIFAR = ImageShape(1, 28), ImageShape(3, 32)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Images:
    path = tmp_path_factory.mktemp("data") / "mnist5k.safetensors"
    fetch("mnist5k", "embedded", path)
    return load(path)


@pytest.mark.parametrize(("network", "weights"), [("fc2", 397_000), ("fc4", 897_000), ("lenet5", 61_470)])
def test_networks_have_the_published_numbers_of_weights(network: str, weights: int) -> None:
    assert sum(layer.size for layer in layers(network, MNIST)) == weights


@pytest.mark.parametrize("image", [MNIST, CIFAR], ids=["28x28 grey", "32x32 colour"])
@pytest.mark.parametrize("network", NETWORKS)
def test_built_networks_have_the_specified_layers_and_run(network: str, image: ImageShape) -> None:
    module = build(network, image)
    specified = {layer.name: layer.shape for layer in layers(network, image)}
    assert {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()} == specified
    assert list(module.state_dict()) == list(specified), "from input to output"
    assert module(torch.zeros(3, image.channels, image.size, image.size)).shape == (3, 10)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_learns(network: str, digits: Images) -> None:
    _, history = train(network, digits, Recipe(epochs=3, learning_rate=0.05), prepare_device("cpu"))
    assert history[-1].test_accuracy > 80
    assert history[-1].loss < history[0].loss


def test_the_seed_decides_every_byte_whatever_the_threads_before(digits: Images) -> None:
    recipe = Recipe(epochs=1, seed=5)
    torch.set_num_threads(2)
    first, _ = train("fc2", digits, recipe, prepare_device("cpu"))
    torch.rand(100)
    second, _ = train("fc2", digits, recipe, prepare_device("cpu"))
    other, _ = train("fc2", digits, replace(recipe, seed=6), prepare_device("cpu"))
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert not np.array_equal(first["fc1.weight"], other["fc1.weight"])


def test_a_target_learns_without_momentum_too(digits: Images) -> None:
    _, history = train("fc2", digits, Recipe(epochs=1, momentum=0), prepare_device("cpu"))
    assert history[-1].test_accuracy > 50


def test_a_training_is_that_of_pytorchs_optimizer_and_schedule(digits: Images) -> None:
    recipe = Recipe(epochs=2, batch_size=500, stream="keyed", pixels="raw")
    weights, _ = train("fc2", digits, recipe, prepare_device("cpu"))
    torch.manual_seed(1)
    model, order = build("fc2", MNIST), torch.Generator().manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9, weight_decay=5e-4, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2)
    images, labels = to_device(digits, "train", "raw", prepare_device("cpu"))
    for _ in range(2):
        for batch in torch.randperm(len(labels), generator=order).split(500):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    for name, tensor in model.state_dict().items():
        assert np.array_equal(weights[name], tensor.numpy())


def test_a_diverging_training_is_an_error_not_a_result(digits: Images) -> None:
    with pytest.raises(LotteryError, match="lower the learning rate"):
        train("fc4", digits, Recipe(epochs=3, learning_rate=1e6), prepare_device("cpu"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rate": 0},
        {"momentum": 1},
        {"batch_size": 0},
        {"seed": -1},
        {"stream": "official"},
        {"pixels": "grey"},
    ],
)
def test_an_impossible_recipe_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(LotteryError):
        Recipe(**wrong)


def test_a_gpu_that_is_not_there_is_said_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(LotteryError, match="torch sees no GPU"):
        prepare_device("cuda")
    assert prepare_device("auto").type == "cpu"


def test_the_released_target_has_its_published_accuracy(tmp_path: Path, mnist_folder: Path, released_fc2: Path) -> None:
    fetch("mnist", str(mnist_folder), tmp_path / "mnist.safetensors")
    data = load(tmp_path / "mnist.safetensors")
    target = import_weights(released_fc2, "fc2", MNIST, "normalised")
    device = prepare_device("cpu")
    network = with_weights("fc2", data, target.weights, device)
    for pixels, expected in (("raw", 97.19), ("normalised", 98.59)):
        images, labels = to_device(data, "test", pixels, device)
        assert accuracy(predictions(network, images), labels) == expected


def test_the_released_stream_trains_the_baseline_of_the_figures(digits: Images) -> None:
    """Modules, loaders and orders of the global generator, one after the other; the keyed one has another order."""
    recipe = Recipe(epochs=2, seed=3)
    weights, history = train("fc2", digits, recipe, prepare_device("cpu"))
    run = Run("fc2", "dense", 1, 0, 2, seed=3, stream="released")
    baseline = prune(run, digits, prepare_device("cpu")).history
    assert [e.loss for e in history] == pytest.approx([e.loss for e in baseline], rel=1e-3)
    other, _ = train("fc2", digits, replace(recipe, stream="keyed"), prepare_device("cpu"))
    assert not np.array_equal(other["fc1.weight"], weights["fc1.weight"])


def test_a_target_is_trained_on_the_pixels_that_it_is_told(digits: Images) -> None:
    found = [train("fc2", digits, Recipe(epochs=1, pixels=pixels), prepare_device("cpu"))[0] for pixels in PIXELS]
    assert not np.array_equal(found[0]["fc1.weight"], found[1]["fc1.weight"])
    raw, normalised = (to_device(digits, "train", pixels, prepare_device("cpu"))[0] for pixels in ("raw", "normalised"))
    assert (float(raw.min()), float(raw.max())) == (0, 1)
    torch.testing.assert_close(normalised, (raw - 0.1307) / 0.3081)
