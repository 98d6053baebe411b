"""Which runs are trained side by side, and how many at once."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from lottery.datasets import Images
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.pruning.learning import Pruned, Report, Task, epochs_done, prune_side_by_side
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import blocks_of

SHARE_OF_FREE_MEMORY = 0.8
BYTES_A_WEIGHT = 13  # it, its score and its velocity in float32, and its place in a mask
SCRATCH_A_WEIGHT = 64  # of the largest layer: what a step allocates on the way, once launched and once recorded


def shape_of(run: Run) -> Run:
    """What runs must have in common to be trained side by side: all but sparsity, seed and the switches."""
    variant = Variant(batch_size=run.variant.batch_size, hidden=run.variant.hidden, bias=run.variant.bias)
    return replace(run, sparsity=0, seed=0, variant=variant)


def model_bytes(run: Run, image: ImageShape) -> int:
    """About how much memory of a GPU one of several models takes."""
    blocks = blocks_of(run, image)
    largest = max(math.prod(block.second_shape) for block in blocks)
    return sum(block.size for block in blocks) * BYTES_A_WEIGHT + largest * SCRATCH_A_WEIGHT


def features_bytes(run: Run, data: Images) -> int:
    """What the layers see: of fc2 and fc4 once for all models, of lenet5 for each that has convolutions of its own."""
    return (len(data.train_labels) + len(data.test_labels)) * blocks_of(run, data.dataset.image)[0].inputs * 4


def how_many_fit(run: Run, data: Images, free: int) -> int:
    """How many models like this one fit into so many free bytes; at least one, which is tried in any case."""
    own_features = run.network == "lenet5"
    model = model_bytes(run, data.dataset.image) + features_bytes(run, data) * own_features
    return max(1, int(free * SHARE_OF_FREE_MEMORY - features_bytes(run, data)) // model)


def at_once(run: Run, data: Images, device: torch.device, asked: int | None) -> int:
    """How many models are trained side by side on a device: `asked`, None for as many as fit.

    On a CPU one after another, whatever is asked: compiled steps of single models are faster there (benchmarks/README.md).
    """
    if device.type == "cpu":
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    fit = how_many_fit(run, data, free)
    if asked is not None and asked > fit:
        print(f"{asked} runs at once are asked for, but about {fit} fit into this GPU's memory", flush=True)
    return fit if asked is None else min(asked, fit)


def _groups(tasks: Sequence[Task], size: int) -> list[list[int]]:
    """Indices of at most `size` tasks each, which are equally far."""
    if size == 1:
        return [[index] for index in range(len(tasks))]
    by_progress: dict[int, list[int]] = {}
    for index, task in enumerate(tasks):
        by_progress.setdefault(epochs_done(task), []).append(index)
    return [group[start : start + size] for group in by_progress.values() for start in range(0, len(group), size)]


def prune_all(
    tasks: Sequence[Task],
    data: Images,
    device: torch.device,
    size: int,
    report: Callable[[Sequence[int]], Report],
) -> Iterator[tuple[list[int], list[Pruned | LotteryError]]]:
    """Learn the masks of runs of one shape, `size` at once; indices of tasks and what came out, as they are finished.

    Where memory does not suffice, a group goes on in two halves, from its checkpoints.  report(indices) gets the epochs
    of a group.
    """
    waiting = _groups(tasks, size)
    while waiting:
        group = waiting.pop(0)
        outcomes = _within_memory(group, tasks, data, device, report(group))
        if outcomes is not None:
            yield group, outcomes
            continue
        torch.cuda.empty_cache()
        half = (len(group) + 1) // 2
        print(f"{len(group)} runs at once do not fit into this GPU's memory: going on with {half}", flush=True)
        waiting[:0] = [group[:half], group[half:]]


def _within_memory(
    group: Sequence[int], tasks: Sequence[Task], data: Images, device: torch.device, report: Report
) -> list[Pruned | LotteryError] | None:
    """None where memory did not suffice; the failed attempt's tensors are gone then, as its frames are."""
    try:
        return prune_side_by_side([tasks[index] for index in group], data, device, report)
    except torch.OutOfMemoryError:
        if len(group) == 1:
            raise
        return None
