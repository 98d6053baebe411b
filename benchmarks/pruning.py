"""Milliseconds a step of edge-popup: the plain way, ours, and the floor of arithmetic, side by side.

    python -m benchmarks.pruning --data mnist.safetensors --output results/benchmarks

Rounds alternate between the ways, so that a machine that slows down slows all.  See benchmarks/README.md.
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.plain_pruning import PlainNetwork, plain_loader, plain_step
from lottery.datasets import Images, load
from lottery.devices import prepare_device
from lottery.files import write_text
from lottery.pruning.network import PrunedNetwork
from lottery.pruning.run import Run
from lottery.results.tables import markdown
from lottery.training import resident

WARM_UP = 3


@dataclass(frozen=True)
class Way:
    """One way to take a step, with how many threads."""

    name: str
    threads: int
    step: Callable[[], None]


def _features(data: Images, device: torch.device) -> tuple[Tensor, Tensor]:
    images, labels = resident(data.train_images, data.train_labels, device)
    return ((images - data.dataset.mean[0]) / data.dataset.deviation[0]).flatten(start_dim=1), labels


def _batches(features: Tensor, labels: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches for ever, from data that lies on the device."""
    generator = torch.Generator().manual_seed(1)
    while True:
        for batch in torch.randperm(len(labels), generator=generator).to(features.device).split(size):
            yield features[batch], labels[batch]


def _plain(data: Images, run: Run, device: torch.device) -> Callable[[], None]:
    """Sorting, repeating, a DataLoader with per-image transforms."""
    network = PlainNetwork(run, data.dataset.image).to(device)
    optimizer = network.optimizer(run)

    def batches() -> Iterator[list[Tensor]]:
        while True:
            yield from plain_loader(data, run.variant.batch_size)

    source = batches()

    def step() -> None:
        images, labels = next(source)
        plain_step(network, optimizer, images.to(device), labels.to(device))

    return step


def _ours(data: Images, run: Run, device: torch.device) -> Callable[[], None]:
    network = PrunedNetwork(run, data.dataset.image, device)
    source = _batches(*_features(data, device), run.variant.batch_size)

    def step() -> None:
        network.step(*next(source), run.rate)

    return step


def _floor(data: Images, run: Run, device: torch.device) -> Callable[[], None]:
    """Forward, backward and fused SGD of the plain shapes with masks that never change: no selection, no loader."""
    layers = [
        {name: tensor.to(device) for name, tensor in layer.named_parameters()}
        for layer in PlainNetwork(run, data.dataset.image).layers
    ]
    masks = [{name: tensor.to(device) for name, tensor in layer.masks().items()} for layer in PlainNetwork(run, data.dataset.image).layers]  # fmt: skip
    scores = [layer[name] for layer in layers for name in ("scores1", "scores2") if name in layer]
    optimizer = torch.optim.SGD(scores, run.rate, run.variant.momentum, weight_decay=run.decay, fused=True)
    source = _batches(*_features(data, device), run.variant.batch_size)

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


def profile(data: Images, run: Run, steps: int) -> pd.DataFrame:
    """Where our step's time goes on a CPU, one thread."""
    torch.set_num_threads(1)
    network = PrunedNetwork(run, data.dataset.image, torch.device("cpu"))
    source = _batches(*_features(data, torch.device("cpu")), run.variant.batch_size)
    spent = dict.fromkeys(("batch", "effective matrices", "forward and backward", "scores and masks"), 0.0)
    for number in range(steps + WARM_UP):
        marks = [time.perf_counter()]
        images, labels = next(source)
        marks.append(time.perf_counter())
        matrices = [layer.matrix().detach().requires_grad_() for layer in network.layers]
        marks.append(time.perf_counter())
        gradients = torch.autograd.grad(functional.cross_entropy(network.forward(images, matrices), labels), matrices)
        marks.append(time.perf_counter())
        for layer, gradient in zip(network.layers, gradients, strict=True):
            layer.learn(gradient, run.rate)
        marks.append(time.perf_counter())
        if number >= WARM_UP:
            for part, seconds in zip(spent, np.diff(marks), strict=True):
                spent[part] += seconds
    return pd.DataFrame({"part": list(spent), "milliseconds": [seconds / steps * 1e3 for seconds in spent.values()]})


