"""docs/theory.md says what its tables say."""

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pages import ROOT, Page, kept

from lottery.subset_sum.coefficients import number_of_coefficients
from lottery.theory.bounds import counting_bound, single_best_threshold
from lottery.theory.coefficients import KINDS, LEAST_MAGNITUDE, REGISTRY
from lottery.theory.first_moment import expected_hits, where_one_is_expected
from lottery.theory.plan import planned_measurements
from lottery.theory.success import EASY
from lottery.theory.thresholds import fit, wilson
from lottery.workflow.schema import TheoryEntry


def declared(config: str) -> dict[str, Any]:
    """The section `theory` of a configuration, with its defaults."""
    return asdict(TheoryEntry()) | yaml.safe_load((ROOT / "config" / config).read_text())["theory"]


def all_trials(config: str) -> int:
    planned = planned_measurements(declared(config)).values()
    return sum(each.trials * len(each.coefficients) * len(each.targets) for each in planned)


def by_epsilon(kind: str, targets: str, share: float = 0.5) -> pd.DataFrame:
    """Thresholds of subsets of any size, the largest ε first."""
    found = kept("theory_thresholds")
    found = found[(found.kind == kind) & (found.targets == targets) & (found.share == share)]
    return found[found.cardinality.isna()].set_index("epsilon").sort_index(ascending=False)


def needed(kind: str, targets: str, epsilon: float, share: float = 0.5) -> float:
    """Coefficients for success of a share of trials."""
    return float(by_epsilon(kind, targets, share).coefficients[epsilon])


def slopes(share: float = 0.5) -> pd.DataFrame:
    """Of straight lines through thresholds, by kind and targets."""
    found = kept("theory_slopes")
    return found[found.share == share].set_index(["kind", "targets"]).sort_index()


def of_exactly_k() -> pd.DataFrame:
    """Thresholds of subsets of exactly k at P = 1/2; ratio: of n H₂(k/n) to log₂(k/ε)."""
    found = kept("theory_thresholds").query("share == 0.5 and cardinality.notna()")
    return found.assign(ratio=found.entropy_bits / found.natale_bits)


def listed(numbers: Iterable[float]) -> str:
    return ", ".join(f"{number:.2f}" for number in numbers)


def range_of(numbers: pd.Series, digits: int = 2) -> str:
    return f"{numbers.min():.{digits}f} to {numbers.max():.{digits}f}"


def the_commands(page: Page) -> None:
    usual, wide = declared("config.yaml"), declared("theory.yaml")
    page.says("for five distributions")
    assert len(KINDS) == len(usual["kinds"]) == 5
    times = all_trials("theory.yaml") / all_trials("config.yaml")
    page.says(f"one more ε, more coefficients, {times:.0f} times the trials")
    assert len(wide["epsilons"]) == len(usual["epsilons"]) + 1
    assert wide["max_coefficients"] > usual["max_coefficients"]
    page.says(f"are from the first command (seed {usual['seed']},")


def the_kinds(page: Page) -> None:
    page.says(f"contains a uniform one on [-1/2, 1/2] with weight ln(2)/2 = {math.log(2) / 2:.2f}")
    page.says("half of the coefficients are zero")
    assert REGISTRY["relu"].useful == 0.5
    page.says(f"magnitude of density ~ 1/x on [{LEAST_MAGNITUDE:g}, 1]")


