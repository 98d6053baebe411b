"""What goes beyond the paper's experiments: controls of pruned networks, the theorem's network, how small it can be, how many random numbers it takes."""

from collections.abc import Sequence

import pandas as pd

from lottery.results.page.captions import CONTROLS, FRONTIER, THEORY, Figure
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import fixed, plural
from lottery.results.page.section import Section
from lottery.results.page.table import Column, Head, Table, table_of, turned
from lottery.results.page.words import COEFFICIENTS, PROTOCOLS, STREAMS, at_epsilon, objective
from lottery.results.tables.controls import WORDS as CONTROL_WORDS
from lottery.results.tables.controls import format_controls
from lottery.results.tables.frontier import smallest
from lottery.results.tables.tickets import format_tickets

TICKETS = "tickets"
LOSS = 0.5  # points of accuracy that the smallest network may lose

CONTROLS_METHOD = (
    "Nothing is trained here: the stored masks of each run are evaluated once more, which must give its recorded accuracy, and so are its "
    "controls. All keep as many weights of each matrix as the learned mask. Fresh weights have another seed; shuffled weights are its own "
    "in random order; the largest weights are those of the largest magnitude.",
    "A mask that is shuffled within its matrix is a random mask, so that it is no control of its own. A control at the accuracy of guessing "
    "does not say that its mask could not be trained from there.",
)
TICKET_METHOD = (
    "The paper's experiment replaces weights by sums and builds no network. Here the network of the theorem is built: twice as deep as "
    "its target, every weight random, with masks on top. It is this network that classifies the test images.",
    "The file of a ticket holds its seed and its masks. The bounds hold for every image; they multiply the norms of layers, so they lie "
    "far above what is measured.",
)
FRONTIER_METHOD = (
    "Below 1× a ticket is smaller than its target. A weight within ε of 0 needs no coefficient; what that alone does is shown by the "
    "target pruned by magnitude, whose other weights stay as they were trained.",
)
THEORY_METHOD = (
    "One target is drawn uniformly from [−1/2, 1/2]; \"all\" asks for every target of that interval at once. The slope is that of a "
    "straight line over log₂(1/ε), with its standard error; the first moment is where one subset within ε is expected.",
)  # fmt: skip


def _control_column(words: str) -> Column:
    """`learned mask, fresh weights`: the weights as its head, the mask below."""
    mask, _, weights = words.rpartition(", ")
    return Column(words, weights.capitalize(), ", ".join(filter(None, [mask, "%"])), right=True)


def controls_section(tables: Tables, figures: Sequence[Figure]) -> Section | None:
    if tables.controls.empty:
        return None
    means = tables.controls.groupby("control").accuracy.mean()
    count = plural(int((tables.controls.control == "learned").sum()), "pruned network")
    answer = (
        f"Mean test accuracy of {count}: {fixed(means['learned'], 2)}%. The same masks on fresh weights have "
        f"{fixed(means['fresh_weights'], 2)}%, random masks of the same size {fixed(means['random_mask'], 2)}%, the largest weights "
        f"{fixed(means['largest_weights'], 2)}%; guessing has {fixed(tables.controls.chance.iloc[0], 2)}%."
    )
    columns = [
        Column("protocol", "Protocol", write=lambda name: PROTOCOLS[name], common=True),
        Column("stream", "Random numbers", write=lambda name: STREAMS[name], common=True),
        Column("network", "Network", common=True), Column("structure", "Structure"), Column("variant", "Variant", common=True),
        Column("redundancy", "Redundancy", common=True), Column("sparsity", "s", right=True), Column("epochs", "Epochs", common=True),
        Column("seed", "Seed", common=True), *map(_control_column, CONTROL_WORDS.values()),
    ]  # fmt: skip
    draws = plural(int(tables.controls.draws.max()), "draw")
    caption = f"Test accuracy in percent, mean ± standard deviation over {draws}"
    shown = table_of("controls-of-runs", caption, format_controls(tables.controls), columns, sortable=True)
    title = "Is a pruned network its mask? The same masks on other weights, other masks on the same weights"
    return Section(CONTROLS, "Controls", title, answer, [shown.folded()], figures, CONTROLS_METHOD)


def _ticket_tables(tables: Tables) -> list[Table]:
    """A table a network; the first one, with the sums of the paper beside it, is open."""
    shown: list[Table] = []
    for network, same in tables.tickets.groupby("network", sort=False):
        frame = format_tickets(same)
        if shown:
            frame = frame.drop(columns="published sums")
        named = same.set_index("row")
        heads = [
            Head("sums of the paper", "no network", True)
            if name == "published sums"
            else Head(at_epsilon(named.loc[name].objective, named.loc[name].epsilon), name, True)
            for name in frame.columns
        ]
        fold = f"{plural(len(same), 'ticket')} of {network}" if shown else ""
        shown.append(turned(f"tickets-{network}", f"Tickets of {network}.", _worded(frame), heads, fold=fold))
    return shown


