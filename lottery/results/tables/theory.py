"""Tables of the theory: probabilities, thresholds and slopes, each beside what the bounds say."""

from collections.abc import Sequence
from math import log2
from pathlib import Path

import numpy as np
import pandas as pd

from lottery.records.files import read_json, read_table
from lottery.records.provenance import provenance_path
from lottery.theory.bounds import binary_entropy, counting_bound, fixed_cardinality_bits, single_best_threshold
from lottery.theory.first_moment import first_moment_threshold, first_moment_threshold_of_cardinality
from lottery.theory.thresholds import fit, threshold, wilson

SHARES = (0.5, 0.9)
COUNTS = ("coefficients", "epsilon", "trials", "successes")
SUCCESS_NUMBERS = ("cardinality", *COUNTS, "probability", "low", "high")
THRESHOLD_NUMBERS = (
    "cardinality",
    "epsilon",
    "bits",
    "share",
    "coefficients",
    "low",
    "high",
    "first_moment",
    "counting",
)
SERIES = ["kind", "targets", "cardinality"]


def with_probability(table: pd.DataFrame) -> pd.DataFrame:
    """Of counts of successes and trials: with their share, and its 95% interval (Wilson)."""
    successes, trials = table.successes.to_numpy(float), table.trials.to_numpy(float)
    low, high = wilson(successes, trials)
    return table.assign(probability=(successes / trials).round(7), low=low.round(7), high=high.round(7))


def success(paths: Sequence[Path]) -> pd.DataFrame:
    """Long: a row a kind, targets, size of subsets, number of coefficients and epsilon, with Wilson's 95% interval."""
    if not paths:
        return pd.DataFrame(columns=["kind", "targets", *SUCCESS_NUMBERS])
    frames = [read_table(path, COUNTS, ["kind", "targets", "cardinality"]) for path in paths]
    return with_probability(pd.concat([frame.astype({"cardinality": "Int64"}) for frame in frames], ignore_index=True))


def _bounds(kind: str, targets: str, cardinality: int | None, epsilon: float) -> dict[str, float | None]:
    """What theory says of one row of thresholds; None where it says nothing."""
    one = targets == "one"
    if cardinality is None:
        first_moment = first_moment_threshold(kind, epsilon) if one else None
    else:
        first_moment = first_moment_threshold_of_cardinality(kind, cardinality, epsilon)
    return {
        "first_moment": first_moment,
        "counting": None if one else counting_bound(epsilon),
        "exact": single_best_threshold(epsilon) if cardinality == 1 and kind == "uniform" else None,
    }


def thresholds(table: pd.DataFrame) -> pd.DataFrame:
    """Coefficients for P = 1/2 and 9/10, with the first moment (P of about 1/2) and bounds beside them.

    entropy_bits: n H2(k / n) at the threshold; natale_bits: log2(k / epsilon), for subsets of exactly k.
    """
    rows = []
    for (kind, targets, cardinality, epsilon), part in table.groupby([*SERIES, "epsilon"], sort=False, dropna=False):
        members = None if pd.isna(cardinality) else int(cardinality)
        line = part.sort_values("coefficients")
        bounds = _bounds(kind, targets, members, epsilon)
        counts = (line[name].to_numpy(float) for name in ("coefficients", "successes", "trials"))
        n, successes, trials = counts
        for share in SHARES:
            found = threshold(n, successes, trials, share)
            row = {
                "kind": kind, "targets": targets, "cardinality": members, "epsilon": epsilon, "bits": log2(1 / epsilon),
                "share": share, "coefficients": found.coefficients, "low": found.low, "high": found.high,
                "first_moment": bounds["first_moment"], "counting": bounds["counting"],
                "exact": bounds["exact"] if share == 0.5 else None,
            }  # fmt: skip
            if members is not None and np.isfinite(found.coefficients):
                row["entropy_bits"] = found.coefficients * binary_entropy(members / found.coefficients)
            if members is not None:
                row["natale_bits"] = fixed_cardinality_bits(members, epsilon)
            rows.append(row)
    columns = ["kind", "targets", *THRESHOLD_NUMBERS, "exact", "entropy_bits", "natale_bits"]
    return pd.DataFrame(rows, columns=columns).astype({"cardinality": "Int64"}).round(5)


def slopes(found: pd.DataFrame) -> pd.DataFrame:
    """Coefficients a bit of precision: the thresholds' line over log2(1 / epsilon), and that of the first moment."""
    rows = []
    any_size = found[found.cardinality.isna()]
    for (kind, targets, share), part in any_size.groupby(["kind", "targets", "share"], sort=False):
        bits = part.bits.to_numpy(float)
        line = fit(bits, part.coefficients.to_numpy(float))
        theory = fit(bits, part.first_moment.to_numpy(float))
        rows.append(
            {
                "kind": kind, "targets": targets, "share": share, "epsilons": int(part.coefficients.notna().sum()),
                "slope": line.slope, "standard_error": line.standard_error, "intercept": line.intercept,
                "first_moment_slope": theory.slope,
            }
        )  # fmt: skip
    columns = ["kind", "targets", "share", "epsilons", "slope", "standard_error", "intercept", "first_moment_slope"]
    return pd.DataFrame(rows, columns=columns).round(5)


def cost(paths: Sequence[Path]) -> pd.DataFrame:
    """Measured: trials a second on one core, by series, from the records beside the measurements."""
    rows = []
    for path in paths:
        record = read_json(provenance_path(path))
        settings = record["settings"]
        for part in record["timed"]:
            rows.append(
                {
                    "kind": settings["kind"], "targets": part["targets"], "cardinality": settings["cardinality"],
                    "trials": settings["trials"], "seconds": part["seconds"],
                }
            )  # fmt: skip
    table = pd.DataFrame(rows, columns=[*SERIES, "trials", "seconds"]).astype({"cardinality": "Int64"})
    total = table.groupby(SERIES, sort=False, dropna=False)[["trials", "seconds"]].sum().reset_index()
    total["trials_per_second"] = (total.trials / total.seconds).round(0).astype(int)
    return total
