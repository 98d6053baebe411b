"""Ways to take a step of edge-popup, each as a function that takes one, and how they are timed side by side."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.plain_pruning import PlainNetwork, plain_loader, plain_step
from lottery.data.datasets import Images
from lottery.pruning.features import convolution_weights, extract_features, feature_extractor
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run
from lottery.pruning.train_step import TrainStep, make_train_step

WARM_UP = 5  # a recorded step is recorded within


@dataclass(frozen=True)
class Way:
    """One way to take a step, with how many threads."""

    name: str
    threads: int
    step: Callable[[], None]


def features(data: Images, run: Run, device: torch.device) -> tuple[Tensor, Tensor]:
    """What the layers of a run see of the training images, and their labels."""
    return extract_features(run, data, convolution_weights(run, data, None), "train", device)


def endless(features: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches for ever, from data that lies on the device."""
    generator = torch.Generator().manual_seed(1)
    while True:
        for batch in torch.randperm(len(labels), generator=generator).to(features.device).split(size):
            yield features[batch], labels[batch]


def plain(data: Images, run: Run, device: torch.device) -> Callable[[], None]:
    """Sorting, repeating, a DataLoader with per-image transforms; frozen convolutions are computed anew in each step."""
    frozen = feature_extractor(run, data, convolution_weights(run, data, None), device)
    network = PlainNetwork(run, data.dataset.image).to(device)
    optimizer = network.optimizer(run)

    def batches() -> Iterator[list[Tensor]]:
        while True:
            yield from plain_loader(data, run.variant.batch_size)

    source = batches()

    def step() -> None:
        images, labels = next(source)
        with torch.no_grad():
            values = frozen(images.to(device))
        plain_step(network, optimizer, values, labels.to(device))

    return step


def ours(data: Images, runs: Sequence[Run], device: torch.device, recorded: bool = True) -> Callable[[], None]:
    """A step of all runs, side by side; on a GPU recorded, or launched one by one."""
    networks = PrunedNetworks(runs, data.dataset.image, device)
    source = endless(*features(data, runs[0], device), runs[0].variant.batch_size)
    steps = make_train_step(networks, device) if recorded else TrainStep(networks, device)
    steps.set_learning_rates([run.rate for run in runs])

    def step() -> None:
        images, labels = next(source)
        steps(images[None], labels[None])

    return step


def floor(data: Images, run: Run, device: torch.device) -> Callable[[], None]:
    """Forward, backward and fused SGD of the plain shapes with masks that never change: no selection, no loader."""
    layers = [
        {name: tensor.to(device) for name, tensor in layer.named_parameters()}
        for layer in PlainNetwork(run, data.dataset.image).layers
    ]
    masks = [{name: tensor.to(device) for name, tensor in layer.masks().items()} for layer in PlainNetwork(run, data.dataset.image).layers]  # fmt: skip
    scores = [layer[name] for layer in layers for name in ("scores1", "scores2") if name in layer]
    optimizer = torch.optim.SGD(scores, run.rate, run.variant.momentum, weight_decay=run.decay, fused=True)
    source = endless(*features(data, run, device), run.variant.batch_size)

    def forward(x: Tensor) -> Tensor:
        for number, (layer, mask) in enumerate(zip(layers, masks, strict=True)):
            x = functional.relu(x) if number else x
            # Straight-through in value and gradient: the scores enter as ones.
            kept2 = layer["weight2"].detach() * (mask["weight2"] + layer["scores2"] - layer["scores2"].detach())
            x = x[:, None, :]
            if "scores1" in layer:
                x = x * (layer["weight1"] * (mask["weight1"] + layer["scores1"] - layer["scores1"].detach()))
            if run.structure == "relu":
                x = functional.relu(x)
            x = functional.linear(x.flatten(start_dim=1), kept2.permute(1, 0, 2).reshape(kept2.shape[1], -1))
        return x

    def step() -> None:
        images, labels = next(source)
        optimizer.zero_grad()
        functional.cross_entropy(forward(images), labels).backward()
        optimizer.step()

    return step


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def side_by_side(ways: list[Way], rounds: int, steps: int, device: torch.device) -> pd.DataFrame:
    """Milliseconds a step, a row a way and round."""
    rows = []
    for way in ways:
        torch.set_num_threads(way.threads)
        for _ in range(WARM_UP):
            way.step()
    for number in range(rounds):
        for way in ways:
            torch.set_num_threads(way.threads)
            _wait(device)
            started = time.perf_counter()
            for _ in range(steps):
                way.step()
            _wait(device)
            milliseconds = (time.perf_counter() - started) / steps * 1e3
            rows.append({"way": way.name, "threads": way.threads, "round": number, "milliseconds": milliseconds})
    return pd.DataFrame(rows)
