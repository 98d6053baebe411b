"""docs/pruning.md says what its tables say."""

import numpy as np
import pandas as pd
from pages import Page, kept

from benchmarks.ties import BY_LANES
from lottery.data.datasets import MNIST_PIXELS
from lottery.networks import HIDDEN, NETWORKS, ImageShape
from lottery.pruning.memory import SHARE_OF_FREE_MEMORY
from lottery.pruning.run import VALIDATION_IMAGES, Run, Variant
from lottery.pruning.structures import structure_layer_specs
from lottery.published import PUBLISHED_REDUNDANCY, figures
from lottery.results.figures.wide_minus_linear import half_of_difference
from lottery.results.tables.claims import FALL
from lottery.results.tables.intervals import CONFIDENCE, student_t
from lottery.results.tables.replays import LEVELS
from lottery.workflow.gpu_jobs import RUNS_PER_SLURM_JOB

PERCENT = f"{100 * CONFIDENCE:.0f}"
THEIRS_IN_EPOCH_37 = 1083  # images right by the authors' log of fc4 `relu` at s = 0.98, to which the page leads


def weights(structure: str, network: str) -> int:
    """Random weights at the paper's redundancy, of linear layers alone."""
    runs = kept("runs").query("structure == 'dense' or redundancy == @PUBLISHED_REDUNDANCY")
    (found,) = set(runs.query("structure == @structure and network == @network").initial)
    return int(found)


def convolutions() -> int:
    (found,) = set(kept("runs").query("network == 'lenet5'").convolution_parameters)
    return int(found)


def fc2(structure: str, protocol: str) -> pd.DataFrame:
    """Points of fc2 by redundancy and sparsity."""
    points = kept("points").query("network == 'fc2' and variant == 'released'")
    return points.query("structure == @structure and protocol == @protocol").set_index(["redundancy", "sparsity"])


def structures(page: Page) -> None:
    totals = {
        name: " / ".join(f"{weights(name, network):,}" for network in NETWORKS)
        for name in ("linear", "relu", "wide", "dense")
    }
    image = ImageShape(channels=1, size=28)
    matched = [structure_layer_specs(n, "wide", image, PUBLISHED_REDUNDANCY, HIDDEN)[0].outputs for n in NETWORKS]
    page.says(f"random weights, published r = {PUBLISHED_REDUNDANCY} ({' / '.join(NETWORKS)})")
    page.says(f"no activation in between | {totals['linear']} |")
    page.says(f"the same with a ReLU in between | {totals['relu']} |")
    page.says(f"matched in parameters ({' / '.join(map(str, matched))} hidden) | {totals['wide']} |")
    page.says(f"the target network, trained | {totals['dense']} |")
    page.says(f"lenet5's convolutions ({convolutions():,} weights) are random and frozen in every structure")


def a_step(page: Page) -> None:
    variant = Variant()
    fully_connected, lenet5 = Run("fc2", "linear").rate, Run("lenet5", "linear").rate
    (mean,), (deviation,) = MNIST_PIXELS
    assert variant.weight_decay == 5e-4
    assert Run("fc4", "linear").rate == fully_connected
    page.says(f"SGD with momentum {variant.momentum} and weight decay 5e-4 **on the scores**")
    page.says(f"learning rate {fully_connected} (fc2, fc4) or {lenet5} (lenet5), batch {variant.batch_size},")
    page.says(f"Pixels are normalised by ({mean}, {deviation}).")


def side_by_side(page: Page) -> None:
    assert round(weights("linear", "fc2") / 1e6) == 2
    page.says(f"One run leaves a GPU almost idle: two million scores and {Variant().batch_size} images a step.")
    page.says(f"{100 * SHARE_OF_FREE_MEMORY:.0f}% of its free memory (at most {RUNS_PER_SLURM_JOB} in a Slurm job)")
    on_gpu = kept("pruning_cost").query("device == 'cuda'").groupby(["protocol", "network", "structure"]).size()
    held_out = on_gpu["held_out"].groupby("network").sum()
    assert set(on_gpu["published"].index) == {("fc4", "wide")}
    page.says(f"and {held_out['fc4']} held-out runs of fc4 and {held_out['fc2']} of fc2.")
    page.says(f"On an H200, {on_gpu['published', 'fc4', 'wide']} replays of fc4 `wide` were made")


