"""Runs a second against how many are trained side by side, beside single runs, the plain way, and two floors.

    python -m benchmarks.side_by_side --data mnist.safetensors --output results/benchmarks                  # a CPU
    python -m benchmarks.side_by_side --data mnist.safetensors --output results/benchmarks --device cuda    # a GPU

Rounds alternate between the ways.  From the measured steps follow estimates of what the figures of the paper take.
See benchmarks/README.md.
"""

import argparse
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional

from benchmarks.pruning_ways import Way, endless, features, ours, plain, side_by_side
from lottery.data.datasets import Images, load
from lottery.devices import prepare_device
from lottery.networks import NETWORKS
from lottery.pruning.run import PRUNED, Run
from lottery.pruning.structures import layer_specs
from lottery.records.files import write_text
from lottery.results.tables.experiment_1 import markdown

SPARSITIES = (0, 0.01, 0.02, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.98, 0.99)  # as published
EPOCHS = {"fc2": (10, 20, 30, 50, 100), "fc4": (10, 20, 30, 50, 100), "lenet5": (20, 30, 50, 100)}
STEPS_AN_EPOCH = 938  # 60,000 images, batch 64
MOVED_A_SCORE = 22  # bytes: read a weight, read and write score, velocity and mask
COPIED = 1 << 26  # numbers; far more than caches hold


def runs_like(run: Run, count: int) -> list[Run]:
    """The published sparsities, over and over."""
    return [replace(run, sparsity=SPARSITIES[number % len(SPARSITIES)]) for number in range(count)]


def arithmetic(data: Images, run: Run, count: int, device: torch.device) -> Callable[[], None]:
    """Forward and backward through matrices that never change: no masks, no scores."""
    blocks = layer_specs(run, data.dataset.image)
    channels = [2 if block.structure == "relu" and block.signed else 1 for block in blocks]
    shapes = [(count, b.outputs, b.inputs * split) for b, split in zip(blocks, channels, strict=True)]
    matrices = [(torch.randn(shape, device=device) / math.sqrt(shape[2])).requires_grad_() for shape in shapes]
    source = endless(*features(data, run, device), run.variant.batch_size)

    def step() -> None:
        images, labels = next(source)
        values = images.expand(count, -1, -1)
        for number, (matrix, split) in enumerate(zip(matrices, channels, strict=True)):
            values = functional.relu(values) if number else values
            values = torch.cat([values, -values], dim=2).clamp(min=0) if split == 2 else values
            values = torch.bmm(values, matrix.mT)
        loss = functional.cross_entropy(values.flatten(0, 1), labels.repeat(count))
        torch.autograd.grad(loss, matrices)

    return step


def seconds_a_byte(device: torch.device, rounds: int) -> float:
    """What moving a byte costs: copies of a large tensor, one thread on a CPU, median."""
    torch.set_num_threads(1)
    source, target = torch.zeros(COPIED, device=device), torch.empty(COPIED, device=device)
    found = []
    for _ in range(rounds):
        _wait(device)
        started = time.perf_counter()
        target.copy_(source)
        _wait(device)
        found.append((time.perf_counter() - started) / (2 * source.nbytes))
    return sorted(found)[rounds // 2]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def ways_of(data: Images, run: Run, counts: Sequence[int], device: torch.device) -> dict[Way, int]:
    """Ways to take a step, and how many runs each one serves."""
    threads = 1 if device.type == "cpu" else 2
    found = {Way("plain", 2, plain(data, run, device)): 1}
    for count in counts:
        found[Way(f"ours, {count}", threads, ours(data, runs_like(run, count), device))] = count
        if device.type == "cuda":
            name = f"ours, {count}, launched one by one"
            found[Way(name, threads, ours(data, runs_like(run, count), device, recorded=False))] = count
        found[Way(f"floor of arithmetic, {count}", threads, arithmetic(data, run, count, device))] = count
    return found


def measured(
    data: Images, run: Run, counts: Sequence[int], rounds: int, steps: int, device: torch.device
) -> pd.DataFrame:
    """Milliseconds a step and run, a row a way: median and quartiles over rounds."""
    ways = ways_of(data, run, counts, device)
    table = side_by_side(list(ways), rounds, steps, device)
    runs = {way.name: count for way, count in ways.items()}
    table["per_run"] = table.milliseconds / table.way.map(runs)
    summary = table.groupby("way", sort=False).per_run.quantile([0.25, 0.5, 0.75]).unstack().reset_index()
    summary.columns = pd.Index(["way", "low", "median", "high"])
    scores = sum(block.size for block in layer_specs(run, data.dataset.image))
    floor = scores * MOVED_A_SCORE * seconds_a_byte(device, rounds) * 1e3
    summary.loc[len(summary)] = ["floor of memory", floor, floor, floor]
    summary.insert(0, "runs", [*ways.values(), 1])
    summary.insert(0, "structure", run.structure)
    summary.insert(0, "network", run.network)
    plain_ms = summary[summary.way == "plain"]["median"].iloc[0]
    return summary.assign(times_faster=plain_ms / summary["median"])


def estimates(table: pd.DataFrame) -> list[str]:
    """What the figures take on this device by the fastest way, evaluation and start-up left out."""
    own = table[table.way.str.startswith("ours")].groupby(["network", "structure"])["median"].min()
    hours = {
        network: sum(own[network]) / 1e3 / 3600 * len(SPARSITIES) * STEPS_AN_EPOCH
        for network in own.index.get_level_values(0).unique()
        if set(own[network].index) == set(PRUNED)
    }
    lines = []
    if "fc2" in hours:
        lines.append(f"The fc2 figure at 10 epochs, 42 runs: {hours['fc2'] * 10 * 60:.1f} minutes of one device.")
    for network in hours:
        lines.append(f"All published lengths of {network}: {hours[network] * sum(EPOCHS[network]):.2f} hours.")
    if len(hours) == len(EPOCHS):
        whole = sum(hours[network] * sum(EPOCHS[network]) for network in hours)
        lines.append(f"The full published grid, 588 runs: {whole:.2f} hours.")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a file by `lottery fetch`")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS))
    parser.add_argument("--structures", nargs="+", default=list(PRUNED))
    parser.add_argument("--counts", type=int, nargs="+", help="default: 1 2 4 on a CPU, 1 2 4 8 14 28 56 on a GPU")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="of each way in a round; default: 5 on a CPU, 50 on a GPU")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    arguments = parser.parse_args()
    device, data = prepare_device(arguments.device), load(arguments.data)
    counts = arguments.counts or ([1, 2, 4] if device.type == "cpu" else [1, 2, 4, 8, 14, 28, 56])
    steps = arguments.steps or (5 if device.type == "cpu" else 50)
    parts = []
    for network in arguments.networks:
        for structure in arguments.structures:
            run = Run(network, structure, redundancy=5, sparsity=0.5, epochs=10)
            parts.append(measured(data, run, counts, arguments.rounds, steps, device))
            print(f"{network} {structure} measured", flush=True)
    table = pd.concat(parts, ignore_index=True)
    shown = table.assign(
        **{name: table[name].map("{:.3g}".format) for name in ("low", "median", "high", "times_faster")}
    )
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    lines = [
        f"Milliseconds a step and run, batch 64, r = 5, on {name}, PyTorch {torch.__version__}:",
        "",
        markdown(shown),
    ]
    text = "\n".join([*lines, *estimates(table), ""])
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output / f"side_by_side_{device.type}.csv", table.to_csv(index=False))
    write_text(arguments.output / f"side_by_side_{device.type}.md", text)
    print(text)


if __name__ == "__main__":
    main()
