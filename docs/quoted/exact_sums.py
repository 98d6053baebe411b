"""Exact sums of random integers."""

from quoted.reading import read, table


def exact_thresholds() -> list[str]:
    """Integers for P = 1/2 by bits: measured, if sums were independent, and what bounds say."""
    half = read("exactness_thresholds").query("share == 0.5")
    rows = []
    for (bits, kind), part in half.groupby(["bits", "kind"], sort=False):
        one, every = (part[part.targets == targets].iloc[0] for targets in ("one", "all"))
        cells = [f"{one.coefficients:.2f}", f"{one.poisson:.2f}", f"{one.first_moment:.2f}", f"{one.kappa:.2f}"]
        cells += [f"{every.coefficients:.2f}", f"{every.poisson:.2f}", f"{every.kappa:.2f}"]
        rows.append((kind, bits, [f"{kind}, b = {bits}", *cells]))
    head = ["", "one target: n", "if independent", "one subset expected", "κ", "all targets: n", "if independent", "κ"]
    return table(head, [row for _, _, row in sorted(rows, key=lambda found: (found[0] != "uniform", found[1]))])


def exact_transition() -> list[str]:
    """P of one target by bits, at fixed bits per coefficient."""
    found = read("exactness").query("targets == 'one'")
    kappas = (0.5, 2 / 3, 0.8, 1.0, 4 / 3, 2.0)
    rows = []
    for kind in ("uniform", "product"):
        for bits in (4, 8, 12, 16):
            own = found[(found.kind == kind) & (found.bits == bits)].set_index("coefficients").probability
            cells = [f"{own[bits / kappa]:.3f}" if round(bits / kappa, 6) in own.index else "" for kappa in kappas]
            rows.append([f"{kind}, b = {bits}", *cells])
    return table(["P, one target", *(f"κ = {kappa:.2g}" for kappa in kappas)], rows)


def exact_networks() -> list[str]:
    """fc2 on each grid as exact sums, with further coefficients where a sum is missing."""
    found = read("exactness_networks").query("entry in ['fc2', 'fc2_fewest']")
    found = found.assign(kept=found.remaining / found.weights, off=found.remaining_off_grid / found.weights)
    rows = []
    for bits, part in found.groupby("bits"):
        nearest, fewest = (part[part.entry == entry] for entry in ("fc2", "fc2_fewest"))
        one = nearest.iloc[0]
        rows.append(
            [
                str(bits), f"{one.coefficients}", f"{one['values']:,}", f"{one.weights_not_zero / one.weights:.0%}",
                f"{one.target_accuracy:.2f}% → {one.quantised_accuracy:.2f}%",
                f"{nearest.missed.mean():.1f}, {nearest.missed_off_grid.mean():.1f}",
                f"{nearest.kept.mean():.2f}×, {fewest.kept.mean():.2f}×", f"{fewest.off.mean():.2f}×",
                f"{part.inexact.max()}", f"{part.predictions_that_differ.max()}",
            ]
        )  # fmt: skip
    head = [
        "b", "n", "values of a weight", "weights not 0", "accuracy, target → quantised", "missed by the first n: on the grid, off it",
        "kept per weight: nearest, fewest", "fewest, off the grid", "not exact", "predictions that differ",
    ]  # fmt: skip
    return table(head, rows)


def exact_first_draw() -> list[str]:
    """Weights of fc2 that the first coefficients miss."""
    found = read("exactness_networks").query("entry == 'fc2_first_draw'")
    rows = []
    for (bits, n), part in found.groupby(["bits", "coefficients"]):
        cells = [str(bits), str(n), f"{bits / n:.2f}", f"{part.missed.sum():,}", f"{part.missed_off_grid.sum():,}"]
        rows.append([*cells, f"{part.ticket_accuracy.mean():.2f}% of {part.quantised_accuracy.mean():.2f}%"])
    head = ["b", "n", "κ", "missed on the grid", "off the grid, within half a step", "accuracy, of the quantised"]
    return table(head, rows)
