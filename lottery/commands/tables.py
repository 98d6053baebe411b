"""Tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from lottery.errors import LotteryError
from lottery.records.files import read_json, sha256, write_text
from lottery.records.provenance import ProvenanceTracker
from lottery.records.result_cache import clear_cache
from lottery.results.tables import exactness, experiment_1, theory
from lottery.results.tables import frontier as frontiers
from lottery.results.tables.claims import answer_claims
from lottery.results.tables.comparison import compare, verdicts
from lottery.results.tables.controls import controls as table_of_controls
from lottery.results.tables.controls import format_controls
from lottery.results.tables.experiment_1 import markdown
from lottery.results.tables.lineage import lineage, origins, stages
from lottery.results.tables.planted import planted, planted_epochs
from lottery.results.tables.points import format_points
from lottery.results.tables.points import points as points_of
from lottery.results.tables.replays import compare_points, spread, spread_levels
from lottery.results.tables.runs import cost, each_once, histories, listed_folders, read_run, read_tables
from lottery.results.tables.runs import runs as table_of
from lottery.results.tables.tickets import format_tickets
from lottery.results.tables.tickets import tickets as table_of_tickets

CURRENT = Path()
Folder = Annotated[Path, "a folder"]
Digest = Annotated[str | None, "SHA-256 of that list; another one is refused"]


def tabulate(
    provenance: ProvenanceTracker,
    /,
    *,
    approximations: Annotated[Sequence[Path], "their folders"] = (),
    cross_checks: Annotated[Sequence[Path], "files by `cross-check`"] = (),
    timings: Annotated[Sequence[Path], "files by `cross-check --timings`"] = (),
    output: Folder,
) -> None:
    """Table 1, comparison with the paper, cardinalities, cross-checks, cost.

    Reads what `assemble`, `evaluate` and `cross-check` wrote; writes CSV and Markdown into the folder OUTPUT.
    """
    for folder in approximations:
        for name in ("assembly.json", "cost.json", "evaluation.json"):
            provenance.add_input(folder / name)
    folders = {folder.name: folder for folder in approximations}
    checks, measured = ([provenance.add_input(path) for path in paths] for paths in (cross_checks, timings))
    table, costs = experiment_1.table1(folders), experiment_1.cost(folders, measured)
    comparison = compare(table)
    contents = {
        "table1.csv": table.to_csv(index=False),
        "table1.md": markdown(experiment_1.format_table1(table, verdicts(comparison), costs)),
        "comparison.csv": comparison.to_csv(index=False),
        "cardinality.csv": experiment_1.cardinality(folders).to_csv(index=False),
        "cross_check.csv": experiment_1.cross_check(checks).to_csv(index=False),
        "cost.csv": costs.to_csv(index=False),
    }
    for name, text in contents.items():
        write_text(provenance.add_outputs(output / name), text)


def tabulate_runs(
    provenance: ProvenanceTracker,
    /,
    *,
    runs: Annotated[Path | None, "JSON list of {variant, folder}"] = None,
    expected_sha256: Digest = None,
    folder: Annotated[Path, "that the folders of the list are in"] = CURRENT,
    tables: Annotated[Sequence[Path], "folders of tables by this command: their runs are added"] = (),
    output: Folder,
) -> None:
    """Experiment 2: all runs, points by protocol, comparison, the paper's claims.

    Reads metrics.json, history.csv, cost.json and masks.safetensors of each run, or the tables of runs made elsewhere; writes
    CSV and Markdown into the folder OUTPUT.  Without masks.safetensors a run has no bits per weight.
    """
    folders: list[tuple[str, Path]] = []
    if runs is not None:
        _check_list(provenance.add_input(runs), expected_sha256)
        folders = listed_folders(read_json(runs), runs, folder)
    for _, path in folders:
        for name in ("metrics.json", "history.csv", "cost.json"):
            provenance.add_input(path / name)
        if (masks := path / "masks.safetensors").exists():
            provenance.add_input(masks)
    for path in tables:
        for name in ("runs.csv", "histories.csv", "pruning_cost.csv"):
            provenance.add_input(path / name)
    here = (read_run(variant, path) for variant, path in folders)
    records = each_once([*here, *(record for path in tables for record in read_tables(path))])
    table = table_of(records)
    found, compared = points_of(table), compare_points(table)
    contents = {
        "runs.csv": table.to_csv(index=False),
        "histories.csv": histories(records).to_csv(index=False),
        "points.csv": found.to_csv(index=False),
        "points.md": markdown(format_points(found).set_index("network")),
        "points_compared.csv": compared.to_csv(index=False),
        "spread.csv": spread(table).to_csv(index=False),
        "spread_levels.csv": spread_levels(table).to_csv(index=False),
        "claims.csv": answer_claims(found, compared).to_csv(index=False),
        "pruning_cost.csv": cost(records).to_csv(index=False),
    }
    for name, text in contents.items():
        write_text(provenance.add_outputs(output / name), text)
    for _, path in folders:
        clear_cache(path)
    print(f"{len(table)} runs, {len(found)} points")


def _check_list(path: Path, expected: str | None) -> None:
    if expected not in (None, sha256(path)):
        raise LotteryError(f"{path}: is not the list that was asked for; delete it and run again")


def tabulate_frontiers(
    provenance: ProvenanceTracker,
    /,
    *,
    points: Annotated[Path, "JSON list of {frontier, point}"],
    expected_sha256: Digest = None,
    folder: Annotated[Path, "that the points of the list are in"],
    output: Folder,
) -> None:
    """Accuracy and size of approximated networks over epsilon and c: all points, and means over seeds.

    Reads the points by `measure-frontier` that a list names; writes frontier_points.csv and frontier.csv into the folder OUTPUT.
    """
    _check_list(provenance.add_input(points), expected_sha256)
    found = frontiers.point_rows(
        read_json(points), lambda name: read_json(provenance.add_input(folder / f"{name}.json"))
    )
    write_text(provenance.add_outputs(output / "frontier_points.csv"), found.to_csv(index=False))
    write_text(provenance.add_outputs(output / "frontier.csv"), frontiers.frontier(found).to_csv(index=False))
    for name in found.frontier.unique():
        clear_cache(folder / name)
    print(f"{len(found)} points")


def tabulate_controls(
    provenance: ProvenanceTracker,
    /,
    *,
    runs: Annotated[Path, "JSON list of {variant, folder}"],
    expected_sha256: Digest = None,
    folder: Annotated[Path, "that the runs of the list are in, each as FOLDER.json"],
    output: Folder,
) -> None:
    """Controls of pruned networks: means, deviations and intervals over draws, beside the learned masks.

    Reads what `measure-controls` wrote about the runs that a list names; writes controls.csv and controls.md into the folder OUTPUT.
    """
    _check_list(provenance.add_input(runs), expected_sha256)
    table = table_of_controls(read_json(runs), lambda name: read_json(provenance.add_input(folder / f"{name}.json")))
    write_text(provenance.add_outputs(output / "controls.csv"), table.to_csv(index=False))
    people = format_controls(table).set_index("protocol")
    write_text(provenance.add_outputs(output / "controls.md"), markdown(people))
    print(f"controls of {len(people)} runs")


def tabulate_planted(
    provenance: ProvenanceTracker,
    /,
    *,
    runs: Annotated[Sequence[Path], "files by `plant`, each in the folder of its entry"] = (),
    output: Folder,
) -> None:
    """Planted tickets: accuracy and overlap by margin, with standard errors over seeds.

    Writes planted.csv, and planted_epochs.csv with every epoch of every run, into the folder OUTPUT.
    """
    epochs = planted_epochs([provenance.add_input(path) for path in runs])
    table = planted(epochs)
    write_text(provenance.add_outputs(output / "planted.csv"), table.to_csv(index=False))
    write_text(provenance.add_outputs(output / "planted_epochs.csv"), epochs.to_csv(index=False))
    print(f"{len(runs)} runs, {len(table)} rows of planted.csv")


def tabulate_tickets(
    provenance: ProvenanceTracker,
    /,
    *,
    tickets: Annotated[Sequence[Path], "their folders"] = (),
    output: Folder,
) -> None:
    """A table of tickets beside the published counts.

    Reads certificate.json and counts.json in the folder of each ticket; writes tickets.csv and tickets.md.
    """
    for folder in tickets:
        for name in ("certificate.json", "counts.json"):
            provenance.add_input(folder / name)
    table = table_of_tickets({folder.name: folder for folder in tickets})
    write_text(provenance.add_outputs(output / "tickets.csv"), table.to_csv(index=False))
    write_text(provenance.add_outputs(output / "tickets.md"), markdown(format_tickets(table)))


def tabulate_theory(
    provenance: ProvenanceTracker,
    /,
    *,
    measurements: Annotated[Sequence[Path], "files by `measure-success`"] = (),
    output: Folder,
) -> None:
    """Probabilities, thresholds, slopes beside the bounds, and what trials cost.

    Reads what `measure-success` wrote; writes theory_*.csv into the folder OUTPUT.
    """
    measured = [provenance.add_input(path) for path in measurements]
    probabilities = theory.success(measured)
    found = theory.thresholds(probabilities)
    contents = {
        "theory_success.csv": probabilities,
        "theory_thresholds.csv": found,
        "theory_slopes.csv": theory.slopes(found),
        "theory_cost.csv": theory.cost(measured),
    }
    for name, table in contents.items():
        write_text(provenance.add_outputs(output / name), table.to_csv(index=False))
    for folder in {path.parent for path in measured}:
        clear_cache(folder)


def tabulate_exactness(
    provenance: ProvenanceTracker,
    /,
    *,
    measurements: Annotated[Sequence[Path], "files by `measure-exactness`"] = (),
    networks: Annotated[Sequence[Path], "files by `measure-exact-network`, each in the folder of its entry"] = (),
    output: Folder,
) -> None:
    """Exact sums: probabilities, thresholds beside the bounds, and networks of which every weight is one.

    Writes exactness.csv, exactness_thresholds.csv and exactness_networks.csv into the folder OUTPUT.
    """
    probabilities = exactness.exactness([provenance.add_input(path) for path in measurements])
    contents = {
        "exactness.csv": probabilities,
        "exactness_thresholds.csv": exactness.exact_thresholds(probabilities),
        "exactness_networks.csv": exactness.exact_networks([provenance.add_input(path) for path in networks]),
    }
    for name, table in contents.items():
        write_text(provenance.add_outputs(output / name), table.to_csv(index=False))


def trace(
    provenance: ProvenanceTracker,
    /,
    *,
    tables: Annotated[list[Path], "files by `tabulate` and `tabulate-runs`"],
    output: Folder,
) -> None:
    """What the tables rest on: cost by stage, and by which code and on which machines.

    Follows the records (.provenance.json) of the tables to all that they were made from; writes stages.csv and
    origins.csv into the folder OUTPUT.
    """
    records = lineage(provenance.add_input(path) for path in tables)
    write_text(provenance.add_outputs(output / "stages.csv"), stages(records).to_csv(index=False))
    write_text(provenance.add_outputs(output / "origins.csv"), origins(records).to_csv(index=False))
    print(f"{len(records)} results")
