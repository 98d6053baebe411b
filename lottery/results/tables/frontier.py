"""Size and accuracy of approximated networks: every point, and means over the seeds of the coefficients."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from lottery.errors import LotteryError
from lottery.results.tables.intervals import half_interval
from lottery.theory.bounds import parameters_per_weight, remaining_per_weight

MAGNITUDE = "magnitude"  # the target itself without the weights within epsilon of 0: no subset sums
_GROUP = ["frontier", "network", "dataset", "pixels", "objective", "epsilon", "coefficients_per_bit", "coefficients"]
_MEANS = [
    "beyond_epsilon", "relative_size", "relative_size_half_interval", "bits_per_weight", "accuracy", "accuracy_half_interval",
]  # fmt: skip
_POINT = [
    *_GROUP, "seed", "weights", "initial", "remaining", "relative_size", "bits_per_weight", "beyond_epsilon", "largest_error",
    "median_error", "target_accuracy", "accuracy", "test_images", "predictions_that_differ", "magnitude_remaining",
    "magnitude_accuracy", "rounded_bits_per_weight", "rounded_accuracy",
]  # fmt: skip
FRONTIER_NUMBERS = [
    "epsilon", "coefficients_per_bit", "coefficients", "seeds", "weights", *_MEANS, "target_accuracy",
    "least_initial", "least_remaining",
]  # fmt: skip


def point_row(frontier: str, point: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table of points."""
    return {
        **point,
        **{key: point["settings"][key] for key in ("objective", "epsilon", "coefficients_per_bit", "seed")},
        "frontier": frontier,
        "coefficients": point["coefficients_per_weight"],
        "relative_size": round(point["remaining"] / point["weights"], 6),
        "bits_per_weight": round(point["coded_bits"] / point["weights"], 6),
        "accuracy": point["approximated_accuracy"],
    }


def point_rows(listed: Sequence[Mapping[str, str]], read: Callable[[str], Mapping[str, Any]]) -> pd.DataFrame:
    """One row a point of the list, in its order; `read` gives what `measure-frontier` wrote of a point, by its name.

    Raises LotteryError where the list or a point is of another form.
    """
    try:
        rows = [point_row(entry["frontier"], read(entry["point"])) for entry in listed]
    except (KeyError, TypeError) as error:
        raise LotteryError(f"the list of points, or a point of it, is no result of this version ({error})") from error
    return pd.DataFrame(rows, columns=_POINT)


def _half_interval(values: pd.Series) -> float | None:
    half = half_interval(values)
    return None if half is None else round(half, 6)


def _least_remaining(coefficients: int, epsilon: float) -> float | None:
    try:
        return round(remaining_per_weight(coefficients, epsilon), 6)
    except LotteryError:
        return None  # so few coefficients that no class of all linear maps can be served


def _mean(same: pd.DataFrame) -> dict[str, Any]:
    first = same.iloc[0]
    wide = first.epsilon >= 0.5
    return {
        "seeds": len(same),
        "weights": int(first.weights),
        "beyond_epsilon": round(float(same.beyond_epsilon.mean()), 2),
        "relative_size": round(float(same.relative_size.mean()), 6),
        "relative_size_half_interval": _half_interval(same.relative_size),
        "bits_per_weight": round(float(same.bits_per_weight.mean()), 6),
        "accuracy": round(float(same.accuracy.mean()), 4),
        "accuracy_half_interval": _half_interval(same.accuracy),
        "target_accuracy": float(first.target_accuracy),
        "least_initial": None if wide else round(parameters_per_weight(first.epsilon), 6),
        "least_remaining": None if wide else _least_remaining(int(first.coefficients), first.epsilon),
    }


def _by_magnitude(points: pd.DataFrame) -> pd.DataFrame:
    """The target pruned by magnitude, once for each epsilon of a frontier: no coefficients, no seed, and its weights are not free."""
    once = points.drop_duplicates(["frontier", "epsilon"]).copy()
    once["objective"], once["coefficients"], once["coefficients_per_bit"] = MAGNITUDE, 1, 0.0
    once["beyond_epsilon"], once["bits_per_weight"] = 0, float("nan")
    once["relative_size"] = (once.magnitude_remaining / once.weights).round(6)
    once["accuracy"] = once.magnitude_accuracy
    return once


def frontier(points: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds: a row a frontier, objective, epsilon and c, and those of pruning by magnitude.

    beyond_epsilon: weights that no subset served.  relative_size: remaining parameters a weight of the target, below 1 where the ticket is smaller than its target.
    bits_per_weight: coded masks, in bits a weight of the target.
    least_initial, least_remaining: the lower bound of Pensia et al., Theorem 2, for a weight (`lottery.theory.bounds`).
    """
    rows = [
        dict(zip(_GROUP, group, strict=True)) | _mean(same)
        for part in (points, _by_magnitude(points))
        for group, same in part.groupby(_GROUP, sort=False)
    ]
    columns = [*_GROUP, "seeds", "weights", *_MEANS, "target_accuracy", "least_initial", "least_remaining"]
    return pd.DataFrame(rows, columns=columns)


def smallest(table: pd.DataFrame, loss: float = 0.5) -> pd.DataFrame:
    """For each frontier and objective the smallest network that loses at most `loss` points of accuracy, for people."""
    near = table[table.accuracy >= table.target_accuracy - loss]
    rows = []
    for (name, objective), same in near.groupby(["frontier", "objective"], sort=False):
        best = same.loc[same.relative_size.idxmin()]
        half = best.accuracy_half_interval
        rows.append(
            {
                "frontier": name,
                "objective": "target pruned by magnitude" if objective == MAGNITUDE else objective,
                "ε": best.epsilon,
                "coefficients": "" if objective == MAGNITUDE else int(best.coefficients),
                "remaining / target": f"{best.relative_size:.2f}×",
                "bits per weight": "" if objective == MAGNITUDE else f"{best.bits_per_weight:.2f}",
                "weights beyond ε": f"{best.beyond_epsilon:,.0f}",
                "accuracy": f"{best.accuracy:.2f}" + ("" if pd.isna(half) else f" ± {half:.2f}"),
                "target accuracy": f"{best.target_accuracy:.2f}",
                "seeds": int(best.seeds),
            }
        )
    return pd.DataFrame(rows)
