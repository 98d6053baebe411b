"""The figures of experiment 2."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import row
from matplotlib.figure import Figure

from lottery.errors import LotteryError
from lottery.results.figures.accuracy import plot_accuracy, plot_held_out
from lottery.results.figures.epochs import plot_epochs
from lottery.results.figures.redundancy import plot_redundancy
from lottery.results.figures.wide_minus_linear import differences, plot_wide_minus_linear


def test_figures_show_both_protocols_and_the_published_points(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    ours = as_in_the_paper.assign(accuracy=as_in_the_paper.accuracy - 0.5)
    held = ours.assign(protocol="held_out", half_interval=0.3, seeds=3, lengths="10")
    both = pd.concat([ours.assign(lengths="10"), held], ignore_index=True).convert_dtypes()
    for against in ("remaining", "alive"):
        svg, png = plot_accuracy(both, "fc4", against, tmp_path / against)
        text = svg.read_text()
        for words in (
            "published protocol: one seed",
            "held-out protocol: 3 seeds, 95% interval",
            f"Accuracy by {against} weights: fc4, mnist, r = 5",
        ):
            assert words in text
        assert (">published<" in text) == (against == "remaining"), "published alive counts do not exist"
        assert png.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(LotteryError, match="there are no runs of lenet6"):
        plot_accuracy(both, "lenet6", "remaining", tmp_path / "none")


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        (["10"] * 14, "10 epochs"),
        (["10"] * 7 + ["50"] * 7, "each point after 10 to 50 epochs"),
        (["10 50"] * 14, "best of 10, 50 epochs on test images"),
    ],
)
def test_the_title_says_how_the_lengths_came_about(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, lengths: list[str], words: str
) -> None:
    linear = as_in_the_paper.query("network == 'fc2' and structure == 'linear'").assign(lengths=lengths)
    text = plot_accuracy(linear, "fc2", "alive", tmp_path / "figure")[0].read_text()
    assert f">{words}<" in text


@pytest.mark.parametrize("change", [{"redundancy": 2}, {"variant": "no_decay"}, {"network": "of_ours"}])
def test_other_settings_have_their_figure_without_the_published_points(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, change: dict[str, Any]
) -> None:
    dense = as_in_the_paper.structure == "dense"
    other = pd.concat([as_in_the_paper[~dense].assign(**change), as_in_the_paper[dense]], ignore_index=True)
    network = change.get("network", "fc2")
    text = plot_accuracy(other, network, "remaining", tmp_path / "figure")[0].read_text()
    assert ">linear<" in text
    assert ">published<" not in text


def test_the_figure_over_redundancy_needs_more_than_one(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(LotteryError, match="have one redundancy only"):
        plot_redundancy(as_in_the_paper, "fc2", tmp_path / "none")
    more = pd.concat([as_in_the_paper, as_in_the_paper.assign(redundancy=2)], ignore_index=True)
    assert "redundancy r" in plot_redundancy(more, "fc2", tmp_path / "redundancy")[0].read_text()


def test_alternative_text_names_the_peak_of_each_curve(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    text = plot_accuracy(as_in_the_paper, "fc2", "remaining", tmp_path / "figure")[0].read_text()
    assert '<svg role="img"' in text
    [words] = re.findall("<desc>(.*?)</desc>", text)
    assert "wide peaks at 98.17% with 50% of the weights kept." in words
    assert "The trained baseline has 98.60%." in words


def test_alive_curve_leaves_out_small_sparsities_and_says_so(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    text = plot_accuracy(as_in_the_paper, "fc2", "alive", tmp_path / "figure")[0].read_text()
    assert "Sparsities from 0.1 on" in text
    assert "The paper has no such curve." in text
    assert ">97.5<" not in text, "the share kept at s = 0.025"
    assert ">2.5<" in text, "the share kept at s = 0.975"


@pytest.mark.parametrize("dead", ["structure == 'relu' and sparsity >= 0.98", "structure != 'dense'"])
def test_a_point_without_alive_weights_is_named_and_not_drawn(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, dead: str
) -> None:
    """On a logarithmic axis it would be a line that runs off to the left."""
    points = as_in_the_paper.copy()
    points.loc[points.eval(dead), "alive_parameters"] = 0
    text = plot_accuracy(points, "fc2", "alive", tmp_path / "figure")[0].read_text()
    assert "No weight is alive, and no point drawn: " in text
    assert "relu with 2, 1% kept" in text or "structure != " in dead
    assert not re.search(r"[ML] -\d{3,}", text), "a line that runs off to the left"


@pytest.mark.parametrize("against", ["remaining", "alive"])
def test_a_network_that_was_not_pruned_is_one_line(as_in_the_paper: pd.DataFrame, tmp_path: Path, against: str) -> None:
    with pytest.raises(LotteryError, match="fc2 was trained only, and not pruned"):
        plot_accuracy(as_in_the_paper.query("structure == 'dense'"), "fc2", against, tmp_path / "none")


@pytest.mark.parametrize("against", ["remaining", "alive"])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.99])
def test_a_single_sparsity_can_be_drawn(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, against: str, sparsity: float
) -> None:
    points = as_in_the_paper[(as_in_the_paper.sparsity == sparsity)].assign(network="of_ours")
    assert plot_accuracy(points, "of_ours", against, tmp_path / "figure")[1].stat().st_size > 5_000


def test_few_seeds_have_no_interval(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    held = as_in_the_paper.assign(protocol="held_out", half_interval=12.7, lengths="10")
    for seeds, drawn in ((2, False), (3, True)):
        text = plot_held_out(held.assign(seeds=seeds), tmp_path / f"{seeds}")[0].read_text()
        assert ("95% interval" in text) == drawn


def test_held_out_figure_has_a_panel_per_network_that_was_run(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(LotteryError, match="no network was pruned by the held-out protocol"):
        plot_held_out(as_in_the_paper, tmp_path / "none")
    held = as_in_the_paper.assign(protocol="held_out", half_interval=0.3, seeds=3, lengths="10")
    text = plot_held_out(held[held.network != "fc4"], tmp_path / "held_out")[0].read_text()
    for network, shown in (("fc2", True), ("lenet5", True), ("fc4", False)):
        assert (f"{network}, mnist, r = 5" in text) == shown


def test_difference_of_means_has_welchs_interval() -> None:
    points = pd.DataFrame(
        [
            {"structure": "wide", "sparsity": 0.5, "accuracy": 98.0, "half_interval": 0.5, "seeds": 3},
            {"structure": "linear", "sparsity": 0.5, "accuracy": 97.0, "half_interval": 0.5, "seeds": 3},
            {"structure": "linear", "sparsity": 0.9, "accuracy": 97.0, "half_interval": 0.5, "seeds": 3},
        ]
    )
    [row] = differences(points).itertuples()
    assert (row.sparsity, row.difference) == (0.5, 1.0)
    # equal variances: four degrees of freedom (t 2.7764), standard errors 0.5 / 4.3027 each
    assert row.half == pytest.approx(2.7764 * 2**0.5 * 0.5 / 4.3027, abs=1e-3)
    assert differences(points.assign(seeds=2)).half.isna().all()
    assert differences(points.assign(half_interval=0.0)).half.tolist() == [0.0]


def test_wide_minus_linear_needs_both_structures(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    text = plot_wide_minus_linear(as_in_the_paper.convert_dtypes(), tmp_path / "figure")[0].read_text()
    [words] = re.findall("<desc>(.*?)</desc>", text)
    assert "fc2, published: wide is more accurate than linear at 14 of 14 sparsities" in words
    with pytest.raises(LotteryError, match="no network has runs of both wide and linear"):
        plot_wide_minus_linear(as_in_the_paper[as_in_the_paper.structure != "wide"], tmp_path / "none")


def test_figures_of_points_are_the_same_bytes_each_time(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    held = as_in_the_paper.assign(protocol="held_out", half_interval=0.3, seeds=3, lengths="10")
    for name, draw in {
        "remaining": lambda stem: plot_accuracy(as_in_the_paper, "lenet5", "remaining", stem),
        "alive": lambda stem: plot_accuracy(as_in_the_paper, "lenet5", "alive", stem),
        "held_out": lambda stem: plot_held_out(held, stem),
        "difference": lambda stem: plot_wide_minus_linear(held, stem),
    }.items():
        once, again = draw(tmp_path / "once" / name), draw(tmp_path / "again" / name)
        assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_the_figure_over_epochs_draws_what_each_protocol_watches(tmp_path: Path) -> None:
    lines = []
    for protocol in ("published", "held_out"):
        for seed in (1, 2):
            for epoch in (1, 2, 3):
                run = row(protocol, 3, seed, 80.0 + epoch, 70.0 + epoch if protocol == "held_out" else None)
                lines.append(run | {"at_epoch": epoch} | ({"test_accuracy": None} if protocol == "held_out" else {}))
    text = plot_epochs(pd.DataFrame(lines), "fc2", tmp_path / "epochs")[0].read_text()
    assert "test accuracy" in text
    assert "validation accuracy" in text


def test_epochs_end_with_the_longest_pruned_run(tmp_path: Path) -> None:
    """The baseline, which goes on, has its end as a mark in the margin."""
    lines = [
        row("published", length, 1, 90.0 + epoch / 10, structure=structure, redundancy=redundancy) | {"at_epoch": epoch}
        for structure, redundancy, length in (("linear", 5, 2), ("linear", 5, 4), ("dense", 1, 9))
        for epoch in range(1, length + 1)
    ]
    text = plot_epochs(pd.DataFrame(lines), "fc2", tmp_path / "epochs")[0].read_text()
    for words in ("linear, 2", "linear, 4", "trained, epoch 9"):
        assert f">{words}<" in text
    [words] = re.findall("<desc>(.*?)</desc>", text)
    assert words == (
        "published protocol, s = 0.5, linear: 90.20% on test images after 2 epochs. "
        "published protocol, s = 0.5, linear: 90.40% on test images after 4 epochs."
    )


def test_wide_minus_linear_takes_settings_of_which_both_were_run(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    """Of redundancy 5 only `linear` was run here, of 2 both, one of them with both streams of random numbers."""
    fc2 = as_in_the_paper[as_in_the_paper.network == "fc2"]
    keyed = fc2[fc2.structure == "wide"].assign(redundancy=2, stream="keyed", accuracy=1.0)
    points = pd.concat([fc2[fc2.structure == "linear"], keyed, fc2.assign(redundancy=2)], ignore_index=True)
    text = plot_wide_minus_linear(points, tmp_path / "figure")[0].read_text()
    assert ">fc2, mnist, r = 2<" in text
    assert "one seed of ours: wide is more accurate than linear at 14 of 14 sparsities" in text


def numbers_in(svg: Path) -> list[str]:
    return re.findall(r">(\d+(?:\.\d)?)</text>", svg.read_text())


def test_alive_points_on_one_another_have_one_number(as_in_the_paper: pd.DataFrame, tmp_path: Path) -> None:
    """Numbers on one another cannot be read."""
    line = as_in_the_paper.query("network == 'fc2' and structure == 'linear' and sparsity >= 0.1")
    line = line.assign(lengths="10", alive_parameters=line.parameters / 2)
    near = line.assign(accuracy=line.accuracy.where(line.sparsity < 0.97, 11.0))
    near = near.assign(alive_parameters=near.alive_parameters.where(near.sparsity < 0.97, 2000))
    apart, together = (
        numbers_in(plot_accuracy(points, "fc2", "alive", tmp_path / name)[0])
        for points, name in ((line, "apart"), (near, "together"))
    )
    assert [apart.count(share) for share in ("2.5", "2", "1")] == [1, 1, 1]
    assert sum(together.count(share) for share in ("2.5", "2", "1")) == 1


def test_intervals_are_inside_the_figure_of_redundancy(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("lottery.results.figures.redundancy.save", lambda figure, *_: drawn.append(figure) or [])
    line = as_in_the_paper.query("network == 'fc2' and structure == 'relu' and sparsity == 0.5")
    points = pd.concat([line.assign(redundancy=r, accuracy=90.0 + r, half_interval=8.0, seeds=3) for r in (1, 2)])
    plot_redundancy(points, "fc2", tmp_path / "figure")
    errors = drawn[0].axes[0].get_ylim()
    assert min(errors) < 1 < 17 < max(errors), "errors of 0 and 17 are the ends of the first interval"
