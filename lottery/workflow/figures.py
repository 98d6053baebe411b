"""Which figures a configuration has data for, and the tables that figures are drawn from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lottery.errors import LotteryError
from lottery.pruning.sweeps import RELEASED, PlannedRun
from lottery.published import PUBLISHED_REDUNDANCY, published_epochs

EXACTNESS_TABLES = ("exactness", "exactness_thresholds", "exactness_networks")


def has_published_point(planned: PlannedRun, dataset: str) -> bool:
    """Whether the paper has a point with the settings of this run, its number of epochs included."""
    run = planned.run
    if dataset != "mnist" or planned.variant_name != RELEASED or run.protocol != "published":
        return False
    if run.structure != "dense" and run.redundancy != PUBLISHED_REDUNDANCY:
        return False
    try:
        return run.epochs == published_epochs(run.network, run.structure, run.sparsity)
    except LotteryError:  # no point was published at this sparsity
        return False


def _networks_with_several(values: dict[tuple[object, ...], set[object]]) -> set[object]:
    """The networks, first in each key, with a key that has several values."""
    return {network for (network, *_), found in values.items() if len(found) > 1}


def _figures_of_each_network(runs: Sequence[PlannedRun]) -> Iterator[str]:
    pruned = [planned for planned in runs if planned.run.structure != "dense"]
    redundancies = defaultdict[tuple[object, ...], set[object]](set)
    variants = defaultdict[tuple[object, ...], set[object]](set)
    for planned in pruned:
        run, variant = planned.run, planned.variant_name
        redundancies[run.network, variant, run.sparsity].add(run.redundancy)
        variants[run.network, run.protocol, run.structure, run.redundancy, run.sparsity].add(variant)
    for network in dict.fromkeys(planned.run.network for planned in pruned):
        yield f"accuracy_remaining_{network}"
        yield f"accuracy_alive_{network}"
        yield f"epochs_{network}"
        if network in _networks_with_several(redundancies):
            yield f"redundancy_{network}"
        if network in _networks_with_several(variants):
            yield f"variants_{network}"


def figures_of_all_networks(runs: Iterable[PlannedRun]) -> list[str]:
    """Names of the figures over all networks for which these runs provide data."""
    held_out, structures = False, defaultdict[tuple[Any, ...], set[str]](set)
    for planned in runs:
        run = planned.run
        if run.structure != "dense":
            held_out = held_out or run.protocol == "held_out"
            alike = (run.network, run.protocol, planned.variant_name, run.redundancy, run.sparsity)
            structures[alike].add(run.structure)
    both = any({"wide", "linear"} <= found for found in structures.values())
    return ["held_out"] * held_out + ["wide_minus_linear"] * both


def pruning_figures(runs: Sequence[PlannedRun], dataset: str) -> list[str]:
    """Names of the figures of experiment 2 that these runs have data for."""
    replays = ["replays"] if any(has_published_point(planned, dataset) for planned in runs) else []
    return [*replays, *_figures_of_each_network(runs), *figures_of_all_networks(runs)]


def theory_table(figure: str) -> str:
    """The table that a figure of theory is drawn from: probabilities for the curves, thresholds for all others."""
    return f"<results>/tables/theory_{'success' if figure == 'success' else 'thresholds'}.csv"


def exactness_figures(config: Mapping[str, Any]) -> list[str]:
    """Names of the figures of exact sums that a configuration has data for: of networks of several numbers of coefficients."""
    measured = ["transition", "thresholds"] if config["exactness"] is not None else []
    networks = config["exact_networks"].items()
    return [*measured, *(f"network_{name}" for name, entry in networks if len(entry["coefficients_per_bit"]) > 1)]


def exactness_plot(figure: str) -> dict[str, str | None]:
    """The kind of a figure of exact sums, and of networks their entry, as `plot-exactness` has them."""
    kind, _, entry = figure.partition("_")
    return {"figure": kind, "entry": entry or None}


def exactness_table(figure: str) -> str:
    """The table that a figure of exact sums is drawn from."""
    table = {"transition": "exactness", "thresholds": "exactness_thresholds"}.get(figure, "exactness_networks")
    return f"<results>/tables/{table}.csv"
