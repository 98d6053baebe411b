"""What has the published settings, and so can be compared with the paper.

Every setting of an approximation and of its target counts, also one that this module does not know, but for those that are
free.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY

# Of the paper's experiment 1.  Our defaults are the same; a test holds these to them, and so to every new setting.
PUBLISHED_NETWORK = {"network": "fc2", "dataset": "mnist", "pixels": "normalised"}
PUBLISHED_SETTINGS = {
    "epsilon": 0.01, "coefficients_per_bit": 3, "objective": "min_error", "sharing": "row",
    "coefficient_range": "target", "zero_small_weights": False,
}  # fmt: skip
PUBLISHED_RECIPE = {
    "epochs": 10, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "batch_size": 64, "pixels": "normalised",
}  # fmt: skip
# Other random numbers are within the spread that verdicts allow.  Weights that no subset serves are counted in table 1.
FREE = {"seed", "stream", "on_infeasible"}


def _differing(ours: Mapping[str, Any], published: Mapping[str, Any]) -> list[str]:
    return [name for name, value in ours.items() if name not in FREE and (name, value) not in published.items()]


def unlike_published(assembly: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """Names of the settings in which an approximation differs from the published one.

    assembly, evaluation: the contents of its files.  Imported weights have no recipe; of these what is known counts.
    """
    ours = {name: {**evaluation, **assembly}[name] for name in PUBLISHED_NETWORK}
    differing = _differing(ours, PUBLISHED_NETWORK) + _differing(assembly["settings"], PUBLISHED_SETTINGS)
    recipe = {name: value for name, value in (evaluation["recipe"] or {}).items() if name != "pixels"}
    return differing + [f"{name} of the target" for name in _differing(recipe, PUBLISHED_RECIPE)]


def as_published(points: pd.DataFrame) -> pd.DataFrame:
    """Points, or runs, with the published settings, length and seed apart.

    Where the published protocol was run with both streams of random numbers, the released one.
    """
    dense = points.structure == "dense"
    found = points[
        (points.dataset == "mnist")
        & (points.variant == RELEASED)
        & ((points.redundancy == PUBLISHED_REDUNDANCY) | dense)
    ]
    published = found.protocol == "published"
    replayed = set(found[published & (found.stream == "released")].network)
    return found[~(published & (found.stream == "keyed") & found.network.isin(replayed))]