def _worded(frame: pd.DataFrame) -> pd.DataFrame:
    row = "Objective, ε"
    frame = frame.copy()
    frame.loc[row] = [
        ", ".join(map(objective, str(text).split(", "))) if text != "not reported" else text for text in frame.loc[row]
    ]
    return frame


def ticket_section(tables: Tables) -> Section | None:
    if tables.tickets.empty:
        return None
    same = tables.tickets[tables.tickets.network == tables.tickets.network.iloc[0]]
    best = same.loc[same.remaining.astype(float).idxmin()]
    answer = (
        f"A random network of {best.initial:,} weights, pruned to {best.remaining:,}, has {fixed(best.accuracy, 2)}%; its target with "
        f"{best.target:,} trained weights has {fixed(best.target_accuracy, 2)}%. Predictions that differ: "
        f"{best.predictions_that_differ:,} of {best.test_images:,}."
    )
    title = "The ticket itself: a random network, pruned until it computes the target"
    return Section(TICKETS, "The ticket", title, answer, _ticket_tables(tables), method=TICKET_METHOD)


def frontier_section(tables: Tables, figures: Sequence[Figure]) -> Section | None:
    if tables.frontier.empty:
        return None
    near = tables.frontier[tables.frontier.accuracy >= tables.frontier.target_accuracy - LOSS]
    sums = near[near.objective != "magnitude"]
    answer = f"No approximated network loses at most {LOSS:g} points."
    if len(sums):
        best = sums.loc[sums.relative_size.astype(float).idxmin()]
        answer = (
            f"At most {LOSS:g} points are lost with {fixed(best.relative_size, 2)} parameters per target weight "
            f"({best.frontier}, {at_epsilon(best.objective, best.epsilon)}): {fixed(best.accuracy, 2)}% instead of "
            f"{fixed(best.target_accuracy, 2)}%."
        )
    frame = smallest(tables.frontier, LOSS)
    shown = []
    if len(frame):
        columns = [
            Column(
                name,
                name.capitalize() if name != "ε" else name,
                common=name in ("frontier", "seeds"),
                right=name != "frontier",
            )
            for name in frame.columns
        ]
        columns[1] = Column("objective", "Objective", write=objective)
        shown = [
            table_of(
                "smallest", f"The smallest network of each kind that loses at most {LOSS:g} points", frame, columns
            )
        ]
    return Section(
        FRONTIER, "How small", "How small an approximated network can be", answer, shown, figures, FRONTIER_METHOD
    )


def _theory_table(tables: Tables) -> Table:
    """Coefficients for probability 1/2 by ε, and the slope with its error: a row a kind and targets."""
    found, slopes = tables.theory_thresholds, tables.theory_slopes
    half = found[(found.share == 0.5) & found.cardinality.isna()]
    wide = half.pivot_table(index=["kind", "targets"], columns="epsilon", values="coefficients", sort=False)
    epsilons = sorted(map(float, wide.columns), reverse=True)
    wide.columns = [f"{epsilon:g}" for epsilon in wide.columns]
    frame = slopes[slopes.share == 0.5].merge(wide.reset_index(), on=["kind", "targets"], how="left")
    frame["slope"] = [_slope(line.slope, line.standard_error) for line in frame.itertuples()]
    columns = [
        Column("kind", "Coefficients", write=lambda name: COEFFICIENTS.get(name, name)), Column("targets", "Targets"),
        *(Column(f"{epsilon:g}", f"ε = {epsilon:g}", decimals=2, missing="not reached") for epsilon in epsilons),
        Column("slope", "Per bit", "± standard error", missing="not known", right=True),
        Column("first_moment_slope", "First moment", "per bit", decimals=2),
    ]  # fmt: skip
    return table_of("thresholds", "Coefficients for probability 1/2", frame, columns)


def _slope(slope: float, error: float) -> str:
    return "" if pd.isna(slope) else fixed(slope, 2) + ("" if pd.isna(error) else f" ± {fixed(error, 2)}")


def theory_section(tables: Tables, figures: Sequence[Figure]) -> Section | None:
    if tables.theory_slopes.empty:
        return None
    known = tables.theory_slopes[tables.theory_slopes.share == 0.5].dropna(subset=["slope"])
    answer = "No slope was measured."
    if len(known):
        line = known.iloc[0]
        asked = "one number" if line.targets == "one" else "every number of an interval"
        expected = (
            ""
            if pd.isna(line.first_moment_slope)
            else f"; the first moment asks for {fixed(line.first_moment_slope, 2)}"
        )
        answer = (
            f"To hit {asked} with probability 1/2, each bit of precision takes {_slope(line.slope, line.standard_error)} "
            f"{COEFFICIENTS.get(line.kind, line.kind)} coefficients{expected}."
        )
    title = "Theory beside experiment: how many random numbers it takes"
    return Section(THEORY, "Theory", title, answer, [_theory_table(tables)], figures, THEORY_METHOD)
