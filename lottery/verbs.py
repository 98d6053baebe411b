"""What each `lottery` command does: parse, call, write.  The science is elsewhere.

Each verb tells its `step` which files it reads and writes, for the record beside the result.  Imports are inside the
verbs: a command pays only for what it uses, and a verb's fingerprint covers only that.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.provenance import Step


def _settings(arguments: argparse.Namespace) -> Any:
    from lottery.approximation.settings import Settings

    low, high = arguments.coefficient_range or (None, None)
    names = set(Settings.__dataclass_fields__) - {"low", "high"}
    return Settings(low=low, high=high, **{name: getattr(arguments, name) for name in names})


def _progress(total: int, what: str) -> Any:
    """A bar with an estimate; silent where stderr is not a terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=what, unit=" weights", unit_scale=True, disable=None)


def fetch(arguments: argparse.Namespace, step: Step) -> None:
    """Download a dataset or read its published files, verify it, and write one file of arrays.

    Interrupted downloads go on where they were.  Example, with no network:

        lottery fetch --dataset mnist5k --source embedded --output mnist5k.safetensors
    """
    from lottery.datasets import fetch

    dataset = fetch(arguments.dataset, arguments.source, step.writes(arguments.output))
    print(f"{dataset.name}: {dataset.train_count:,} training and {dataset.test_count:,} test images, verified")


def train(arguments: argparse.Namespace, step: Step) -> None:
    """Train a target network; the seed decides every byte.

    Example:

        lottery train --data mnist5k.safetensors --network fc2 --epochs 3 --history history.json --output fc2.safetensors
    """
    from dataclasses import asdict, fields

    from lottery.approximation.target import Target, write_target
    from lottery.datasets import load
    from lottery.devices import leased_device
    from lottery.files import check_writable, write_json
    from lottery.training import Epoch, Recipe, train

    recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
    data = load(step.reads(arguments.data))
    for path in (arguments.output, arguments.history):
        check_writable(path.parent)
    started = time.monotonic()

    def report(epoch: Epoch) -> None:
        left = (time.monotonic() - started) / epoch.epoch * (recipe.epochs - epoch.epoch)
        print(
            f"epoch {epoch.epoch}/{recipe.epochs}: loss {epoch.loss:.4f}, test accuracy {epoch.test_accuracy:.2f}%"
            f", about {left:.0f} s left",
            flush=True,
        )

    with leased_device(arguments.device) as device:
        weights, history = train(arguments.network, data, recipe, device, report)
    write_json(arguments.history, {"recipe": asdict(recipe), "epochs": [asdict(epoch) for epoch in history]})
    write_target(arguments.output, Target(arguments.network, data.dataset.image, weights))
    step.writes(arguments.output, arguments.history)
    step.notes(device=device.type, test_accuracy=history[-1].test_accuracy)


def import_weights(arguments: argparse.Namespace, step: Step) -> None:
    """Take a file of weights as the target instead of training.

    Refuses weights that are not finite or not of the network's shapes.  Example:

        lottery import-weights --weights fc2.pt --network fc2 --dataset mnist --output fc2.safetensors
    """
    from lottery.approximation.target import import_weights, write_target
    from lottery.datasets import named

    target = import_weights(step.reads(arguments.weights), arguments.network, named(arguments.dataset).image)
    write_target(step.writes(arguments.output), target)
    print(f"{arguments.weights}: {target.size:,} weights of {target.network}")


def choose_solver(arguments: argparse.Namespace, step: Step) -> None:
    """Settle which solver runs, once for a whole network.

    Asks for the Gurobi licence that is really there; the choice and its reason are the result.  Example:

        lottery choose-solver --solver mip --weights-per-set 784 --output solver.json
    """
    from dataclasses import asdict

    from lottery.files import write_json
    from lottery.subset_sum import choose, number_of_coefficients

    n = number_of_coefficients(arguments.epsilon, arguments.coefficients_per_bit)
    choice = choose(arguments.solver, n, arguments.weights_per_set, arguments.objective)
    write_json(step.writes(arguments.output), asdict(choice))
    print(f"solver: {choice.solver} ({choice.reason})")


