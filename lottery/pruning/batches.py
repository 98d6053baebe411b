"""Which runs are trained side by side, and what happens where memory does not suffice."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.pruning.learning import Pruned, Report, Task, epochs_done, prune_side_by_side
from lottery.pruning.run import Run, Variant


def shape_of(run: Run) -> Run:
    """What runs must have in common to be trained side by side: all but sparsity, seeds and the switches."""
    variant = Variant(batch_size=run.variant.batch_size, hidden=run.variant.hidden, bias=run.variant.bias)
    return replace(run, sparsity=0, seed=0, perturbation=None, variant=variant)


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
        with suppress(RuntimeError):  # of a recording that failed
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
