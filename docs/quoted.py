"""The numbers that README and docs quote, from the tables of results/reference.

Pages hold blocks for cog, each a call of a function here:

    <!-- [[[cog quote(fc2_accuracies) ]]] -->
    ... what it returned ...
    <!-- [[[end]]] -->

`make numbers` writes all of them again; a test runs `cog --check`, which fails where a page is behind its tables.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cog
import pandas as pd

from lottery.published import figures
from lottery.workflow.configuration import reference

ROOT = Path(__file__).resolve().parent.parent
configuration_keys = reference
REFERENCE = ROOT / "results" / "reference"
WEIGHTS = {"fc2": 397_000, "fc4": 897_000, "lenet5": 58_920}  # of the linear layers


def quote(lines: Callable[[], Iterable[str]]) -> None:
    """Write lines into a page."""
    cog.outl()
    for line in lines():
        cog.outl(line)
    cog.outl()


def read(name: str, folder: str = "tables") -> pd.DataFrame:
    return pd.read_csv(REFERENCE / folder / f"{name}.csv")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def with_half(value: float, half: float) -> str:
    return f"{value:.2f} ± {half:.2f}"


_PLURAL = {"differs": "differ", "holds": "hold", "holds where run": "hold where run", "does not hold": "do not hold"}


def headline() -> list[str]:
    """The few numbers that the README begins with."""
    ours, tickets = read("table1").set_index("row"), read("tickets").set_index("row")
    nearest, fewest, ticket = ours.loc["min_error"], ours.loc["min_cardinality"], tickets.loc["min_cardinality"]
    judged = read("comparison").query("verdict in ['reproduced', 'differs']")
    good = int((judged.verdict == "reproduced").sum())
    released = ours.loc["released_weights"]
    band = read("comparison").query("quantity == 'remaining / target'").iloc[0]
    rows = [
        ["Experiment 1: numbers of table 1, for five targets and draws", "6 each", f"{good} of {len(judged)} reproduced"],
        ["Experiment 1: remaining parameters per weight of the target", "9.39×",
         f"{nearest.relative_size:.2f}×, on the released weights {released.relative_size:.2f}× (nearest sums; allowed {band.lowest} to {band.highest}); {fewest.relative_size:.2f}× (fewest coefficients)"],
        ["... accuracy on raw pixels, target → ticket", "97.19% → 97.19%",
         f"{nearest.target_accuracy_raw:.2f}% → {nearest.accuracy_raw:.2f}%"],
        ["... accuracy on normalised pixels", "not reported",
         f"{nearest.target_accuracy_normalised:.2f}% → {nearest.accuracy_normalised:.2f}%"],
        ["The network of the proof: random weights kept, accuracy", "not built",
         f"{ticket.remaining:,}, {ticket.accuracy:.2f}% (trained: {WEIGHTS['fc2']:,}, {ticket.target_accuracy:.2f}%)"],
        ["Experiment 2: published points", f"{len(figures())}", _replayed()],
        ["... claims that the figures support, for each network and protocol", "", _claimed()],
    ]  # fmt: skip
    return table(["", "paper", "here"], rows)


def _replayed() -> str:
    verdicts = read("points_compared").query("ours.notna()").verdict
    counts = ", ".join(f"{count} {_PLURAL.get(verdict, verdict)}" for verdict, count in verdicts.value_counts().items())
    return f"{len(verdicts)} run again: {counts}"


def _claimed() -> str:
    answers = read("claims").answer.value_counts()
    order = ("holds", "holds where run", "does not hold", "undecided", "not tested")
    return ", ".join(f"{answers[answer]} {_PLURAL.get(answer, answer)}" for answer in order if answer in answers)


# Experiment 1


def table1() -> list[str]:
    """Table 1 as it was printed, with the two approximations of the default configuration."""
    lines = (REFERENCE / "tables" / "table1.md").read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines]
    return table(["", "published ticket", "min_error", "min_cardinality"], _columns(cells))


def _columns(cells: list[list[str]]) -> list[list[str]]:
    """The label and the three columns that the page shows, of all that were run."""
    head = cells[0]
    shown = [
        head.index(name) + len(cells[2]) - len(head) for name in ("published ticket", "min_error", "min_cardinality")
    ]
    return [[row[0], *(row[place] for place in shown)] for row in cells[2:]]


def targets_and_draws() -> list[str]:
    """What of table 1 belongs to the target and what to the draw."""
    found = read("table1").query("objective == 'min_error'").iloc[1:]
    rows = [
        [
            f"`{row.row}`",
            f"{row.relative_size:.2f}×",
            f"{row.target_accuracy_normalised:.2f}% → {row.accuracy_normalised:.2f}%",
            f"{row.target_accuracy_raw:.2f}% → {row.accuracy_raw:.2f}%",
            f"{row.differ_normalised}, {row.differ_raw}",
        ]
        for row in found.itertuples()
    ]
    return table(
        ["", "remaining / target", "normalised pixels", "raw pixels", "predictions that differ (normalised, raw)"], rows
    )


def gurobi_against_the_optimum() -> list[str]:
    checked = read("cross_check")
    gap = checked.solver_cardinality - checked.exact_cardinality
    half = 1.96 * gap.sem()
    optimum = 100 * (checked.solver_error - checked.exact_error <= 1e-12).mean()
    return [
        f"Of {len(checked)} random weights of the released fc2, Gurobi keeps {checked.solver_cardinality.mean():.2f} coefficients per weight "
        f"and the exact optimum {checked.exact_cardinality.mean():.2f}: a difference of {gap.mean():.2f} ± {half:.2f}. "
        f"Gurobi finds the optimum for {optimum:.0f}% of them."
    ]


# The ticket


def tickets() -> list[str]:
    found = read("tickets").set_index("row").loc[["min_error", "min_cardinality"]]

    def counted(name: str, digits: int) -> list[str]:
        return [f"{count:,} ({count / WEIGHTS['fc2']:.{digits}f}×)" for count in found[name]]

    rows = [
        ["Initial random weights, dense first matrices included", "not reported", *counted("initial", 0)],
        ["... first matrices counted by their blocks", "8,337,000 (21×)", *counted("initial_blocks", 0)],
        ["Remaining, nothing trained", "3,725,871 (9.39×)", *counted("remaining", 2)],
        ["Accuracy, target → ticket", "97.19% → 97.19%"]
        + [f"{row.target_accuracy:.2f}% → {row.accuracy:.2f}%" for row in found.itertuples()],
        ["File of seed and masks (weights: 1.59 MB)", "", *(f"{size / 1e6:.2f} MB" for size in found.file_bytes)],
    ]
    return table(["fc2 on MNIST, ε = 0.01", "published sums", "nearest sums", "fewest weights"], rows)


def frontier() -> list[str]:
    found = read("frontier").query("coefficients_per_bit == 3").set_index(["objective", "epsilon"])
    epsilons = [0.001, 0.005, 0.01, 0.02, 0.05]
    names = {
        "min_error": "nearest sum (`min_error`)",
        "first_feasible": "any sum (`first_feasible`)",
        "min_cardinality": "fewest coefficients (`min_cardinality`)",
        "exactly_4": "exactly four (`exactly_4`)",
    }
    rows = []
    for objective, label in names.items():
        points = [found.loc[(objective, epsilon)] for epsilon in epsilons]
        rows.append([label, *(f"{point.relative_size:.3g}× {point.accuracy:.2f}%" for point in points)])
    points_of = read("frontier_points").query("coefficients_per_bit == 3 and objective == 'min_error'")
    magnitude = points_of.groupby("epsilon")[["magnitude_remaining", "magnitude_accuracy"]].mean()
    rows.append(
        ["target pruned by magnitude"]
        + [
            f"{magnitude.magnitude_remaining[e] / WEIGHTS['fc2']:.3g}× {magnitude.magnitude_accuracy[e]:.2f}%"
            for e in epsilons
        ]
    )
    return table(["asked of each weight", *(f"ε = {epsilon:g}" for epsilon in epsilons)], rows)


def frontier_bits() -> list[str]:
    """Coded masks in bits per weight of the target, c = 3."""
    found = read("frontier").query("coefficients_per_bit == 3").set_index(["objective", "epsilon"]).bits_per_weight
    epsilons = [0.001, 0.005, 0.01, 0.02, 0.05]
    names = ["min_error", "first_feasible", "min_cardinality", "exactly_4"]
    rows = [[f"`{name}`", *(f"{found[name, epsilon]:.2f}" for epsilon in epsilons)] for name in names]
    return table(["bits per weight", *(f"ε = {epsilon:g}" for epsilon in epsilons)], rows)


# Experiment 2


def pruning_bits() -> list[str]:
    """Coded masks of fc2's replays in bits per weight of the dense network."""
    found = read("points").query("network == 'fc2' and protocol == 'published'").set_index(["structure", "sparsity"])
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
    fixed = int(((run.sparsity == 0) & (run.structure != "dense")).sum())
    apart = run.difference.abs()
    farthest = run.loc[apart.idxmax()]
    sofar = "" if len(run) == len(figures()) else " so far"
    text = (
        f"Of the {len(figures())} published points, {len(run)} were run again{sofar}: **{good} are reproduced, {bad} "
        f"{'differs' if bad == 1 else 'differ'}**. {int((apart <= 0.5).sum())} are within 0.5 points of accuracy and "
        f"{int((apart <= 1).sum())} within 1; the farthest, {farthest.network} {farthest.structure} at sparsity {farthest.sparsity:g}, is "
        f"{apart.max():.1f} points off. A point is reproduced if it is as near as two runs that differ by rounding alone: "
        f"{run.spread[run.spread > 0].min():.1f} to {run.spread.max():.1f} points, by accuracy. "
        f"That spread was measured for {own} of them ({int(spread.replays.sum())} runs); the others take it from points of similar "
        f"accuracy, or have none ({fixed} with all weights kept)."
    )
    return textwrap.wrap(text, 120)


