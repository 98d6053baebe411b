"""Figures."""

from pathlib import Path
from typing import Annotated, Literal

from lottery.errors import LotteryError
from lottery.records.files import read_table
from lottery.records.provenance import ProvenanceTracker
from lottery.results.figures import (
    accuracy,
    cardinality,
    controls,
    epochs,
    errors,
    exactness,
    planted,
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
from lottery.results.tables.controls import CONTROL_NUMBERS, CONTROL_WORDS
from lottery.results.tables.exactness import EXACTNESS_NUMBERS, NETWORK_NUMBERS
from lottery.results.tables.exactness import THRESHOLD_NUMBERS as EXACT_THRESHOLD_NUMBERS
from lottery.results.tables.frontier import FRONTIER_NUMBERS
from lottery.results.tables.planted import PLANTED_NUMBERS, PLANTED_WORDS
from lottery.results.tables.points import POINT_NUMBERS
from lottery.results.tables.runs import HISTORY_NUMBERS, RUN_NUMBERS
from lottery.results.tables.theory import SUCCESS_NUMBERS, THRESHOLD_NUMBERS

Network = Annotated[str, "fc2, fc4 or lenet5"]
Output = Annotated[Path, "path without suffix; .svg and .png are written"]


def plot_accuracy(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    network: Network,
    x_axis: Annotated[Literal["remaining", "alive"], "the parameters to count"] = "remaining",
    output: Output,
) -> None:
    """Figure: accuracy against parameters."""
    provenance.add_outputs(
        *accuracy.plot_accuracy(read_table(provenance.add_input(table), POINT_NUMBERS), network, x_axis, output)
    )


def plot_replays(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "points_compared.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: the published points of all networks beside runs of the same lengths, and their differences."""
    provenance.add_outputs(
        *replays.plot_replays(
            read_table(provenance.add_input(table), replays.COMPARED_NUMBERS, replays.COMPARED_WORDS), output
        )
    )


def plot_held_out(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: accuracy of the held-out runs of all networks."""
    provenance.add_outputs(*accuracy.plot_held_out(read_table(provenance.add_input(table), POINT_NUMBERS), output))


def plot_wide_minus_linear(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    output: Output,
) -> None:
    """Figure: how much more accurate wide networks are than linear ones, by sparsity."""
    provenance.add_outputs(
        *wide_minus_linear.plot_wide_minus_linear(read_table(provenance.add_input(table), POINT_NUMBERS), output)
    )


def plot_epochs(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "histories.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: accuracy against epochs."""
    provenance.add_outputs(
        *epochs.plot_epochs(read_table(provenance.add_input(table), HISTORY_NUMBERS), network, output)
    )


def plot_redundancy(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "points.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: accuracy against redundancy."""
    provenance.add_outputs(
        *redundancy.plot_redundancy(read_table(provenance.add_input(table), POINT_NUMBERS), network, output)
    )


def plot_variants(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "runs.csv by `tabulate-runs`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: what the variants (switches) do, run length by run length."""
    provenance.add_outputs(
        *variants.plot_variants(
            read_table(provenance.add_input(table), RUN_NUMBERS, variants.RUN_WORDS), network, output
        )
    )


def plot_controls(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "controls.csv by `tabulate-controls`"],
    network: Network,
    output: Output,
) -> None:
    """Figure: pruned networks beside random masks and other weights."""
    provenance.add_outputs(
        *controls.plot_controls(
            read_table(provenance.add_input(table), CONTROL_NUMBERS, CONTROL_WORDS), network, output
        )
    )


def plot_planted(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "planted.csv by `tabulate-planted`"],
    output: Output,
) -> None:
    """Figure: accuracy and overlap of planted tickets by margin."""
    provenance.add_outputs(
        *planted.plot_planted(read_table(provenance.add_input(table), PLANTED_NUMBERS, PLANTED_WORDS), output)
    )


def plot_cardinality(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "cardinality.csv by `tabulate`"],
    output: Output,
) -> None:
    """Figure: coefficients kept for a weight."""
    provenance.add_outputs(
        *cardinality.plot_cardinality(
            read_table(provenance.add_input(table), ["cardinality", "weights"], ["row"]), output
        )
    )


def plot_seconds(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "cost.csv by `tabulate`"],
    output: Output,
) -> None:
    """Figure: seconds a weight by each solver."""
    numbers = ["seconds_per_weight", "standard_error", "network_core_hours", "weights"]
    provenance.add_outputs(
        *seconds.plot_seconds(read_table(provenance.add_input(table), numbers, ["row", "solver", "how"]), output)
    )


def plot_errors(
    provenance: ProvenanceTracker,
    /,
    *,
    approximations: Annotated[list[Path], "their folders"],
    output: Output,
) -> None:
    """Figure: distribution of |sum - weight|."""
    for folder in approximations:
        for name in ("assembly.json", "evaluation.json", "solution.safetensors"):
            provenance.add_input(folder / name)
    provenance.add_outputs(*errors.plot_errors({folder.name: folder for folder in approximations}, output))


def plot_frontier(
    provenance: ProvenanceTracker,
    /,
    *,
    table: Annotated[Path, "frontier.csv by `tabulate-frontiers`"],
    frontier: Annotated[str, "its name"],
    output: Output,
) -> None:
    """Figure: accuracy against size of approximated networks, and size against epsilon with the lower bound."""
    points = read_table(provenance.add_input(table), FRONTIER_NUMBERS, ["frontier", "objective"])
    provenance.add_outputs(*frontiers.plot_frontier(points, frontier, output))


def plot_theory(
    provenance: ProvenanceTracker,
    /,
    *,
    figure: Literal["success", "thresholds", "single", "cardinality"],
    table: Annotated[Path, "theory_success.csv for success, else theory_thresholds.csv"],
    output: Output,
) -> None:
    """Figure: success against coefficients, thresholds, single coefficients, or subsets of one size."""
    numbers = SUCCESS_NUMBERS if figure == "success" else THRESHOLD_NUMBERS
    plot = getattr(theory, f"plot_{figure}")
    provenance.add_outputs(*plot(read_table(provenance.add_input(table), numbers), output))


def plot_exactness(
    provenance: ProvenanceTracker,
    /,
    *,
    figure: Literal["transition", "thresholds", "network"],
    table: Annotated[
        Path, "exactness.csv for transition, exactness_thresholds.csv, or exactness_networks.csv for network"
    ],
    entry: Annotated[str | None, "of a network: its name among the exact networks"] = None,
    output: Output,
) -> None:
    """Figure: exact sums by bits per coefficient, the coefficients they need, or the weights of a network that miss one."""
    path = provenance.add_input(table)
    if figure == "transition":
        drawn = exactness.plot_transition(read_table(path, EXACTNESS_NUMBERS), output)
    elif figure == "thresholds":
        drawn = exactness.plot_thresholds(read_table(path, EXACT_THRESHOLD_NUMBERS), output)
    elif entry is not None:
        drawn = exactness.plot_network(read_table(path, NETWORK_NUMBERS, ["entry"]), entry, output)
    else:
        raise LotteryError("--entry: is needed for the figure of a network")
    provenance.add_outputs(*drawn)
