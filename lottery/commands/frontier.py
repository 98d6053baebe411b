"""Experiment 1, approximated networks evaluated."""

import shutil
import time
from pathlib import Path
from typing import Annotated

from tqdm import tqdm

from lottery.approximation.settings import Settings
from lottery.approximation.target import read_target
from lottery.data.datasets import load
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.subset_sum import create, warm_up

TargetFile = Annotated[Path, "weights by `train` or `import-weights`"]
DataFile = Annotated[Path, "a file by `lottery fetch`"]
Device = Annotated[str, "auto, cpu or cuda"]


def measure_frontier(
    provenance: ProvenanceTracker,
    /,
    settings: Settings,
    *,
    target: TargetFile,
    data: DataFile,
    device: Device = "auto",
    output: Path,
) -> None:
    """A point of the frontier between size and accuracy: approximate a whole network, exactly, and evaluate it.

    The target pruned by magnitude and the rounded target, within the same epsilon, are measured as well.  A killed job goes on where it was.  Example:

        lottery measure-frontier --target fc2.safetensors --data mnist.safetensors --epsilon 0.02 --output point.json
    """
    from lottery import devices  # these import torch, which a job with a finished point does without
    from lottery.approximation import evaluation, frontier
    from lottery.approximation.mask_code import coded_size

    network = read_target(provenance.add_input(target))
    images = load(provenance.add_input(data))
    evaluation.check_image_shape(network, images, target)
    provenance.check_outputs(output)
    solver = create("exact")
    warm_up(solver, settings.n, settings.objective)
    unfinished = output.with_name(f"{output.name}.partial")
    started = time.process_time()
    with tqdm(total=network.size, desc=settings.objective, unit=" weights", unit_scale=True, disable=None) as bar:
        approximation = frontier.approximate(network, settings, solver, unfinished, bar.update)
    seconds = time.process_time() - started
    with provenance.computing_on(devices.leased_device(device)) as chosen:
        found = frontier.measure_point(network, settings, approximation, images, chosen)
    found["coded_bits"] = coded_size(approximation)
    write_json(provenance.add_outputs(provenance.output_path(output)), found)
    shutil.rmtree(unfinished, ignore_errors=True)
    print(
        f"{found['remaining']:,} parameters, {found['remaining'] / network.size:.3g} per weight,"
        f" {found['coded_bits'] / network.size:.3g} bits per weight, in {seconds:.2f} core seconds;"
        f" {found['approximated_accuracy']:.2f}% (target {found['target_accuracy']:.2f}%)"
    )
    provenance.add_metadata(solve_seconds=seconds, weights=network.size)
