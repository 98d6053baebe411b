"""The training loop of experiment 2 (edge-popup): epochs, evaluation, checkpoints, results.

Runs with equal tensor shapes (they differ in sparsity, seed or switches) can be trained as stacked tensors, each as if it were
alone.  Shapes: M models, N training images, I inputs.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.pruning.counts import Counts
from lottery.pruning.features import Features, Split, Weights, compute_features, convolution_weights
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run
from lottery.pruning.streams import image_orders
from lottery.pruning.train_step import TrainStep, make_train_step
from lottery.records.fingerprint import fingerprint
from lottery.records.tensors import read_tensors, write_tensors

SECONDS_BETWEEN_CHECKPOINTS = 60.0  # for stacked runs, whose states are large; a single run saves after every epoch


@dataclass(frozen=True)
class Epoch:
    """One epoch of a run's history: mean training loss, and accuracies in percent (None if not evaluated).

    seconds: wall-clock time of the epoch's steps, divided by the number of stacked runs.
    """

    epoch: int
    loss: float
    validation_accuracy: float | None
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class PruningResult:
    """The result of a run.

    history: one entry per epoch.  masks: bool arrays by `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I), empty for `dense`.
    convolution_parameters: number of frozen weights in convolutions, which `counts` leaves out.
    """

    history: tuple[Epoch, ...]
    masks: dict[str, np.ndarray]
    counts: Counts
    convolution_parameters: int


@dataclass(frozen=True)
class Task:
    """A run, its checkpoint file (None: no checkpoints), and its frozen convolutions (None: drawn from the seed)."""

    run: Run
    checkpoint: Path | None = None
    convolutions: Weights | None = None


Report = Callable[[Sequence[Epoch | None]], None]  # gets one epoch per run; None for a run that has failed


def _orders(runs: Sequence[Run], data: Images, images: int, first: int) -> Iterator[Tensor]:
    """The order of the training images per epoch from `first`: (M, N), or (1, N) if all models have the same."""
    same = len({run.seed for run in runs}) == 1
    streams = [
        image_orders(run, data.dataset.image, images, data.dataset.test_count, first)
        for run in (runs[:1] if same else runs)
    ]
    return map(torch.stack, zip(*streams, strict=True))


def _train_epoch(train_step: TrainStep, features: Features, orders: Tensor, batch_size: int) -> list[float]:
    """Train one epoch in `orders` (M or 1, N); returns the mean loss per model over all images.

    The last batch may be smaller; its loss is weighted by its size.  The host waits for the device once, at the end.
    """
    total = torch.zeros(len(features.source), device=orders.device)  # (M,)
    for images in orders.split(batch_size, dim=1):
        total += train_step(*features.batch(images)) * images.shape[1]
    return [loss / orders.shape[1] for loss in total.tolist()]


def _accuracies(networks: PrunedNetworks, features: Features, split: Split) -> list[float]:
    """Share of correct predictions per model, in percent."""
    weights = [layer.effective_weight() for layer in networks.layers]
    correct = torch.zeros(len(features.source), dtype=torch.int64, device=split.labels.device)  # (M,)
    for images, labels in features.batches(split):
        # logits (M, B, C) -> classes (M, B), compared with labels (B,)
        correct += (networks.outputs(images, weights).argmax(dim=2) == labels).sum(dim=1)
    return [100.0 * count / len(split) for count in correct.tolist()]


@dataclass(frozen=True)
class Checkpoint:
    """The file from which a killed run resumes.

    identity: settings, data, code and versions of the run; a file with another identity is ignored.
    """

    path: Path
    identity: dict[str, object]

    def write(self, state: dict[str, Tensor], history: Sequence[Epoch]) -> None:
        """Save a model's state and history, atomically."""
        arrays = {name: value.cpu().numpy() for name, value in state.items()}
        write_tensors(self.path, arrays, {"run": self.identity, "history": [asdict(epoch) for epoch in history]})

    def read(self) -> tuple[dict[str, Tensor], list[Epoch]]:
        """The saved state and history; both are empty if there is no usable checkpoint."""
        if not self.path.exists():
            return {}, []
        try:
            arrays, metadata = read_tensors(self.path)
        except LotteryError as error:
            print(f"{error}: the run starts from the beginning", flush=True)
            return {}, []
        if metadata.get("run") != self.identity:
            print(f"{self.path}: checkpoint of a different run; this one starts from the beginning", flush=True)
            return {}, []
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return state, [Epoch(**epoch) for epoch in metadata["history"]]


def epochs_done(task: Task) -> int:
    """Number of epochs in a run's checkpoint, whatever its identity; 0 without a readable one."""
    if task.checkpoint is None or not task.checkpoint.exists():
        return 0
    with suppress(LotteryError):
        return len(read_tensors(task.checkpoint)[1].get("history", ()))
    return 0


def _checkpoint(task: Task, weights: Weights, data_digest: str, device: torch.device) -> Checkpoint | None:
    if task.checkpoint is None:
        return None
    content = {name: sha256(array.tobytes()).hexdigest() for name, array in weights.items()}
    machinery = {"code": fingerprint("prune"), "torch": torch.__version__, "device": device.type}
    return Checkpoint(task.checkpoint, {**asdict(task.run), "data": data_digest, "convolutions": content, **machinery})


class _Training:
    """Stacked runs in training: their networks, their histories so far, and which of them have failed."""

    def __init__(self, tasks: Sequence[Task], data: Images, device: torch.device) -> None:
        self.runs, self.device = [task.run for task in tasks], device
        self.weights = [convolution_weights(task.run, data, task.convolutions) for task in tasks]
        self.features = compute_features(self.runs, data, self.weights, device)
        self.networks = PrunedNetworks(self.runs, data.dataset.image, device)
        self.train_step = make_train_step(self.networks, device)
        data_digest = sha256(data.train_images.tobytes() + data.train_labels.tobytes()).hexdigest()
        self.checkpoints = [
            _checkpoint(task, own, data_digest, device) for task, own in zip(tasks, self.weights, strict=True)
        ]
        self.histories: list[list[Epoch]] = [[] for _ in tasks]
        self.failed: dict[int, LotteryError] = {}
        self._resume()
        self.orders = _orders(self.runs, data, len(self.features.train), len(self.histories[0]) + 1)

    def _resume(self) -> None:
        """Restore the checkpoints, provided that all runs have one after the same epoch."""
        found = [({}, []) if checkpoint is None else checkpoint.read() for checkpoint in self.checkpoints]
        if len({len(history) for _, history in found}) == 1 and found[0][1]:
            self.networks.restore([state for state, _ in found])
            self.histories = [history for _, history in found]

    def epoch(self, number: int) -> list[Epoch | None]:
        """Train and evaluate epoch `number` (from 1); returns one entry per run, None for a run that has failed."""
        started = time.perf_counter()
        run, runs, features = self.runs[0], self.runs, self.features
        self.train_step.set_learning_rates(
            [run.rate * (1 + math.cos(math.pi * (number - 1) / run.epochs)) / 2 for run in runs]
        )
        losses = _train_epoch(self.train_step, features, next(self.orders).to(self.device), run.variant.batch_size)
        seconds = (time.perf_counter() - started) / len(runs)
        self._record_failures(number, losses)
        none = [None] * len(runs)
        validation = none if features.validation is None else _accuracies(self.networks, features, features.validation)
        test_now = run.protocol == "published" or number == run.epochs
        test = _accuracies(self.networks, features, features.test) if test_now else none
        found: list[Epoch | None] = []
        for model, history in enumerate(self.histories):
            epoch = Epoch(number, losses[model], validation[model], test[model], seconds)
            found.append(None if model in self.failed else epoch)
            history.append(epoch)
        return found

    def _record_failures(self, number: int, losses: Sequence[float]) -> None:
        for model, (loss, finite) in enumerate(zip(losses, self.networks.finite(), strict=True)):
            if not math.isfinite(loss):
                fault = f"training: the loss is {loss} in epoch {number}"
            elif not finite:
                fault = f"{self.runs[model].network}: scores or weights overflowed in epoch {number}"
            else:
                continue
            self.failed.setdefault(model, LotteryError(f"{fault}; lower the learning rate"))

    def save(self) -> None:
        """Write the checkpoints of all runs that have not failed."""
        for model, checkpoint in enumerate(self.checkpoints):
            if checkpoint is not None and model not in self.failed:
                checkpoint.write(self.networks.state(model), self.histories[model])

    def result(self, model: int) -> PruningResult | LotteryError:
        """The result of a run so far, or the error with which it failed."""
        if model in self.failed:
            return self.failed[model]
        return PruningResult(
            history=tuple(self.histories[model]),
            masks=self.networks.masks(model),
            counts=self.networks.counts(model),
            convolution_parameters=sum(array.size for array in self.weights[model].values()),
        )


def prune_stacked(
    tasks: Sequence[Task], data: Images, device: torch.device, report: Report = lambda epochs: None
) -> list[PruningResult | LotteryError]:
    """Learn the masks of runs with one `stacking.stacking_key`; returns, per run, its result or the error with which it failed.

    The other runs continue if one diverges.  Killed runs resume after the last epoch for which all of them have a checkpoint.
    """
    training = _Training(tasks, data, device)
    last = training.runs[0].epochs
    pause = SECONDS_BETWEEN_CHECKPOINTS if len(tasks) > 1 else 0.0
    last_save = time.monotonic()
    for number in range(len(training.histories[0]) + 1, last + 1):
        found = training.epoch(number)
        if len(training.failed) == len(tasks):
            break
        if number < last and time.monotonic() - last_save >= pause:
            training.save()
            last_save = time.monotonic()
        report(found)
    return [training.result(model) for model in range(len(tasks))]


def prune(
    run: Run,
    data: Images,
    device: torch.device,
    checkpoint: Path | None = None,
    convolutions_given: Weights | None = None,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> PruningResult:
    """Learn the masks of one run (for `dense`, its weights); the learning rate follows a cosine over its epochs.

    On one type of processor the seed determines every byte of the result.  With a `checkpoint` file, a killed run resumes after
    its last finished epoch and gives the same result.

    convolutions_given: frozen convolutions by name; None: drawn from the seed.  report: called after each epoch.
    Raises LotteryError if training diverges, or if data or convolutions do not fit the run.
    """

    def report_one(epochs: Sequence[Epoch | None]) -> None:
        if epochs[0] is not None:
            report(epochs[0])

    (result,) = prune_stacked([Task(run, checkpoint, convolutions_given)], data, device, report_one)
    if isinstance(result, LotteryError):
        raise result
    return result