def _chosen(arguments: argparse.Namespace, step: Step, n: int, weights_per_set: int) -> str:
    from lottery.files import read_json
    from lottery.subset_sum import choose

    if arguments.solver_choice is not None:
        return str(read_json(step.reads(arguments.solver_choice))["solver"])
    choice = choose(arguments.solver, n, weights_per_set, arguments.objective)
    print(f"solver: {choice.solver} ({choice.reason})")
    return choice.solver


def solve(arguments: argparse.Namespace, step: Step) -> None:
    """Solve subset sum for some rows of a layer.

    The result does not depend on how a layer is cut; a killed MIP chunk goes on from OUTPUT.partial.  Example, the first
    ten rows of the first layer:

        lottery solve --target fc2.safetensors --layer 0 --first-row 0 --last-row 9 --output rows.safetensors
    """
    from lottery.approximation.chunks import Chunk, solve_chunk, write_chunk
    from lottery.approximation.target import read_target
    from lottery.subset_sum import create, warm_up

    settings, target = _settings(arguments), read_target(step.reads(arguments.target))
    chunk = Chunk(arguments.layer, range(arguments.first_row, arguments.last_row + 1))
    chunk.check(target)
    columns = target.layers[chunk.layer].columns
    weights_per_set = columns if settings.sharing == "row" else 1
    solver = create(_chosen(arguments, step, settings.n, weights_per_set), arguments.time_limit)
    warm_up(solver, settings.n, settings.objective)
    partial = arguments.output.with_name(f"{arguments.output.name}.partial")
    started = time.monotonic()
    with _progress(len(chunk.rows) * columns, f"{target.layers[chunk.layer].name}, {solver.name}") as bar:
        result = solve_chunk(target, settings, chunk, solver, partial, bar.update)
    seconds = time.monotonic() - started
    write_chunk(step.writes(arguments.output), result, solver.name)
    partial.unlink(missing_ok=True)
    weights = result.masks.size
    print(f"{weights:,} weights by {solver.name} in {seconds:.2f} s ({seconds / weights * 1e6:,.3g} µs each)")
    step.notes(solver=solver.name, solve_seconds=seconds, weights=weights)


def assemble(arguments: argparse.Namespace, step: Step) -> None:
    """Put chunks together to the approximated network, checking every weight against epsilon.

    Writes network, masks, numbers and cost into the folder OUTPUT.  Example:

        lottery assemble --target fc2.safetensors --chunks layer_*.safetensors --output approximation
    """
    from dataclasses import asdict

    from lottery.approximation.assembly import assemble, summary
    from lottery.approximation.chunks import chunk_of
    from lottery.approximation.target import read_target, write_target
    from lottery.files import read_json, write_json, write_tensors
    from lottery.kept import forget
    from lottery.provenance import provenance_path

    settings, target = _settings(arguments), read_target(step.reads(arguments.target))
    approximation = assemble(target, settings, [(chunk_of(path), step.reads(path)) for path in arguments.chunks])
    numbers = summary(approximation, settings)
    folder = arguments.output
    seconds = [read_json(provenance_path(path)).get("solve_seconds", 0.0) for path in arguments.chunks]
    write_tensors(folder / "solution.safetensors", approximation.arrays(), target.metadata())
    write_json(folder / "assembly.json", {**numbers, "settings": asdict(settings)})
    write_json(folder / "cost.json", {"chunks": len(seconds), "seconds": sum(seconds)})
    write_target(folder / "network.safetensors", approximation.network())
    step.writes(
        *(folder / name for name in ("network.safetensors", "solution.safetensors", "assembly.json", "cost.json"))
    )
    step.notes(solvers=numbers["solvers"])
    for chunks in {path.parent for path in arguments.chunks}:
        forget(chunks)
    print(
        f"{numbers['remaining']:,} of {numbers['initial']:,} coefficients kept for {target.size:,} weights;"
        f" largest error {numbers['largest_error']:.3g}, every one within {settings.epsilon}"
    )


