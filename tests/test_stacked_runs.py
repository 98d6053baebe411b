"""Stacked runs: each gives the same result as if it were trained alone, whatever happens to the others."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MNIST
from hypothesis import given, settings
from hypothesis import strategies as st
from test_edge_popup import SMALL, SWITCHES, batches

from lottery.data.datasets import Images
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.pruning import stacking
from lottery.pruning.masks import topk_masks_on_gpu
from lottery.pruning.memory import max_models_in_memory, model_bytes
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import STRUCTURES, Run, Structure, Variant
from lottery.pruning.stacking import prune_all, stacking_key
from lottery.pruning.structures import layer_specs
from lottery.pruning.train_step import CudaGraphTrainStep, TrainStep
from lottery.pruning.training_loop import Epoch, PruningResult, Task, prune, prune_stacked

CPU = prepare_device("cpu")
TINY = Variant(hidden=16)


def check_stacked_equals_single(runs: list[Run], image: ImageShape, steps: int) -> None:
    """In float64 every model has, after each step, the masks of a single run; its images are its own."""
    together = PrunedNetworks(runs, image, CPU, torch.float64)
    alone = [PrunedNetworks([run], image, CPU, torch.float64) for run in runs]
    spec = layer_specs(runs[0], image)[0]
    everything = batches(steps * len(runs), spec.inputs, torch.float64)
    rates = torch.tensor([run.rate for run in runs], dtype=torch.float64)
    for step in range(steps):
        found = everything[step * len(runs) : (step + 1) * len(runs)]
        images = torch.stack([own if spec.signed else own.abs() for own, _ in found])
        labels = torch.stack([own for _, own in found])
        losses = together.step(images, labels, rates)
        for model, (run, single) in enumerate(zip(runs, alone, strict=True)):
            own = single.step(images[model : model + 1], labels[model : model + 1], run.rate)
            assert float(losses[model]) == pytest.approx(float(own), rel=1e-9)
            masks = together.masks(model)
            for name, mask in single.masks(0).items():
                np.testing.assert_array_equal(masks[name], mask)
    assert [together.counts(model) for model in range(len(runs))] == [single.counts(0) for single in alone]


@pytest.mark.parametrize("as_on_gpu", [False, True], ids=["as on a CPU", "as on a GPU"])
@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
def test_stacked_models_have_the_masks_of_single_runs_at_every_step(
    structure: str, as_on_gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sparsities, seeds, and all switches that change no shape, in one batch."""
    if as_on_gpu:
        monkeypatch.setattr("lottery.pruning.layers.topk_masks", topk_masks_on_gpu)
    base = Run("fc2", structure, 3, 0.3, epochs=1, variant=SWITCHES["released"])
    runs = [replace(base, variant=variant) for name, variant in SWITCHES.items() if name != "bias"]
    runs += [replace(base, sparsity=0.0), replace(base, sparsity=0.975), replace(base, seed=2)]
    runs += [replace(base, variant=replace(TINY, hidden=20, learning_rate=0.03, momentum=0, weight_decay=0.01))]
    check_stacked_equals_single(runs, SMALL, 30)


def test_stacked_models_of_a_users_structure_without_weight1_equal_single_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """All copies of a weight count, not the first alone."""
    monkeypatch.setitem(STRUCTURES._items, "parallel", Structure(replacing=True))
    base = Run("fc2", "parallel", 3, 0.3, epochs=1, variant=TINY)
    check_stacked_equals_single([base, replace(base, seed=2), replace(base, sparsity=0.7)], SMALL, 10)


@pytest.mark.parametrize("structure", ["linear", "relu", "wide", "dense"])
@pytest.mark.parametrize("network", ["fc4", "lenet5"])
def test_stacked_models_of_fc4_and_lenet5_with_biases_equal_single_runs(network: str, structure: str) -> None:
    sparsity, redundancy = (0, 1) if structure == "dense" else (0.4, 2)
    variant = replace(SWITCHES["bias"], learning_rate=0.1)
    base = Run(network, structure, redundancy, sparsity, epochs=1, variant=variant)
    runs = [base, replace(base, seed=9), base if structure == "dense" else replace(base, sparsity=0.8)]
    check_stacked_equals_single(runs, MNIST if network == "lenet5" else SMALL, 6)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["linear", "relu", "wide"]),
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99]), st.integers(0, 5)), min_size=2, max_size=4),
    st.integers(1, 3),
)
def test_stacked_models_of_any_sparsities_and_seeds_equal_single_runs(
    structure: str, mix: list[tuple[float, int]], redundancy: int
) -> None:
    runs = [
        Run("fc2", structure, redundancy, sparsity, epochs=1, seed=seed, variant=Variant(hidden=7))
        for sparsity, seed in mix
    ]
    check_stacked_equals_single(runs, ImageShape(channels=1, size=3), 8)


