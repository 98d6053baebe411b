"""Which points of frontiers, and which networks of exact sums, a configuration asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.approximation.grid import GridSettings, grid_settings
from lottery.approximation.settings import Settings
from lottery.errors import LotteryError


@dataclass(frozen=True)
class PlannedPoint:
    """A frontier and a target by their names in the config, and how the target is approximated."""

    frontier: str
    target: str
    settings: Settings


def planned_points(config: Mapping[str, Any]) -> dict[str, PlannedPoint]:
    """Every point by its name, FRONTIER/..., for a config with all defaults filled in.

    A weight that no subset serves keeps the nearest sum and is counted: where that happens is part of what is asked.
    Raises LotteryError where a combination of a frontier's values is no approximation.
    """
    points = {}
    for name, entry in config["frontiers"].items():
        values = (entry[key] for key in ("objectives", "epsilons", "coefficients_per_bit", "seeds"))
        for objective, epsilon, per_bit, seed in product(*values):
            try:
                settings = Settings(epsilon, per_bit, objective, seed=seed, on_infeasible="nearest")
            except (LotteryError, ValueError) as problem:
                raise LotteryError(f"frontiers.{name}: {problem}") from problem
            stem = f"{objective}_epsilon_{epsilon:.12g}_per_bit_{per_bit:.12g}_seed_{seed}"
            points[f"{name}/{stem}"] = PlannedPoint(name, entry["target"], settings)
    return points


@dataclass(frozen=True)
class PlannedNetwork:
    """A target by its name in the config, and the grid on which it becomes exact sums."""

    target: str
    settings: GridSettings


def planned_exact_networks(config: Mapping[str, Any]) -> dict[str, PlannedNetwork]:
    """Every exact network by its name, ENTRY/..., for a config with all defaults filled in.

    Raises LotteryError where a combination of an entry's values is no approximation.
    """
    planned = {}
    for name, entry in config["exact_networks"].items():
        for bits, per_bit, seed in product(entry["bits"], entry["coefficients_per_bit"], entry["seeds"]):
            try:
                settings = grid_settings(bits, per_bit, entry["objective"], seed, entry["on_infeasible"])
            except (LotteryError, ValueError) as problem:
                raise LotteryError(f"exact_networks.{name}: {problem}") from problem
            planned[f"{name}/bits_{bits}_per_bit_{per_bit:.12g}_seed_{seed}"] = PlannedNetwork(
                entry["target"], settings
            )
    return planned