def how_many_trials(page: Page) -> None:
    success = kept("theory_success")
    success = success[success.epsilon == success.epsilon.min()]
    assert success.trials.sum() == all_trials("config.yaml")
    any_size = success[success.cardinality.isna()]
    step = any_size.kind.map({kind: REGISTRY[kind].step for kind in KINDS})
    trials = any_size.trials.groupby(any_size.coefficients > 16 * step)
    assert trials.nunique().eq(1).all()
    many, few = trials.first().sort_index()
    page.says(
        f"{many:,} trials for each kind and n ({few:,} for more than 16 coefficients, or 32 of the half-zero kinds)"
    )
    page.says(f": {success.trials.sum() / 1e6:.1f} million trials")
    measuring = kept("stages").set_index("stage").loc["measure-success"]
    page.says(f"in {60 * measuring.core_hours:.1f} core minutes of measuring")
    page.says(f"the start of {measuring.results:.0f} processes comes on top")
    most = int(any_size.coefficients[step == 1].max())
    a_second = success.trials.sum() / (3600 * measuring.core_hours)
    page.says(f"That is {round(a_second, -3):,.0f} trials a core second")
    page.says(f"a set of {most} has {2**most:,} sums")
    page.says(f"whose first {EASY}, {EASY + 2}, … coefficients")


def how_sure_they_are(page: Page) -> None:
    half = kept("theory_thresholds").query("share == 0.5 and cardinality.isna()")
    assert half.epsilon.nunique() == 5
    page.says("from the scatter of the five points about it")
    page.says("half of a threshold's 95% interval is below 0.1)")
    assert ((half.high - half.low) / 2).max() < 0.1


def one_target_of_uniform_ones(page: Page) -> None:
    found, line = by_epsilon("uniform", "one"), slopes().loc["uniform", "one"]
    page.says("One target costs little more than one uniform coefficient a bit.")
    assert 1 < line.slope < 1.2
    at = found.loc[0.01]
    page.says(
        f"The first moment predicts {at.first_moment:.2f} at ε = 0.01 and a slope of {line.first_moment_slope:.2f} "
        f"over these ε; measured are {at.coefficients:.2f} and {line.slope:.2f}."
    )
    page.says("P = 1/2 comes half a coefficient before one subset is expected")
    assert (2 * (found.first_moment - found.coefficients)).round().eq(1).all()


def sums_as_if_independent(page: Page) -> None:
    found = by_epsilon("uniform", "one")
    hits = math.log(2)
    independent = [
        where_one_is_expected(lambda n, epsilon=epsilon: expected_hits("uniform", n, epsilon) / hits, 1)
        for epsilon in found.index
    ]
    page.says(f"where ln 2 = {hits:.2f} subsets are expected: n = {listed(independent)} at the five ε")
    page.says(f"Measured are {listed(found.coefficients)}: subset sums behave as if they were.")
    assert (found.coefficients - independent).abs().max() < 0.15


def no_constant(page: Page) -> None:
    found = by_epsilon("uniform", "one")
    steps = (found.coefficients.diff() / found.bits.diff()).dropna()
    page.says(f"falls with every further bit ({listed(steps)} between neighbouring ε)")
    assert steps.is_monotonic_decreasing
    page.says("an intercept that is not 0")
    assert slopes().loc[("uniform", "one"), "intercept"] < -1


def all_targets(page: Page) -> None:
    one, every = by_epsilon("uniform", "one"), by_epsilon("uniform", "all")
    more = every.coefficients - one.coefficients
    page.says(
        f"All targets cost {range_of(more, 0)} more uniform coefficients than one**, whatever ε "
        f"({more[0.1]:.1f} at 0.1, {more[0.001]:.1f} at 0.001)"
    )
    page.says(f"{every.coefficients[0.001] - counting_bound(0.001):.1f} more than the counting bound at ε = 0.001")


def products(page: Page) -> None:
    page.says("products are no worse than uniform numbers for one target, and worse at large ε for all targets")
    one, every = (
        by_epsilon("product", targets).coefficients - by_epsilon("uniform", targets).coefficients
        for targets in ("one", "all")
    )
    assert (one < 0).all()
    assert every.iloc[0] > 0 > every.iloc[-1]
    page.says(
        f"P = 1/2 for all targets takes {needed('product', 'all', 0.1):.1f} instead of "
        f"{needed('uniform', 'all', 0.1):.1f} at ε = 0.1, and the same {needed('product', 'all', 0.01):.1f} at 0.01;"
    )
    assert abs(every[0.01]) < 0.05


