"""Milliseconds a step of edge-popup: the plain way, ours, and the floor of arithmetic, side by side.

    python -m benchmarks.pruning --data mnist.safetensors --output results/benchmarks

Rounds alternate between the ways, so that a machine that slows down slows all.  See benchmarks/README.md.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from benchmarks.plain_pruning import PlainNetwork, plain_step
from benchmarks.pruning_ways import WARM_UP, Way, endless, features, floor, ours, plain, side_by_side
from lottery.data.datasets import Images, load
from lottery.devices import prepare_device
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.run import Run
from lottery.records.files import write_text
from lottery.results.tables.experiment_1 import markdown


def profile(data: Images, run: Run, steps: int) -> pd.DataFrame:
    """Where our step's time goes on a CPU, one thread."""
    torch.set_num_threads(1)
    network = PrunedNetworks([run], data.dataset.image, torch.device("cpu"))
    source = endless(*features(data, run, torch.device("cpu")), run.variant.batch_size)
    spent = dict.fromkeys(("batch", "effective matrices", "forward and backward", "scores and masks"), 0.0)
    for number in range(steps + WARM_UP):
        marks = [time.perf_counter()]
        images, labels = next(source)
        marks.append(time.perf_counter())
        matrices = [layer.effective_weight().detach().requires_grad_() for layer in network.layers]
        marks.append(time.perf_counter())
        gradients = torch.autograd.grad(
            functional.cross_entropy(network.forward(images[None], matrices)[0], labels), matrices
        )
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
    ours = PrunedNetworks([run], data.dataset.image, torch.device("cpu"), dtype)
    optimizer, differing = plain.optimizer(run), 0
    source = endless(*features(data, run, torch.device("cpu")), run.variant.batch_size)
    for _ in range(steps):
        images, labels = next(source)
        plain_step(plain, optimizer, images.to(dtype), labels)
        ours.step(images.to(dtype)[None], labels[None], run.rate)
        masks = ours.masks(0)
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
        Way("plain", many, plain(data, run, device)),
        Way("floor", 1, floor(data, run, device)),
        Way("floor", many, floor(data, run, device)),
        Way("ours", 1, ours(data, [run], device)),
        Way("ours", many, ours(data, [run], device)),
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