def what_is_counted(page: Page) -> None:
    plotted = figures().query("network == 'lenet5' and structure == 'linear' and sparsity == 0").parameters.iloc[0]
    assert plotted == weights("linear", "lenet5") + convolutions()
    page.says(f"(lenet5's has the {convolutions():,} convolution weights on top).")
    carrying = kept("carrying")
    assert (carrying.carrying <= carrying.alive).all()


def bits_per_weight(page: Page) -> None:
    dense = {network: weights("dense", network) for network in NETWORKS}
    random, random_wide = weights("linear", "fc2"), weights("wide", "fc2")
    linear, wide = (fc2(name, "published").loc[PUBLISHED_REDUNDANCY] for name in ("linear", "wide"))
    page.says(f"whatever r is: {dense['fc2']:,} for fc2, {dense['fc4']:,} for fc4, {dense['lenet5']:,} for lenet5,")
    page.says(f"replays, each with its {random:,} (`wide`: {random_wide:,}) random weights:")
    high = linear.index >= 0.5
    assert (wide.accuracy[high] > linear.accuracy[high]).all()
    page.says("By remaining weights `wide` is the more accurate at each of these s;")
    few, many = linear.loc[0.9], wide.loc[0.99]
    assert few.accuracy > many.accuracy
    page.says(f"`linear` is: {few.accuracy:.2f}% for {few.paired_bits_per_weight:.2f} bits, ")
    page.says(f"where `wide` has {many.accuracy:.2f}% for {many.bits_per_weight:.2f}.")


def what_bits_do_not_show(page: Page) -> None:
    random, points = weights("linear", "fc2"), fc2("linear", "published").loc[PUBLISHED_REDUNDANCY]
    page.says(f"whoever decodes {points.paired_bits_per_weight[0.98]:.2f} bits draws {random:,} numbers.")
    all_masks, paired = (
        points[name][0.5] * weights("dense", "fc2") / random for name in ("bits_per_weight", "paired_bits_per_weight")
    )
    page.says(
        f"By these, {random:,}, `linear` at s = 0.5 has {all_masks:.2f} bits for all masks and {paired:.2f} without"
    )
    runs = kept("runs").query("protocol == 'held_out' and structure != 'dense'")
    ablation = kept("runs", "ablation/tables").query("network == 'lenet5'")
    assert 0 < runs.bits_per_weight.isna().mean() < 0.5
    assert ablation.bits_per_weight.isna().all()
    page.says(
        "Some held-out runs have empty cells, those of the ablation on lenet5 among them: their masks were not kept."
    )


def two_protocols(page: Page) -> None:
    pruned = figures().query("structure != 'dense'")
    fully_connected, lenet5 = pruned[pruned.network != "lenet5"], pruned[pruned.network == "lenet5"]
    *lengths, longest = sorted(set(fully_connected.epochs))
    page.says(f"all but {VALIDATION_IMAGES:,} (always the same ones)")
    page.says(f"mean test accuracy, {PERCENT}% interval (Student's t) over seeds")
    page.says(
        f"the best of runs of {', '.join(map(str, lengths))} and {longest} epochs (lenet5: {lenet5.epochs.min()} "
    )
    page.says(f"to {lenet5.epochs.max()}) on the test images, one seed.")
    assert (fully_connected.epochs == 10).mean() > 0.5
    page.says("for the fully connected structures 10 epochs are often best")


def replays(page: Page) -> None:
    untrained = kept("points_compared").query("sparsity == 0 and structure != 'dense'")
    assert len(untrained) == 9
    assert (untrained.ours == untrained.published).all()
    page.says("All nine are the published ones, to the last digit:")