def reach_of_products(page: Page) -> None:
    own, uniform = (by_epsilon(kind, "one", 0.9).coefficients for kind in ("product", "uniform"))
    page.says(
        f"P = 0.9 of one target takes {own[0.1]:.1f} instead of {uniform[0.1]:.1f} at ε = 0.1 "
        f"and {own[0.01]:.1f} instead of {uniform[0.01]:.1f} at 0.01, "
        f"though {own[0.001]:.1f} instead of {uniform[0.001]:.1f} at 0.001."
    )
    page.says(
        f"P = 0.9 for all targets takes {needed('product', 'all', 0.01, 0.9):.1f} at ε = 0.01, "
        f"uniform ones {needed('uniform', 'all', 0.01, 0.9):.1f}."
    )
    steep, half = slopes(0.9).slope["product"], slopes().slope["product"]
    assert steep.round(2).nunique() == 1
    page.says(f"the slopes of `product` at P = 0.9 ({steep.iloc[0]:.2f}) are below those at 1/2, and below 1")
    assert (steep < half).all()
    assert (steep < 1).all()


def relu(page: Page) -> None:
    found = slopes().slope
    page.says(
        f"ReLU costs a factor 2**: {range_of(found[['relu', 'relu_pair']], 1)} coefficients a bit "
        f"instead of {found['product', 'one']:.2f}"
    )
    assert (found[["relu", "relu_pair"]] / found["product", "one"]).round().eq(2).all()
    page.says(
        f"at ε = 0.01 it takes {needed('relu', 'one', 0.01, 0.9):.1f} for P = 0.9 "
        f"(the paper's c = 3 gives {number_of_coefficients(0.01, 3)}) where inputs are never negative, "
        f"{needed('relu_pair', 'one', 0.01, 0.9):.1f} for both signs."
    )
    page.says("At P = 1/2 serving both signs adds about 4 coefficients, not another factor.")
    for targets in ("one", "all"):
        added = by_epsilon("relu_pair", targets).coefficients - by_epsilon("relu", targets).coefficients
        assert added.round().eq(4).all()


def first_moment_of_relu(page: Page) -> None:
    one, both, uniform = (by_epsilon(kind, "one").loc[0.01] for kind in ("relu", "relu_pair", "uniform"))
    page.says(
        f"The first moment is further off here ({one.first_moment:.1f} against {one.coefficients:.1f}, "
        f"{both.first_moment:.1f} against {both.coefficients:.1f})"
    )
    off = [abs(found.coefficients - found.first_moment) for found in (uniform, one, both)]
    assert off == sorted(off)


def hyperbolic_coefficients(page: Page) -> None:
    page.says("need fewer numbers for a bit, but more for the range")
    page.says("The straight line does not fit this kind.")
    for targets in ("one", "all"):
        lines = slopes().xs(targets, level="targets")
        assert lines.slope.idxmin() == lines.standard_error.idxmax() == "hyperbolic"
    every = by_epsilon("hyperbolic", "all").coefficients
    page.says(
        f"from ε = 0.003 to 0.001 all targets need only {every[0.001] - every[0.003]:.1f} more coefficients. "
        "But only a third of them exceed 0.1"
    )
    assert math.isclose(math.log(0.1) / math.log(LEAST_MAGNITUDE), 1 / 3)
    page.says("at ε = 0.1 all targets take more than twice as many as of uniform ones")
    assert every[0.1] > 2 * needed("uniform", "all", 0.1)
    success = kept("theory_success").query("kind == 'hyperbolic' and targets == 'all'")
    page.says(f"P = 0.9 for all targets is not reached with {success.coefficients.max()}.")
    assert success.probability.max() < 0.9
    page.says(f"of magnitudes, which ends at {LEAST_MAGNITUDE:g} here")


