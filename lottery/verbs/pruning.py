"""Experiment 2: random networks pruned by learned scores."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.provenance import Step


def prune(arguments: argparse.Namespace, step: Step) -> None:
    """One run of experiment 2: prune a random network by learned scores.

    Its weights are never trained.  A killed run goes on after its last finished epoch.  Example:

        lottery prune --data mnist5k.safetensors --network fc2 --structure linear --sparsity 0.5 --epochs 3 --output run
    """
    from dataclasses import asdict, fields

    from lottery.datasets import load
    from lottery.devices import leased_device
    from lottery.files import check_writable, read_state_dict
    from lottery.pruning.learning import Epoch, prune
    from lottery.pruning.records import RUN_FILES, write_run
    from lottery.pruning.run import Run, Variant

    variant = Variant(**{field.name: getattr(arguments, field.name) for field in fields(Variant)})
    names = {field.name for field in fields(Run)} - {"variant"}
    run = Run(**{name: getattr(arguments, name) for name in names}, variant=variant)
    convolutions = None if arguments.convolutions is None else read_state_dict(step.reads(arguments.convolutions))
    data = load(step.reads(arguments.data))
    check_writable(arguments.output)
    checkpoint = arguments.output / "checkpoint.safetensors"
    seconds: list[float] = []  # of the epochs of this process: a resumed run has some from before as well

    def report(epoch: Epoch) -> None:
        seconds.append(epoch.seconds)
        left = sum(seconds) / len(seconds) * (run.epochs - epoch.epoch)
        accuracy = epoch.validation_accuracy if epoch.test_accuracy is None else epoch.test_accuracy
        watched = "validation" if epoch.test_accuracy is None else "test"
        print(
            f"epoch {epoch.epoch}/{run.epochs}: loss {epoch.loss:.4f}, {watched} accuracy {accuracy:.2f}%"
            f", about {left:.0f} s left",
            flush=True,
        )

    with step.computing_on(leased_device(arguments.device)) as device:
        pruned = prune(run, data, device, checkpoint, convolutions, report)
    step.writes(*(arguments.output / name for name in RUN_FILES))
    write_run(arguments.output, run, data.dataset.name, pruned)
    step.notes(run=asdict(run))
    checkpoint.unlink(missing_ok=True)
    kept = pruned.counts
    print(f"{kept.remaining:,} of {kept.initial:,} weights kept, {kept.alive:,} alive")
