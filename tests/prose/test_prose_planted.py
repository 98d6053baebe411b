"""docs/planted.md says what its tables say, and what the code of planted runs declares."""

from math import comb

import pandas as pd
from pages import Page, kept

from lottery.planting.settings import Planting
from lottery.pruning.run import Run

WORDS = {3: "three"}
SETTINGS = "0.5"  # a scale that was tried


def planted() -> pd.DataFrame:
    return kept("planted").set_index(["favoured", "margin"])


def plant_of_seed_1() -> pd.Series:
    """The network before learning, where the initial mask is the plant."""
    return kept("planted_epochs").query("favoured == 'ticket' and margin == 1 and seed == 1 and epoch == 0").iloc[0]


def choices() -> pd.DataFrame:
    """Other plants of one target before learning, by their names in config/planted_choices.yaml."""
    return kept("planted_choices").query("epoch == 0").set_index("entry")


def test_planted_md_says_what_its_tables_say() -> None:
    page = Page("docs/planted.md")
    what_is_planted(page)
    what_scale_is_taken(page)
    where_scores_start(page)
    how_scores_are_learned(page)
    what_the_table_is_of(page)
    what_this_does_not_show(page)
    assert page.numbers_left(settings=SETTINGS) == []


def what_is_planted(page: Page) -> None:
    r, s = planted().redundancy.unique().item(), planted().sparsity.unique().item()
    subsets = comb(r, Planting(redundancy=r, sparsity=s).kept)
    page.says(f"- **r = {r}, s = {s}**: {subsets} subsets for a weight.")
    page.says(f"With r = 10 there are {comb(10, Planting(redundancy=10, sparsity=s).kept)},")
    other = choices().plant_accuracy
    page.says(f"the plant of seed 1 has {other['fewer_weights']:.2f}% instead of {other['as_planted']:.2f}%.")
    assert choices().redundancy["fewer_weights"] == 10
    page.says(f"its plant of seed 1 has {plant_of_seed_1().plant_accuracy:.2f}%.)")


def what_scale_is_taken(page: Page) -> None:
    page.says(f"- **The target is scaled by {planted().scale.unique().item()}**, in both layers.")
    other = choices()
    assert (other.scale["unscaled"], other.scale["half"]) == (1, 0.5)
    page.says(f"Unscaled, the plant of seed 1 has {other.plant_accuracy['unscaled']:.2f}%.")
    page.says(
        f"At 0.5 it has {other.plant_accuracy['half']:.2f}%, but a training loss of {other.loss['half']:.2f}"
        f" instead of {other.loss['as_planted']:.2f}, since small outputs are unsure of their classes."
    )


def where_scores_start(page: Page) -> None:
    found = planted().loc["ticket"]
    s = found.sparsity.unique().item()
    assert (found.start_overlap[found.index >= 1] == 1).all()
    page.says("From 1 on, the initial mask *is* the plant;")
    between = found.start_overlap[found.index <= 1]
    assert (abs(between - (1 + between.index) / 2) < 0.001).all()
    page.says(f"a share of (1 + margin) / 2 of the plant is in the initial mask, at s = {s}.")
    page.says(f"keeps a share of 1 − s of its weights, here {100 * found.chance.unique().item():.0f}%.")


def how_scores_are_learned(page: Page) -> None:
    run: Run = Planting().run("fc2")
    variant = run.variant
    assert variant.weight_decay == 5e-4
    page.says(
        f"rate {run.rate} with a cosine, momentum {variant.momentum}, weight decay 5e-4 on scores,"
        f" batches of {variant.batch_size}."
    )
    page.says(f"The published rate ({Run(network='fc2', structure='linear').rate}) is made for masks")


def what_the_table_is_of(page: Page) -> None:
    epochs, seeds = planted().epochs.unique().item(), planted().seeds.unique().item()
    page.says(f"fc2 on the full MNIST, {epochs} epochs on all training images, {WORDS[seeds]} seeds;")


def what_this_does_not_show(page: Page) -> None:
    found = planted().loc[("ticket", 1)]
    subsets = comb(found.redundancy, Planting(redundancy=found.redundancy, sparsity=found.sparsity).kept)
    page.says(f"Of {subsets} subsets for a weight,")
    page.says(f"one with {100 * found.overlap:.0f}% of the plant may not.")
    assert found.plant_accuracy < found.target_accuracy
    page.says(f"Its sums are the nearest ones of {subsets}, not exact, and its accuracy is below that of the target.")
    page.says(
        f"Its weights are scaled by {found.scale}, so that its training loss ({plant_of_seed_1().loss:.2f} for seed 1)"
    )