def test_stacking_networks_of_different_sizes_is_rejected() -> None:
    run = Run("fc2", "linear", 2, 0.5, epochs=1, variant=TINY)
    with pytest.raises(ValueError, match="stacked runs must have layers of the same sizes"):
        PrunedNetworks([run, replace(run, redundancy=3)], SMALL, CPU)


@pytest.mark.parametrize("protocol", ["published", "held_out"])
@pytest.mark.parametrize("network", ["fc2", "lenet5"])
def test_whole_stacked_runs_end_like_single_runs(digits: Images, network: str, protocol: str) -> None:
    """In float32 sums are rounded in another order, which moves an accuracy by a few images; same data, orders, splits.

    Runs of lenet5 with different seeds have different convolutions, and so see different features.
    """
    held_out = 500 if protocol == "held_out" else None
    variant = replace(TINY, hidden=40, learning_rate=0.1)
    base = Run(network, "linear", 3, 0.5, 3, protocol=protocol, validation_images=held_out, variant=variant)
    runs = [base, replace(base, sparsity=0.2), replace(base, seed=2), replace(base, sparsity=0)]
    found = prune_stacked([Task(run) for run in runs], digits, CPU)
    for run, together in zip(runs, found, strict=True):
        assert isinstance(together, PruningResult)
        alone = prune(run, digits, CPU)
        assert together.counts.remaining == alone.counts.remaining
        assert together.history[0].loss == pytest.approx(alone.history[0].loss, rel=0.01)
        assert together.history[-1].test_accuracy == pytest.approx(alone.history[-1].test_accuracy, abs=1.5)
        assert [e.test_accuracy is None for e in together.history] == [e.test_accuracy is None for e in alone.history]
        assert [e.validation_accuracy is None for e in together.history] == [held_out is None] * 3


def test_stacked_runs_continue_when_one_diverges(digits: Images) -> None:
    good = Run("fc2", "linear", 2, 0.5, epochs=2, variant=TINY)
    bad = replace(good, variant=replace(TINY, learning_rate=1000.0, weight_decay=1000.0))
    seen: list[list[bool]] = []
    first, failed, last = prune_stacked(
        [Task(good), Task(bad), Task(replace(good, seed=2))],
        digits,
        CPU,
        lambda epochs: seen.append([epoch is None for epoch in epochs]),
    )
    assert isinstance(failed, LotteryError)
    assert "overflowed in epoch 1; lower the learning rate" in str(failed)
    assert isinstance(first, PruningResult)
    assert first.history[-1].test_accuracy == pytest.approx(prune(good, digits, CPU).history[-1].test_accuracy, abs=1.5)
    assert isinstance(last, PruningResult)
    assert seen == [[False, True, False]] * 2


class Killed(Exception):
    pass


def killed_after(number: int, epochs: list[int]):
    def report(found: list[Epoch | None]) -> None:
        epochs.append(next(epoch.epoch for epoch in found if epoch is not None))
        if epochs[-1] == number:
            raise Killed

    return report


def tasks_in(folder: Path, runs: list[Run]) -> list[Task]:
    return [Task(run, folder / f"{number}.safetensors") for number, run in enumerate(runs)]


