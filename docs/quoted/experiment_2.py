"""Experiment 2: replays, accuracies, spreads, variants, bits per weight."""

import textwrap

import pandas as pd

from lottery.pruning.sweeps import RELEASED
from lottery.published import figures
from lottery.results.figures.wide_minus_linear import differences, half_of_difference
from lottery.results.tables.claims import CHANCE
from quoted.reading import WEIGHTS, read, table, with_half


def pruning_bits() -> list[str]:
    """Coded masks of fc2's replays in bits per weight of the dense network."""
    points = read("points").query("network == 'fc2' and protocol == 'published' and redundancy == 5")
    found = points.set_index(["structure", "sparsity"])
    rows = []
    for sparsity in (0.5, 0.75, 0.9, 0.95, 0.98, 0.99):
        linear, wide = (found.loc[(structure, sparsity)] for structure in ("linear", "wide"))
        rows.append(
            [f"{sparsity:g}", f"{linear.accuracy:.2f}%", f"{linear.bits_per_weight:.2f}", f"{linear.paired_bits_per_weight:.3f}",
             f"{wide.accuracy:.2f}%", f"{wide.bits_per_weight:.2f}"]
        )  # fmt: skip
    head = ["s", "linear: replay", "bits, all masks", "bits, without pruned units", "wide: replay", "bits, all masks"]
    return table(head, rows)


def replays_counted() -> list[str]:
    compared, spread = read("points_compared"), read("spread")
    run = compared[compared.ours.notna()]
    good, bad = (int((run.verdict == verdict).sum()) for verdict in ("reproduced", "differs"))
    own = int((run.why.str.contains("of this point")).sum())
    apart = run.difference.abs()
    farthest = run.loc[apart.idxmax()]
    sofar = "" if len(run) == len(figures()) else " so far"
    point = ["network", "structure", "sparsity"]
    differing = run[run.verdict == "differs"].set_index(point)
    tied_at_chance = differing.index.isin(read("ties").set_index(point).index) & (differing.ours < CHANCE)
    where = " (at chance, where [outputs tie](docs/pruning.md#networks-at-chance-whose-outputs-tie))"
    why = where if bad and tied_at_chance.all() else ""
    text = (
        f"Of the {len(figures())} published points, {len(run)} were run again{sofar}: **{good} are reproduced, {bad} "
        f"{'differs' if bad == 1 else 'differ'}**{why}. {int((apart <= 0.5).sum())} are within 0.5 points of accuracy and "
        f"{int((apart <= 1).sum())} within 1; the farthest, {farthest.network} `{farthest.structure}` with {100 * (1 - farthest.sparsity):g}% of the weights kept, is "
        f"{apart.max():.1f} points off. A point counts as reproduced if it is no further off than two runs that differ by rounding "
        f"alone: {run.spread.median():.1f} points or less for half of the points, at most {run.spread.max():.1f}. "
        f"This spread was measured for {own} points ({int(spread.replays.sum())} runs); the others take that of points of "
        "similar accuracy."
    )
    return textwrap.wrap(text, 120)


def cost_of_replays() -> list[str]:
    """What the replays took, by network and structure."""
    runs = read("pruning_cost").query("stream == 'released' and perturbation.isna()")
    runs = runs[(runs.redundancy == 5) | (runs.structure == "dense")]
    on_cpu = runs[runs.device == "cpu"].dropna(subset="core_seconds")
    rows = []
    for network in WEIGHTS:
        cells = [f"{network}"]
        for structure in ("linear", "relu", "wide", "dense"):
            own = on_cpu[(on_cpu.network == network) & (on_cpu.structure == structure)]
            cells.append(f"{own.core_seconds.sum() / 3600:.2f} ({len(own)})" if len(own) else "")
        rows.append(cells)
    return table(["core hours (runs)", "linear", "relu", "wide", "dense"], rows)


def accuracies_with_all_weights() -> list[str]:
    """Replays at s = 0, where nothing is learned."""
    found = read("points_compared").query("sparsity == 0 and structure != 'dense'")
    assert (found.ours == found.published).all(), "a replay at s = 0 is not the published one"
    accuracy = found.pivot(index="network", columns="structure", values="ours").loc[list(WEIGHTS)]
    rows = [
        [network, *(f"{value:.2f}" for value in line)] for network, line in zip(WEIGHTS, accuracy.values, strict=True)
    ]
    return table(["test accuracy (%) at s = 0", *accuracy.columns], rows)


def weights_that_carry() -> list[str]:
    """Alive weights beside those that carry a signal of some test image."""
    rows = []
    for p in read("carrying").itertuples():
        counts = (f"{count:,}" for count in (p.remaining, p.alive, p.carrying))
        rows.append([f"{p.network} {p.structure}", f"{p.sparsity:g}", *counts, f"{p.alive / p.carrying:.2f}"])
    head = ["replay", "s", "remaining", "alive (upper bound)", "carrying (lower bound)", "alive / carrying"]
    return table(head, rows)