def evaluate(arguments: argparse.Namespace, step: Step) -> None:
    r"""Accuracy of the approximated network beside its target's.

    Each network is read from its own file.  Example:

        lottery evaluate --data mnist5k.safetensors --target fc2.safetensors \
            --network approximation/network.safetensors --output evaluation.json
    """
    from lottery.approximation.evaluation import evaluate
    from lottery.devices import leased_device
    from lottery.files import write_json

    networks = step.reads(arguments.target), step.reads(arguments.network)
    with leased_device(arguments.device) as device:
        found = evaluate(step.reads(arguments.data), *networks, device)
    step.notes(device=device.type)
    write_json(step.writes(arguments.output), found)
    print(
        f"target {found['target_accuracy']:.2f}%, approximated {found['approximated_accuracy']:.2f}%,"
        f" {found['predictions_that_differ']} of {found['test_images']} predictions differ"
    )


def cross_check(arguments: argparse.Namespace, step: Step) -> None:
    r"""Solve a random sample of weights by another solver and by exact.

    Example, 16 weights by CBC:

        lottery cross-check --target fc2.safetensors --name fc2 --solver cbc --sample 16 \
            --seconds seconds.json --output check.csv
    """
    import pandas as pd

    from lottery.approximation.cross_check import cross_check
    from lottery.approximation.target import read_target
    from lottery.files import check_writable, write_json, write_text
    from lottery.subset_sum import choose

    settings, target = _settings(arguments), read_target(step.reads(arguments.target))
    choice = choose(arguments.solver, settings.n, target.layers[0].columns, settings.objective)
    check_writable(arguments.output.parent)
    with _progress(arguments.sample, f"cross-check, {choice.solver}") as bar:
        check = cross_check(
            target, settings, choice.solver, arguments.sample, arguments.sample_seed, arguments.time_limit, bar.update
        )
    frame = pd.DataFrame([{"solver": check.solver, **vars(weight)} for weight in check.weights])
    write_text(step.writes(arguments.output, arguments.seconds), frame.to_csv(index=False))
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
    step.notes(solver=choice.solver, reason=choice.reason)


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
    from lottery.pruning.records import write_run
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

    with leased_device(arguments.device) as device:
        pruned = prune(run, data, device, checkpoint, convolutions, report)
    step.writes(*write_run(arguments.output, run, data.dataset.name, pruned))
    step.notes(device=device.type, run=asdict(run))
    checkpoint.unlink(missing_ok=True)
    kept = pruned.counts
    print(f"{kept.remaining:,} of {kept.initial:,} weights kept, {kept.alive:,} alive")


def _folders(arguments: argparse.Namespace, step: Step, *names: str) -> dict[str, Path]:
    """The folders of approximations by name; of each, the files `names` are read."""
    for folder in arguments.approximations:
        for name in names:
            step.reads(folder / name)
    return {folder.name: folder for folder in arguments.approximations}


def tabulate(arguments: argparse.Namespace, step: Step) -> None:
    """Table 1, comparison with the paper, cardinalities, cross-checks, cost.

    Reads what `assemble`, `evaluate` and `cross-check` wrote; writes CSV and Markdown into the folder OUTPUT.
    """
    from lottery.files import write_text
    from lottery.results.comparison import compare, verdicts
    from lottery.results.tables import cardinality, cost, cross_check, markdown, table1, table1_for_people

    folders = _folders(arguments, step, "assembly.json", "cost.json", "evaluation.json")
    checks, seconds = ([step.reads(path) for path in paths] for paths in (arguments.cross_checks, arguments.seconds))
    table, costs = table1(folders), cost(folders, seconds)
    comparison = compare(table)
    people = markdown(table1_for_people(table, verdicts(comparison), costs))
    contents = {
        "table1.csv": table.to_csv(index=False),
        "table1.md": people,
        "comparison.csv": comparison.to_csv(index=False),
        "cardinality.csv": cardinality(folders).to_csv(index=False),
        "cross_check.csv": cross_check(checks).to_csv(index=False),
        "cost.csv": costs.to_csv(index=False),
    }
    for name, text in contents.items():
        write_text(step.writes(arguments.output / name), text)


