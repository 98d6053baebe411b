"""Runs as commands request them: pruned together, each written and recorded by itself."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from lottery.data.datasets import Images, load
from lottery.devices import leased_device
from lottery.errors import LotteryError
from lottery.pruning.features import convolution_weights
from lottery.pruning.records import RUN_FILES, write_run
from lottery.pruning.run import Run
from lottery.pruning.stacking import prune_all
from lottery.pruning.training_loop import Epoch, PruningResult, Task
from lottery.records.provenance import ProvenanceTracker
from lottery.records.tensors import read_state_dict

CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Request:
    """A run, the files that it is made from, and the provenance that records it."""

    provenance: ProvenanceTracker
    run: Run
    data: Path
    convolutions: Path | None = None


def _recorded(provenance: ProvenanceTracker, share: float) -> None:
    provenance.save(share)


def prune_alone(request: Request, device: str) -> None:
    """Prune the network of one request on a device of this name."""
    with request.provenance.computing_on(leased_device(device)) as chosen:
        prune_together([request], load(request.provenance.add_input(request.data)), chosen, 1)


def prune_together(
    requests: Sequence[Request],
    data: Images,
    device: torch.device,
    size: int,
    finished: Callable[[ProvenanceTracker, float], None] = _recorded,
) -> None:
    """Prune the networks of several requests, `size` of them stacked.

    finished: called when a run's files are written, with its share of the cost.  A run that fails raises its error
    at the end, or, if another job asked for it, prints it.
    """
    pairs = [(request.provenance, task) for request in requests if (task := _task(request, data)) is not None]
    tasks = [task for _, task in pairs]
    if len(tasks) > 1:
        print(f"{len(tasks)} runs in this job, {min(size, len(tasks))} stacked", flush=True)

    def begin(group: Sequence[int]) -> Callable[[Sequence[Epoch | None]], None]:
        for index in group:
            if pairs[index][0].speculative:  # start-up is charged to the run that this job was started for
                pairs[index][0].restart_clock(device)
        return _report([tasks[index].run for index in group])

    failed: LotteryError | None = None
    for group, outcomes in prune_all(tasks, data, device, size, begin):
        for index, outcome in zip(group, outcomes, strict=True):
            provenance, task = pairs[index]
            if not isinstance(outcome, LotteryError):
                provenance.add_metadata(side_by_side=len(group))
                _write(provenance, task.run, data.dataset.name, outcome)
                finished(provenance, 1 / len(group))
                (provenance.output / CHECKPOINT).unlink(missing_ok=True)
            elif provenance.speculative:
                print(f"{provenance.output}: {outcome}", flush=True)
            else:
                failed = outcome
    if failed is not None:
        raise failed


def _task(request: Request, data: Images) -> Task | None:
    """The task of a request; None where something is wrong with it that its own job will report."""
    provenance, given = request.provenance, request.convolutions
    try:
        provenance.add_input(request.data)
        weights = None if given is None else read_state_dict(provenance.add_input(given))
        convolution_weights(request.run, data, weights)
    except LotteryError as error:
        if not provenance.speculative:
            raise
        print(f"{provenance.output}: {error}", flush=True)
        return None
    return Task(request.run, provenance.output / CHECKPOINT, weights)


def _report(runs: Sequence[Run]) -> Callable[[Sequence[Epoch | None]], None]:
    """Report the progress of stacked runs, epoch by epoch."""
    seconds: list[float] = []  # of the epochs of this process: a resumed run has some from before as well

    def report(epochs: Sequence[Epoch | None]) -> None:
        going = [epoch for epoch in epochs if epoch is not None]
        first = going[0]
        seconds.append(first.seconds * len(runs))
        left = sum(seconds) / len(seconds) * (runs[0].epochs - first.epoch)
        watched = "validation" if first.test_accuracy is None else "test"
        accuracies = [e.validation_accuracy if e.test_accuracy is None else e.test_accuracy for e in going]
        print(
            f"epoch {first.epoch}/{runs[0].epochs}: loss {_span([epoch.loss for epoch in going], 4)}"
            f", {watched} accuracy {_span(accuracies, 2)}%, about {left:.0f} s left",
            flush=True,
        )

    return report


def _span(values: Sequence[float | None], digits: int) -> str:
    """A number, or from the smallest to the largest of several."""
    known = [value for value in values if value is not None]
    return " to ".join(dict.fromkeys(f"{value:.{digits}f}" for value in (min(known), max(known))))


def _write(provenance: ProvenanceTracker, run: Run, dataset: str, pruned: PruningResult) -> None:
    places = [provenance.output_path(provenance.output / name) for name in RUN_FILES]
    provenance.add_outputs(*places)
    write_run(places[0].parent, run, dataset, pruned)
    provenance.add_metadata(run=asdict(run))
    kept = pruned.counts
    print(f"{kept.remaining:,} of {kept.initial:,} weights kept, {kept.alive:,} alive", flush=True)
