"""The planted runs that a configuration requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.errors import LotteryError
from lottery.planting.settings import Planting
from lottery.settings import plain


@dataclass(frozen=True)
class PlannedPlanting:
    """A target by its name in the config, and what is planted of it."""

    target: str
    planting: Planting


def planned_plantings(config: Mapping[str, Any]) -> dict[str, PlannedPlanting]:
    """Every planted run by its name, ENTRY/..., for a validated configuration.

    Raises LotteryError if an entry's values do not go together.
    """
    planned = {}
    for name, entry in config["planted"].items():
        for favoured, margin, seed in product(entry["favoured"], entry["margins"], entry["seeds"]):
            same = {key: entry[key] for key in ("redundancy", "sparsity", "scale", "epochs")}
            try:
                planting = Planting(favoured=favoured, margin=margin, seed=seed, **same)
            except LotteryError as problem:
                raise LotteryError(f"planted.{name}: {problem}") from problem
            stem = f"{favoured}_margin_{plain(float(margin))}_seed_{seed}"
            planned[f"{name}/{stem}"] = PlannedPlanting(entry["target"], planting)
    return planned
