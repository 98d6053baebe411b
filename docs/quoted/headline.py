"""The few numbers that the README begins with."""

from lottery.published import figures
from quoted.reading import WEIGHTS, read, table

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
