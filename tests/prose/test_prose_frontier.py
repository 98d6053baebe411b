"""docs/frontier.md says what its tables say."""

from math import exp, log

import numpy as np
import pandas as pd
import yaml
from pages import ROOT, Page, kept

from lottery.published import table1

UP_TO = 0.02  # the largest epsilon at which most networks are still accurate


def means(objective: str, per_bit: int = 3) -> pd.DataFrame:
    """Means over seeds, by epsilon."""
    rows = (
        kept("frontier").query(f"objective == '{objective}' and coefficients_per_bit == {per_bit}").set_index("epsilon")
    )
    return rows.assign(lost=rows.target_accuracy - rows.accuracy)


def where_one_is_crossed(values: pd.Series) -> float:
    """The epsilon at which a falling series reaches 1, on straight lines between logarithms, as the figure draws them."""
    return exp(np.interp(0, -np.log(values), [log(epsilon) for epsilon in values.index]))


def combinations(frontier: dict[str, list[object]]) -> int:
    return len(frontier["objectives"]) * len(frontier["epsilons"]) * len(frontier["coefficients_per_bit"])


def what_was_measured(page: Page) -> None:
    points = kept("frontier_points")
    stage = kept("stages").set_index("stage").loc["measure-frontier"]
    page.says(f"fc2 on the full MNIST, target {points.target_accuracy.max():.2f}% (trained on raw pixels")
    page.says(f"{len(points)} networks of {points.weights.max():,} weights")
    page.says(f"All of it took {60 * stage.core_hours:.1f} core minutes")
    assert stage.results == len(points)
    assert set(points.pixels) == {"raw"}
    assert set(points.seed) == {1, 2, 3}


def smaller_than_the_target(page: Page) -> None:
    fewest = means("min_cardinality")
    page.says(
        f"From ε of about {where_one_is_crossed(fewest.relative_size):.1g} on the smallest tickets are smaller than their target."
    )
    size, lost = fewest.relative_size, fewest.lost.round(2)
    page.says(
        f"At ε = 0.005 fewest coefficients keep {size[0.005]:.3f} parameters a weight, at 0.01 {size[0.01]:.3f}, and lose nothing;"
    )
    assert max(lost[0.005], lost[0.01]) <= 0
    page.says(f"at 0.02 they keep {size[0.02]:.3f} and lose {lost[0.02]:.2f} points.")


def pruned_by_magnitude(page: Page) -> None:
    pruned = means("magnitude", per_bit=0)
    worse = [means("min_cardinality", per_bit).accuracy - pruned.accuracy for per_bit in (2, 3)]
    page.says(
        f"is smaller *and* as accurate, within {max(by.max() for by in worse):.2f} points, or more so at every ε."
    )
    apiece = means("min_cardinality").relative_size / pruned.relative_size
    assert (apiece > 1).all(), "smaller"
    most = apiece.drop(0.001)
    page.says(
        f"random numbers can stand for the rest at {most.min():.1f} to {most.max():.1f} apiece ({apiece[0.001]:.1f} at ε = 0.001)."
    )


def what_is_asked_for(page: Page) -> None:
    shares = pd.concat(
        [
            means(name).pipe(lambda rows: rows.relative_size / rows.coefficients)
            for name in ("min_error", "first_feasible")
        ]
    )
    page.says(
        f"Nearest sums and any sums keep {100 * shares.min():.0f} to {shares.max():.0%} of the coefficients that c = 3 gives"
    )
    ticket = table1().set_index("model").loc["pruned fc2"]
    page.says(
        f"the published {ticket.relative_size:.2f}× is {ticket.remaining / ticket.initial:.0%} of {ticket.initial // ticket.weights}."
    )


def any_sum_will_do(page: Page) -> None:
    nearest, any_sum = means("min_error"), means("first_feasible")
    worse = (nearest.accuracy - any_sum.accuracy).loc[:UP_TO].max()
    page.says(f"Up to ε = {UP_TO} any sum within ε serves as well as the nearest, within {worse:.2f} points.")
    at = any_sum.loc[0.05]
    page.says(
        f"With {at.coefficients} coefficients for ε = 0.05 it loses {at.lost:.1f} points ({at.accuracy:.2f} ± {at.accuracy_half_interval:.2f}%), "
        f"and nearest sums lose {nearest.lost[0.05]:.2f}."
    )