def what_spreads_say(page: Page) -> None:
    seeds = kept("spread_levels").query("source == 'seed'").set_index("lowest_accuracy").deviation
    assert 0.05 < seeds[97.5] < 0.2 < 5 < seeds[20]
    page.says("Where a curve is flat its width is a tenth of a point or two,")
    page.says("it is steep the width is many points, and the number stands for its seed.")
    page.says(f"differ by less than *t* √2 *d* in {PERCENT} of 100 cases")
    _, low, middle, high, flat = LEVELS
    page.says(
        f"below {low:g}%, from {low:g}%, from {middle:g}%, from {high:g}% and from {flat:g}% (`spread_levels.csv`)"
    )
    assert round(1 / (1 - CONFIDENCE)) == 20
    page.says("One in twenty points may lie outside by chance.")


def shares_of_zeros_and_sevens() -> tuple[float, float]:
    """Accuracy (%) of networks that output nothing: here and in the paper."""
    nothing = kept("ties").query("all_tied == 10000")
    (here,), (paper,) = set(nothing.lowest_class), set(nothing.published)
    return here, paper


def networks_at_chance(page: Page) -> None:
    here, paper = shares_of_zeros_and_sevens()
    page.says(
        f"have {here:.2f}% here, the share of zeros among the test images, and {paper:.2f}% in the paper, the share"
    )
    page.says(f"it takes the first of {', '.join(map(str, BY_LANES))}.")
    differ = kept("points_compared").query("verdict == 'differs'")[["network", "structure", "sparsity"]]
    assert differ.values.tolist() == [["fc4", "relu", 0.975], ["fc4", "relu", 0.98], ["lenet5", "relu", 0.95]]
    page.says("Three points differ from the published ones by more than their spread: ")
    page.says("fc4 `relu` at s = 0.975 and 0.98, and lenet5 `relu` at 0.95.")


def by_lanes(network: str, sparsity: float) -> tuple[float, float]:
    """How far `relu` is from the published accuracy with ties broken by lanes, and how far two runs are apart by rounding."""
    runs = kept("ties").query("network == @network and structure == 'relu' and sparsity == @sparsity")
    off = abs(runs.by_lanes.iloc[0] - runs.published.iloc[0])
    return off, student_t(len(runs) - 1) * np.sqrt(2) * runs.by_lanes.std()


def ties_by_lanes(page: Page) -> None:
    (off, spread), (also_off, narrow) = by_lanes("fc4", 0.975), by_lanes("fc4", 0.98)
    assert off < spread
    assert also_off < narrow
    page.says(
        f"By lanes fc4's would lie within the spread of their three runs ({off:.1f} points off, spread {spread:.1f};"
    )
    page.says(f"{also_off:.1f} off, spread {narrow:.1f}); the first says little")
    off, none = by_lanes("lenet5", 0.95)
    assert none == 0 < off
    page.says(f"lenet5's is {100 * off:.0f} images off, and would still differ, as its three runs are the same")


def images_right(sparsity: float) -> pd.Series:
    """Test images that our replay of fc4 `relu` has right, by epoch."""
    runs = kept("histories").query("protocol == 'published' and network == 'fc4' and structure == 'relu'")
    runs = runs[(runs.sparsity == sparsity) & runs.perturbation.isna()]
    return (100 * runs.set_index("at_epoch").test_accuracy).round().astype(int)


def logs_of_fc4(page: Page) -> None:
    here, paper = (round(100 * share) for share in shares_of_zeros_and_sevens())
    early, late = images_right(0.975), images_right(0.98)
    assert (early[:16] == here).all()
    assert (late[:36] == here).all()
    page.says(f"{paper:,} images right until epoch 16 and until epoch 36, where ours have {here}.")
    learns, changes = early.index[early != here].min(), late.index[late != here].min()
    page.says(f"At 0.975 both learn from epoch {learns} on; at 0.98 both change in epoch {changes}, ")
    assert changes == 37
    page.says(
        f"theirs to {THEIRS_IN_EPOCH_37:,} and ours to {late[37]:,}, again {THEIRS_IN_EPOCH_37 - late[37]} apart."
    )
    assert THEIRS_IN_EPOCH_37 - late[37] == paper - here


