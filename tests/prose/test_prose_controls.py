"""docs/controls.md says what its table says."""

import pandas as pd
import yaml
from pages import ROOT, Page, kept

from lottery.data.datasets import get_dataset
from lottery.pruning.controls import CONTROLS, LARGEST_WEIGHTS, LEARNED, RANDOM_MASK

RUN = ["protocol", "stream", "dataset", "network", "structure", "variant", "redundancy", "sparsity", "epochs", "seed"]


def of(controls: pd.DataFrame, *names: str) -> pd.DataFrame:
    return controls[controls.control.isin(names)]


def the_controls(page: Page, controls: pd.DataFrame) -> None:
    for name in CONTROLS:
        page.says(f"| `{name}` |")
    assert set(controls.control) == set(CONTROLS)
    config = yaml.safe_load((ROOT / "config/controls.yaml").read_text())
    draws, networks = config["controls"]["draws"], controls.groupby(RUN).draws.sum()
    cost = kept("controls_stages").set_index("stage").loc["measure-controls"]
    assert (cost.results, len(networks)) == (6, 6)
    page.says(
        f"the six runs below with {draws} draws each ({networks.iloc[0]} networks a run) took {60 * cost.core_hours:.1f}"
        f" core minutes on a busy machine, with {cost.peak_memory_mb / 1000:.1f} GB of memory at most"
    )
    assert networks.nunique() == 1


def what_was_run(page: Page, controls: pd.DataFrame) -> None:
    [run] = (
        controls[["protocol", "stream", "network", "dataset", "epochs", "seed", "redundancy"]].drop_duplicates().values
    )
    protocol, stream, network, dataset, epochs, seed, redundancy = run
    assert (stream, dataset) == ("released", "mnist")
    page.says(
        f"{network} on the full MNIST after {epochs} epochs, with the paper's own random numbers ({protocol} protocol, "
        f"seed {seed}, r = {redundancy}): mean and standard deviation over {controls.draws.max()} draws, "
        f"in percent of the {get_dataset(dataset).test_count:,} test images."
    )
    page.says("**One seed of the run, one network, one dataset, two sparsities** were measured here.")
    assert controls.sparsity.nunique() == 2


def at_guessing(page: Page, controls: pd.DataFrame) -> None:
    page.says("On fresh weights, and on their own weights in another order, they are at the accuracy of guessing.")
    page.says("Random masks that keep as many weights of each matrix are at guessing too.")
    off = (controls.accuracy - controls.chance).abs()
    drawn = controls[controls.half_interval.notna()]
    assert (off[drawn.index] > drawn.half_interval).sum() <= 1  # of 18 with an interval of 95%
    largest = of(controls, LARGEST_WEIGHTS)
    page.says(
        f"So are the largest weights ({largest.accuracy.min():.0f} to {largest.accuracy.max():.0f}%): "
        "one mask for each run, hence no interval."
    )
    assert largest.draws.eq(1).all()
    assert largest.half_interval.isna().all()
    drawn_masks = of(controls, RANDOM_MASK)
    assert drawn_masks.lowest.min() < largest.accuracy.min()
    assert largest.accuracy.max() < drawn_masks.highest.max()


def rebuilt_exactly(page: Page, controls: pd.DataFrame) -> None:
    page.says(
        "and that of the [replays kept here](pruning.md#replays-the-papers-own-random-numbers) where these have the point"
    )
    runs = kept("runs")
    both = of(controls, LEARNED).merge(runs[runs.perturbation.isna()], on=RUN)
    assert len(both)
    assert (both.accuracy == both.test_accuracy).all()


def test_controls_md_says_what_its_table_says() -> None:
    page, controls = Page("docs/controls.md"), kept("controls")
    the_controls(page, controls)
    what_was_run(page, controls)
    at_guessing(page, controls)
    rebuilt_exactly(page, controls)
    assert page.numbers_left() == []