def tabulate_runs(arguments: argparse.Namespace, step: Step) -> None:
    """Experiment 2: all runs, points by protocol, comparison, the paper's claims.

    Reads metrics.json, history.csv and cost.json of each run; writes CSV and Markdown into the folder OUTPUT.
    """
    from lottery.files import read_json, write_text
    from lottery.kept import forget
    from lottery.results.claims import answer_claims, compare_points
    from lottery.results.points import points, points_for_people
    from lottery.results.runs import cost, histories, listed_folders, read_run, runs
    from lottery.results.tables import markdown

    folders = listed_folders(read_json(step.reads(arguments.runs)), arguments.runs, arguments.folder)
    for _, folder in folders:
        for name in ("metrics.json", "history.csv", "cost.json"):
            step.reads(folder / name)
    records = [read_run(variant, folder) for variant, folder in folders]
    table = runs(records)
    found = points(table)
    contents = {
        "runs.csv": table.to_csv(index=False),
        "histories.csv": histories(records).to_csv(index=False),
        "points.csv": found.to_csv(index=False),
        "points.md": markdown(points_for_people(found).set_index("network")),
        "points_compared.csv": compare_points(found).to_csv(index=False),
        "claims.csv": answer_claims(found).to_csv(index=False),
        "pruning_cost.csv": cost(records).to_csv(index=False),
    }
    for name, text in contents.items():
        write_text(step.writes(arguments.output / name), text)
    for _, folder in folders:
        forget(folder)
    print(f"{len(table)} runs, {len(found)} points")


def trace(arguments: argparse.Namespace, step: Step) -> None:
    """What the tables rest on: cost by stage, and by which code and on which machines.

    Follows the records (.provenance.json) of the tables to all that they were made from; writes stages.csv and
    origins.csv into the folder OUTPUT.
    """
    from lottery.files import write_text
    from lottery.results.lineage import lineage, origins, stages

    records = lineage(step.reads(path) for path in arguments.tables)
    write_text(step.writes(arguments.output / "stages.csv"), stages(records).to_csv(index=False))
    write_text(step.writes(arguments.output / "origins.csv"), origins(records).to_csv(index=False))
    print(f"{len(records)} results")