def cost_of_replays() -> list[str]:
    """What the replays took, by network and structure."""
    runs = read("pruning_cost").query("stream == 'released' and perturbation.isna()")
    on_cpu = runs[runs.device == "cpu"].dropna(subset="core_seconds")
    rows = []
    for network in WEIGHTS:
        cells = [f"{network}"]
        for structure in ("linear", "relu", "wide", "dense"):
            own = on_cpu[(on_cpu.network == network) & (on_cpu.structure == structure)]
            cells.append(f"{own.core_seconds.sum() / 3600:.2f} ({len(own)})" if len(own) else "")
        rows.append(cells)
    return table(["core hours (runs)", "linear", "relu", "wide", "dense"], rows)


def points_that_differ() -> list[str]:
    found = read("points_compared").query("verdict == 'differs'")
    rows = [
        [f"{p.network} {p.structure}", f"{p.sparsity:g}", f"{p.epochs}", f"{p.published:.2f}", f"{p.ours:.2f}",
         f"{p.spread:.2f}"]
        for p in found.itertuples()
    ]  # fmt: skip
    return table(["", "s", "epochs", "published", "replay", "spread"], rows)


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
        "held out, 3 seeds",
        "wide: published",
        "replay",
        "held out, 3 seeds",
    ]
    return table(head, rows)


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


