"""docs/exactness.md says what its tables say."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import yaml
from pages import ROOT, Page, kept

BITS = [4, 8, 12, 16]  # of the curves that the page compares


def half(kind: str, targets: str) -> pd.DataFrame:
    """Where P is 1/2, by bits."""
    return (
        kept("exactness_thresholds")
        .query(f"share == 0.5 and kind == '{kind}' and targets == '{targets}'")
        .set_index("bits")
    )


def curve(kind: str, bits: int) -> pd.DataFrame:
    """P of one target, from low to high kappa."""
    return kept("exactness").query(f"kind == '{kind}' and bits == {bits} and targets == 'one'").sort_values("kappa")


def probabilities(kind: str, kappa: float) -> list[float]:
    """P of one target at so many bits per coefficient, by BITS."""
    curves = {bits: curve(kind, bits).set_index("coefficients").probability for bits in BITS}
    return [own[round(bits / kappa)] for bits, own in curves.items()]


def where_curves_cross(kind: str) -> str:
    """The kappa at which the curves of neighbours in BITS cross, on straight lines between what was measured."""
    kappa = np.arange(0.7, 1.3, 1e-4)
    lines = [np.interp(kappa, own.kappa, own.probability) for own in (curve(kind, bits) for bits in BITS)]
    first, second, third = (f"{kappa[np.flatnonzero(many < few)[0]]:.2f}" for few, many in pairwise(lines))
    return f"{first}, {second} and {third}"


def networks(entry: str) -> pd.DataFrame:
    return kept("exactness_networks").query(f"entry == '{entry}'")


def first_draw(bits: int) -> pd.DataFrame:
    """Over all seeds, by coefficients: weights missed, and points of accuracy that they cost."""
    by = networks("fc2_first_draw").query(f"bits == {bits}").groupby("coefficients")
    lost = by.quantised_accuracy.mean() - by.ticket_accuracy.mean()
    return by[["weights", "missed", "missed_off_grid"]].sum().assign(lost=lost)


def what_it_took(page: Page) -> None:
    stages = kept("exactness_stages").set_index("stage")
    minutes = 60 * stages.core_hours
    trials = kept("exactness").drop_duplicates(["kind", "bits"]).trials.sum()
    page.says(f"exactness --configfile config/exactness.yaml # as below: {minutes.sum():.0f} core minutes")
    page.says(f"The first command took {minutes.sum():.1f} core minutes in {stages.results.sum()} results")
    page.says(f"{trials / 1e6:.1f} million trials took {minutes['measure-exactness']:.1f} of them")
    page.says(f"{stages.results['measure-exact-network']} networks {minutes['measure-exact-network']:.1f}.")
    made = kept("exactness_origins")
    on_the_clock = pd.to_datetime(made["last"]).max() - pd.to_datetime(made["first"]).min()
    page.says(
        f"from the first result to the last it was {on_the_clock.total_seconds() / 60:.0f} minutes on a busy machine"
    )


def what_a_trial_is(page: Page) -> None:
    settings = yaml.safe_load((ROOT / "config/exactness.yaml").read_text())["exactness"]
    found = kept("exactness_thresholds").query("share == 0.5")
    assert set(kept("exactness").trials) == {settings["trials"]}
    page.says(
        f"{settings['trials']:,} trials for each kind and b (seed 1), so that the 95% interval of the n at P = 1/2 "
        f"is at most ± {((found.high - found.low) / 2).max():.2f}."
    )


def the_transition(page: Page) -> None:
    (few, many), (from_, to) = (
        (probabilities("uniform", kappa)[0], probabilities("uniform", kappa)[-1]) for kappa in (0.8, 4 / 3)
    )
    page.says(
        f"At 0.8 bits per coefficient P of one target rises with b from {few:.2f} to {many:.2f} (`uniform`), "
        f"at 4/3 it falls from {from_:.2f} to {to:.2f}."
    )
    for kind in ("uniform", "product"):
        assert probabilities(kind, 0.8) == sorted(probabilities(kind, 0.8))
        assert probabilities(kind, 4 / 3) == sorted(probabilities(kind, 4 / 3), reverse=True)
    page.says(
        f"The curves of 4 and 8 bits, 8 and 12, 12 and 16 cross at κ = {where_curves_cross('uniform')} "
        f"(`product`: {where_curves_cross('product')}): towards 1, and not there yet."
    )


def where_the_transition_lies(page: Page) -> None:
    one = half("uniform", "one")
    surplus, term = one.coefficients - one.index, np.log2(one.coefficients) / 2
    page.says(
        f"P = 1/2 is at κ = {one.kappa[16]:.2f} for 16 bits (`product`: {half('product', 'one').kappa[16]:.2f}): "
        f"one integer per bit, and {surplus[16]:.2f} more."
    )
    page.says(f"From 4 to 16 bits that surplus grows by {surplus[16] - surplus[4]:.2f} (from {surplus[4]:.2f})")
    page.says(f"log₂(n)/2, the term of the theory, by as much (from {term[4]:.2f} to {term[16]:.2f}).")
    assert f"{term[16] - term[4]:.2f}" == f"{surplus[16] - surplus[4]:.2f}", "by as much"


def independent_sums(page: Page) -> None:
    apart = {
        targets: (half("uniform", targets).pipe(lambda at: at.coefficients - at.poisson)).abs()
        for targets in ("one", "all")
    }
    one, every = (apart[targets].loc[8:].max() for targets in ("one", "all"))
    page.says(
        f"From 8 bits on, `uniform`, the prediction is within {one:.2f} integers of the measured P = 1/2 for one target, "
        f"and within {every:.2f} for all."
    )
    assert all(apart[targets][4] > apart[targets].loc[8:].max() for targets in apart), "further off where b is small"


def all_targets_and_products(page: Page) -> None:
    every, one, product = half("uniform", "all"), half("uniform", "one"), half("product", "one")
    more = every.coefficients - one.coefficients
    more_of_products = half("product", "all").coefficients - product.coefficients
    page.says(
        f"**All targets take {more[16]:.1f} integers more than one** at 16 bits (`product`: {more_of_products[16]:.1f})"
    )
    page.says(
        f"and {more[4]:.1f} more at 4 bits: {every.coefficients[16] - every.counting[16]:.1f} more than the counting bound at 16 bits."
    )
    page.says(f"No κ near 1 serves them at these b; P = 1/2 is at κ = {every.kappa[16]:.2f}.")
    page.says(
        f"**Products cost no more than uniform integers for one target**, {product.coefficients[16]:.1f} against "
        f"{one.coefficients[16]:.1f} at 16 bits"
    )
    assert (product.coefficients < one.coefficients).all()


def networks_of_exact_sums(page: Page) -> None:
    found = pd.concat([networks("fc2"), networks("fc2_fewest")])
    page.says(f"fc2, the paper's own target on MNIST ({found.target_accuracy.mean():.2f}% on normalised pixels)")
    page.says("n = int(2 (b + 1)) of them")
    assert (found.coefficients == 2 * (found.bits + 1)).all()
    page.says(f"**Every weight of all {len(found)} networks is an exact sum**")
    page.says(f"all {found.test_images.max():,} predictions are the same")
    assert not found.inexact.any()
    assert not found.predictions_that_differ.any()
    lost = (found.target_accuracy - found.quantised_accuracy).groupby(found.bits).mean()
    page.says(
        f"**What accuracy is lost, rounding loses**: {lost[4]:.2f} points at 4 bits, {lost[6]:.2f} at 6, {lost[8]:.2f} at 8, "
        "none that shows from 10 bits on."
    )
    assert lost.loc[10:].max() == 0


def exactness_is_no_dearer(page: Page) -> None:
    missed = networks("fc2").groupby("bits")[["missed", "missed_off_grid"]].sum()
    times = missed.missed / missed.missed_off_grid
    page.says(
        f"(at 4 bits {times[4]:.1f} times as many, at 6 bits {times[6]:.1f} times, where 0 and repeated values are frequent;"
    )
    page.says(
        f"at 8 bits with n = 18, where hardly any are missed, {missed.missed[8]} instead of {missed.missed_off_grid[8]})"
    )
    finer = pd.concat([first_draw(8), first_draw(12)]).query("missed > 100")
    assert (finer.missed / finer.missed_off_grid).between(0.8, 1.25).all(), "about as many"
    fewest = networks("fc2_fewest")
    apart = (fewest.remaining / fewest.remaining_off_grid - 1).abs().max()
    page.says(f"the fewest that make a weight are as many within {math.ceil(100 * apart)}%.")


def two_per_bit_are_enough(page: Page) -> None:
    missed = networks("fc2").groupby("bits")[["missed", "weights"]].sum()
    assert missed.missed[8] == 1
    assert not missed.missed.loc[10:].any()
    page.says(
        f"one weight of {missed.weights[8]:,} was missed by the first 18 coefficients of 8 bits, none at 10 and 12."
    )
    share = 100 * missed.missed / missed.weights
    page.says(f"At 4 and 6 bits {share[6]:.2f} to {share[4]:.2f}% were missed")
    page.says("at 4 and 6 bits hundreds of weights needed further coefficients")
    assert missed.missed.loc[:6].min() >= 200
    size = (
        networks("fc2_fewest")
        .groupby("bits")[["remaining", "weights"]]
        .sum()
        .pipe(lambda sums: sums.remaining / sums.weights)
    )
    page.says("Fewest coefficients keep more parameters than the target has from 8 bits on")
    assert size.loc[:6].max() < 1 < size.loc[8:].min()


def without_further_coefficients(page: Page) -> None:
    four, twelve = first_draw(4), first_draw(12)
    page.says(f"counts of {twelve.weights[13]:,} weights, three seeds")
    tried = twelve.loc[13:22]
    by_one_more = (tried.missed / tried.missed.shift(-1)) ** (1 / -tried.index.to_series().diff(-1))
    page.says(
        f"One coefficient more divides the misses by {by_one_more.min():.0f} to {by_one_more.max():.0f} (from 13 to 22 coefficients of 12 bits)."
    )
    page.says(
        f"at 12 bits {twelve.missed[13] / twelve.weights[13]:.0%} of all weights are inexact at n = 13 and {twelve.lost[13]:.2f} points are lost, "
        f"at 4 bits {four.missed[8] / four.weights[8]:.1%} at n = 8 cost {four.lost[8]:.1f}."
    )


def test_exactness_md_says_what_its_tables_say() -> None:
    page = Page("docs/exactness.md")
    what_it_took(page)
    what_a_trial_is(page)
    the_transition(page)
    where_the_transition_lies(page)
    independent_sums(page)
    all_targets_and_products(page)
    networks_of_exact_sums(page)
    exactness_is_no_dearer(page)
    two_per_bit_are_enough(page)
    without_further_coefficients(page)
    assert page.numbers_left(settings="2508.11020") == []
