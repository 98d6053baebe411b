"""Which runs a figure of experiment 2 shows: those of one variant and redundancy, and how they were chosen."""

import pandas as pd

from lottery.errors import LotteryError
from lottery.pruning.run import PROTOCOLS
from lottery.pruning.sweeps import RELEASED
from lottery.published import PUBLISHED_REDUNDANCY

ENOUGH_SEEDS = 3  # below, an interval over seeds says nothing


def of_network(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """The rows of a network.  Raises LotteryError where there are none."""
    found = table[table.network == network]
    if found.empty:
        raise LotteryError(f"figure: there are no runs of {network}")
    return found


def protocols(table: pd.DataFrame) -> list[str]:
    """The protocols that pruned networks were run by; of the baseline, if only that was run."""
    pruned = table[table.structure != "dense"]
    return [protocol for protocol in PROTOCOLS if protocol in set((pruned if len(pruned) else table).protocol)]


def one_series(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Rows of one variant and redundancy, the published ones where there are any, with their trained baseline."""
    found = of_network(table, network)
    pruned = found[found.structure != "dense"]
    if pruned.empty:
        return found[found.variant == found.variant.iloc[0]]
    usual = (pruned.variant == RELEASED) & (pruned.redundancy == PUBLISHED_REDUNDANCY)
    first = pruned[usual].iloc[0] if usual.any() else pruned.iloc[0]
    baselines = found[found.structure == "dense"]
    own = baselines[baselines.variant == first.variant]
    baseline = own if len(own) else baselines[baselines.variant == RELEASED]
    same = pruned[(pruned.variant == first.variant) & (pruned.redundancy == first.redundancy)]
    return pd.concat([same, baseline])


def half_intervals(points: pd.DataFrame) -> pd.Series:
    """Half of each interval; NaN of so few seeds that none is drawn."""
    return points.half_interval.astype(float).where(points.seeds >= ENOUGH_SEEDS)


def with_ends(points: pd.DataFrame) -> pd.Series:
    """Accuracies and the ends of their intervals, as far as these are accuracies."""
    accuracy, half = points.accuracy.astype(float), half_intervals(points)
    return pd.concat([accuracy, (accuracy - half).clip(lower=0), (accuracy + half).clip(upper=99.5)])


def series_name(shown: pd.DataFrame, network: str) -> str:
    """Network, dataset, redundancy and variant of what is shown."""
    pruned = shown[shown.structure != "dense"]
    name = f"{network}, {shown.dataset.iloc[0]}"
    if pruned.empty:
        return name
    variant = pruned.variant.iloc[0]
    return f"{name}, r = {pruned.redundancy.iloc[0]}" + ("" if variant == RELEASED else f", {variant}")


def how_run(points: pd.DataFrame, protocol: str) -> str:
    """What was run: seeds and lengths (the baseline's may be others)."""
    pruned = points[points.structure != "dense"] if (points.structure != "dense").any() else points
    counts = sorted({int(count) for count in pruned.seeds})
    lengths = sorted({int(length) for lengths in pruned.lengths.astype(str) for length in lengths.split()})
    what, images = "one seed", "test"
    if protocol == "held_out":
        interval = ", 95% interval" if counts[-1] >= ENOUGH_SEEDS else ""
        what = f"{' or '.join(map(str, counts))} seed{'' if counts == [1] else 's'}{interval}"
        images = "validation"
    chosen = f"best of {', '.join(map(str, lengths))} epochs on {images} images"
    if not pruned.lengths.astype(str).str.contains(" ").any():
        chosen = (
            f"{lengths[0]} epochs" if len(lengths) == 1 else f"each point after {lengths[0]} to {lengths[-1]} epochs"
        )
    return f"{protocol.replace('_', '-')} protocol: {what},\n{chosen}"
