"""What each `lottery` command does: parse, call, write.  The science is elsewhere.

Each verb returns its result's path and the facts for the provenance file beside it.  Imports are inside the verbs: a
command pays only for what it uses, and a verb's fingerprint covers only that.
"""

import argparse
import time
from pathlib import Path
from typing import Any

Outcome = tuple[Path | None, dict[str, Any]]


def _settings(arguments: argparse.Namespace) -> Any:
    from lottery.approximation.settings import Settings

    low, high = arguments.coefficient_range or (None, None)
    names = set(Settings.__dataclass_fields__) - {"low", "high"}
    return Settings(low=low, high=high, **{name: getattr(arguments, name) for name in names})


def _progress(total: int, what: str) -> Any:
    """A bar with an estimate; silent where stderr is not a terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=" weights", unit_scale=True, disable=None)


def fetch(arguments: argparse.Namespace) -> Outcome:
    from lottery.datasets import fetch

    dataset = fetch(arguments.dataset, arguments.source, arguments.output)
    print(f"{dataset.name}: {dataset.train_count:,} training and {dataset.test_count:,} test images, verified")
    return arguments.output, {}


def train(arguments: argparse.Namespace) -> Outcome:
    from dataclasses import asdict, fields

    from lottery.approximation.target import Target, write_target
    from lottery.datasets import load
    from lottery.files import write_json
    from lottery.training import Epoch, Recipe, prepare_device, train

    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    data = load(arguments.data)
    device = prepare_device(arguments.device)
    started = time.monotonic()

    def report(epoch: Epoch) -> None:
        left = (time.monotonic() - started) / epoch.epoch * (recipe.epochs - epoch.epoch)
        print(
            f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.loss:.4f}, test accuracy {epoch.test_accuracy:.2f}%"
            f", about {left:.0f} s left",
            flush=True,
        )

    weights, history = train(arguments.network, data, recipe, device, report)
    write_json(arguments.history, {"recipe": asdict(recipe), "epochs": [asdict(epoch) for epoch in history]})
    write_target(arguments.output, Target(arguments.network, data.dataset.image, weights))
    return arguments.output, {"device": device.type, "test_accuracy": history[-1].test_accuracy}


def import_weights(arguments: argparse.Namespace) -> Outcome:
    from lottery.approximation.target import import_weights, write_target
    from lottery.datasets import named
    from lottery.files import sha256

    target = import_weights(arguments.weights, arguments.network, named(arguments.dataset).image)
    write_target(arguments.output, target)
    print(f"{arguments.weights}: {target.size:,} weights of {target.network}")
    return arguments.output, {"source_sha256": sha256(arguments.weights)}


def choose_solver(arguments: argparse.Namespace) -> Outcome:
    from dataclasses import asdict

    from lottery.files import write_json
    from lottery.subset_sum import choose, number_of_coefficients

    n = number_of_coefficients(arguments.epsilon, arguments.coefficients_per_bit)
    choice = choose(arguments.solver, n, arguments.weights_per_set)
    write_json(arguments.output, asdict(choice))
    print(f"solver: {choice.solver} ({choice.reason})")
    return arguments.output, {}


def _chosen(arguments: argparse.Namespace, n: int, weights_per_set: int) -> str:
    from lottery.files import read_json
    from lottery.subset_sum import choose

    if arguments.solver_choice is not None:
        return str(read_json(arguments.solver_choice)["solver"])
    choice = choose(arguments.solver, n, weights_per_set)
    print(f"solver: {choice.solver} ({choice.reason})")
    return choice.solver


def solve(arguments: argparse.Namespace) -> Outcome:
    from lottery.approximation.chunks import Chunk, solve_chunk, write_chunk
    from lottery.approximation.target import read_target
    from lottery.subset_sum import create, warm_up

    settings, target = _settings(arguments), read_target(arguments.target)
    chunk = Chunk(arguments.layer, range(arguments.first_row, arguments.last_row + 1))
    chunk.check(target)
    columns = target.layers[chunk.layer].columns
    solver = create(_chosen(arguments, settings.n, columns if settings.sharing == "row" else 1), arguments.time_limit)
    warm_up(solver, settings.n, settings.objective)
    partial = arguments.output.with_name(f"{arguments.output.name}.partial")
    started = time.monotonic()
    with _progress(len(chunk.rows) * columns, f"{target.layers[chunk.layer].name}, {solver.name}") as bar:
        result = solve_chunk(target, settings, chunk, solver, partial, bar.update)
    seconds = time.monotonic() - started
    write_chunk(arguments.output, result, solver.name)
    partial.unlink(missing_ok=True)
    weights = result.masks.size
    print(f"{weights:,} weights by {solver.name} in {seconds:.2f} s ({seconds / weights * 1e6:,.3g} µs each)")
    return arguments.output, {"solver": solver.name, "solve_seconds": seconds, "weights": weights}


def assemble(arguments: argparse.Namespace) -> Outcome:
    from dataclasses import asdict

    from lottery.approximation.assembly import assemble, summary
    from lottery.approximation.chunks import chunk_of
    from lottery.approximation.target import read_target, write_target
    from lottery.files import read_json, write_json, write_tensors
    from lottery.provenance import provenance_path

    settings, target = _settings(arguments), read_target(arguments.target)
    approximation = assemble(target, settings, [(chunk_of(path), path) for path in arguments.chunks])
    numbers = summary(approximation, settings)
    folder = arguments.output
    seconds = [read_json(provenance_path(path)).get("solve_seconds", 0.0) for path in arguments.chunks]
    write_tensors(folder / "solution.safetensors", approximation.arrays(), target.metadata())
    write_json(folder / "assembly.json", {**numbers, "settings": asdict(settings)})
    write_json(folder / "cost.json", {"chunks": len(seconds), "seconds": sum(seconds)})
    write_target(folder / "network.safetensors", approximation.network())
    print(
        f"{numbers['remaining']:,} of {numbers['initial']:,} coefficients kept for {target.size:,} weights;"
        f" largest error {numbers['largest_error']:.3g}, every one within {settings.epsilon}"
    )
    return folder / "network.safetensors", {"solvers": numbers["solvers"]}


def evaluate(arguments: argparse.Namespace) -> Outcome:
    from lottery.approximation.evaluation import evaluate
    from lottery.files import write_json

    found = evaluate(arguments.data, arguments.target, arguments.network, arguments.device)
    device = found.pop("device")
    write_json(arguments.output, found)
    print(
        f"target {found['target_accuracy']:.2f}%, approximated {found['approximated_accuracy']:.2f}%,"
        f" {found['predictions_that_differ']} of {found['test_images']} predictions differ"
    )
    return arguments.output, {"device": device}


def cross_check(arguments: argparse.Namespace) -> Outcome:
    import pandas as pd

    from lottery.approximation.cross_check import cross_check
    from lottery.approximation.target import read_target
    from lottery.files import write_json, write_text
    from lottery.subset_sum import choose

    settings, target = _settings(arguments), read_target(arguments.target)
    choice = choose(arguments.solver, settings.n, target.layers[0].columns)
    with _progress(arguments.sample, f"cross-check, {choice.solver}") as bar:
        check = cross_check(
            target, settings, choice.solver, arguments.sample, arguments.sample_seed, arguments.time_limit, bar.update
        )
    frame = pd.DataFrame([{"solver": check.solver, **vars(weight)} for weight in check.weights])
    write_text(arguments.output, frame.to_csv(index=False))
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
    return arguments.output, {"solver": choice.solver, "reason": choice.reason}


def prune(arguments: argparse.Namespace) -> Outcome:
    from dataclasses import asdict, fields

    from lottery.datasets import load
    from lottery.files import check_writable, read_state_dict
    from lottery.pruning.learning import Epoch, prune
    from lottery.pruning.records import write_run
    from lottery.pruning.run import Run, Variant
    from lottery.training import prepare_device

    variant = Variant(**{field.name: getattr(arguments, field.name) for field in fields(Variant)})
    names = {field.name for field in fields(Run)} - {"variant"}
    run = Run(**{name: getattr(arguments, name) for name in names}, variant=variant)
    convolutions = None if arguments.convolutions is None else read_state_dict(arguments.convolutions)
    data, device = load(arguments.data), prepare_device(arguments.device)
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

    pruned = prune(run, data, device, checkpoint, convolutions, report)
    write_run(arguments.output, run, data.dataset.name, pruned)
    checkpoint.unlink(missing_ok=True)
    kept = pruned.counts
    print(f"{kept.remaining:,} of {kept.initial:,} weights kept, {kept.alive:,} alive")
    return arguments.output / "metrics.json", {"device": device.type, "run": asdict(run)}


def _folders(arguments: argparse.Namespace) -> dict[str, Path]:
    return {folder.name: folder for folder in arguments.approximations}


def tabulate(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import write_text
    from lottery.results.comparison import compare, verdicts
    from lottery.results.tables import cardinality, cost, cross_check, markdown, table1, table1_for_people

    folders = _folders(arguments)
    table, costs = table1(folders), cost(folders, arguments.seconds)
    comparison = compare(table)
    people = markdown(table1_for_people(table, verdicts(comparison), costs))
    tables = arguments.output
    write_text(tables / "cardinality.csv", cardinality(folders).to_csv(index=False))
    write_text(tables / "cross_check.csv", cross_check(arguments.cross_checks).to_csv(index=False))
    write_text(tables / "cost.csv", costs.to_csv(index=False))
    write_text(tables / "comparison.csv", comparison.to_csv(index=False))
    write_text(tables / "table1.md", people)
    write_text(tables / "table1.csv", table.to_csv(index=False))
    return tables / "table1.csv", {}


def tabulate_runs(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_json, write_text
    from lottery.results.claims import answer_claims, compare_points
    from lottery.results.points import points, points_for_people
    from lottery.results.runs import cost, histories, listed_folders, read_run, runs
    from lottery.results.tables import markdown

    folders = listed_folders(read_json(arguments.runs), arguments.runs, arguments.folder)
    records = [read_run(variant, folder) for variant, folder in folders]
    table = runs(records)
    found, tables = points(table), arguments.output
    write_text(tables / "histories.csv", histories(records).to_csv(index=False))
    write_text(tables / "pruning_cost.csv", cost(records).to_csv(index=False))
    write_text(tables / "points.md", markdown(points_for_people(found).set_index("network")))
    write_text(tables / "points.csv", found.to_csv(index=False))
    write_text(tables / "points_compared.csv", compare_points(found).to_csv(index=False))
    write_text(tables / "claims.csv", answer_claims(found).to_csv(index=False))
    write_text(tables / "runs.csv", table.to_csv(index=False))
    print(f"{len(table)} runs, {len(found)} points")
    return tables / "runs.csv", {}


def plot_accuracy(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table
    from lottery.results.curves import plot_accuracy
    from lottery.results.points import POINT_NUMBERS

    return plot_accuracy(
        read_table(arguments.table, POINT_NUMBERS), arguments.network, arguments.against, arguments.output
    )[0], {}


def plot_epochs(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table
    from lottery.results.curves import plot_epochs
    from lottery.results.runs import HISTORY_NUMBERS

    return plot_epochs(read_table(arguments.table, HISTORY_NUMBERS), arguments.network, arguments.output)[0], {}


def plot_redundancy(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table
    from lottery.results.curves import plot_redundancy
    from lottery.results.points import POINT_NUMBERS

    return plot_redundancy(read_table(arguments.table, POINT_NUMBERS), arguments.network, arguments.output)[0], {}


def plot_errors(arguments: argparse.Namespace) -> Outcome:
    from lottery.results.figures import plot_errors

    return plot_errors(_folders(arguments), arguments.output)[0], {}


def plot_cardinality(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table
    from lottery.results.figures import plot_cardinality

    return plot_cardinality(read_table(arguments.table), arguments.output)[0], {}


def plot_seconds(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table
    from lottery.results.figures import plot_seconds

    return plot_seconds(read_table(arguments.table), arguments.output)[0], {}


def summarise(arguments: argparse.Namespace) -> Outcome:
    from lottery.files import read_table, write_text
    from lottery.results.summary import Sweeps, summary_page

    tables = arguments.tables
    page = summary_page(
        read_table(tables / "table1.csv"),
        read_table(tables / "comparison.csv"),
        read_table(tables / "cost.csv"),
        read_table(tables / "cross_check.csv"),
        arguments.figures,
        Sweeps(
            read_table(tables / "points.csv"),
            read_table(tables / "points_compared.csv"),
            read_table(tables / "claims.csv"),
            float(read_table(tables / "pruning_cost.csv").seconds.sum()),
        ),
    )
    write_text(arguments.output, page)
    return arguments.output, {}


def solvers(arguments: argparse.Namespace) -> Outcome:
    from lottery.subset_sum import choose
    from lottery.subset_sum.gurobi import licence

    found = licence()
    print("exact   always there; the true optimum")
    print(f"gurobi  licence: {found.kind} ({found.detail})")
    print("cbc     inside PuLP; no licence needed")
    for name in ("mip", "auto"):
        choice = choose(name, arguments.coefficients, 784)
        print(f"{name:<7} takes {choice.solver} for {arguments.coefficients} coefficients: {choice.reason}")
    return None, {}