def accuracies(page: Page) -> None:
    held_out = kept("points").query("protocol == 'held_out' and structure != 'dense'")
    epochs = held_out.groupby("network").epochs.agg(["min", "max"]).to_dict("index")
    assert epochs == {name: dict.fromkeys(("min", "max"), 20 if name == "lenet5" else 10) for name in NETWORKS}
    page.says(f"Replays have the length of the published run, held-out runs 10 epochs (mean ± {PERCENT}% interval):")
    page.says(f"The table has held-out means, with the {PERCENT}% interval of the difference (Welch).")
    five = held_out[held_out.redundancy == PUBLISHED_REDUNDANCY].groupby("network").seeds.agg(set)
    assert {3} < five["fc2"] == {3, 5}
    assert five["fc4"] | five["lenet5"] == {3}
    page.says(
        f"All networks, held out (10 epochs, lenet5 20; mean ± {PERCENT}% interval over three seeds, for fc2 some over"
    )


def redundancy(page: Page) -> None:
    linear, relu = (fc2(name, "held_out").xs(0.5, level="sparsity").accuracy for name in ("linear", "relu"))
    (lengths,) = fc2("wide", "published").loc[[(PUBLISHED_REDUNDANCY, 0.5)]].epochs
    page.says(f"The paper has r = {PUBLISHED_REDUNDANCY} throughout. fc2 at s = 0.5, 10 epochs, by redundancy ")
    page.says(f"(the published seed's `wide` at r = 5 has {lengths}; ± is the {PERCENT}% interval over seeds)")
    page.says(f"one product of two random numbers, and the network still has {linear[1]:.0f}%.")
    assert abs(linear[10] - linear[5]) < 0.1 < linear[5] - linear[2]
    page.says("From r = 5 on little is gained.")
    assert relu[2] < linear[1]
    assert relu[7] < relu[10] < linear[5]
    page.says("is behind `linear` at half its r (2 beside 1, 10 beside 5), and still gains at r = 10.")


def switches(page: Page) -> None:
    page.says(f"a layer's output has 4r = {4 * PUBLISHED_REDUNDANCY} times the mean square of its input")


def ablated(network: str) -> pd.DataFrame:
    """Runs with switches."""
    return kept("runs", "ablation/tables").query("network == @network")


def longer_training(page: Page) -> None:
    runs = ablated("lenet5")
    seeds = runs.pivot_table(
        index=["structure", "sparsity", "variant"], columns=["epochs", "seed"], values="test_accuracy"
    )
    short, long = seeds[20], seeds[100]
    means = runs.groupby(["structure", "sparsity", "variant", "epochs"]).test_accuracy.mean().unstack()
    released, without = (("linear", 0.1, name) for name in ("released", "no_decay"))
    page.says("with it all three seeds of `linear` fall between 20 and 100 epochs, without it all three rise, to")
    assert (long.loc[released] < short.loc[released]).all()
    assert (long.loc[without] > short.loc[without]).all()
    page.says(
        f"{means.loc[without, 100]:.1f}%, and after 100 epochs the worst seed without decay is above the best one with it."
    )
    assert long.loc[without].min() > long.loc[released].max()
    lowest, highest = long.loc[released].min(), long.loc[released].max()
    page.says(f"are {highest - lowest:.0f} points apart ({lowest:.0f} to {highest:.0f}%).")
    wide = means.loc["wide", 0.1][100]
    page.says(
        f"without decay {wide['no_decay']:.0f}% are left instead of {wide['released']:.0f}%, with intervals that overlap."
    )
    half = means.loc["linear", 0.5]
    gains = half[100] - half[20]
    page.says(
        f"At s = 0.5 nothing of this shows: every variant gains {gains.min():.0f} to {gains.max():.0f} points from longer training,"
        " and none is better than the released one."
    )
    assert half.idxmax().eq("released").all()
    page.says("at s = 0.1 all means are lower too")
    assert (means.loc["linear", 0.1].loc["fan_in"] < means.loc[released]).all()
    page.says("makes things worse, by more than the intervals at s = 0.5;")
    limits = kept("points", "ablation/tables").query("network == 'lenet5' and sparsity == 0.5").set_index("variant")
    fan_in, as_released = limits.loc["fan_in"], limits.loc["released"]
    assert fan_in.accuracy + fan_in.half_interval < as_released.accuracy - as_released.half_interval
    cost = means.xs("released", level="variant") - means.xs("repaired", level="variant")
    page.says("remove the collapse and cost up to a point elsewhere.")
    assert 0.5 < cost.drop(columns=100).max().item() < 1
    assert 0.5 < cost.loc[("linear", 0.5), 100] < 1