def plot_accuracy(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: accuracy against parameters."""
    from lottery.files import read_table
    from lottery.results.curves import plot_accuracy
    from lottery.results.points import POINT_NUMBERS

    table = read_table(step.reads(arguments.table), POINT_NUMBERS)
    step.writes(*plot_accuracy(table, arguments.network, arguments.against, arguments.output))


def plot_epochs(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: accuracy against epochs."""
    from lottery.files import read_table
    from lottery.results.curves import plot_epochs
    from lottery.results.runs import HISTORY_NUMBERS

    table = read_table(step.reads(arguments.table), HISTORY_NUMBERS)
    step.writes(*plot_epochs(table, arguments.network, arguments.output))


def plot_redundancy(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: accuracy against redundancy."""
    from lottery.files import read_table
    from lottery.results.curves import plot_redundancy
    from lottery.results.points import POINT_NUMBERS

    table = read_table(step.reads(arguments.table), POINT_NUMBERS)
    step.writes(*plot_redundancy(table, arguments.network, arguments.output))


def plot_errors(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: distribution of |sum - weight|."""
    from lottery.results.figures import plot_errors

    folders = _folders(arguments, step, "assembly.json", "solution.safetensors")
    step.writes(*plot_errors(folders, arguments.output))


def plot_cardinality(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: coefficients kept for a weight."""
    from lottery.files import read_table
    from lottery.results.figures import plot_cardinality

    table = read_table(step.reads(arguments.table), ["cardinality", "weights"], ["row"])
    step.writes(*plot_cardinality(table, arguments.output))


def plot_seconds(arguments: argparse.Namespace, step: Step) -> None:
    """Figure: seconds a weight by each solver."""
    from lottery.files import read_table
    from lottery.results.figures import plot_seconds

    numbers = ["seconds_per_weight", "standard_error", "network_core_hours", "weights"]
    table = read_table(step.reads(arguments.table), numbers, ["row", "solver", "how"])
    step.writes(*plot_seconds(table, arguments.output))


def summarise(arguments: argparse.Namespace, step: Step) -> None:
    """One page with tables, figures and verdicts, that needs no other file."""
    from dataclasses import fields

    from lottery.files import read_table, write_text
    from lottery.results.summary import Tables, summary_page

    names = [field.name for field in fields(Tables)]
    tables = Tables(**{name: read_table(step.reads(arguments.tables / f"{name}.csv")) for name in names})
    page = summary_page(tables, [step.reads(path) for path in arguments.figures])
    write_text(step.writes(arguments.output), page)


def solvers(arguments: argparse.Namespace, step: Step) -> None:
    """Which solvers are there, and which Gurobi licence."""
    from lottery.subset_sum import choose
    from lottery.subset_sum.gurobi import licence

    found = licence()
    print("exact   always there; the true optimum")
    print(f"gurobi  licence: {found.kind} ({found.detail})")
    print("cbc     inside PuLP; no licence needed")
    for name in ("mip", "auto"):
        choice = choose(name, arguments.coefficients, 784)
        print(f"{name:<7} takes {choice.solver} for {arguments.coefficients} coefficients: {choice.reason}")


def audit(arguments: argparse.Namespace, step: Step) -> None:
    """Is every result still what the config asks for, made by today's code, and undamaged?

    Reads the record (.provenance.json) beside each result, so that it also works for results that were copied from
    another machine, or where .snakemake/ is gone.  Names each result with a fault and what the fault is; status 1 if
    there is any.  Run it from the project's folder, with the options that the results were made with:

        lottery audit --configfile config/demo.yaml
    """
    import os

    from lottery.audit import audit, planned_commands, remove
    from lottery.errors import LotteryError

    options = []
    if arguments.configfile:
        options += ["--configfile", *map(str, arguments.configfile)]
    if arguments.config:
        options += ["--config", *arguments.config]
    commands = planned_commands(options, arguments.parser.parse_args)
    folder = Path(os.path.commonpath([command.output for command in commands]))
    findings, others = audit(commands, folder)
    faulty = [found for found in findings if found.faults]
    for found in faulty:
        print(f"{found.result}: {'; '.join(found.faults)}")
    print(f"{len(findings)} results in {folder}: {len(findings) - len(faulty)} as the config asks, {len(faulty)} not")
    if others:
        print(f"{len(others)} more there that this config does not ask for, left alone")
    if arguments.remove:
        for found in faulty:
            remove(found)
        faulty = [found for found in faulty if Path(found.result).exists()]
    if faulty:
        raise LotteryError(
            f"{len(faulty)} of {len(findings)} results are not what the config asks for;"
            " delete them (--remove does it where a record names the files) and run snakemake again"
        )


def completion(arguments: argparse.Namespace, step: Step) -> None:
    """Print what makes a shell complete `lottery` commands.

    For bash, in ~/.bashrc:

        eval "$(lottery completion bash)"
    """
    import shtab

    print(shtab.complete(arguments.parser, shell=arguments.shell))
