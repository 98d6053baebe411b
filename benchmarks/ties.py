"""Test images on which several outputs tie for highest, and a run's accuracy under two ways of breaking such ties.

    python -m benchmarks.ties --data mnist.safetensors results/figures/pruning/published/*/[lrw]*/released/redundancy_5_*

Where kept paths reach no output, outputs are exactly 0, and the predicted class is the one that `argmax` happens to
take: here always the lowest.  PyTorch 1.3, which the paper's code asks for, promised no order.  Published networks that
output nothing have the share of sevens.  So they have by lanes: ten values are reduced over eight lanes, of which the
first two take two values each, and of equal values the later one wins, within a lane and between lanes.  Runs without
ties are left out.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.carrying import finished, print_lines
from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.pruning.features import convolution_weights, extract_features
from lottery.published import figures
from lottery.records.files import read_json

BY_LANES = (7, 6, 5, 4, 3, 2, 9, 1, 8, 0)  # of tied classes the first in this order


def highest(outputs: Tensor) -> Tensor:
    """Which classes (images, classes) share the highest output of an image."""
    return outputs == outputs.amax(dim=1, keepdim=True)


def chosen(tied: Tensor, order: tuple[int, ...]) -> Tensor:
    """The class, (images,), of those in `tied` (images, classes) that comes first in `order`."""
    places = torch.tensor(order)
    return places[tied[:, places].int().argmax(dim=1)]  # argmax of PyTorch >= 1.7: the first


def percent(right: Tensor) -> float:
    return 100 * right.double().mean().item()


def lines(folders: list[Path], data: Images) -> Iterator[str]:
    """A line of the table for each of these finished runs in which outputs tie.  Raises LotteryError as `finished` does."""
    published = figures().set_index(["network", "structure", "sparsity"]).accuracy
    yield "network,structure,sparsity,epochs,perturbation,published,tied_images,all_tied,lowest_class,by_lanes,least,most"
    for folder in folders:
        run, network = finished(folder, data)
        features, labels = extract_features(
            run, data, convolution_weights(run, data, None), "test", torch.device("cpu")
        )
        tied = highest(network.outputs(features[None])[0])
        several = tied.sum(dim=1) > 1
        if not several.any():
            continue
        counts = [int(several.sum()), int(tied.all(dim=1).sum())]
        lowest, by_lanes = (percent(chosen(tied, order) == labels) for order in (tuple(range(len(BY_LANES))), BY_LANES))
        recorded = read_json(folder / "metrics.json")["test_accuracy"]
        if abs(lowest - recorded) > 0.001:
            raise LotteryError(
                f"{folder}: {lowest:.2f}% here, {recorded:.2f}% in metrics.json; were its files made elsewhere?"
            )
        right = tied[torch.arange(len(labels)), labels]  # the label is among the highest
        values = [lowest, by_lanes, percent(right & ~several), percent(right)]
        known = published[run.network, run.structure, run.sparsity]
        head = [run.network, run.structure, f"{run.sparsity:g}", run.epochs, run.perturbation or "", f"{known:.2f}"]
        yield ",".join(map(str, [*head, *counts, *(f"{value:.2f}" for value in values)]))


if __name__ == "__main__":
    raise SystemExit(print_lines("benchmarks.ties", __doc__, "finished pruned runs of published points", lines))