def test_killed_stacked_runs_resume_to_the_same_masks(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lottery.pruning.training_loop.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    base = Run("fc2", "relu", 2, 0.5, epochs=4, variant=TINY)
    tasks = tasks_in(tmp_path, [base, replace(base, sparsity=0.9)])
    with pytest.raises(Killed):
        prune_stacked(tasks, digits, CPU, killed_after(2, []))
    epochs: list[int] = []
    resumed = prune_stacked(tasks, digits, CPU, killed_after(99, epochs))
    assert epochs == [3, 4]
    whole = prune_stacked([replace(task, checkpoint=None) for task in tasks], digits, CPU)
    for one, other in zip(resumed, whole, strict=True):
        assert isinstance(one, PruningResult)
        assert isinstance(other, PruningResult)
        assert [epoch.loss for epoch in one.history] == [epoch.loss for epoch in other.history]
        for name, mask in other.masks.items():
            np.testing.assert_array_equal(one.masks[name], mask)


def test_single_run_resumes_from_the_checkpoint_of_a_stacked_run(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lottery.pruning.training_loop.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    base = Run("fc2", "wide", 2, 0.5, epochs=3, variant=TINY)
    tasks = tasks_in(tmp_path, [base, replace(base, seed=5)])
    with pytest.raises(Killed):
        prune_stacked(tasks, digits, CPU, killed_after(2, []))
    epochs: list[int] = []
    prune(tasks[1].run, digits, CPU, tasks[1].checkpoint, report=lambda epoch: epochs.append(epoch.epoch))
    assert epochs == [3]


def limit_memory(monkeypatch: pytest.MonkeyPatch, fits: int) -> list[int]:
    """As if more models than this did not fit into memory; the sizes of groups that were tried."""
    tried: list[int] = []

    def prune_or_run_out(tasks: list[Task], *rest: object) -> list[PruningResult | LotteryError]:
        tried.append(len(tasks))
        if len(tasks) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return prune_stacked(tasks, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(stacking, "prune_stacked", prune_or_run_out)
    return tried


def test_group_is_split_in_halves_when_memory_runs_out(
    digits: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = limit_memory(monkeypatch, fits=2)
    run = Run("fc2", "linear", 1, 0.5, epochs=1, variant=TINY)
    tasks = [Task(replace(run, seed=seed)) for seed in range(7)]
    found: dict[int, PruningResult | LotteryError] = {}
    for group, results in prune_all(tasks, digits, CPU, 7, lambda group: lambda epochs: None):
        found |= dict(zip(group, results, strict=True))
    assert tried == [7, 4, 2, 2, 3, 2, 1]
    assert "GPU memory is too small for 7 stacked runs: resuming with 4" in capsys.readouterr().out
    assert sorted(found) == list(range(7))
    alone = prune(tasks[6].run, digits, CPU)
    assert isinstance(found[6], PruningResult)
    assert found[6].history[-1].loss == pytest.approx(alone.history[-1].loss, rel=1e-5)


def test_single_run_that_exceeds_memory_raises(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_memory(monkeypatch, fits=0)
    task = Task(Run("fc2", "linear", 1, 0.5, epochs=1, variant=TINY))
    with pytest.raises(torch.OutOfMemoryError):
        list(prune_all([task], digits, CPU, 4, lambda group: lambda epochs: None))


def test_checkpoints_after_different_epochs_are_not_mixed(digits: Images, tmp_path: Path) -> None:
    run = Run("fc2", "linear", 1, 0.5, epochs=3, variant=TINY)
    tasks = tasks_in(tmp_path, [run, replace(run, seed=2)])
    for task, epochs in zip(tasks, (1, 2), strict=True):
        with pytest.raises(Killed):
            prune_stacked([task], digits, CPU, killed_after(epochs, []))
    seen: list[int] = []
    prune_stacked(tasks, digits, CPU, killed_after(99, seen))
    assert seen == [1, 2, 3]


def test_failed_run_writes_no_checkpoint(digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lottery.pruning.training_loop.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    good = Run("fc2", "linear", 2, 0.5, epochs=2, variant=TINY)
    bad = replace(good, variant=replace(TINY, learning_rate=1000.0, weight_decay=1000.0))
    tasks = tasks_in(tmp_path, [good, bad])
    prune_stacked(tasks, digits, CPU)
    assert [task.checkpoint.exists() for task in tasks if task.checkpoint] == [True, False]


def test_seconds_of_an_epoch_are_divided_by_the_number_of_stacked_runs(digits: Images) -> None:
    runs = [Run("fc2", "linear", 2, 0.5, epochs=1, seed=seed, variant=replace(TINY, hidden=100)) for seed in range(8)]
    started = time.perf_counter()
    found = prune_stacked([Task(run) for run in runs], digits, CPU)
    whole = time.perf_counter() - started
    assert sum(one.history[0].seconds for one in found if isinstance(one, PruningResult)) < whole


def test_runs_with_different_progress_are_not_stacked(
    digits: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("fc2", "linear", 1, 0.5, epochs=3, variant=TINY)
    tasks = tasks_in(tmp_path, [replace(run, seed=seed) for seed in range(3)])
    with pytest.raises(Killed):
        prune_stacked(tasks[1:2], digits, CPU, killed_after(2, []))
    tried = limit_memory(monkeypatch, fits=9)
    groups = [group for group, _ in prune_all(tasks, digits, CPU, 3, lambda group: lambda epochs: None)]
    assert groups == [[0, 2], [1]]
    assert tried == [2, 1]


def test_memory_estimate_grows_with_the_network_and_leaves_a_margin(digits: Images) -> None:
    fc2, fc4, lenet5 = (Run(network, "linear", 5, 0.5, 1) for network in ("fc2", "fc4", "lenet5"))
    assert model_bytes(lenet5, MNIST) < model_bytes(fc2, MNIST)
    assert model_bytes(fc4, MNIST) > model_bytes(fc2, MNIST) > 25 * 1_991_420
    assert max_models_in_memory(fc2, digits, 80 * 10**9) > 42, "a figure's runs of one structure, on a common GPU"
    for free in (0, 10**9, 10**10):
        count = max_models_in_memory(fc2, digits, free)
        assert count == 1 or count * model_bytes(fc2, MNIST) < free


def test_stacking_key_ignores_settings_that_change_no_shape() -> None:
    run = Run("fc2", "linear", 5, 0.5, 10)
    same = [replace(run, sparsity=0.9), replace(run, seed=3), replace(run, variant=Variant(decay_scores=False))]
    assert {stacking_key(other) for other in same} == {stacking_key(run)}
    others = [
        replace(run, redundancy=4),
        replace(run, epochs=20),
        replace(run, structure="relu"),
        replace(run, network="fc4"),
        replace(run, protocol="held_out"),
        replace(run, variant=Variant(batch_size=32)),
        replace(run, variant=Variant(bias=True)),
    ]
    assert len({stacking_key(other) for other in [run, *others]}) == 1 + len(others)


class ReplayedGraph:
    """Stands for a CUDA graph: replaying computes what was captured, on the tensors that were captured."""

    def replay(self) -> None:
        self.losses.copy_(self.step())


def addresses(steps: CudaGraphTrainStep) -> tuple[int, ...]:
    """Where all that outlives a step lies."""
    networks = steps.networks
    masks = [matrix.mask for layer in networks.layers for matrix in (layer.weight1, layer.weight2)]
    return tuple(tensor.data_ptr() for tensor in [steps._learning_rate, *masks, *networks._state().values()])


def test_captured_step_is_replayed_for_every_full_batch(digits: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a capture needs is there on a CPU too: nothing is computed while capture, and all tensors stay in place."""
    runs = [Run("fc2", "relu", 2, sparsity, epochs=1, variant=TINY) for sparsity in (0.3, 0.8)]
    plain, captured = PrunedNetworks(runs, MNIST, CPU), PrunedNetworks(runs, MNIST, CPU)
    launched = 0

    def step(features: torch.Tensor, labels: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
        nonlocal launched
        launched += 1
        return PrunedNetworks.step(captured, features, labels, rate)

    @contextmanager
    def capture(graph: ReplayedGraph, stream: str) -> Iterator[None]:
        assert stream == "of its device"
        before = [{name: value.clone() for name, value in captured.state(model).items()} for model in range(2)]
        yield
        captured.restore(before)
        steps._graph = graph
        graph.losses = steps._losses
        graph.step = lambda: step(steps._features, steps._labels, steps._learning_rate)

    monkeypatch.setattr(captured, "step", step)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: "of its device")
    monkeypatch.setattr(torch.cuda, "CUDAGraph", ReplayedGraph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(CudaGraphTrainStep, "_launch", TrainStep.__call__)
    one_by_one, steps = TrainStep(plain, CPU), CudaGraphTrainStep(captured, CPU)
    in_place: set[tuple[int, ...]] = set()
    for rates in ([0.1, 0.1], [0.05, 0.02]):
        for way in (one_by_one, steps):
            way.set_learning_rates(rates)
        for images, labels in [*batches(6, MNIST.pixels, torch.float32), (torch.randn(5, 784), torch.arange(5))]:
            expected = one_by_one(images[None], labels[None])
            torch.testing.assert_close(steps(images[None], labels[None]), expected, rtol=1e-4, atol=1e-6)
            in_place.add(addresses(steps))
    assert steps._graph is not None
    assert len(in_place) == 1, "a capture reads and writes where its tensors were"
    assert launched == 14 + 1, "a launch or a replay for each batch, and the capture"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here: captured steps are tested by a stand-in alone")
def test_gpu_and_cpu_give_the_same_masks(digits: Images) -> None:
    device = prepare_device("cuda")
    for structure in ("linear", "relu", "wide"):
        runs = [Run("fc2", structure, 3, sparsity, epochs=3, variant=TINY) for sparsity in (0.2, 0.5, 0.9)]
        found = prune_stacked([Task(run) for run in runs], digits, device)
        for run, together in zip(runs, found, strict=True):
            alone = prune(run, digits, CPU)
            assert isinstance(together, PruningResult)
            assert together.counts.remaining == alone.counts.remaining
            assert together.history[-1].test_accuracy == pytest.approx(alone.history[-1].test_accuracy, abs=2)
