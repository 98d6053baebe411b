"""Controls of pruned networks: the run from its stored masks, random masks, other weights, and what is made of them."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import MNIST, TINY_IMAGE

from lottery.cli import main
from lottery.data.datasets import Images
from lottery.data.sources import fetch
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.pruning.control_accuracies import measure_controls
from lottery.pruning.control_networks import MaskedWeights, control_networks, draw_weights
from lottery.pruning.controls import CONTROLS, ControlSettings
from lottery.pruning.features import extract_features
from lottery.pruning.records import read_masks, write_run
from lottery.pruning.run import Run, Variant
from lottery.pruning.streams import init_convolutions, init_layers
from lottery.pruning.structures import layer_specs
from lottery.pruning.training_loop import prune
from lottery.records.files import read_json, write_json
from lottery.results.tables.controls import WORDS

CPU = prepare_device("cpu")
SMALL = Variant(hidden=30)
TINY_RUN = Run("fc2", "wide", 2, 0.5, variant=Variant(hidden=2))
RUNS = {
    "linear, released": Run("fc2", "linear", 2, 0.5, 1, stream="released", variant=SMALL),
    "relu, held out": Run("fc2", "relu", 3, 0.9, 1, 7, "held_out", 500, variant=SMALL),
    "wide with biases": Run("fc4", "wide", 2, 0.25, 1, variant=replace(SMALL, bias=True)),
    "own share of weight1": Run("fc2", "linear", 2, 0.5, 1, variant=replace(SMALL, weight1_sparsity=0.125)),
    "convolutions": Run("lenet5", "relu", 1, 0.5, 1, stream="released"),
}


def run_folder(run: Run, data: Images, folder: Path) -> Path:
    """The folder of a run that was just finished."""
    write_run(folder, run, data.dataset.name, prune(run, data, CPU))
    return folder


@pytest.fixture(scope="module")
def linear(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folder(RUNS["linear, released"], digits, tmp_path_factory.mktemp("linear"))


@pytest.fixture(scope="module")
def data_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "mnist5k.safetensors"
    fetch("mnist5k", "embedded", path)
    return path


def copied(folder: Path, target: Path) -> Path:
    for name in ("metrics.json", "masks.safetensors"):
        target.joinpath(name).write_bytes((folder / name).read_bytes())
    return target


GOLDEN = [[4, 7, 1, 6, 5, 0, 2, 3], [3, 0, 4, 2, 1, 7, 5, 6]]
LEARNED = MaskedWeights(
    {"fc1.weight2": np.array([[[3, -4, 1, 0.5], [1, -1, 1, -1]]], np.float32), "fc2.weight2": np.array([[[0.1, -9]]], np.float32)},
    {"fc1.weight2": np.array([[[0, 0, 1, 1], [1, 0, 1, 0]]], bool), "fc2.weight2": np.array([[[1, 0]]], bool)},
)  # fmt: skip


def networks_of(
    run: Run = TINY_RUN, learned: MaskedWeights = LEARNED, image: ImageShape = TINY_IMAGE, **settings: int
) -> dict[str, list[MaskedWeights]]:
    found: dict[str, list[MaskedWeights]] = {}
    for name, network in control_networks(run, learned, ControlSettings(**settings), image):
        found.setdefault(name, []).append(network)
    return found


def test_controls_are_the_run_itself_the_draws_of_each_random_one_and_the_largest_weights() -> None:
    found = networks_of(draws=3)
    assert {name: len(networks) for name, networks in found.items()} == dict(
        zip(CONTROLS, (1, 3, 3, 3, 1), strict=True)
    )
    assert found["learned"] == [LEARNED]
    assert list(WORDS) == list(CONTROLS)


def test_the_largest_weights_are_as_many_as_the_learned_mask_has_and_of_equal_ones_the_first() -> None:
    [largest] = networks_of()["largest_weights"]
    assert largest.weights is LEARNED.weights
    assert largest.masks["fc1.weight2"].tolist() == [[[True, True, True, False], [True, False, False, False]]]
    assert largest.masks["fc2.weight2"].tolist() == [[[False, True]]]


def test_random_masks_keep_as_many_weights_of_each_matrix_and_the_weights() -> None:
    for network in networks_of(draws=20)["random_mask"]:
        assert network.weights is LEARNED.weights
        assert {name: int(mask.sum()) for name, mask in network.masks.items()} == {"fc1.weight2": 4, "fc2.weight2": 1}


def test_random_masks_keep_every_weight_equally_often() -> None:
    masks = np.stack([network.masks["fc1.weight2"] for network in networks_of(draws=2000)["random_mask"]])
    share = masks.mean(axis=0)  # of 2,000 draws with probability 1/2: four standard deviations are 0.045
    assert np.abs(share - 0.5).max() < 0.045


def test_shuffled_weights_are_the_same_weights_in_another_order_under_the_same_masks() -> None:
    networks = networks_of(draws=20)["shuffled_weights"]
    for network in networks:
        assert network.masks is LEARNED.masks
        for name, weights in LEARNED.weights.items():
            assert network.weights[name].shape == weights.shape
            assert sorted(network.weights[name].flat) == sorted(weights.flat)
    assert len({network.weights["fc1.weight2"].tobytes() for network in networks}) > 15


@pytest.mark.parametrize("name", ["linear, released", "relu, held out", "own share of weight1"])
def test_fresh_weights_have_the_distribution_of_the_runs_own_and_no_number_of_them(name: str) -> None:
    run = replace(RUNS[name], variant=Variant(hidden=100))
    own = draw_weights(run, MNIST)
    learned = MaskedWeights(own, {name: np.ones(array.shape, bool) for name, array in own.items()})
    first, second = networks_of(run, learned, MNIST, draws=2)["fresh_weights"]
    for name, weights in own.items():
        for other in (first.weights[name], second.weights[name]):
            assert other.shape == weights.shape
            assert other.dtype == np.float32
            assert not (other == weights).any()
            assert float(other.std()) == pytest.approx(float(weights.std()), rel=0.1)
        assert not (first.weights[name] == second.weights[name]).any()


def test_the_weights_of_a_run_are_those_that_its_stream_draws() -> None:
    run = RUNS["linear, released"]
    drawn = draw_weights(run, MNIST)
    for spec, init in zip(layer_specs(run, MNIST), init_layers(run, MNIST), strict=True):
        assert np.array_equal(drawn[f"{spec.name}.weight2"], init.weight2.astype(np.float32))
    assert [*drawn] == ["fc1.weight1", "fc1.weight2", "fc2.weight1", "fc2.weight2"]


def test_draws_depend_on_control_seed_run_seed_and_draw_alone() -> None:
    def orders(run: Run, **settings: int) -> list[bytes]:
        return [n.weights["fc1.weight2"].tobytes() for n in networks_of(run, **settings)["shuffled_weights"]]

    usual = orders(TINY_RUN, draws=3)
    assert orders(TINY_RUN, draws=5)[:3] == usual, "further draws leave the first ones alone"
    assert orders(replace(TINY_RUN, sparsity=0.25, epochs=3), draws=3) == usual
    others = orders(TINY_RUN, draws=3, seed=2) + orders(replace(TINY_RUN, seed=2), draws=3)
    assert len({*usual, *others}) == 9


def test_random_orders_match_golden_values() -> None:
    """They are the same on every machine and with every NumPy."""
    numbers = {"fc1.weight2": np.arange(8, dtype=np.float32).reshape(1, 2, 4)}
    learned = MaskedWeights(numbers, {"fc1.weight2": np.ones((1, 2, 4), bool)})
    shuffled = networks_of(learned=learned, draws=2)["shuffled_weights"]
    assert [network.weights["fc1.weight2"].flatten().tolist() for network in shuffled] == GOLDEN


def plain_accuracy(run: Run, data: Images, network: MaskedWeights) -> float:
    """The accuracy by the formula of each structure, with its R hidden units per input, in float64."""
    features, labels = extract_features(run, data, init_convolutions(run, data.dataset.image), "test", CPU)
    values = features.numpy().astype(np.float64)  # (N, I)
    inits = [*init_layers(run, data.dataset.image)]
    for number, (spec, init) in enumerate(zip(layer_specs(run, data.dataset.image), inits, strict=True)):
        values = np.maximum(values, 0) if number else values
        weight2 = network.weights[f"{spec.name}.weight2"] * network.masks[f"{spec.name}.weight2"]  # (R, O, I)
        units = values[:, None, :]  # (N, I) -> (N, R, I)
        if spec.factored:
            units = units * (network.weights[f"{spec.name}.weight1"] * network.masks[f"{spec.name}.weight1"])
        units = np.maximum(units, 0) if spec.structure == "relu" else units
        values = np.einsum("nri,roi->no", units, weight2) + (0 if init.bias is None else init.bias)
    return 100 * float((values.argmax(axis=1) == labels.numpy()).mean())


@pytest.mark.parametrize("name", RUNS)
def test_the_learned_mask_has_its_recorded_accuracy_and_controls_that_of_the_plain_formula(
    digits: Images, tmp_path: Path, name: str
) -> None:
    run, settings = RUNS[name], ControlSettings(draws=1)
    folder = run_folder(run, digits, tmp_path)
    found = measure_controls(folder, digits, settings, CPU)
    recorded = read_json(folder / "metrics.json")["test_accuracy"]
    assert found["accuracies"]["learned"] == [recorded] == [found["recorded_accuracy"]]
    learned = MaskedWeights(draw_weights(run, digits.dataset.image), read_masks(folder / "masks.safetensors"))
    for control, network in control_networks(run, learned, settings, digits.dataset.image):
        # one of 1,000 images: sums in float32 may change a class
        assert found["accuracies"][control] == [pytest.approx(plain_accuracy(run, digits, network), abs=0.11)], control


def test_convolutions_from_a_file_are_needed_again(digits: Images, tmp_path: Path) -> None:
    run = RUNS["convolutions"]
    given = {name: -array for name, array in init_convolutions(run, MNIST).items()}
    write_run(tmp_path, run, "mnist5k", prune(run, digits, CPU, convolutions_given=given))
    measured = measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU, given)
    assert measured["accuracies"]["learned"] == [measured["recorded_accuracy"]]
    with pytest.raises(LotteryError, match="not the masks, dataset or convolutions of this run"):
        measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU)


def test_a_damaged_mask_file_is_refused(
    linear: Path, data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = copied(linear, tmp_path) / "masks.safetensors"
    damaged = bytearray(masks.read_bytes())
    damaged[-1000] ^= 1
    masks.write_bytes(damaged)
    words = [
        "measure-controls",
        "--data",
        str(data_file),
        "--folder",
        str(tmp_path),
        "--output",
        str(tmp_path / "c.json"),
    ]
    assert main(words) == 1
    assert re.fullmatch(r"lottery measure-controls: \S+: damaged: .*run again\n", capsys.readouterr().err)
    assert not (tmp_path / "c.json").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sparsity": 0.75}, "not the masks of the run in metrics.json"),
        ({"structure": "relu", "redundancy": 3}, "not the masks of the run in metrics.json"),
        ({"seed": 2}, r"its masks and weights give \S+% instead of the recorded \S+%"),
        ({"test_accuracy": 12.3}, r"give \S+% instead of the recorded 12.30%"),
        ({"dataset": "kmnist"}, "a run on kmnist, but the data are mnist5k"),
        ({"structure": "dense", "redundancy": 1, "sparsity": 0, "variant": {}}, "it has no masks"),
        ({"variant": 1}, "no sound numbers of a run"),
        ({"variant": {"unknown": 1}}, "no sound numbers of a run"),
        ({"test_accuracy": None}, "no sound numbers of a run"),
    ],
)
def test_masks_of_another_run_are_refused(
    linear: Path, digits: Images, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    copied(linear, tmp_path)
    write_json(tmp_path / "metrics.json", {**read_json(tmp_path / "metrics.json"), **changes})
    with pytest.raises(LotteryError, match=message):
        measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU)


def test_a_run_with_an_old_name_of_a_setting_is_read(linear: Path, digits: Images, tmp_path: Path) -> None:
    metrics = read_json(copied(linear, tmp_path) / "metrics.json")
    variant = {"first_sparsity" if name == "weight1_sparsity" else name: v for name, v in metrics["variant"].items()}
    assert variant != metrics["variant"]
    write_json(tmp_path / "metrics.json", {**metrics, "variant": variant})
    settings = ControlSettings(draws=1)
    assert measure_controls(tmp_path, digits, settings, CPU) == measure_controls(linear, digits, settings, CPU)


def test_one_image_less_is_refused_unless_rounding_decides_it(
    linear: Path, digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another device adds in another order, which can change the class of images whose two largest logits are close."""
    metrics = read_json(copied(linear, tmp_path) / "metrics.json")
    write_json(tmp_path / "metrics.json", {**metrics, "test_accuracy": metrics["test_accuracy"] - 0.1})
    with pytest.raises(LotteryError, match="instead of the recorded"):
        measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU)
    monkeypatch.setattr("lottery.pruning.control_accuracies.ROUNDING", 0.1)
    found = measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU)
    assert found["accuracies"]["learned"][0] == pytest.approx(found["recorded_accuracy"] + 0.1)


def test_another_file_of_tensors_is_no_mask_file(linear: Path, data_file: Path, digits: Images, tmp_path: Path) -> None:
    copied(linear, tmp_path).joinpath("masks.safetensors").write_bytes(data_file.read_bytes())
    with pytest.raises(LotteryError, match="not the masks of a run"):
        measure_controls(tmp_path, digits, ControlSettings(draws=1), CPU)


def test_json_of_controls_is_the_same_twice(linear: Path, digits: Images) -> None:
    first, second = (measure_controls(linear, digits, ControlSettings(draws=2), CPU) for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
