"""What people read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def _folders(arguments: argparse.Namespace, provenance: ProvenanceTracker, *names: str) -> dict[str, Path]:
    """The folders of approximations by name; of each, the files `names` are read."""
    for folder in arguments.approximations:
        for name in names:
            provenance.add_input(folder / name)
    return {folder.name: folder for folder in arguments.approximations}


def tabulate(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Table 1, comparison with the paper, cardinalities, cross-checks, cost.

    Reads what `assemble`, `evaluate` and `cross-check` wrote; writes CSV and Markdown into the folder OUTPUT.
    """
    from lottery.records.files import write_text
    from lottery.results.tables.comparison import compare, verdicts
    from lottery.results.tables.experiment_1 import cardinality, cost, cross_check, markdown, table1, table1_for_people

    folders = _folders(arguments, provenance, "assembly.json", "cost.json", "evaluation.json")
    checks, seconds = (
        [provenance.add_input(path) for path in paths] for paths in (arguments.cross_checks, arguments.seconds)
    )
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
        write_text(provenance.add_outputs(arguments.output / name), text)


def tabulate_runs(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Experiment 2: all runs, points by protocol, comparison, the paper's claims.

    Reads metrics.json, history.csv and cost.json of each run, or the tables of runs made elsewhere; writes CSV and Markdown
    into the folder OUTPUT.
    """
    from lottery.errors import LotteryError
    from lottery.records.files import read_json, sha256, write_text
    from lottery.records.result_cache import clear_cache
    from lottery.results.tables.claims import answer_claims
    from lottery.results.tables.experiment_1 import markdown
    from lottery.results.tables.points import points, points_for_people
    from lottery.results.tables.replays import compare_points, spread, spread_levels
    from lottery.results.tables.runs import cost, each_once, histories, listed_folders, read_run, read_tables, runs

    folders: list[tuple[str, Path]] = []
    if arguments.runs is not None:
        runs_file = provenance.add_input(arguments.runs)
        if arguments.sha256 not in (None, sha256(runs_file)):
            raise LotteryError(f"{arguments.runs}: is not the list that was asked for; delete it and run again")
        folders = listed_folders(read_json(runs_file), arguments.runs, arguments.folder)
    for _, folder in folders:
        for name in ("metrics.json", "history.csv", "cost.json"):
            provenance.add_input(folder / name)
    for tables in arguments.tables:
        for name in ("runs.csv", "histories.csv", "pruning_cost.csv"):
            provenance.add_input(tables / name)
    here = (read_run(variant, folder) for variant, folder in folders)
    records = each_once([*here, *(record for tables in arguments.tables for record in read_tables(tables))])
    table = runs(records)
    found, compared = points(table), compare_points(table)
    contents = {
        "runs.csv": table.to_csv(index=False),
        "histories.csv": histories(records).to_csv(index=False),
        "points.csv": found.to_csv(index=False),
        "points.md": markdown(points_for_people(found).set_index("network")),
        "points_compared.csv": compared.to_csv(index=False),
        "spread.csv": spread(table).to_csv(index=False),
        "spread_levels.csv": spread_levels(table).to_csv(index=False),
        "claims.csv": answer_claims(found, compared).to_csv(index=False),
        "pruning_cost.csv": cost(records).to_csv(index=False),
    }
    for name, text in contents.items():
        write_text(provenance.add_outputs(arguments.output / name), text)
    for _, folder in folders:
        clear_cache(folder)
    print(f"{len(table)} runs, {len(found)} points")


def tabulate_frontiers(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Accuracy and size of approximated networks over epsilon and c: all points, and means over seeds.

    Reads the points by `measure-frontier` that a list names; writes frontier_points.csv and frontier.csv into the folder OUTPUT.
    """
    from lottery.errors import LotteryError
    from lottery.records.files import read_json, sha256, write_text
    from lottery.records.result_cache import clear_cache
    from lottery.results.tables.frontier import frontier, point_rows

    listed = provenance.add_input(arguments.points)
    if arguments.sha256 not in (None, sha256(listed)):
        raise LotteryError(f"{arguments.points}: is not the list that was asked for; delete it and run again")
    points = point_rows(
        read_json(listed), lambda name: read_json(provenance.add_input(arguments.folder / f"{name}.json"))
    )
    write_text(provenance.add_outputs(arguments.output / "frontier_points.csv"), points.to_csv(index=False))
    write_text(provenance.add_outputs(arguments.output / "frontier.csv"), frontier(points).to_csv(index=False))
    for name in points.frontier.unique():
        clear_cache(arguments.folder / name)
    print(f"{len(points)} points")


def plot_frontier(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: accuracy against size of approximated networks, and size against epsilon with the lower bound."""
    from lottery.records.files import read_table
    from lottery.results.figures.frontier import plot_frontier
    from lottery.results.tables.frontier import FRONTIER_NUMBERS

    table = read_table(provenance.add_input(arguments.table), FRONTIER_NUMBERS, ["frontier", "objective"])
    provenance.add_outputs(*plot_frontier(table, arguments.frontier, arguments.output))


def trace(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """What the tables rest on: cost by stage, and by which code and on which machines.

    Follows the records (.provenance.json) of the tables to all that they were made from; writes stages.csv and
    origins.csv into the folder OUTPUT.
    """
    from lottery.records.files import write_text
    from lottery.results.tables.lineage import lineage, origins, stages

    records = lineage(provenance.add_input(path) for path in arguments.tables)
    write_text(provenance.add_outputs(arguments.output / "stages.csv"), stages(records).to_csv(index=False))
    write_text(provenance.add_outputs(arguments.output / "origins.csv"), origins(records).to_csv(index=False))
    print(f"{len(records)} results")


def plot_accuracy(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: accuracy against parameters."""
    from lottery.records.files import read_table
    from lottery.results.figures.accuracy import plot_accuracy
    from lottery.results.tables.points import POINT_NUMBERS

    table = read_table(provenance.add_input(arguments.table), POINT_NUMBERS)
    provenance.add_outputs(*plot_accuracy(table, arguments.network, arguments.against, arguments.output))


def plot_replays(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: the published points of all networks beside runs of the same lengths, and their differences."""
    from lottery.records.files import read_table
    from lottery.results.figures.replays import COMPARED_NUMBERS, COMPARED_WORDS, plot_replays

    table = read_table(provenance.add_input(arguments.table), COMPARED_NUMBERS, COMPARED_WORDS)
    provenance.add_outputs(*plot_replays(table, arguments.output))


def plot_held_out(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: accuracy of the held-out runs of all networks."""
    from lottery.records.files import read_table
    from lottery.results.figures.accuracy import plot_held_out
    from lottery.results.tables.points import POINT_NUMBERS

    provenance.add_outputs(
        *plot_held_out(read_table(provenance.add_input(arguments.table), POINT_NUMBERS), arguments.output)
    )


def plot_wide_minus_linear(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: how much more accurate wide networks are than linear ones, by sparsity."""
    from lottery.records.files import read_table
    from lottery.results.figures.wide_minus_linear import plot_wide_minus_linear
    from lottery.results.tables.points import POINT_NUMBERS

    provenance.add_outputs(
        *plot_wide_minus_linear(read_table(provenance.add_input(arguments.table), POINT_NUMBERS), arguments.output)
    )


def plot_epochs(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: accuracy against epochs."""
    from lottery.records.files import read_table
    from lottery.results.figures.epochs import plot_epochs
    from lottery.results.tables.runs import HISTORY_NUMBERS

    table = read_table(provenance.add_input(arguments.table), HISTORY_NUMBERS)
    provenance.add_outputs(*plot_epochs(table, arguments.network, arguments.output))


def plot_redundancy(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: accuracy against redundancy."""
    from lottery.records.files import read_table
    from lottery.results.figures.redundancy import plot_redundancy
    from lottery.results.tables.points import POINT_NUMBERS

    table = read_table(provenance.add_input(arguments.table), POINT_NUMBERS)
    provenance.add_outputs(*plot_redundancy(table, arguments.network, arguments.output))


def plot_variants(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: what the variants (switches) do, run length by run length."""
    from lottery.records.files import read_table
    from lottery.results.figures.variants import RUN_WORDS, plot_variants
    from lottery.results.tables.runs import RUN_NUMBERS

    table = read_table(provenance.add_input(arguments.table), RUN_NUMBERS, RUN_WORDS)
    provenance.add_outputs(*plot_variants(table, arguments.network, arguments.output))


def plot_errors(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: distribution of |sum - weight|."""
    from lottery.results.figures.errors import plot_errors

    folders = _folders(arguments, provenance, "assembly.json", "evaluation.json", "solution.safetensors")
    provenance.add_outputs(*plot_errors(folders, arguments.output))


def plot_cardinality(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: coefficients kept for a weight."""
    from lottery.records.files import read_table
    from lottery.results.figures.cardinality import plot_cardinality

    table = read_table(provenance.add_input(arguments.table), ["cardinality", "weights"], ["row"])
    provenance.add_outputs(*plot_cardinality(table, arguments.output))


def plot_seconds(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Figure: seconds a weight by each solver."""
    from lottery.records.files import read_table
    from lottery.results.figures.seconds import plot_seconds

    numbers = ["seconds_per_weight", "standard_error", "network_core_hours", "weights"]
    table = read_table(provenance.add_input(arguments.table), numbers, ["row", "solver", "how"])
    provenance.add_outputs(*plot_seconds(table, arguments.output))


def summarise(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """One page with tables, figures and verdicts, that needs no other file.

    The verdicts are also written as JSON, to tables/verdicts.json beside OUTPUT.
    """
    from dataclasses import fields

    from lottery.records.files import json_text, read_table, write_text
    from lottery.results.page.inputs import NEEDED, Tables
    from lottery.results.page.outcome import verdict_record
    from lottery.results.page.page import summary_page

    names = [field.name for field in fields(Tables)]
    tables = Tables(
        **{
            name: read_table(provenance.add_input(arguments.tables / f"{name}.csv"), words=NEEDED.get(name, ()))
            for name in names
        }
    )
    figures, beside = [provenance.add_input(path) for path in arguments.figures], arguments.output.parent
    page = summary_page(tables, figures, arguments.tables, beside)
    verdicts = beside / "tables" / "verdicts.json"
    provenance.add_outputs(arguments.output, verdicts)
    write_text(verdicts, json_text(verdict_record(tables)))
    write_text(arguments.output, page)


def findings(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """What a run found, in a few lines.

    Reads the tables that the summary page is made from.  Example:

        lottery findings --tables results/demo/tables
    """
    from dataclasses import fields

    from lottery.records.files import read_table
    from lottery.results.page.findings import findings
    from lottery.results.page.inputs import NEEDED, Tables

    names = [field.name for field in fields(Tables)]
    tables = Tables(
        **{
            name: read_table(provenance.add_input(arguments.tables / f"{name}.csv"), words=NEEDED.get(name, ()))
            for name in names
        }
    )
    print("\n".join(findings(tables)))


def crate(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Describe a folder of results as an RO-Crate: every file, and the command that made it.

    Writes ro-crate-metadata.json (Provenance Run Crate) and a copy of the workflow into the folder.  Needs the package
    rocrate.  Example:

        lottery crate results
    """
    import json
    from pathlib import Path

    from lottery.errors import LotteryError
    from lottery.records.files import write_text

    try:
        from lottery.results.crate import build_crate, copy_workflow
    except ModuleNotFoundError as error:
        raise LotteryError("crate: needs the package rocrate; run `pip install rocrate`") from error
    metadata = build_crate(arguments.results).metadata.generate()
    copy_workflow(Path(__file__).parents[2], arguments.results)
    write_text(arguments.results / "ro-crate-metadata.json", json.dumps(metadata, indent=1) + "\n")
    print(f"{arguments.results / 'ro-crate-metadata.json'}: {len(metadata['@graph'])} entities")