def controls() -> list[str]:
    """Each pruned network beside its controls."""
    from lottery.results.tables.controls import WORDS, format_controls

    found = format_controls(read("controls"))
    rows = [
        [f"{run.structure}", f"{run.sparsity:g}", *(run[words] for words in WORDS.values())]
        for _, run in found.iterrows()
    ]
    return table(["", "s", *WORDS.values()], rows)


def controls_at_chance() -> list[str]:
    found = read("controls").dropna(subset="half_interval")
    at_chance = int(((found.accuracy - found.chance).abs() <= found.half_interval).sum())
    return [
        f"Of the {len(found)} means over draws, {at_chance} have a 95% interval that contains the {found.chance.iloc[0]:g}% of guessing; one in"
        f" twenty may miss it by chance. The best of all {int(found.draws.sum())} draws has {found.highest.max():.2f}%."
    ]


def planted() -> list[str]:
    """Accuracy, overlap and what is kept of the initial mask, by what is favoured and by margin."""
    from lottery.results.tables.planted import with_errors

    found = with_errors(read("planted"))
    columns = ["start accuracy", "accuracy", "start overlap", "overlap", "start kept"]
    rows = [[f"{row.favoured}", f"{row.margin:g}", *(row[name] for name in columns)] for _, row in found.iterrows()]
    head = ["favoured", "margin", "accuracy at the start", "after learning", "plant kept at the start", "after learning",
            "initial mask kept"]  # fmt: skip
    return table(head, rows)


def planted_ticket() -> list[str]:
    found = read("planted").query("favoured == 'ticket'").iloc[0]
    kept = round(found.redundancy * (1 - found.sparsity))
    return [
        f"Each weight keeps {kept} of {found.redundancy} products. Over {found.seeds} seeds the plant has {found.plant_accuracy:.2f} ±"
        f" {found.plant_accuracy_error:.2f}% (mean ± standard error), its target {found.target_accuracy:.2f}%. The root mean square error of"
        f" its weights is {found.relative_error:.2f} of the weights' root mean square."
    ]