def fewer_coefficients(page: Page) -> None:
    nearest, fewest = means("min_error", per_bit=2), means("min_cardinality", per_bit=2)
    beyond = nearest.beyond_epsilon
    page.says(
        f"With c = 2 some {round(beyond.min(), -1):.0f} to {round(beyond.max(), -1):.0f} of {nearest.weights.max():,} weights have no subset within ε"
    )
    assert (fewest.beyond_epsilon == beyond).all()
    more = (fewest.lost - means("min_cardinality").lost).loc[:UP_TO]
    page.says(
        f"up to ε = {UP_TO} nearest sums then lose {nearest.lost.loc[:UP_TO].max():.2f} points or less, "
        f"and fewest coefficients at most {more.max():.2f} more than with c = 3."
    )


def a_fixed_count(page: Page) -> None:
    four = means("exactly_4")
    assert four.beyond_epsilon[0.01] == 0
    page.says(
        f"four of {four.coefficients[0.01]} serve every weight at ε = 0.01, four of {four.coefficients[0.05]} leave "
        f"{round(four.beyond_epsilon[0.05], -2):,.0f} beyond ε = 0.05."
    )
    points = kept("frontier_points").query("objective == 'exactly_4' and epsilon == 0.05 and coefficients_per_bit == 3")
    error, accuracy = points.largest_error, points.accuracy
    page.says(
        f"errors of {error.min():.2f} to {error.max():.2f}, and accuracies of {accuracy.min():.0f} to {accuracy.max():.0f}%."
    )


def bits_per_weight(page: Page) -> None:
    page.says("Nearest and any sums take about one bit for each coefficient on offer;")
    for objective in ("min_error", "first_feasible"):
        each = means(objective).pipe(lambda rows: rows.bits_per_weight / rows.coefficients)
        assert each.between(0.8, 1.2).all()
    fewest = means("min_cardinality").loc[0.01]
    page.says(f"fewest coefficients take {fewest.bits_per_weight:.2f} bits at ε = 0.01, at {fewest.accuracy:.2f}%.")


def rounded_target(page: Page) -> None:
    points = kept("frontier_points").drop_duplicates("epsilon").set_index("epsilon")
    bits = points.rounded_bits_per_weight
    page.says(f"is {bits[0.01]:.2f} bits at ε = 0.01 and {bits[0.02]:.2f} at 0.02")
    worse = (means("min_cardinality").accuracy - points.rounded_accuracy).max()
    page.says(f"they are as accurate as fewest coefficients within {worse:.2f} points, or more so")
    assert (bits < means("min_cardinality").bits_per_weight).all()


def beside_the_lower_bound(page: Page) -> None:
    nearest, fewest = means("min_error"), means("min_cardinality")
    page.says("Nearest sums lie above it at c = 3.")
    assert (nearest.relative_size > nearest.least_remaining).all()
    crossed = where_one_is_crossed(fewest.relative_size / fewest.least_remaining)
    page.says(f"Fewest coefficients go below it from ε of about {crossed:.1g} on")


def the_choices(page: Page) -> None:
    points = kept("frontier_points")
    own = yaml.safe_load((ROOT / "config/config.yaml").read_text())["frontiers"]["fc2"]
    more = yaml.safe_load((ROOT / "config/tickets.yaml").read_text())["frontiers"]
    seeds = points.seed.nunique()
    assert combinations(own) * seeds == len(points)
    each = {combinations(frontier) * seeds for frontier in more.values()}
    page.says(
        f"adds fc4 and lenet5 at the same ε and c, by nearest, any and fewest: {' or '.join(map(str, each))} networks each "
        f"({len(points) + len(more) * max(each)} in all, with fc2's; their cost was not measured)."
    )
    assert set(more) == {"fc4", "lenet5"}


def test_frontier_md_says_what_its_tables_say() -> None:
    page = Page("docs/frontier.md")
    what_was_measured(page)
    smaller_than_the_target(page)
    pruned_by_magnitude(page)
    what_is_asked_for(page)
    any_sum_will_do(page)
    fewer_coefficients(page)
    a_fixed_count(page)
    bits_per_weight(page)
    rounded_target(page)
    beside_the_lower_bound(page)
    the_choices(page)
    assert page.numbers_left(settings="95%") == []
