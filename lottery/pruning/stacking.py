"""Which runs are trained as stacked tensors, and how a group of them is split when GPU memory runs out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import torch

from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.pruning.run import Run, Variant
from lottery.pruning.training_loop import PruningResult, Report, Task, epochs_done, prune_stacked


def stacking_key(run: Run) -> Run:
    """The settings that stacked runs must share: equal keys mean equal tensor shapes and training schedules.

    Sparsity, seeds and the switches of a variant may differ, so the key has defaults for them.
    """
    variant = Variant(batch_size=run.variant.batch_size, hidden=run.variant.hidden, bias=run.variant.bias)
    return replace(run, sparsity=0, seed=0, perturbation=None, variant=variant)


def _group_by_progress(tasks: Sequence[Task], size: int) -> list[list[int]]:
    """Indices of tasks in groups of at most `size`, each of tasks with equally many finished epochs."""
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
) -> Iterator[tuple[list[int], list[PruningResult | LotteryError]]]:
    """Learn the masks of runs with one `stacking_key`, `size` at a time; yields indices of tasks and their results.

    If GPU memory runs out, a group is split in two halves, which resume from its checkpoints.

    report: called with the indices of a group before it starts; what it returns is called after each epoch of the group.
    Raises torch.OutOfMemoryError if a single run does not fit.
    """
    waiting = _group_by_progress(tasks, size)
    while waiting:
        group = waiting.pop(0)
        results = _prune_if_memory_suffices(group, tasks, data, device, report(group))
        if results is not None:
            yield group, results
            continue
        with suppress(RuntimeError):  # of a graph capture that failed
            torch.cuda.empty_cache()
        half = (len(group) + 1) // 2
        print(f"GPU memory is too small for {len(group)} stacked runs: resuming with {half}", flush=True)
        waiting[:0] = [group[:half], group[half:]]


def _prune_if_memory_suffices(
    group: Sequence[int], tasks: Sequence[Task], data: Images, device: torch.device, report: Report
) -> list[PruningResult | LotteryError] | None:
    """The results of a group, or None if memory ran out: by then its frames, and so its tensors, are gone."""
    try:
        return prune_stacked([tasks[index] for index in group], data, device, report)
    except torch.OutOfMemoryError:
        if len(group) == 1:
            raise
        return None