def fc2_accuracies() -> list[str]:
    points = read("points").query("network == 'fc2' and variant == 'released' and redundancy == 5")
    rows = []
    for sparsity in (0.05, 0.1, 0.5, 0.75, 0.9):
        cells = [f"{sparsity:g}"]
        for structure in ("linear", "wide"):
            same = f"structure == '{structure}' and sparsity == {sparsity}"
            own = points.query(same).set_index("protocol")
            published = figures().query(f"network == 'fc2' and {same}").accuracy.iloc[0]
            cells += [f"{published:.2f}", f"{own.accuracy['published']:.2f}"]
            cells.append(with_half(own.accuracy["held_out"], own.half_interval["held_out"]))
        rows.append(cells)
    head = [
        "sparsity",
        "linear: published",
        "replay",
        "held out",
        "wide: published",
        "replay",
        "held out",
    ]
    return table(head, rows)


def ties() -> list[str]:
    """Replays and repetitions with tied outputs, their accuracy by both ways of breaking ties."""
    rows = []
    for (network, structure, sparsity), runs in read("ties").groupby(["network", "structure", "sparsity"]):
        each = [", ".join(f"{value:.2f}" for value in runs[name]) for name in ("lowest_class", "by_lanes")]
        images = ", ".join(f"{count:,}" for count in runs.tied_images)
        rows.append([f"{network} {structure}", f"{sparsity:g}", images, f"{runs.published.iloc[0]:.2f}", *each])
    return table(
        ["", "s", "images with a tie, of 10,000", "published", "replay, lowest class", "replay, by lanes"], rows
    )


def held_out_accuracies() -> list[str]:
    """Mean and 95% interval over seeds, by network and sparsity."""
    points = read("points").query("protocol == 'held_out' and variant == 'released' and redundancy == 5")
    rows = []
    for (network, sparsity), same in points.groupby(["network", "sparsity"]):
        by_structure = same.set_index("structure")
        cells = [_cell(by_structure, name) for name in ("linear", "relu", "wide")]
        rows.append([str(network), f"{sparsity:g}", *cells])
    return table(["network", "s", "linear", "relu", "wide"], rows)


def wide_beside_linear() -> list[str]:
    """Held-out `wide` minus `linear`, mean and 95% interval (Welch), by network and sparsity, and what the intervals say."""
    points = read("points").query("protocol == 'held_out' and variant == 'released' and redundancy == 5")
    found = {network: differences(points[points.network == network]) for network in WEIGHTS}
    sparsities = sorted(set(pd.concat(found.values()).sparsity))
    rows = []
    for network, own in found.items():
        cells = {p.sparsity: with_half(p.difference, p.half) for p in own.itertuples()}
        rows.append([network, *(cells.get(sparsity, "not run") for sparsity in sparsities)])
    said = []
    for network, own in found.items():
        signs = {
            "more accurate": own.difference > own.half,
            "less accurate": own.difference < -own.half,
            "undecided": own.difference.abs() <= own.half,
        }
        at = [
            f"{word} at s = {', '.join(f'{s:g}' for s in own.sparsity[sign])}"
            for word, sign in signs.items()
            if sign.any()
        ]
        said.append(f"- **{network}**: `wide` is {'; '.join(at)}.")
    return [*table(["wide − linear at s =", *(f"{s:g}" for s in sparsities)], rows), "", *said]


def redundancies() -> list[str]:
    """Accuracy of fc2 at s = 0.5 by redundancy: the published seed, and mean and 95% interval over held-out seeds."""
    points = read("points").query("network == 'fc2' and sparsity == 0.5 and variant == 'released'")
    rows = []
    for redundancy, same in points.query("structure != 'dense'").groupby("redundancy"):
        cells = [f"{redundancy}"]
        for structure in ("linear", "relu", "wide"):
            own = same[same.structure == structure].set_index("protocol")
            cells += [_cell(own, "published"), _cell(own, "held_out")]
        rows.append(cells)
    head = [f"{name}{what}" for name in ("linear", "relu", "wide") for what in (": published seed", ": held out")]
    return table(["r", *head], rows)


def redundancy_gains() -> list[str]:
    """What more redundancy gains fc2 at s = 0.5 beyond where it gains much, held out."""
    points = read("points").query(
        "network == 'fc2' and sparsity == 0.5 and variant == 'released' and protocol == 'held_out'"
    )
    found = points.set_index(["structure", "redundancy"])
    gains = []
    for structure, few, many in (("linear", 5, 10), ("wide", 5, 10), ("relu", 7, 10)):
        less, more = found.loc[(structure, few)], found.loc[(structure, many)]
        half = half_of_difference(*((float(p.half_interval), int(p.seeds)) for p in (more, less)))
        gains.append(f"`{structure}` {with_half(more.accuracy - less.accuracy, half)} from r = {few} to {many}")
    return [f"Points gained (95% interval of the difference, Welch): {'; '.join(gains)}."]


def _cell(points: pd.DataFrame, name: str) -> str:
    """Accuracy and half-width of one row of an indexed table."""
    return with_half(points.accuracy[name], points.half_interval[name]) if name in points.index else "not run"


