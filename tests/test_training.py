"""Networks have the published sizes; training is decided by its seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lottery.approximation.target import import_weights
from lottery.datasets import Images, fetch, load
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import NETWORKS, ImageShape, build, layers
from lottery.training import Recipe, accuracy, predictions, resident, train, with_weights

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


def test_a_diverging_training_is_an_error_not_a_result(digits: Images) -> None:
    with pytest.raises(LotteryError, match="lower the learning rate"):
        train("fc4", digits, Recipe(epochs=3, learning_rate=1e6), prepare_device("cpu"))


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"learning_rate": 0}, {"momentum": 1}, {"batch_size": 0}, {"seed": -1}]
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
    target = import_weights(released_fc2, "fc2", MNIST)
    device = prepare_device("cpu")
    images, labels = resident(data.test_images, data.test_labels, device)
    assert accuracy(predictions(with_weights("fc2", data, target.weights, device), images), labels) == 97.19
