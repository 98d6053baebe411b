"""What has the published settings, and so can be compared with the paper.

Our defaults are the published settings.  What may differ is named here, so that every other setting counts, also one that
is added later.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from lottery.approximation.settings import Settings
from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY
from lottery.recipe import Recipe

# Other random numbers are within the spread that verdicts allow.  Weights that no subset serves are counted in table 1.
_FREE_SETTINGS = {"seed", "stream", "on_infeasible"}
_FREE_RECIPE = {"seed", "stream"}
_PUBLISHED = {"network": "fc2", "dataset": "mnist", "pixels": "normalised"}


def unlike_published(assembly: Mapping[str, Any], evaluation: Mapping[str, Any]) -> list[str]:
    """Names of the settings in which an approximation differs from the published one.

    assembly, evaluation: the contents of its files.  Imported weights have no recipe; of these what is known counts.
    """
    ours, published = {**evaluation, **assembly}, dict(_PUBLISHED)
    settings = {name: value for name, value in asdict(Settings()).items() if name not in _FREE_SETTINGS}
    differing = [name for name, value in published.items() if ours[name] != value]
    differing += [name for name, value in settings.items() if assembly["settings"][name] != value]
    if (recipe := evaluation["recipe"]) is not None:
        trained = {name: value for name, value in asdict(Recipe()).items() if name not in _FREE_RECIPE | {"pixels"}}
        differing += [f"{name} of the target" for name, value in trained.items() if recipe[name] != value]
    return differing


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