def spreads() -> list[str]:
    rows = [
        [
            f"{p.network} {p.structure}", f"{p.sparsity:g}", f"{p.epochs}", f"{p.published:.2f}", f"{p.replay:.2f}",
            f"{with_half(p.rounding_mean, p.rounding_deviation)} ({p.rounding_lowest:.2f} to {p.rounding_highest:.2f}, {p.replays} runs)",
            f"{with_half(p.seed_mean, p.seed_deviation)} ({p.seeds:.0f} seeds)" if p.seeds > 1 else "not run",
        ]
        for p in read("spread").itertuples()
    ]  # fmt: skip
    head = ["", "s", "epochs", "published", "replay", "rounding: mean ± deviation (lowest to highest)",
            "seeds: mean ± deviation"]  # fmt: skip
    return table(head, rows)


def other_processor() -> list[str]:
    """Runs made again on a processor of another kind: test accuracy there and here, and the spread by rounding of replays."""
    run = ["protocol", "stream", "network", "structure", "variant", "redundancy", "sparsity", "epochs", "seed"]
    kept = read("runs").query("perturbation.isna()")
    both = read("other_processor").merge(kept, on=run, suffixes=("_there", "")).sort_values(run)
    point = ["network", "structure", "sparsity", "epochs"]
    both = both.merge(read("points_compared")[[*point, "spread"]], on=point, how="left")
    rows = [
        [
            f"{p.network} {p.structure}", f"{p.sparsity:g}", f"{p.epochs}", p.protocol.replace("_", " "), f"{p.test_accuracy:.2f}",
            f"{p.test_accuracy_there:.2f}", f"{p.spread:.2f}" if p.protocol == "published" else "",
        ]
        for p in both.itertuples()
    ]  # fmt: skip
    apart = (both.test_accuracy_there - both.test_accuracy).abs()
    replays = both.protocol == "published"
    within = int((apart <= both.spread)[replays].sum())
    head = ["test accuracy of", "s", "epochs", "protocol", "kept here", "other processor", "spread by rounding"]
    said = (
        f"Of {len(both)} runs half are within {apart.median():.2f} points, the farthest is {apart.max():.2f} off."
        f" Of {replays.sum()} replays {within} are within the spread that rounding has at their point."
    )
    return [*table(head, rows), "", said]


def rounding_beside_seeds() -> list[str]:
    """How the deviation by rounding compares with that over seeds, where three runs of each are known."""
    known = read("spread").query("replays >= 3 and seeds >= 3")
    ratio = known.rounding_deviation / known.seed_deviation
    more = known[ratio > 1]
    named = "; ".join(
        f"{p.network} `{p.structure}` at s = {p.sparsity:g} ({p.rounding_deviation:.2f} beside {p.seed_deviation:.2f})"
        for p in more.itertuples()
    )
    exceptions = f" It moved {len(more)} of them more, in few runs: {named}." if named else ""
    return [
        f"Of {len(known)} points with at least three runs of each kind, rounding moves half by less than {ratio.median():.2f} times what another seed does.{exceptions}"
    ]


def variants() -> list[str]:
    """Mean and 95% interval over seeds by variant, after 20 and after 100 epochs."""
    from lottery.results.figures.variants import by_length

    found = by_length(read("runs", "ablation/tables"), "lenet5")
    places = [("linear", 0.1), ("linear", 0.5), ("wide", 0.1)]
    rows = []
    for variant in ("released", "no_decay", "density", "fan_in", "repaired"):
        cells = [variant]
        for structure, sparsity in places:
            same = found.query(f"variant == '{variant}' and structure == '{structure}' and sparsity == {sparsity}")
            ends = [with_half(p.accuracy, p.half_interval) for p in same.sort_values("epochs").itertuples()]
            cells.append(" → ".join(ends) or "not run")
        rows.append(cells)
    head = [f"{structure}, s = {sparsity:g}: 20 → 100 epochs" for structure, sparsity in places]
    return table(["test accuracy, mean ± 95%", *head], rows)


def switches_of_fc2() -> list[str]:
    """What each switch does to `linear` fc2: mean and 95% interval over seeds, and what it has more than the released recipe."""
    points = read("points", "ablation/tables").query("network == 'fc2' and structure == 'linear'")
    sparsities = sorted(set(points.sparsity))
    rows = []
    for variant in dict.fromkeys([RELEASED, *points.variant]):
        cells = [variant]
        for sparsity in sparsities:
            own, released = (
                points.query(f"variant == '{name}' and sparsity == {sparsity}").iloc[0] for name in (variant, RELEASED)
            )
            cells += [with_half(own.accuracy, own.half_interval), f"{own.alive_parameters:,.0f}"]
            half = half_of_difference((own.half_interval, own.seeds), (released.half_interval, released.seeds))
            cells.insert(-1, "" if variant == RELEASED else with_half(own.accuracy - released.accuracy, half))
        rows.append(cells)
    head = [f"s = {s:g}: {what}" for s in sparsities for what in ("test accuracy", "minus released", "weights alive")]
    return table(["switch", *head], rows)
