"""Experiment 1, approximated networks evaluated."""

import shutil
import time
from pathlib import Path
from typing import Annotated

from tqdm import tqdm

from lottery.approximation import evaluation as accuracies
from lottery.approximation.exact_network import exact_point
from lottery.approximation.frontier import approximate
from lottery.approximation.grid import GridSettings, quantised
from lottery.approximation.target import read_target
from lottery.data.datasets import PIXELS, load
from lottery.devices import leased_device
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.subset_sum import create, warm_up

TargetFile = Annotated[Path, "weights by `train` or `import-weights`"]
DataFile = Annotated[Path, "a file by `lottery fetch`"]
Device = Annotated[str, "auto, cpu or cuda"]


def evaluate(
    provenance: ProvenanceTracker,
    /,
    *,
    data: DataFile,
    target: TargetFile,
    network: Annotated[Path, "the approximated network"],
    device: Device = "auto",
    output: Path,
) -> None:
    r"""Accuracy of the approximated network beside its target's, on normalised and on raw pixels.

    The paper trained on normalised pixels and printed accuracies on raw ones.  Each network is read from its own file.  Example:

        lottery evaluate --data mnist5k.safetensors --target fc2.safetensors \
            --network approximation/network.safetensors --output evaluation.json
    """
    networks = provenance.add_input(target), provenance.add_input(network)
    with provenance.computing_on(leased_device(device)) as chosen:
        found = accuracies.evaluate(provenance.add_input(data), *networks, chosen)
    write_json(provenance.add_outputs(output), found)
    for pixels in PIXELS:
        on = found[pixels]
        print(
            f"{pixels} pixels: target {on['target_accuracy']:.2f}%, approximated {on['approximated_accuracy']:.2f}%,"
            f" {on['predictions_that_differ']} of {found['test_images']} predictions differ"
        )


def measure_exact_network(
    provenance: ProvenanceTracker,
    /,
    settings: GridSettings,
    *,
    target: TargetFile,
    data: DataFile,
    device: Device = "auto",
    output: Path,
) -> None:
    """A quantised network of which every weight is an exact sum, and what that takes.

    Rounds the target to the grid of 2^-bits and finds, of coefficients on that grid, a sum that equals each weight.  Beside
    it the target itself by as many coefficients that lie anywhere, within half a step.  A killed job goes on where it was.
    Example:

        lottery measure-exact-network --target fc2.safetensors --data mnist.safetensors --bits 8 --output exact.json
    """
    network = read_target(provenance.add_input(target))
    images = load(provenance.add_input(data))
    accuracies.check_image_shape(network, images, target)
    provenance.check_outputs(output)
    solver = create("exact")
    on_grid, off_grid = settings.on_grid(), settings.off_grid()
    warm_up(solver, off_grid.n, settings.objective)
    unfinished = output.with_name(f"{output.name}.partial")
    started = time.process_time()
    with tqdm(total=2 * network.size, desc="exact sums", unit=" weights", unit_scale=True, disable=None) as bar:
        exact = approximate(quantised(network, settings.bits), on_grid, solver, unfinished / "on_grid", bar.update)
        within = approximate(network, off_grid, solver, unfinished / "off_grid", bar.update)
    seconds = time.process_time() - started
    with provenance.computing_on(leased_device(device)) as chosen:
        found = exact_point(network, settings, exact, within, images, chosen)
    write_json(provenance.add_outputs(output), found)
    shutil.rmtree(unfinished, ignore_errors=True)
    print(
        f"{found['inexact']} of {network.size:,} weights of {settings.bits} bits are no exact sum,"
        f" {found['predictions_that_differ']} of {found['test_images']:,} predictions differ, in {seconds:.2f} core seconds"
    )
    provenance.add_metadata(solve_seconds=seconds, weights=2 * network.size)
