"""Tables of exact sums on a grid: probabilities and thresholds of random integers, and what exact networks took."""

from collections.abc import Sequence
from math import log2
from pathlib import Path

import numpy as np
import pandas as pd

from lottery.errors import LotteryError
from lottery.records.files import read_json, read_table
from lottery.results.tables.theory import SHARES, with_probability
from lottery.theory.independent_sums import exact_first_moment_threshold, poisson_probabilities
from lottery.theory.thresholds import crossing, threshold

COUNTS = ("bits", "coefficients", "trials", "successes")
EXACTNESS_NUMBERS = (*COUNTS, "kappa", "probability", "low", "high", "poisson")
THRESHOLD_NUMBERS = ("bits", "share", "coefficients", "low", "high", "kappa", "poisson", "first_moment", "counting")
_SERIES = ["kind", "bits", "targets"]
_POINT = [
    "entry", "network", "dataset", "bits", "values", "objective", "coefficients_per_bit", "coefficients", "on_infeasible", "seed",
    "weights", "weights_not_zero", "inexact", "missed", "missed_off_grid", "initial", "initial_off_grid", "remaining",
    "remaining_off_grid", "largest_error_off_grid", "target_accuracy", "quantised_accuracy", "ticket_accuracy",
    "test_images", "predictions_that_differ",
]  # fmt: skip
NETWORK_NUMBERS = tuple(
    name for name in _POINT if name not in ("entry", "network", "dataset", "objective", "on_infeasible")
)


def exactness(paths: Sequence[Path]) -> pd.DataFrame:
    """Long: a row a kind, bits, targets and number of coefficients, with kappa = bits / coefficients and the Poisson prediction."""
    if not paths:
        return pd.DataFrame(columns=["kind", "targets", *EXACTNESS_NUMBERS])
    table = with_probability(
        pd.concat([read_table(path, COUNTS, ["kind", "targets"]) for path in paths], ignore_index=True)
    )
    predicted = {
        (kind, bits, n): poisson_probabilities(kind, int(bits), int(n))
        for kind, bits, n in table[["kind", "bits", "coefficients"]].drop_duplicates().itertuples(index=False)
    }
    table["kappa"] = (table.bits / table.coefficients).astype(float).round(5)
    table["poisson"] = [
        round(predicted[row.kind, row.bits, row.coefficients][row.targets], 7) for row in table.itertuples()
    ]
    return table


def exact_thresholds(table: pd.DataFrame) -> pd.DataFrame:
    """Coefficients for P = 1/2 and 9/10, with kappa there, beside the Poisson prediction and the bounds.

    first_moment: where one subset that equals the target is expected (one target).  counting: log2(M + 1), as so many targets need
    so many sums (all of them).
    """
    rows = []
    for (kind, bits, targets), part in table.groupby(_SERIES, sort=False):
        line = part.sort_values("coefficients")
        n, successes, trials, poisson = (
            line[name].to_numpy(float) for name in ("coefficients", "successes", "trials", "poisson")
        )
        one = targets == "one"
        bounds = {
            "first_moment": exact_first_moment_threshold(kind, int(bits)) if one else None,
            "counting": None if one else log2(2 ** int(bits) + 1),
        }
        for share in SHARES:
            found = threshold(n, successes, trials, share)
            rows.append(
                {
                    "kind": kind, "bits": bits, "targets": targets, "share": share, "coefficients": found.coefficients,
                    "low": found.low, "high": found.high, "kappa": bits / found.coefficients,
                    "poisson": crossing(n, poisson, share), **bounds,
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["kind", "targets", *THRESHOLD_NUMBERS]).round(5)


def _network_row(path: Path) -> dict[str, object]:
    point = read_json(path)
    try:
        settings, on, off = point["settings"], point["on_grid"], point["off_grid"]
        return {
            **point,
            "entry": path.parent.name,
            **{name: settings[name] for name in ("objective", "coefficients_per_bit", "on_infeasible", "seed")},
            "missed": on["redrawn"] + on["beyond_epsilon"],
            "missed_off_grid": off["redrawn"] + off["beyond_epsilon"],
            **{name: on[name] for name in ("initial", "remaining")},
            **{f"{name}_off_grid": off[name] for name in ("initial", "remaining", "largest_error")},
        }
    except (KeyError, TypeError) as error:
        raise LotteryError(f"{path}: no result of `lottery measure-exact-network` of this version ({error})") from error


def exact_networks(paths: Sequence[Path]) -> pd.DataFrame:
    """A row a network: how many weights its first coefficients missed, how many it took, and that nothing differs.

    entry: of the configuration, by the folder of the file.
    missed: weights that no sum of the first coefficients equals (beside: comes within half a step of, where both lie anywhere).
    inexact: weights that their sum does not equal in the end; 0 where further coefficients were drawn.
    """
    rows = [_network_row(path) for path in paths]
    return pd.DataFrame(rows, columns=_POINT).sort_values(["entry", "bits", "coefficients", "seed"], ignore_index=True)


def missed_share(table: pd.DataFrame) -> pd.DataFrame:
    """Weights missed by the first coefficients, of all weights, by bits and coefficients over all seeds; NaN where none was."""
    counted = table.groupby(["bits", "coefficients"], as_index=False)[["weights", "missed", "missed_off_grid"]].sum()
    shares = {name: counted[name].astype(float) / counted.weights for name in ("missed", "missed_off_grid")}
    return counted.assign(**{name: share.replace(0, np.nan) for name, share in shares.items()})