def mask_differences(data: Images, run: Run, steps: int, dtype: torch.dtype) -> int:
    """Mask entries that differ from the plain way's after each of `steps` steps on the same batches, added up."""
    plain = PlainNetwork(run, data.dataset.image, dtype)
    ours = PrunedNetwork(run, data.dataset.image, torch.device("cpu"), dtype)
    optimizer, differing = plain.optimizer(run), 0
    source = _batches(*_features(data, torch.device("cpu")), run.variant.batch_size)
    for _ in range(steps):
        images, labels = next(source)
        plain_step(plain, optimizer, images.to(dtype), labels)
        ours.step(images.to(dtype), labels, run.rate)
        masks = ours.masks()
        differing += sum(int((mask.numpy() != masks[name]).sum()) for name, mask in plain.masks().items())
    return differing


def report(measured: pd.DataFrame) -> pd.DataFrame:
    """Median and quartiles a way, and how many times our time (ours on one thread) it takes."""
    grouped = measured.groupby(["way", "threads"], sort=False).milliseconds
    table = grouped.quantile([0.25, 0.5, 0.75]).unstack().reset_index()
    table.columns = pd.Index(["way", "threads", "low", "median", "high"])
    ours = table[(table.way == "ours") & (table.threads == 1)]["median"].iloc[0]
    return table.assign(times_ours=table["median"] / ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a file by `lottery fetch`")
    parser.add_argument("--network", default="fc2")
    parser.add_argument("--structure", default="linear")
    parser.add_argument("--redundancy", type=int, default=5)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=10, help="of each way in a round")
    parser.add_argument(
        "--check", type=int, default=20, help="steps over which masks are compared with the plain way's"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    arguments = parser.parse_args()
    device, data = prepare_device(arguments.device), load(arguments.data)
    run = Run(arguments.network, arguments.structure, arguments.redundancy, arguments.sparsity, epochs=1)
    many = torch.get_num_threads() if device.type == "cuda" else 2
    ways = [
        Way("plain", many, _plain(data, run, device)),
        Way("floor", 1, _floor(data, run, device)),
        Way("floor", many, _floor(data, run, device)),
        Way("ours", 1, _ours(data, run, device)),
        Way("ours", many, _ours(data, run, device)),
    ]
    if many == 1:
        ways = [way for number, way in enumerate(ways) if number not in (1, 4)]
    measured = side_by_side(ways, arguments.rounds, arguments.steps, device)
    table = report(measured)
    torch.set_num_threads(many)
    single = mask_differences(data, run, arguments.check, torch.float32)
    double = mask_differences(data, run, arguments.check, torch.float64)
    shown = table.set_index("way").map(lambda value: f"{value:.2f}" if isinstance(value, float) else str(value))
    text = (
        f"{run.network} {run.structure}, r = {run.redundancy}, s = {run.sparsity:g}, batch {run.variant.batch_size}, "
        f"{device.type}; milliseconds a step, median and quartiles of {arguments.rounds} rounds\n\n{markdown(shown)}\n"
        f"Mask entries that differ from the plain way's, added up over {arguments.check} steps: {single} in float32, "
        f"{double} in float64.\n\n"
    )
    if device.type == "cpu":
        parts = profile(data, run, 100).set_index("part").map("{:.2f}".format)
        text += f"Where our step goes (one thread):\n\n{markdown(parts)}\n"
    text += f"PyTorch {torch.__version__}, {platform.machine()}, {platform.processor() or platform.system()}\n"
    arguments.output.mkdir(parents=True, exist_ok=True)
    name = f"pruning_{run.network}_{run.structure}_{device.type}"
    write_text(arguments.output / f"{name}.csv", measured.to_csv(index=False))
    write_text(arguments.output / f"{name}.md", text)
    print(text)


if __name__ == "__main__":
    main()
