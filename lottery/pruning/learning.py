"""Runs from their first step to their last: data on the device, edge-popup, checkpoints.

Runs that differ only in what changes no shape (sparsity, seed, switches) can be trained side by side, each as if it were alone.
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
from lottery.pruning.features import Features, Part, Weights, convolution_weights, features_of
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run
from lottery.pruning.steps import Steps, steps_of
from lottery.pruning.streams import image_orders
from lottery.records.fingerprint import fingerprint
from lottery.records.tensors import read_tensors, write_tensors

SECONDS_BETWEEN_CHECKPOINTS = 60.0  # of several runs, whose states are large; a single run writes one after each epoch


@dataclass(frozen=True)
class Epoch:
    """A line of a run's history: mean training loss; accuracies in percent, None where they were not looked at.

    seconds: of runs side by side, a share each.
    """

    epoch: int
    loss: float
    validation_accuracy: float | None
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Pruned:
    """What a run ends with."""

    history: tuple[Epoch, ...]
    masks: dict[str, np.ndarray]
    counts: Counts
    convolution_parameters: int


@dataclass(frozen=True)
class Task:
    """A run, the file in which it is kept while it is not finished, and convolutions where they are given."""

    run: Run
    checkpoint: Path | None = None
    convolutions: Weights | None = None


Report = Callable[[Sequence[Epoch | None]], None]  # an epoch of each run; None of one that has failed


def _orders(runs: Sequence[Run], data: Images, images: int, first: int) -> Iterator[Tensor]:
    """The order of the training images in each epoch from `first`: (models, images), or (1, images) where all have one."""
    one = len({run.seed for run in runs}) == 1
    streams = [
        image_orders(run, data.dataset.image, images, data.dataset.test_count, first)
        for run in (runs[:1] if one else runs)
    ]
    return map(torch.stack, zip(*streams, strict=True))


def _learn(steps: Steps, features: Features, orders: Tensor, batch_size: int) -> list[float]:
    """One epoch; each model's mean loss over all images.

    The last, smaller batch counts like any other.  The device is waited for once, at the end.
    """
    total = torch.zeros(len(features.source), device=orders.device)
    for images in orders.split(batch_size, dim=1):
        total += steps(*features.batch(images)) * images.shape[1]
    return [loss / orders.shape[1] for loss in total.tolist()]


def _accuracies(networks: PrunedNetworks, features: Features, part: Part) -> list[float]:
    """Share of right predictions of each model, in percent."""
    matrices = [layer.matrix() for layer in networks.layers]
    right = torch.zeros(len(features.source), dtype=torch.int64, device=part.labels.device)
    for images, labels in features.batches(part):
        right += (networks.outputs(images, matrices).argmax(dim=2) == labels).sum(dim=1)
    return [100.0 * count / len(part) for count in right.tolist()]


@dataclass(frozen=True)
class Checkpoint:
    """Where a killed run goes on.  Only a file of the very same run, on the same data, by the same code, is taken."""

    path: Path
    identity: dict[str, object]

    def write(self, state: dict[str, Tensor], history: Sequence[Epoch]) -> None:
        arrays = {name: value.cpu().numpy() for name, value in state.items()}
        write_tensors(self.path, arrays, {"run": self.identity, "history": [asdict(epoch) for epoch in history]})

    def read(self) -> tuple[dict[str, Tensor], list[Epoch]]:
        """A state and the history so far; both are empty where there is nothing to go on from."""
        if not self.path.exists():
            return {}, []
        try:
            arrays, metadata = read_tensors(self.path)
        except LotteryError as error:
            print(f"{error}: the run starts afresh", flush=True)
            return {}, []
        if metadata.get("run") != self.identity:
            print(f"{self.path}: of another run, this one starts afresh", flush=True)
            return {}, []
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return state, [Epoch(**epoch) for epoch in metadata["history"]]


def epochs_done(task: Task) -> int:
    """How far a run is by its checkpoint, whoever wrote that."""
    if task.checkpoint is None or not task.checkpoint.exists():
        return 0
    with suppress(LotteryError):
        return len(read_tensors(task.checkpoint)[1].get("history", ()))
    return 0


def _checkpoint(task: Task, weights: Weights, learned_from: str, device: torch.device) -> Checkpoint | None:
    if task.checkpoint is None:
        return None
    content = {name: sha256(array.tobytes()).hexdigest() for name, array in weights.items()}
    machinery = {"code": fingerprint("prune"), "torch": torch.__version__, "device": device.type}
    return Checkpoint(task.checkpoint, {**asdict(task.run), "data": learned_from, "convolutions": content, **machinery})


class _Training:
    """Some runs side by side: their networks, how far they are, and which of them have failed."""

    def __init__(self, tasks: Sequence[Task], data: Images, device: torch.device) -> None:
        self.runs, self.device = [task.run for task in tasks], device
        self.weights = [convolution_weights(task.run, data, task.convolutions) for task in tasks]
        self.features = features_of(self.runs, data, self.weights, device)
        self.networks = PrunedNetworks(self.runs, data.dataset.image, device)
        self.steps = steps_of(self.networks, device)
        learned_from = sha256(data.train_images.tobytes() + data.train_labels.tobytes()).hexdigest()
        self.saved = [
            _checkpoint(task, own, learned_from, device) for task, own in zip(tasks, self.weights, strict=True)
        ]
        self.histories: list[list[Epoch]] = [[] for _ in tasks]
        self.failed: dict[int, LotteryError] = {}
        self._resume()
        self.orders = _orders(self.runs, data, len(self.features.train), len(self.histories[0]) + 1)

    def _resume(self) -> None:
        """From checkpoints, where all runs have one after the same epoch."""
        found = [({}, []) if saved is None else saved.read() for saved in self.saved]
        if len({len(history) for _, history in found}) == 1 and found[0][1]:
            self.networks.restore([state for state, _ in found])
            self.histories = [history for _, history in found]

    def epoch(self, number: int) -> list[Epoch | None]:
        started = time.perf_counter()
        run, runs, features = self.runs[0], self.runs, self.features
        self.steps.begin([run.rate * (1 + math.cos(math.pi * (number - 1) / run.epochs)) / 2 for run in runs])
        losses = _learn(self.steps, features, next(self.orders).to(self.device), run.variant.batch_size)
        seconds = (time.perf_counter() - started) / len(runs)
        self._note_failures(number, losses)
        nothing = [None] * len(runs)
        watched = nothing if features.validation is None else _accuracies(self.networks, features, features.validation)
        look = run.protocol == "published" or number == run.epochs
        tested = _accuracies(self.networks, features, features.test) if look else nothing
        found: list[Epoch | None] = []
        for model, history in enumerate(self.histories):
            line = Epoch(number, losses[model], watched[model], tested[model], seconds)
            found.append(None if model in self.failed else line)
            history.append(line)
        return found

    def _note_failures(self, number: int, losses: Sequence[float]) -> None:
        for model, (loss, finite) in enumerate(zip(losses, self.networks.finite(), strict=True)):
            if not math.isfinite(loss):
                what = f"training: the loss is {loss} in epoch {number}"
            elif not finite:
                what = f"{self.runs[model].network}: scores or weights overflowed in epoch {number}"
            else:
                continue
            self.failed.setdefault(model, LotteryError(f"{what}; lower the learning rate"))

    def save(self) -> None:
        for model, saved in enumerate(self.saved):
            if saved is not None and model not in self.failed:
                saved.write(self.networks.state(model), self.histories[model])

    def outcome(self, model: int) -> Pruned | LotteryError:
        if model in self.failed:
            return self.failed[model]
        return Pruned(
            history=tuple(self.histories[model]),
            masks=self.networks.masks(model),
            counts=self.networks.counts(model),
            convolution_parameters=sum(array.size for array in self.weights[model].values()),
        )


def prune_side_by_side(
    tasks: Sequence[Task], data: Images, device: torch.device, report: Report = lambda epochs: None
) -> list[Pruned | LotteryError]:
    """Learn the masks of runs of one shape (`batches.shape_of`) together; of each what it found, or why it failed.

    A run that diverges stops no other.  Killed runs go on after the last epoch at which all of them were saved.
    """
    training = _Training(tasks, data, device)
    last = training.runs[0].epochs
    pause = SECONDS_BETWEEN_CHECKPOINTS if len(tasks) > 1 else 0.0
    saved = time.monotonic()
    for number in range(len(training.histories[0]) + 1, last + 1):
        found = training.epoch(number)
        if len(training.failed) == len(tasks):
            break
        if number < last and time.monotonic() - saved >= pause:
            training.save()
            saved = time.monotonic()
        report(found)
    return [training.outcome(model) for model in range(len(tasks))]


def prune(
    run: Run,
    data: Images,
    device: torch.device,
    checkpoint: Path | None = None,
    convolutions_given: Weights | None = None,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Pruned:
    """Learn the masks of a run (for `dense`, its weights).  The seed decides every byte on one kind of processor.

    The learning rate follows a cosine over the run's epochs.  With `checkpoint`, a killed run goes on after its last
    finished epoch, to the same result.
    """

    def report_one(epochs: Sequence[Epoch | None]) -> None:
        if epochs[0] is not None:
            report(epochs[0])

    (outcome,) = prune_side_by_side([Task(run, checkpoint, convolutions_given)], data, device, report_one)
    if isinstance(outcome, LotteryError):
        raise outcome
    return outcome
