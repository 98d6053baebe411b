"""Figures."""

from pathlib import Path
from typing import Annotated, Literal

from lottery.records.files import read_table
from lottery.records.provenance import Step
from lottery.results.figures import (
    accuracy,
    cardinality,
    epochs,
    errors,
    redundancy,
    replays,
    seconds,
    theory,
    variants,
    wide_minus_linear,
)
from lottery.results.figures import (
    frontier as frontiers,
)
from lottery.results.tables.frontier import FRONTIER_NUMBERS
from lottery.results.tables.points import POINT_NUMBERS
from lottery.results.tables.runs import HISTORY_NUMBERS, RUN_NUMBERS
from lottery.results.tables.theory import SUCCESS_NUMBERS, THRESHOLD_NUMBERS

Network = Annotated[str, "fc2, fc4 or lenet5"]
Output = Annotated[Path, "path without suffix; .svg and .png are written"]


def plot_accuracy(
    step: Step,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    network: Network,
    against: Annotated[Literal["remaining", "alive"], "which parameters"] = "remaining",
    output: Output,
) -> None:
    """Figure: accuracy against parameters."""
    step.writes(*accuracy.plot_accuracy(read_table(step.reads(table), POINT_NUMBERS), network, against, output))


def plot_replays(
    step: Step,
    /,
    *,
    table: Annotated[Path, "points_compared.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: the published points of all networks beside runs of the same lengths, and their differences."""
    step.writes(
        *replays.plot_replays(read_table(step.reads(table), replays.COMPARED_NUMBERS, replays.COMPARED_WORDS), output)
    )


def plot_held_out(
    step: Step,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: accuracy of the held-out runs of all networks."""
    step.writes(*accuracy.plot_held_out(read_table(step.reads(table), POINT_NUMBERS), output))


def plot_wide_minus_linear(
    step: Step,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: how much more accurate wide networks are than linear ones, by sparsity."""
    step.writes(*wide_minus_linear.plot_wide_minus_linear(read_table(step.reads(table), POINT_NUMBERS), output))


def plot_epochs(
    step: Step,
    /,
    *,
    table: Annotated[Path, "histories.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: accuracy against epochs."""
    step.writes(*epochs.plot_epochs(read_table(step.reads(table), HISTORY_NUMBERS), network, output))


def plot_redundancy(
    step: Step,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: accuracy against redundancy."""
    step.writes(*redundancy.plot_redundancy(read_table(step.reads(table), POINT_NUMBERS), network, output))


def plot_variants(
    step: Step,
    /,
    *,
    table: Annotated[Path, "runs.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: what the variants (switches) do, run length by run length."""
    step.writes(
        *variants.plot_variants(read_table(step.reads(table), RUN_NUMBERS, variants.RUN_WORDS), network, output)
    )


def plot_cardinality(
    step: Step,
    /,
    *,
    table: Annotated[Path, "cardinality.csv by `tabulate`"],
    output: Output,
) -> None:
    """Figure: coefficients kept for a weight."""
    step.writes(
        *cardinality.plot_cardinality(read_table(step.reads(table), ["cardinality", "weights"], ["row"]), output)
    )


def plot_seconds(
    step: Step,
    /,
    *,
    table: Annotated[Path, "cost.csv by `tabulate`"],
    output: Output,
) -> None:
    """Figure: seconds a weight by each solver."""
    numbers = ["seconds_per_weight", "standard_error", "network_core_hours", "weights"]
    step.writes(*seconds.plot_seconds(read_table(step.reads(table), numbers, ["row", "solver", "how"]), output))


def plot_errors(
    step: Step,
    /,
    *,
    approximations: Annotated[list[Path], "their folders"],
    output: Output,
) -> None:
    """Figure: distribution of |sum - weight|."""
    for folder in approximations:
        for name in ("assembly.json", "evaluation.json", "solution.safetensors"):
            step.reads(folder / name)
    step.writes(*errors.plot_errors({folder.name: folder for folder in approximations}, output))


def plot_frontier(
    step: Step,
    /,
    *,
    table: Annotated[Path, "frontier.csv by `tabulate-frontiers`"],
    frontier: Annotated[str, "its name"],
    output: Output,
) -> None:
    """Figure: accuracy against size of approximated networks, and size against epsilon with the lower bound."""
    points = read_table(step.reads(table), FRONTIER_NUMBERS, ["frontier", "objective"])
    step.writes(*frontiers.plot_frontier(points, frontier, output))


def plot_theory(
    step: Step,
    /,
    *,
    figure: Literal["success", "thresholds", "single", "cardinality"],
    table: Annotated[Path, "theory_success.csv for success, else theory_thresholds.csv"],
    output: Output,
) -> None:
    """Figure: success against coefficients, thresholds, single coefficients, or subsets of one size."""
    numbers = SUCCESS_NUMBERS if figure == "success" else THRESHOLD_NUMBERS
    plot = getattr(theory, f"plot_{figure}")
    step.writes(*plot(read_table(step.reads(table), numbers), output))
