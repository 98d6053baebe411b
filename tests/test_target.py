"""Weights of one's own as the target: what is taken, and what is refused."""

import argparse
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import TINY_IMAGE, random_weights
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from lottery.approximation.target import Target, import_weights, read_target, write_target
from lottery.errors import LotteryError
from lottery.networks import build
from lottery.pruning.features import convolution_weights
from lottery.pruning.run import Run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w["fc1.weight"].__setitem__((3, 2), np.nan), r"fc1\.weight has 1 weights that are NaN"),
        (lambda w: w["fc2.weight"].__setitem__(0, np.inf), r"fc2\.weight has 500 weights that are NaN or infinite"),
        (
            lambda w: w.update({"fc1.weight": np.zeros((4, 500), np.float32)}),
            r"shape \(4, 500\), expected \(500, 4\)",
        ),
        (lambda w: w.pop("fc2.weight"), r"missing: fc2\.weight"),
        (lambda w: w.update({"fc2.bias": np.zeros(10)}), r"not of this network: fc2\.bias"),
        (lambda w: w.update({"fc2.weight": np.full((10, 500), 1e300)}), r"fc2\.weight"),
    ],
    ids=["NaN", "infinite", "shape", "missing", "surplus", "beyond float32"],
)
def test_weights_that_do_not_fit_the_network_raise(change, message):
    weights = random_weights()
    change(weights)
    with pytest.raises(LotteryError, match=message):
        Target("fc2", TINY_IMAGE, "raw", weights)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_of_ones_own_are_imported_unchanged(tmp_path, target, suffix):
    path = tmp_path / f"own{suffix}"
    if suffix == ".pt":
        torch.save({name: torch.from_numpy(array) for name, array in target.weights.items()}, path)
    else:
        save_file(target.weights, path)
    write_target(tmp_path / "target.safetensors", import_weights(path, "fc2", TINY_IMAGE, "normalised"))
    again = read_target(tmp_path / "target.safetensors")
    assert (again.network, again.image, again.pixels) == ("fc2", TINY_IMAGE, "normalised")
    assert list(again.weights) == ["fc1.weight", "fc2.weight"]
    assert all(np.array_equal(again.weights[name], array) for name, array in target.weights.items())


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("kind", ["bfloat16", "float64"])
def test_weights_of_another_precision_are_imported_as_float32(tmp_path, target, suffix, kind):
    path, state = tmp_path / f"own{suffix}", {}
    for name, array in target.weights.items():
        state[name] = torch.from_numpy(array).to(getattr(torch, kind))
    (torch.save if suffix == ".pt" else save_torch_file)(state, path)
    imported = import_weights(path, "fc2", TINY_IMAGE, "normalised")
    assert all(np.array_equal(imported.weights[name], tensor.float().numpy()) for name, tensor in state.items())


WRAPPED = {
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}, "param_groups": []}},
    "model_state_dict": lambda state: {"epoch": torch.tensor(3), "model_state_dict": state},
    "model": lambda state: {"model": state, "loss": 0.1},
    "model in model": lambda state: {"model": {"state_dict": state, "name": "fc2"}},
    "data parallel": lambda state: torch.nn.DataParallel(module(state)).state_dict(),
    "compiled": lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
    "compiled data parallel": lambda state: {f"module._orig_mod.{name}": tensor for name, tensor in state.items()},
    "lightning": lambda state: {"state_dict": {f"model.{name}": tensor for name, tensor in state.items()}, "epoch": 1},
    "parameters": lambda state: dict(module(state).named_parameters()),
}


def module(state):
    """A module with these weights."""
    built = build("fc2", TINY_IMAGE)
    built.load_state_dict(state)
    return built


def state_of(target):
    return {name: torch.from_numpy(array) for name, array in target.weights.items()}


@pytest.mark.parametrize("way", WRAPPED)
def test_weights_are_taken_as_people_save_them(tmp_path, target, way):
    path = tmp_path / "own.pt"
    torch.save(WRAPPED[way](state_of(target)), path)
    imported = import_weights(path, "fc2", TINY_IMAGE, "raw")
    assert all(np.array_equal(imported.weights[name], array) for name, array in target.weights.items())


def test_safetensors_are_known_by_their_content_and_lose_a_prefix_too(tmp_path, target):
    path = tmp_path / "weights.bin"
    save_file({f"module.{name}": array for name, array in target.weights.items()}, path)
    imported = import_weights(path, "fc2", TINY_IMAGE, "raw")
    assert all(np.array_equal(imported.weights[name], array) for name, array in target.weights.items())


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda s: {"model": s, "state_dict": s}, ["contains model dict, state_dict dict", "save model.state_dict()"]),
        (lambda s: {"epoch": 3, "weights": s}, ["epoch int, weights dict", "state_dict, model_state_dict, model"]),
        (lambda s: {**s, "module.fc9.weight": s["fc1.weight"]}, ["not of this network: module.fc9.weight"]),
        (lambda s: {"a": s["fc1.weight"]}, ["missing: fc1.weight", "the file contains a (500, 4)", "fc2 has fc1.weight (500, 4)"]),
        (lambda s: {"state_dict": s, "args": argparse.Namespace()}, ["argparse.Namespace besides tensors"]),
        (lambda s: [s["fc1.weight"]], ["contains a list"]),
        (lambda s: {name: tensor.to_sparse() for name, tensor in s.items()}, ["not plain numbers"]),
    ],
    ids=["two", "another key", "surplus", "another name", "code", "list", "sparse"],
)  # fmt: skip
def test_ambiguous_or_unknown_content_raises_with_what_was_found(tmp_path, target, change, parts):
    path = tmp_path / "own.pt"
    torch.save(change(state_of(target)), path)
    with pytest.raises(LotteryError) as caught:
        import_weights(path, "fc2", TINY_IMAGE, "raw")
    for part in ["own.pt", *parts]:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


class Dangerous:
    def __reduce__(self):
        return print, ("this must not run",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello world",
        b"garbage" * 100,
        b"PK\x03\x04 but no archive",
        [torch.zeros(2)],
        {"epoch": 3},
        {1: torch.zeros(2)},
        {"fc1.weight": Dangerous()},
        torch.nn.Linear(2, 2),
    ],
    ids=["empty", "text", "garbage", "broken zip", "list", "numbers", "numbered", "code", "module"],
)
def test_other_than_a_state_dict_raises_one_line_and_runs_no_code(tmp_path, capsys, content):
    path = tmp_path / "own.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(LotteryError) as caught:
        import_weights(path, "fc2", TINY_IMAGE, "normalised")
    assert "\n" not in str(caught.value)
    assert "must not run" not in capsys.readouterr().out


def test_a_missing_or_garbage_safetensors_file_is_refused_by_name(tmp_path):
    path = tmp_path / "own.safetensors"
    with pytest.raises(LotteryError, match=r"own\.safetensors does not exist"):
        import_weights(path, "fc2", TINY_IMAGE, "normalised")
    path.write_bytes(b"hello world")
    with pytest.raises(LotteryError, match=r"own\.safetensors is damaged"):
        import_weights(path, "fc2", TINY_IMAGE, "normalised")


def test_convolutions_of_another_network_are_refused_with_what_was_found(target):
    data = SimpleNamespace(dataset=SimpleNamespace(image=TINY_IMAGE))
    with pytest.raises(
        LotteryError, match=r"expected conv1.weight \(6, 1, 5, 5\), the file contains fc1.weight \(500, 4\)"
    ):
        convolution_weights(Run("lenet5", "linear", 5, 0.5, 1), data, target.weights)
