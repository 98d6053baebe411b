"""Exact sums: random integers that reach their targets, and quantised networks of which every weight is a sum."""

from collections.abc import Sequence

import pandas as pd

from lottery.results.page.captions import EXACT, Figure
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import fixed
from lottery.results.page.section import Section
from lottery.results.page.table import Column, Table, table_of
from lottery.results.page.words import COEFFICIENTS, objective

METHOD = (
    "Integers of b bits lie in [−2ᵇ, 2ᵇ], targets in [−2ᵇ⁻¹, 2ᵇ⁻¹]; κ = b / n is their bits per coefficient. Were the sums of subsets "
    "independent, they would succeed as the dotted lines say; nothing is fitted.",
    "A network's weights are rounded to multiples of 2⁻ᵇ, and its coefficients are drawn from the same grid. A sum within half a step of a weight "
    "is then the weight itself, so that the network of sums is the quantised network.",
)


def _threshold_table(tables: Tables) -> Table:
    """Coefficients for probability 1/2: a row a kind and targets, a column a number of bits."""
    half = tables.exactness_thresholds.query("share == 0.5")
    wide = half.pivot_table(index=["kind", "targets"], columns="bits", values="coefficients", sort=False)
    bits = sorted(wide.columns)
    frame = wide.set_axis([str(b) for b in wide.columns], axis=1).reset_index()
    columns = [
        Column("kind", "Integers", write=lambda name: COEFFICIENTS.get(name, name)), Column("targets", "Targets"),
        *(Column(str(b), f"b = {b}", decimals=2, missing="not reached") for b in bits),
    ]  # fmt: skip
    return table_of("exact-thresholds", "Integers for an exact sum with probability 1/2", frame, columns)


def _network_table(tables: Tables) -> Table:
    """A row an entry, number of bits and of coefficients; means over seeds, and of what must be 0 the largest."""
    means = dict.fromkeys(("missed", "remaining", "weights", "quantised_accuracy"), "mean")
    largest = dict.fromkeys(("inexact", "predictions_that_differ"), "max")
    groups = ["entry", "network", "objective", "bits", "coefficients"]
    frame = tables.exactness_networks.groupby(groups, as_index=False, sort=False).agg(means | largest)
    frame["per_weight"] = frame.remaining / frame.weights
    columns = [
        Column("entry", "Networks"), Column("network", "Target", common=True), Column("objective", "Objective", write=objective, common=True),
        Column("bits", "b", right=True), Column("coefficients", "n", right=True),
        Column("missed", "Weights missed", "by the first n", decimals=1), Column("per_weight", "Coefficients kept", "per weight", decimals=2),
        Column("inexact", "Weights not exact", decimals=0), Column("predictions_that_differ", "Predictions that differ", decimals=0),
        Column("quantised_accuracy", "Accuracy", "%, quantised", decimals=2),
    ]  # fmt: skip
    return table_of("exact-networks", "Networks of exact sums", frame, columns).folded()


def _transition(thresholds: pd.DataFrame) -> str:
    found = thresholds.query("share == 0.5 and targets == 'one'").dropna(subset=["coefficients"])
    if found.empty:
        return ""
    line = found.loc[found.bits.astype(float).idxmax()]
    return (
        f"Half of the trials equal a target of {line.bits:.0f} bits with {fixed(line.coefficients, 1)} "
        f"{COEFFICIENTS.get(line.kind, line.kind)} integers (κ = {fixed(line.kappa, 2)})."
    )


def _exact(networks: pd.DataFrame) -> str:
    if networks.empty:
        return ""
    exact = networks[networks.inexact == 0]
    differ = int(exact.predictions_that_differ.sum())
    return (
        f"{len(exact)} of {len(networks)} quantised networks are exact sums in every weight; of their "
        f"{int(exact.test_images.sum()):,} predictions {differ:,} differ."
    )


def exact_section(tables: Tables, figures: Sequence[Figure]) -> Section | None:
    """None where no exact sums were asked for."""
    thresholds, networks = tables.exactness_thresholds, tables.exactness_networks
    if thresholds.empty and networks.empty:
        return None
    shown = [] if thresholds.empty else [_threshold_table(tables)]
    shown += [] if networks.empty else [_network_table(tables)]
    answer = f"{_transition(thresholds)} {_exact(networks)}".strip()
    return Section(EXACT, "Exact sums", "Quantised numbers: sums without an error", answer, shown, figures, METHOD)
