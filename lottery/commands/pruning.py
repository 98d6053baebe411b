"""Experiment 2: random networks pruned by learned scores."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from lottery.data.datasets import Images
    from lottery.pruning.run import Run
    from lottery.pruning.training_loop import Epoch, PruningResult, Task
    from lottery.records.provenance import ProvenanceTracker

CHECKPOINT = "checkpoint.safetensors"


def prune(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """One run of experiment 2: prune a random network by learned scores.

    Its weights are never trained.  A killed run goes on after its last finished epoch.  In a workflow a job may train
    further runs that are to be made anyway, side by side where there is a GPU (`runs_per_job` of the config).  Example:

        lottery prune --data mnist5k.safetensors --network fc2 --structure linear --sparsity 0.5 --epochs 3 --output run
    """
    from lottery.data.datasets import load
    from lottery.devices import leased_device
    from lottery.records.files import check_writable

    check_writable(arguments.output)
    with provenance.computing_on(leased_device(arguments.device)) as device:
        data = load(provenance.add_input(arguments.data))
        prune_together([(arguments, provenance)], data, device, 1)


def run_of(arguments: argparse.Namespace) -> Run:
    """The run that a command asks for."""
    from dataclasses import fields

    from lottery.pruning.run import Run, Variant

    variant = Variant(**{field.name: getattr(arguments, field.name) for field in fields(Variant)})
    names = {field.name for field in fields(Run)} - {"variant"}
    return Run(**{name: getattr(arguments, name) for name in names}, variant=variant)


def _recorded(provenance: ProvenanceTracker, share: float) -> None:
    provenance.save(share)


def prune_together(
    commands: Sequence[tuple[argparse.Namespace, ProvenanceTracker]],
    data: Images,
    device: torch.device,
    size: int,
    finished: Callable[[ProvenanceTracker, float], None] = _recorded,
) -> None:
    """Make the runs of several commands, `size` side by side.

    finished: called when a run's files are written, with its share of the cost.  A run that fails raises its error
    at the end, or, if it was made ahead of being asked for, only says so.
    """
    from lottery.errors import LotteryError
    from lottery.pruning.stacking import prune_all

    pairs = [
        (provenance, task)
        for arguments, provenance in commands
        if (task := _task(arguments, provenance, data)) is not None
    ]
    tasks = [task for _, task in pairs]
    if len(tasks) > 1:
        print(f"{len(tasks)} runs in this job, {min(size, len(tasks))} side by side", flush=True)

    def begin(group: Sequence[int]) -> Callable[[Sequence[Epoch | None]], None]:
        for index in group:
            if pairs[index][0].speculative:  # what was asked for bears what came before
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


def _task(arguments: argparse.Namespace, provenance: ProvenanceTracker, data: Images) -> Task | None:
    """What a command asks for; None where something is wrong with it that its own job will say."""
    from lottery.errors import LotteryError
    from lottery.pruning.features import convolution_weights
    from lottery.pruning.training_loop import Task
    from lottery.records.tensors import read_state_dict

    try:
        run, given = run_of(arguments), arguments.convolutions
        provenance.add_input(arguments.data)
        weights = None if given is None else read_state_dict(provenance.add_input(given))
        convolution_weights(run, data, weights)
    except LotteryError as error:
        if not provenance.speculative:
            raise
        print(f"{provenance.output}: {error}", flush=True)
        return None
    return Task(run, provenance.output / CHECKPOINT, weights)


def _report(runs: Sequence[Run]) -> Callable[[Sequence[Epoch | None]], None]:
    """Say how runs side by side go on, epoch by epoch."""
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
    from dataclasses import asdict

    from lottery.pruning.records import RUN_FILES, write_run

    places = [provenance.output_path(provenance.output / name) for name in RUN_FILES]
    provenance.add_outputs(*places)
    write_run(places[0].parent, run, dataset, pruned)
    provenance.add_metadata(run=asdict(run))
    kept = pruned.counts
    print(f"{kept.remaining:,} of {kept.initial:,} weights kept, {kept.alive:,} alive", flush=True)