def one_alone(page: Page) -> None:
    found = of_exactly_k().query("cardinality == 1")
    uniform = found[found.kind == "uniform"].set_index("epsilon")
    at, last = uniform.loc[0.01], uniform.loc[0.001]
    page.says(
        f"need {at.coefficients:.1f} [{at.low:.1f}, {at.high:.1f}] uniform ones at ε = 0.01 and "
        f"{last.coefficients:.0f} [{last.low:.0f}, {last.high:.0f}] at 0.001; "
        f"the formula says {single_best_threshold(0.01):.1f} and {single_best_threshold(0.001):.1f}."
    )
    sums = by_epsilon("uniform", "one").coefficients
    page.says(f"Subset sums need {sums[0.01]:.1f} and {sums[0.001]:.1f}.")
    exponents = {
        kind: fit(np.log(1 / own.epsilon), np.log(own.coefficients)).slope for kind, own in found.groupby("kind")
    }
    page.says(
        f"The growth is 1/ε (exponents {exponents['uniform']:.2f} and, of products, {exponents['product']:.2f} "
        "on the figure's axes)"
    )


def exactly_k(page: Page) -> None:
    found = of_exactly_k()
    several = found[(found.cardinality >= 2) & (found.cardinality <= found.coefficients / 2)].groupby("kind").ratio
    alone = found[found.cardinality == 1].groupby("kind").ratio
    page.says(
        f"is {range_of(several.get_group('uniform'))} times log₂(k/ε) for uniform coefficients and 2 ≤ k ≤ n/2, "
        f"and {range_of(alone.get_group('uniform'))} times it for k = 1 "
        f"(products: {range_of(several.get_group('product'))}, and {range_of(alone.get_group('product'))})."
    )
    page.says("holds with c about 1, where it has an unknown c ≥ 1, and already for subsets of two")
    assert several.get_group("uniform").between(1, 1.1).all()
    page.says("That products lie below 1 contradicts nothing")
    assert several.get_group("product").max() < 1


def best_k(page: Page) -> None:
    found = of_exactly_k()
    shown = [
        found[(found.kind == kind) & (found.epsilon == epsilon)].set_index("cardinality").coefficients
        for kind, epsilon in (("uniform", 0.01), ("uniform", 0.001), ("product", 0.001))
    ]
    page.says("In the table the best k is near n/2.")
    assert all(abs(own.idxmin() - own.min() / 2) < 1 for own in shown)
    page.says(f"From k = 4 on the choice of k changes n by {max(np.ptp(own.loc[4:]) for own in shown):.1f} at most.")


def what_this_does_not_show(page: Page) -> None:
    half, share = sorted(kept("theory_thresholds").share.unique())
    assert half == 0.5
    page.says(f"P = 1/2 and {share:g} of a single weight are far from what Theorem 1 needs")
    most = kept("theory_success").trials.max()
    surely, _ = wilson(most, most)  # where all succeed
    page.says(f"no probability beyond {math.floor(1000 * surely) / 1000} or so can be read off these trials")
    epsilon, bits = kept("theory_thresholds")[["epsilon", "bits"]].sort_values("bits").iloc[-1]
    page.says(f"ε = {epsilon:g} is not small. Slopes up to ten bits include curvature")
    assert round(bits) == 10


def test_theory_says_what_its_tables_say() -> None:
    page = Page("docs/theory.md")
    the_commands(page)
    the_kinds(page)
    how_many_trials(page)
    how_sure_they_are(page)
    one_target_of_uniform_ones(page)
    sums_as_if_independent(page)
    no_constant(page)
    all_targets(page)
    products(page)
    reach_of_products(page)
    relu(page)
    first_moment_of_relu(page)
    hyperbolic_coefficients(page)
    one_alone(page)
    exactly_k(page)
    best_k(page)
    what_this_does_not_show(page)
    assert page.numbers_left(settings="95% 2204.13929 2410.14754") == []  # of intervals; papers on arXiv
