"""The figures of experiment 2."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import row

from lottery.errors import LotteryError
from lottery.results.figures.curves import plot_accuracy, plot_epochs, plot_redundancy


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
            f"{against} parameters",
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
