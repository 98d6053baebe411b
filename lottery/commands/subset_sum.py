"""Experiment 1: weights as subset sums."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def _settings(arguments: argparse.Namespace) -> Any:
    from lottery.approximation.settings import Settings

    low, high = arguments.coefficient_range or (None, None)
    names = set(Settings.__dataclass_fields__) - {"low", "high"}
    return Settings(low=low, high=high, **{name: getattr(arguments, name) for name in names})


def _progress(total: int, what: str) -> Any:
    """A bar with an estimate; silent where stderr is not a terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=" weights", unit_scale=True, disable=None)


def choose_solver(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Settle which solver runs, once for a whole network.

    Asks for the Gurobi licence that is really there, and lets a MIP solver solve a small problem; the choice and its
    reason are the result.  Example:

        lottery choose-solver --solver mip --weights-per-set 784 --output solver.json
    """
    from dataclasses import asdict

    from lottery.records.files import write_json
    from lottery.subset_sum import choose, number_of_coefficients

    n = number_of_coefficients(arguments.epsilon, arguments.coefficients_per_bit)
    choice = choose(arguments.solver, n, arguments.weights_per_set, arguments.objective)
    write_json(provenance.add_outputs(arguments.output), asdict(choice))
    print(f"solver: {choice.solver} ({choice.reason})")


def _chosen(arguments: argparse.Namespace, provenance: ProvenanceTracker, n: int, weights_per_set: int) -> str:
    from lottery.records.files import read_json
    from lottery.subset_sum import choose

    if arguments.solver_choice is not None:
        return str(read_json(provenance.add_input(arguments.solver_choice))["solver"])
    choice = choose(arguments.solver, n, weights_per_set, arguments.objective)
    print(f"solver: {choice.solver} ({choice.reason})")
    return choice.solver


def solve(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Solve subset sum for some rows of a layer.

    The result does not depend on how a layer is cut; a killed MIP chunk goes on from OUTPUT.partial.  Example, the first
    ten rows of the first layer:

        lottery solve --target fc2.safetensors --layer 0 --first-row 0 --last-row 9 --output rows.safetensors
    """
    from lottery.approximation.chunks import Chunk, solve_chunk, write_chunk
    from lottery.approximation.target import read_target
    from lottery.subset_sum import create, warm_up

    settings, target = _settings(arguments), read_target(provenance.add_input(arguments.target))
    chunk = Chunk(arguments.layer, range(arguments.first_row, arguments.last_row + 1))
    chunk.check(target)
    provenance.check_outputs(arguments.output)
    columns = target.layers[chunk.layer].columns
    weights_per_set = columns if settings.sharing == "row" else 1
    solver = create(_chosen(arguments, provenance, settings.n, weights_per_set), arguments.time_limit)
    warm_up(solver, settings.n, settings.objective)
    partial = arguments.output.with_name(f"{arguments.output.name}.partial")
    started = time.monotonic()
    with _progress(len(chunk.rows) * columns, f"{target.layers[chunk.layer].name}, {solver.name}") as bar:
        result = solve_chunk(target, settings, chunk, solver, partial, bar.update)
    seconds = time.monotonic() - started
    write_chunk(provenance.add_outputs(provenance.output_path(arguments.output)), result, solver.name)
    partial.unlink(missing_ok=True)
    weights = result.masks.size
    print(f"{weights:,} weights by {solver.name} in {seconds:.2f} s ({seconds / weights * 1e6:,.3g} µs each)")
    provenance.add_metadata(solver=solver.name, solve_seconds=seconds, weights=weights)


def assemble(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Put chunks together to the approximated network, checking every weight against epsilon.

    Writes network, masks, numbers and cost into the folder OUTPUT.  Example:

        lottery assemble --target fc2.safetensors --chunks layer_*.safetensors --output approximation
    """
    from dataclasses import asdict

    from lottery.approximation.assembly import assemble, summary
    from lottery.approximation.chunks import parse_chunk_name
    from lottery.approximation.target import read_target, write_target
    from lottery.records.files import read_json, write_json
    from lottery.records.provenance import provenance_path
    from lottery.records.result_cache import clear_cache
    from lottery.records.tensors import write_tensors

    settings, target = _settings(arguments), read_target(provenance.add_input(arguments.target))
    approximation = assemble(
        target, settings, [(parse_chunk_name(path), provenance.add_input(path)) for path in arguments.chunks]
    )
    numbers = summary(approximation, settings)
    folder = arguments.output
    seconds = [read_json(provenance_path(path)).get("solve_seconds", 0.0) for path in arguments.chunks]
    provenance.add_outputs(
        *(folder / name for name in ("network.safetensors", "solution.safetensors", "assembly.json", "cost.json"))
    )
    write_tensors(folder / "solution.safetensors", approximation.arrays(), target.metadata())
    write_json(folder / "assembly.json", {**numbers, "settings": asdict(settings)})
    write_json(folder / "cost.json", {"chunks": len(seconds), "seconds": sum(seconds)})
    write_target(folder / "network.safetensors", approximation.network())
    provenance.add_metadata(solvers=numbers["solvers"])
    for chunks in {path.parent for path in arguments.chunks}:
        clear_cache(chunks)
    print(
        f"{numbers['remaining']:,} of {numbers['initial']:,} coefficients kept for {target.size:,} weights;"
        f" largest error {numbers['largest_error']:.3g}, every one within {settings.epsilon}"
    )


def evaluate(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    r"""Accuracy of the approximated network beside its target's, on normalised and on raw pixels.

    The paper trained on normalised pixels and printed accuracies on raw ones.  Each network is read from its own file.  Example:

        lottery evaluate --data mnist5k.safetensors --target fc2.safetensors \
            --network approximation/network.safetensors --output evaluation.json
    """
    from lottery.approximation.evaluation import evaluate
    from lottery.data.datasets import PIXELS
    from lottery.devices import leased_device
    from lottery.records.files import write_json

    networks = provenance.add_input(arguments.target), provenance.add_input(arguments.network)
    with provenance.computing_on(leased_device(arguments.device)) as device:
        found = evaluate(provenance.add_input(arguments.data), *networks, device)
    write_json(provenance.add_outputs(arguments.output), found)
    for pixels in PIXELS:
        on = found[pixels]
        print(
            f"{pixels} pixels: target {on['target_accuracy']:.2f}%, approximated {on['approximated_accuracy']:.2f}%,"
            f" {on['predictions_that_differ']} of {found['test_images']} predictions differ"
        )


def cross_check(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    r"""Solve a random sample of weights by another solver and by exact.

    Example, 16 weights by CBC:

        lottery cross-check --target fc2.safetensors --name fc2 --solver cbc --sample 16 \
            --seconds seconds.json --output check.csv
    """
    import pandas as pd

    from lottery.approximation.cross_check import cross_check
    from lottery.approximation.target import read_target
    from lottery.records.files import write_json, write_text
    from lottery.subset_sum import choose

    settings, target = _settings(arguments), read_target(provenance.add_input(arguments.target))
    choice = choose(arguments.solver, settings.n, target.layers[0].columns, settings.objective)
    provenance.check_outputs(arguments.output, arguments.seconds)
    with _progress(arguments.sample, f"cross-check, {choice.solver}") as bar:
        check = cross_check(
            target, settings, choice.solver, arguments.sample, arguments.sample_seed, arguments.time_limit, bar.update
        )
    frame = pd.DataFrame([{"solver": check.solver, **vars(weight)} for weight in check.weights])
    write_text(provenance.add_outputs(arguments.output, arguments.seconds), frame.to_csv(index=False))
    measured = {
        "approximation": arguments.name,
        "solver": check.solver,
        "sample": len(check.weights),
        "network_weights": target.size,
        "exact_seconds": check.exact_seconds,
        "solver_seconds": check.solver_seconds,
    }
    write_json(arguments.seconds, measured)
    mean = sum(check.solver_seconds) / len(check.solver_seconds)
    print(
        f"{choice.solver} ({choice.reason}): {mean:.3g} s a weight, exact {check.exact_seconds:.3g} s;"
        f" all {target.size:,} weights would take {mean * target.size / 3600:,.1f} core hours"
    )
    provenance.add_metadata(solver=choice.solver, reason=choice.reason)


def measure_frontier(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """A point of the frontier between size and accuracy: approximate a whole network, exactly, and evaluate it.

    The target pruned by magnitude at the same epsilon is measured as well.  A killed job goes on where it was.  Example:

        lottery measure-frontier --target fc2.safetensors --data mnist.safetensors --epsilon 0.02 --output point.json
    """
    import shutil

    from lottery.approximation.evaluation import check_image_shape
    from lottery.approximation.frontier import approximate, measure_point
    from lottery.approximation.target import read_target
    from lottery.data.datasets import load
    from lottery.devices import leased_device
    from lottery.records.files import write_json
    from lottery.subset_sum import create, warm_up

    settings, target = _settings(arguments), read_target(provenance.add_input(arguments.target))
    data = load(provenance.add_input(arguments.data))
    check_image_shape(target, data, arguments.target)
    provenance.check_outputs(arguments.output)
    solver = create("exact")
    warm_up(solver, settings.n, settings.objective)
    unfinished = arguments.output.with_name(f"{arguments.output.name}.partial")
    started = time.process_time()
    with _progress(target.size, settings.objective) as bar:
        approximation = approximate(target, settings, solver, unfinished, bar.update)
    seconds = time.process_time() - started
    with provenance.computing_on(leased_device(arguments.device)) as device:
        found = measure_point(target, settings, approximation, data, device)
    write_json(provenance.add_outputs(provenance.output_path(arguments.output)), found)
    shutil.rmtree(unfinished, ignore_errors=True)
    print(
        f"{found['remaining']:,} parameters, {found['remaining'] / target.size:.3g} a weight, in {seconds:.2f} core seconds;"
        f" {found['approximated_accuracy']:.2f}% (target {found['target_accuracy']:.2f}%)"
    )
    provenance.add_metadata(solve_seconds=seconds, weights=target.size)


def solvers(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Which solvers run here, and which Gurobi licence there is.

    Each MIP solver has to solve a small problem.
    """
    from lottery.subset_sum import CHOICES, SOLVERS, SubsetSumError, choose

    notes = {"exact": "the true optimum"}
    for name in (*SOLVERS, *CHOICES):
        try:
            choice = choose(name, arguments.coefficients, 784)
        except SubsetSumError as error:
            print(f"{name:<7} cannot be used: {error}")
            continue
        reason = notes.get(name) or choice.reason.removeprefix("asked for").lstrip("; ") or "solves a small problem"
        print(f"{name:<7} {reason}" if choice.solver == name else f"{name:<7} takes {choice.solver}: {reason}")