def planted_findings() -> list[str]:
    """What the table of planted tickets says, a bullet each."""
    found = read("planted").set_index(["favoured", "margin"])
    plain, small, edge, apart, far = (found.loc[("ticket", margin)] for margin in (0, 0.3, 1, 3, 10))
    edge_random, far_random = (found.loc[("random", margin)] for margin in (1, 10))
    first = read("planted_epochs").query("favoured == 'ticket' and margin == 1 and epoch == 1")

    def percent(row: pd.Series, name: str) -> str:
        return f"{100 * row[name]:.2f} ± {100 * row[f'{name}_error']:.2f}%"

    def accuracy(row: pd.Series, name: str = "accuracy") -> str:
        return f"{with_half(row[name], row[f'{name}_error'])}%"

    return [
        f"- **It is not found.** From a margin of 0, the learned masks keep {percent(plain, 'overlap')} of the plant, which is chance. A margin of 0.3"
        f" puts {percent(small, 'start_overlap')} of it into the initial mask, and after learning {percent(small, 'overlap')} are there: learning adds none.",
        f"- **It is left where other weights are near.** With a margin of 1 the network has {accuracy(edge, 'start_accuracy')} before the first step,"
        f" {first.test_accuracy.mean():.2f}% after an epoch and {accuracy(edge)} in the end. {percent(edge, 'overlap')} of the plant are still kept: the few"
        f" per cent that are replaced decide. A random mask with the same margin ends with {accuracy(edge_random)}: what is gained over plain edge-popup ({accuracy(plain)}) comes from"
        " the margin, and no head start is left.",
        f"- **It is kept where it is set apart.** With margins of 3 and 10, {percent(apart, 'overlap')} and {percent(far, 'overlap')} of the plant are kept,"
        f" and accuracy ends at {accuracy(apart)} and {accuracy(far)}; it began with {accuracy(far, 'start_accuracy')}, so learning does not improve it either.",
        f"- **There it is the plant, not the margin.** A random mask with a margin of 10 ends with {accuracy(far_random)}.",
        f"- **Few weights carry what is learned.** That random mask keeps {percent(far_random, 'start_kept')} of its weights. To replace"
        f" {100 * (1 - far_random.start_kept):.2f}% of them takes it from {accuracy(far_random, 'start_accuracy')} to {accuracy(far_random)}. Plain edge-popup"
        f" replaces {100 * (1 - plain.start_kept):.2f}% of its initial mask.",
    ]  # fmt: skip


def planted_cost() -> list[str]:
    stages = read("planted_stages").set_index("stage")
    run = stages.loc["plant"]
    return [
        f"{run.results:.0f} runs took {60 * run.core_hours:.0f} core minutes ({3600 * run.core_hours / run.results:.0f} core seconds each) and"
        f" {run.peak_memory_mb / 1000:.1f} GB of memory; training the target took {3600 * stages.loc['train'].core_hours:.0f} core seconds. The machine was"
        f" busy: on the clock the runs took {60 * run.hours:.0f} minutes."
    ]


# Theory

_EPSILONS = [0.1, 0.03, 0.01, 0.003, 0.001]


def thresholds() -> list[str]:
    found, slopes = read("theory_thresholds"), read("theory_slopes").query("share == 0.5")
    half = found.query("share == 0.5 and targets in ['one', 'all']")
    half = half[half.cardinality.isna()].set_index(["kind", "targets", "epsilon"]).coefficients
    rows = []
    for line in slopes.itertuples():
        counts = [half.get((line.kind, line.targets, epsilon)) for epsilon in _EPSILONS]
        last = (counts[-1] - counts[-2]) / (read_bits(_EPSILONS[-1]) - read_bits(_EPSILONS[-2]))
        rows.append(
            [
                f"{line.kind.replace('_', ' ')}, {line.targets}",
                *(f"{count:.1f}" for count in counts),
                with_half(line.slope, line.standard_error),
                f"{last:.2f}",
            ]
        )
    head = [
        "kind, targets",
        *(f"ε = {epsilon:g}" for epsilon in _EPSILONS),
        "coefficients per bit",
        "between the last two ε",
    ]
    return table(head, rows)


def read_bits(epsilon: float) -> float:
    found = read("theory_thresholds")
    return float(found[found.epsilon == epsilon].bits.iloc[0])


def subsets_of_exactly_k() -> list[str]:
    found = read("theory_thresholds").query("share == 0.5 and targets == 'one'")
    sizes = [1, 2, 3, 4, 6, 8]
    rows = []
    for kind, epsilon in (("uniform", 0.01), ("uniform", 0.001), ("product", 0.001)):
        own = found[(found.kind == kind) & (found.epsilon == epsilon)].set_index("cardinality").coefficients
        rows.append([f"{kind}, ε = {epsilon:g}", *(f"{own[size]:.{0 if own[size] > 100 else 1}f}" for size in sizes)])
    return table(["", *(f"k = {size}" if size == 1 else str(size) for size in sizes)], rows)


# Exact sums


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


# Commands


def commands() -> list[str]:
    """Every command's help, as `lottery COMMAND --help` prints it."""
    import argparse
    import os

    from lottery.commands.parser import parser

    os.environ["COLUMNS"] = "110"
    [subparsers] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    lines = []
    for name, command in subparsers.choices.items():
        lines += [f"## lottery {name}", "", "```text", *command.format_help().rstrip().splitlines(), "```", ""]
    return lines[:-1]


# The tree


def modules() -> list[str]:
    """Each module of the package with the first sentence of its docstring."""
    import ast

    rows = []
    for path in sorted((ROOT / "lottery").rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.name != "__init__.py" and text:
            first = " ".join(text.split("\n\n")[0].split())
            rows.append([f"`{path.relative_to(ROOT)}`", first.replace("|", "\\|")])
    return table(["module", "what is in it"], rows)
