"""What switches do by run length: means, intervals, and what is drawn."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, row

from lottery.errors import LotteryError
from lottery.results.figures.variants import by_length, plot_variants
from lottery.results.page.captions import kind


def table() -> pd.DataFrame:
    found = []
    for seed, accuracy in ((1, 90.0), (2, 92.0), (3, 91.0)):
        found += [row("held_out", 10, seed, accuracy), row("held_out", 30, seed, accuracy - 5)]
        found += [row("held_out", length, seed, accuracy + 1, variant="no_decay") for length in (10, 30)]
        found += [row("held_out", 10, seed, accuracy, sparsity=0.9)]  # one variant only: nothing to compare
    return pd.DataFrame(found).convert_dtypes()


def test_each_length_has_its_own_mean_and_interval() -> None:
    found = by_length(table(), "fc2").set_index(["variant", "epochs"])
    assert set(found.sparsity) == {0.5}
    assert found.accuracy.to_dict() == {
        ("released", 10): 91, ("released", 30): 86, ("no_decay", 10): 92, ("no_decay", 30): 92,
    }  # fmt: skip
    # Student's t with two degrees of freedom, 4.3027, times a standard error of 1 / sqrt(3)
    assert found.half_interval.tolist() == pytest.approx([2.4841] * 4, abs=1e-3)
    assert set(found.seeds) == {3}


def test_a_single_seed_has_no_interval() -> None:
    one = table().query("seed == 1")
    assert by_length(one, "fc2").half_interval.isna().all()


def test_the_figure_shows_every_variant_length_and_seed(tmp_path: Path) -> None:
    svg, png = plot_variants(table(), "fc2", tmp_path / "variants_fc2")
    text = svg.read_text()
    for word in ("released", "no_decay", "10 epochs", "30 epochs", "linear, r = 5, s = 0.5, held-out", "3 seeds"):
        assert f">{word}<" in text or word in text
    assert "s = 0.9" not in text
    assert ">Variants by run length: fc2, mnist<" in text
    assert png.stat().st_size > 10_000


def test_a_figure_of_one_length_names_it(tmp_path: Path) -> None:
    svg, _ = plot_variants(table().query("epochs == 10"), "fc2", tmp_path / "variants_fc2")
    assert ">Variants after 10 epochs: fc2, mnist<" in svg.read_text()


@pytest.mark.parametrize("network", ["fc2", "fc4"])
def test_without_two_variants_there_is_nothing_to_draw(tmp_path: Path, network: str) -> None:
    runs = table().query("variant == 'released'")
    with pytest.raises(LotteryError, match=f"variants: the runs of {network} have one variant only"):
        plot_variants(runs, network, tmp_path / "figure")


def test_the_page_has_something_to_say_of_the_figure() -> None:
    assert "by run length" in kind("variants_fc2").reading


def test_the_figure_does_not_depend_on_the_order_of_hashes(tmp_path: Path) -> None:
    """Several variants were not run at one panel: their labels come in the order of rows."""
    drawn = []
    for seed in ("1", "3"):
        command = [sys.executable, "-m", "lottery.cli", "plot-variants", "--network", "lenet5"]
        table = ROOT / "results/reference/ablation/tables/runs.csv"
        command += ["--table", str(table), "--output", str(tmp_path / seed)]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)})
        drawn.append((tmp_path / f"{seed}.svg").read_bytes())
    assert drawn[0] == drawn[1]
