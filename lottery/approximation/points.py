"""The points of frontiers, and the networks of exact sums, that a configuration requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.approximation.grid import GridSettings
from lottery.approximation.settings import Settings
from lottery.errors import LotteryError


@dataclass(frozen=True)
class PlannedPoint:
    """The names of a frontier and its target in the config, and the settings of the approximation."""

    frontier: str
    target: str
    settings: Settings


def planned_points(config: Mapping[str, Any]) -> dict[str, PlannedPoint]:
    """Every point by its name, FRONTIER/..., for a validated configuration.

    A weight without a subset within epsilon keeps the nearest sum and is counted, because that is part of the result.
    Raises LotteryError if a combination of a frontier's values is invalid.
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
    """Every network of exact sums by its name, ENTRY/..., for a validated configuration.

    Raises LotteryError if a combination of an entry's values is invalid.
    """
    planned = {}
    for name, entry in config["exact_networks"].items():
        for bits, per_bit, seed in product(entry["bits"], entry["coefficients_per_bit"], entry["seeds"]):
            try:
                settings = GridSettings(bits, per_bit, entry["objective"], seed, entry["on_infeasible"])
            except (LotteryError, ValueError) as problem:
                raise LotteryError(f"exact_networks.{name}: {problem}") from problem
            planned[f"{name}/bits_{bits}_per_bit_{per_bit:.12g}_seed_{seed}"] = PlannedNetwork(
                entry["target"], settings
            )
    return planned
