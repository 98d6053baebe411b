"""How many of a run's alive weights carry a signal on real images: a bound from below beside the count from above.

    python -m benchmarks.carrying --data mnist.safetensors results/pruning/published/fc4/relu/released/*_seed_1_released

`alive` counts weights on paths, and a path can be of no use: a unit of which every input image leaves the ReLU shut, or
signs that cancel.  Here a weight counts if, on some test image, its input and the derivative of some output with respect
to its output are both different from 0, so that changing it changes an output.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from lottery.data.datasets import Images, load
from lottery.errors import LotteryError
from lottery.pruning.features import convolution_weights, extract_features
from lottery.pruning.layers import ScoredLayer
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.records import read_masks
from lottery.pruning.run import Run
from lottery.records.files import read_json

BATCH = 1000


def finished(folder: Path, data: Images) -> tuple[Run, PrunedNetworks]:
    """The network of a finished run: random weights drawn again, masks read.

    Raises LotteryError if a file of the run is missing or damaged, or if nothing was pruned.
    """
    metrics = read_json(folder / "metrics.json")
    run = Run(**{field.name: metrics[field.name] for field in fields(Run) if field.name != "variant"})
    if run.structure == "dense":
        raise LotteryError(f"{folder}: a dense run has no masks; leave it out")
    network = PrunedNetworks([run], data.dataset.image, torch.device("cpu"), compiled=False)
    masks = read_masks(folder / "masks.safetensors")
    for layer in network.layers:
        for name, matrix in (("weight1", layer.weight1), ("weight2", layer.weight2)):
            if matrix is not None:
                matrix.mask[0] = torch.from_numpy(masks[f"{layer.spec.name}.{name}"])
    return run, network


def channels(layer: ScoredLayer, values: Tensor) -> list[Tensor]:
    """What the layer's matrix sees of values (images, in): themselves, or their positive and negative parts."""
    split = layer.weight1_parts().shape[1] == 2
    return [values.clamp(min=0), (-values).clamp(min=0)] if split else [values]


def reached(network: PrunedNetworks, features: Tensor) -> list[list[Tensor]]:
    """By layer and channel, (out, in): on how many of these images does the input and the derivative differ from 0."""
    inputs, outputs, values = [], [], features
    for number, layer in enumerate(network.layers):
        values = functional.relu(values) if number else values
        inputs.append(channels(layer, values))
        matrix = layer.effective_weight()[0]  # (out, channels * in)
        values = (torch.cat(inputs[-1], dim=1) @ matrix.T).requires_grad_()
        outputs.append(values)
    found = [torch.zeros(len(features), layer.spec.outputs, dtype=torch.bool) for layer in network.layers]
    for label in range(values.shape[1]):
        gradients = torch.autograd.grad(values[:, label].sum(), outputs, retain_graph=True)
        found = [before | (gradient != 0) for before, gradient in zip(found, gradients, strict=True)]
    return [
        [active.float().T @ (channel != 0).float() for channel in parts]
        for active, parts in zip(found, inputs, strict=True)
    ]


def carrying(network: PrunedNetworks, features: Tensor) -> int:
    """Kept weights that carry a signal on some image of features (images, in)."""
    totals: list[list[Tensor]] = []
    for batch in features.split(BATCH):
        counts = reached(network, batch)
        totals = (
            [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(totals, counts, strict=True)]
            if totals
            else counts
        )
    carried = 0
    for layer, parts in zip(network.layers, totals, strict=True):
        gates, mask = layer.weight1_parts()[0], layer.weight2.mask[0]  # (channels, r, in), (r, out, in)
        used = torch.zeros_like(mask)
        for gate, count in zip(gates, parts, strict=True):
            used |= mask & (gate != 0)[:, None] & (count > 0)[None]
        carried += int(used.sum()) + (int(used.any(dim=1).sum()) if layer.weight1 is not None else 0)
    return carried


def lines(folders: list[Path], data: Images) -> Iterator[str]:
    """A line of the table for each of these finished runs.  Raises LotteryError as `finished` does."""
    yield "network,structure,sparsity,remaining,alive,carrying"
    for folder in folders:
        run, network = finished(folder, data)
        weights = convolution_weights(run, data, None)
        features, _ = extract_features(run, data, weights, "test", torch.device("cpu"))
        counts = network.counts(0)
        found = carrying(network, features)
        yield f"{run.network},{run.structure},{run.sparsity:g},{counts.remaining},{counts.alive},{found}"


def print_lines(name: str, about: str | None, runs: str, lines: Callable[[list[Path], Images], Iterator[str]]) -> int:
    """The command of a benchmark that reads finished `runs`: 0, or 1 with a message where one of them cannot be read."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("folders", type=Path, nargs="+", help=runs)
    arguments = parser.parse_args()
    try:
        for line in lines(arguments.folders, load(arguments.data)):
            print(line, flush=True)
    except LotteryError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(print_lines("benchmarks.carrying", __doc__, "finished runs of linear, relu or wide", lines))
