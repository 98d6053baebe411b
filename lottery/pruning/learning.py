"""A run from its first step to its last: data on the device, edge-popup, a checkpoint after each epoch."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lottery.datasets import Images
from lottery.errors import LotteryError
from lottery.files import read_tensors, write_tensors
from lottery.fingerprint import fingerprint
from lottery.networks import build
from lottery.pruning.counts import Counts
from lottery.pruning.network import PrunedNetwork
from lottery.pruning.run import Run
from lottery.pruning.structures import convolutions, draw_convolutions
from lottery.training import EVALUATION_BATCH, accuracy, epoch_loss, resident

SPLIT_SEED = 0  # which training images are held out is the same for every run


@dataclass(frozen=True)
class Epoch:
    """A line of a run's history: mean training loss; accuracies in percent, None where they were not looked at."""

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
class _Features:
    """What the fully connected layers see: features (count, in) and labels, on the device."""

    train: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor] | None
    test: tuple[Tensor, Tensor]


@torch.no_grad()
def _extract(
    run: Run, data: Images, weights: Mapping[str, np.ndarray], part: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Normalised pixels, or what the frozen convolutions make of them: never learned, so computed once for all epochs."""
    images, labels = resident(getattr(data, f"{part}_images"), getattr(data, f"{part}_labels"), device)
    mean, deviation = (
        torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (data.dataset.mean, data.dataset.deviation)
    )
    if not weights:
        return images.sub_(mean).div_(deviation).flatten(start_dim=1), labels
    network = build(run.network, data.dataset.image).to(device)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    names = [name for name, _ in network.named_children()]
    convolution = network[: names.index("flatten") + 1]  # type: ignore[index]
    batches = images.sub_(mean).div_(deviation).split(EVALUATION_BATCH)
    return torch.cat([convolution(batch) for batch in batches]), labels


def _features(run: Run, data: Images, weights: Mapping[str, np.ndarray], device: torch.device) -> _Features:
    train, test = (_extract(run, data, weights, part, device) for part in ("train", "test"))
    if run.validation_images is None:
        return _Features(train, None, test)
    total = len(train[1])
    if run.validation_images >= total:
        raise LotteryError(
            f"validation_images: {run.validation_images} of {total} training images leave none to learn from"
        )
    order = torch.randperm(total, generator=torch.Generator().manual_seed(SPLIT_SEED)).to(device)
    held, kept = order[: run.validation_images], order[run.validation_images :]
    return _Features((train[0][kept], train[1][kept]), (train[0][held], train[1][held]), test)


def convolution_weights(run: Run, data: Images, given: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """The frozen convolutions: those given (by `conv1.weight`, ...), else random by the run's seed; none for fc2, fc4."""
    needed = {layer.name: layer.shape for layer in convolutions(run.network, data.dataset.image)}
    if given is not None and not needed:
        raise LotteryError(f"convolutions: {run.network} has none; leave the file out")
    if given is None:
        return draw_convolutions(run.network, data.dataset.image, run.seed)
    for name, shape in needed.items():
        if name not in given or given[name].shape != shape:
            found = given[name].shape if name in given else "nothing"
            raise LotteryError(f"convolutions: {name} of shape {shape} is needed, the file has {found}")
    for name in needed:
        if not np.isfinite(given[name]).all():
            raise LotteryError(f"convolutions: {name} has weights that are NaN or infinite")
    return {name: np.asarray(given[name], np.float32) for name in needed}


def _order(seed: int, epoch: int, count: int) -> Tensor:
    """The order of the images in an epoch; it depends on nothing that a resumed run would have to keep.

    The one word may also begin a tensor's stream: here it only seeds another generator.
    """
    words = np.random.Philox(key=[seed, epoch]).random_raw(1)
    return torch.randperm(count, generator=torch.Generator().manual_seed(int(words[0] >> np.uint64(1))))


def _accuracy(network: PrunedNetwork, part: tuple[Tensor, Tensor]) -> float:
    return accuracy(network.outputs(part[0]).argmax(dim=1), part[1])


@dataclass(frozen=True)
class Checkpoint:
    """Where a killed run goes on.  Only a file of the very same run, on the same data, by the same code, is taken."""

    path: Path
    identity: dict[str, object]

    def write(self, network: PrunedNetwork, history: list[Epoch]) -> None:
        arrays = {name: value.cpu().numpy() for name, value in network.state().items()}
        write_tensors(self.path, arrays, {"run": self.identity, "history": [asdict(epoch) for epoch in history]})

    def restore(self, network: PrunedNetwork) -> list[Epoch]:
        """The history so far, the network set to go on; empty where there is nothing to go on from."""
        if not self.path.exists():
            return []
        try:
            arrays, metadata = read_tensors(self.path)
        except LotteryError as error:
            print(f"{error}: the run starts afresh", flush=True)
            return []
        if metadata.get("run") != self.identity:
            print(f"{self.path}: of another run, this one starts afresh", flush=True)
            return []
        network.restore({name: torch.from_numpy(array) for name, array in arrays.items()})
        return [Epoch(**epoch) for epoch in metadata["history"]]


def prune(
    run: Run,
    data: Images,
    device: torch.device,
    checkpoint: Path | None = None,
    convolutions_given: Mapping[str, np.ndarray] | None = None,
    report: Callable[[Epoch], None] = lambda epoch: None,
) -> Pruned:
    """Learn the masks of a run (for `dense`, its weights).  The seed decides every byte on one kind of processor.

    The learning rate follows a cosine over the run's epochs.  With `checkpoint`, a killed run goes on after its last
    finished epoch, to the same result.
    """
    weights = convolution_weights(run, data, convolutions_given)
    features = _features(run, data, weights, device)
    network = PrunedNetwork(run, data.dataset.image, device)
    saved = None
    if checkpoint is not None:
        content = {name: sha256(array.tobytes()).hexdigest() for name, array in weights.items()}
        machinery = {"code": fingerprint("prune"), "torch": torch.__version__, "device": device.type}
        learned_from = sha256(data.train_images.tobytes() + data.train_labels.tobytes()).hexdigest()
        identity = {**asdict(run), "data": learned_from, "convolutions": content, **machinery}
        saved = Checkpoint(checkpoint, identity)
    history = saved.restore(network) if saved else []
    for number in range(len(history) + 1, run.epochs + 1):
        started = time.perf_counter()
        rate = run.rate * (1 + math.cos(math.pi * (number - 1) / run.epochs)) / 2
        loss = epoch_loss(
            partial(network.step, rate=rate),
            *features.train,
            run.variant.batch_size,
            _order(run.seed, number, len(features.train[1])),
            number,
        )
        seconds = time.perf_counter() - started
        if not network.finite():
            raise LotteryError(
                f"{run.network}: scores or weights overflowed in epoch {number}; lower the learning rate"
            )
        watched = None if features.validation is None else _accuracy(network, features.validation)
        look = run.protocol == "published" or number == run.epochs
        tested = _accuracy(network, features.test) if look else None
        history.append(Epoch(number, loss, watched, tested, seconds))
        if saved and number < run.epochs:
            saved.write(network, history)
        report(history[-1])
    return Pruned(
        history=tuple(history),
        masks=network.masks(),
        counts=network.counts(),
        convolution_parameters=sum(array.size for array in weights.values()),
    )