def all_switches(page: Page) -> None:
    points = kept("points", "ablation/tables").query("network == 'fc2'").set_index("variant")
    released, others = points.loc["released"], points.drop("released")
    gain = others.accuracy - released.accuracy
    half = [
        half_of_difference((p.half_interval, p.seeds), (released.half_interval, released.seeds))
        for p in others.itertuples()
    ]
    page.says(f"`linear` fc2 at s = {released.sparsity:g} by the same protocol, {released.epochs} epochs.")
    page.says("Each switch moves the mean by more than the interval of the difference")
    assert (gain.abs() > half).all()
    assert gain.idxmax() == "fan_in"
    page.says(f"To count r in the fan-in helps most, by {gain['fan_in']:.2f} points;")
    assert (gain[["no_decay", "signed", "whole_weight1"]] > 0).all()
    more = others.alive_parameters["whole_weight1"] / released.alive_parameters - 1
    page.says(f"kept (so that {more:.0%} more weights are alive) help too.")
    page.says(
        f"Rescaling by density costs {-gain['density']:.2f} points, and initial scores in one range {-gain['same_scores']:.2f}."
    )
    linear, wide = points.loc["fan_in"], fc2("wide", "held_out").loc[(PUBLISHED_REDUNDANCY, 0.1)]
    page.says(
        f"With r counted in the fan-in `linear` has {linear.accuracy:.2f} ± {linear.half_interval:.2f}%, as much as `wide` has"
        f" at this sparsity ({wide.accuracy:.2f} ± {wide.half_interval:.2f}%)."
    )
    assert abs(linear.accuracy - wide.accuracy) < min(linear.half_interval, wide.half_interval)
    page.says("One sparsity and one length of fc2 were run.")
    assert (points.sparsity.nunique(), points.epochs.nunique()) == (1, 1)


def claims(page: Page) -> None:
    page.says(f"how far this one run moves by rounding, in {PERCENT} of 100 cases;")
    page.says(f"A fall is one of {FALL:g} points at least. `held_out` has means and {PERCENT}% intervals over seeds.")


def known_limits(page: Page) -> None:
    here, paper = shares_of_zeros_and_sevens()
    page.says(f"is given class 0 here, which {here:.2f}% of the test images are;")
    page.says(f"logs have {paper:.2f}% there, the share of class 7")
    dense = Run("lenet5", "dense", redundancy=1, sparsity=0).rate
    page.says(
        f"The dense baseline of lenet5 learns at {dense}, as the baseline in the figures did, though the released"
    )
    page.says(f"script says {Run('lenet5', 'linear').rate}.")


def test_pruning_md_says_what_its_tables_say() -> None:
    page = Page("docs/pruning.md")
    structures(page)
    a_step(page)
    side_by_side(page)
    what_is_counted(page)
    bits_per_weight(page)
    what_bits_do_not_show(page)
    two_protocols(page)
    replays(page)
    what_spreads_say(page)
    networks_at_chance(page)
    ties_by_lanes(page)
    logs_of_fc4(page)
    accuracies(page)
    redundancy(page)
    switches(page)
    longer_training(page)
    all_switches(page)
    claims(page)
    known_limits(page)
    versions, logs, other_papers = "1.3 1.7", "0.975 0.98 150", "0.09"
    assert page.numbers_left(settings=f"{versions} {logs} {other_papers}") == []
