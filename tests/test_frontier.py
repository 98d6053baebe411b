"""Accuracy against size: a point is what the workflow's own steps give, and a mean is one over seeds."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import TINY_IMAGE

from lottery.approximation.frontier import approximate, prune_by_magnitude
from lottery.approximation.grid import entropy_bits, rounded
from lottery.approximation.points import planned_points
from lottery.approximation.settings import Settings
from lottery.cli import main
from lottery.errors import LotteryError
from lottery.records.files import read_json, read_table
from lottery.results.figures import frontier as frontier_figure
from lottery.results.figures.frontier import plot_frontier
from lottery.results.figures.style import look
from lottery.results.tables.frontier import FRONTIER_NUMBERS, MAGNITUDE, frontier, point_rows, smallest
from lottery.subset_sum import create, solve

RESULTS = Path("results/demo")


def points(**changes) -> pd.DataFrame:
    rows = []
    for objective, size in (("min_error", 9.0), ("min_cardinality", 0.6)):
        for epsilon in (0.01, 0.05):
            for seed in (1, 2, 3):
                rows.append(
                    {
                        "frontier": "fc2", "network": "fc2", "dataset": "mnist", "pixels": "normalised", "objective": objective,
                        "epsilon": epsilon, "coefficients_per_bit": 3.0, "coefficients": 21 if epsilon == 0.01 else 12,
                        "seed": seed, "weights": 1000, "initial": 21000, "remaining": int(1000 * size) + seed,
                        "relative_size": size + seed / 1000, "bits_per_weight": 2 * size, "beyond_epsilon": 0, "largest_error": epsilon,
                        "median_error": epsilon / 2, "target_accuracy": 98.0, "accuracy": 98.0 - 20 * epsilon + seed / 10,
                        "test_images": 10_000, "predictions_that_differ": 9, "magnitude_remaining": 500,
                        "magnitude_accuracy": 97.5, "rounded_bits_per_weight": 1.5, "rounded_accuracy": 97.9,
                    } | changes
                )  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize("objective", ["min_error", "min_cardinality", "exactly_3"])
def test_a_whole_network_is_approximated_as_its_rows_are(target, tmp_path, objective):
    settings = Settings(epsilon=0.05, objective=objective, seed=4, on_infeasible="nearest")
    found = approximate(target, settings, create("exact"), tmp_path)
    for number, layer in enumerate(found.layers):
        rows = range(target.layers[number].rows)
        alone = solve(target.matrix(number), settings.draw(target, number, rows), 0.05, objective)
        assert np.array_equal(layer.masks, alone.masks)
        assert np.array_equal(layer.errors, alone.errors)
        assert (layer.drawn == settings.n).all()
        assert alone.feasible.mean() > 0.9
        if objective == "exactly_3":
            assert (layer.cardinality == 3).all()


def test_a_point_of_the_workflow_says_what_assemble_and_evaluate_say(demo):
    folder = demo / RESULTS
    point = read_json(folder / "frontier/fc2/min_cardinality_epsilon_0.01_per_bit_3_seed_1.json")
    assembly = read_json(folder / "subset_sum/min_cardinality/assembly.json")
    evaluation = read_json(folder / "subset_sum/min_cardinality/evaluation.json")
    same = (assembly.keys() & point.keys()) - {"settings"}
    assert same >= {"remaining", "initial", "largest_error", "beyond_epsilon"}
    assert {key: point[key] for key in same} == {key: assembly[key] for key in same}
    expected = {name: evaluation[name] for name in ("dataset", "test_images", "pixels")} | evaluation["normalised"]
    assert {key: point[key] for key in expected} == expected
    assert point["magnitude_remaining"] < point["weights"]
    assert 0 < point["rounded_bits_per_weight"] < 8
    assert point["target_accuracy"] - 2 < point["rounded_accuracy"] < point["target_accuracy"] + 2


def test_pruning_by_magnitude_takes_what_is_within_epsilon_and_leaves_the_rest(target):
    pruned = prune_by_magnitude(target, 0.1)
    for name, weights in target.weights.items():
        small = np.abs(weights) <= 0.1
        assert not pruned.weights[name][small].any()
        assert np.array_equal(pruned.weights[name][~small], weights[~small])


def test_rounding_stays_within_epsilon_and_its_bits_are_the_entropy_of_each_layer(target):
    coarse = rounded(target, 0.2)
    bits = 0.0
    for name, weights in coarse.weights.items():
        assert np.abs(weights - target.weights[name]).max() <= 0.1 + 1e-6
        values = [round(value / 0.2) for value in weights.ravel().tolist()]
        bits += sum(-np.log2(values.count(value) / len(values)) for value in values)
    assert entropy_bits(coarse) == pytest.approx(bits)
    assert entropy_bits(rounded(target, 1e6)) == 0, "all weights are 0"


def test_a_mean_is_over_seeds_with_its_interval_and_magnitude_has_one_row_an_epsilon():
    table = frontier(points())
    first = table[(table.objective == "min_error") & (table.epsilon == 0.01)].iloc[0]
    assert (first.seeds, first.accuracy) == (3, 98.0)
    assert first.accuracy_half_interval == pytest.approx(4.302653 * 0.1 / 3**0.5, abs=1e-6)
    assert first.relative_size == pytest.approx(9.002)
    magnitude = table[table.objective == MAGNITUDE]
    assert magnitude.epsilon.tolist() == [0.01, 0.05]
    assert magnitude.relative_size.tolist() == [0.5, 0.5]
    assert magnitude.accuracy_half_interval.isna().all()
    assert first.bits_per_weight == 18
    assert magnitude.bits_per_weight.isna().all(), "its weights are trained: no seed has them"
    assert first.least_initial == pytest.approx(np.log2(50), abs=1e-6)
    assert 0 < first.least_remaining < first.least_initial


def test_the_smallest_networks_are_those_that_lose_little():
    found = smallest(frontier(points()), loss=0.5).set_index("objective")
    assert found.loc["min_cardinality", "ε"] == 0.01
    assert found.loc["min_cardinality", "remaining / target"] == "0.60×"
    assert found["bits per weight"].to_dict() == {
        "min_error": "18.00", "min_cardinality": "1.20", "target pruned by magnitude": "",
    }  # fmt: skip
    assert found.loc["target pruned by magnitude", "accuracy"] == "97.50"


@pytest.mark.parametrize("changes", [{}, {"network": "fc4", "seed": 1}, {"target_accuracy": 99.0, "accuracy": 99.0}])
def test_the_figure_is_drawn_the_same_each_time(tmp_path, changes):
    table = frontier(points(**changes))
    first, second = (plot_frontier(table, "fc2", tmp_path / name)[0].read_bytes() for name in ("a", "b"))
    assert first == second
    assert b"Theorem 2" in first


def drawn(monkeypatch, table: pd.DataFrame):
    """The panels of a frontier's figure."""
    figures = []
    monkeypatch.setattr(frontier_figure, "save", lambda figure, *_: figures.append(figure))
    plot_frontier(table, "fc2", Path("not written"))
    [figure] = figures
    return figure.axes


def words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def upright_bars(axes) -> list[tuple[float, float]]:
    """The ends of the error bars of a panel."""
    collections = [bars for container in axes.containers for bars in container.lines[2]]
    return [
        tuple(float(y) for y in segment[:, 1])
        for bars in collections
        for segment in bars.get_segments()
        if len(segment)
    ]


def line_of(axes, objective: str):
    [line] = [
        line
        for line in axes.lines
        if line.get_color() == look(objective).line and line.get_marker() == look(objective).marker
    ]
    return line


def test_losses_are_against_the_own_target_and_all_within_the_panel(monkeypatch):
    table = frontier(points())
    lost = (table.objective == "min_cardinality") & (table.epsilon == 0.05)
    table.loc[lost, ["accuracy", "accuracy_half_interval"]] = [40.0, 55.0]
    left, _ = drawn(monkeypatch, table)
    found = line_of(left, "min_cardinality").get_ydata()
    assert found == pytest.approx([0.0, 58.0])
    bottom, top = left.get_ylim()
    assert bottom > 58 > 0 > top, "0 is on top"


def test_bars_need_three_seeds(monkeypatch):
    rows = points()
    for seeds, bars in ((3, True), (2, False)):
        left, right = drawn(monkeypatch, frontier(rows[rows.seed <= seeds]))
        assert bool(upright_bars(left)) == bool(upright_bars(right)) == bars


def test_only_the_most_coefficients_per_bit_are_drawn(monkeypatch):
    rows = points()
    fewer = rows.assign(coefficients_per_bit=2.0, accuracy=50.0)
    left, _ = drawn(monkeypatch, frontier(pd.concat([rows, fewer])))
    assert max(line_of(left, "min_error").get_ydata()) < 2


def test_sums_of_exactly_k_have_a_panel_of_their_own(monkeypatch):
    rows = points()
    fixed = rows[rows.objective == "min_error"].assign(objective="exactly_3", relative_size=3.0)
    left, middle, _ = drawn(monkeypatch, frontier(pd.concat([rows, fixed])))
    assert words(middle) == ["k = 3"]
    assert not any("exactly" in text for text in words(left))
    assert len(drawn(monkeypatch, frontier(rows))) == 2


def test_lines_over_each_other_are_told_apart(monkeypatch):
    rows = points()
    alike = rows[rows.objective == "min_error"].assign(objective="first_feasible")
    left, right = drawn(monkeypatch, frontier(pd.concat([rows[rows.objective == "min_error"], alike])))
    for axes in (left, right):
        first, other = line_of(axes, "min_error"), line_of(axes, "first_feasible")
        assert other.get_zorder() < first.get_zorder()
        assert other.get_markersize() > first.get_markersize()
        assert other.get_markerfacecolor() == "none"


def test_the_published_network_is_always_in_the_panel(monkeypatch):
    rows = points()
    for part in (rows, rows[rows.objective == "min_cardinality"]):
        left, _ = drawn(monkeypatch, frontier(part))
        [star] = [line for line in left.lines if line.get_marker() == "*" and len(line.get_xdata())]
        assert star.get_xdata().tolist() == [9.39]
        assert star.get_ydata().tolist() == [0.0], "it lost nothing against its own target"
        assert left.get_xlim()[0] < 9.39 < left.get_xlim()[1]
        assert "published 9.39×" in words(left)
    left, _ = drawn(monkeypatch, frontier(rows.assign(network="fc4")))
    assert not any("published" in text for text in words(left))


def test_words_of_a_frontier_name_the_smallest_network_that_loses_little(tmp_path):
    text = plot_frontier(frontier(points()), "fc2", tmp_path / "figure")[0].read_text()
    assert "fewest coefficients: 0.602 times the target's weights (ε = 0.01) lose 0.00 points." in text


def test_a_frontier_of_one_seed_is_drawn_without_intervals(tmp_path):
    table = frontier(points()[lambda rows: rows.seed == 1])
    table.to_csv(tmp_path / "frontier.csv", index=False)
    words = ["--table", str(tmp_path / "frontier.csv"), "--frontier", "fc2", "--output", str(tmp_path / "figure")]
    assert main(["plot-frontier", *words]) == 0


def test_a_frontier_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(LotteryError, match="there are no points of frontier fc9"):
        plot_frontier(frontier(points()), "fc9", tmp_path / "a")


def test_points_are_planned_once_each_and_one_more_value_adds_its_points():
    entry = {
        "target": "fc2", "objectives": ["min_error"], "epsilons": [0.01, 0.02], "coefficients_per_bit": [2, 3],
        "seeds": [1, 2, 3],
    }  # fmt: skip
    before = planned_points({"frontiers": {"a": entry}})
    after = planned_points({"frontiers": {"a": entry | {"seeds": [1, 2, 3, 4]}}})
    assert len(before) == 12
    assert before.items() <= after.items()
    assert len(after) == 16
    assert before["a/min_error_epsilon_0.02_per_bit_2_seed_3"].settings == Settings(
        0.02, 2, seed=3, on_infeasible="nearest"
    )
    with pytest.raises(LotteryError, match="frontiers.a: objective: exactly_20 keeps more than the 14"):
        planned_points({"frontiers": {"a": entry | {"objectives": ["exactly_20"]}}})


def test_a_list_of_points_that_was_changed_is_refused(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(demo)
    listed = tmp_path / "points.json"
    listed.write_text(json.dumps([]))
    options = ["--folder", str(RESULTS / "frontier"), "--output", str(tmp_path / "tables")]
    assert main(["tabulate-frontiers", "--points", str(listed), "--expected-sha256", "0" * 64, *options]) == 1
    assert "is not the list that was asked for" in capsys.readouterr().err
    assert main(["tabulate-frontiers", "--points", str(listed), *options]) == 0
    assert len(read_table(tmp_path / "tables/frontier.csv", FRONTIER_NUMBERS)) == 0


def test_points_without_any_make_an_empty_table_with_its_columns():
    empty = point_rows([], dict)
    assert frontier(empty).empty
    assert smallest(frontier(empty)).empty


def test_exactly_k_cannot_leave_small_weights_without_coefficients():
    with pytest.raises(LotteryError, match="zero_small_weights: leaves small weights no coefficients"):
        Settings(objective="exactly_3", zero_small_weights=True)


def test_a_network_for_other_images_is_refused(demo, target, tmp_path, monkeypatch, capsys):
    from lottery.approximation.target import write_target

    monkeypatch.chdir(demo)
    assert target.image == TINY_IMAGE
    write_target(tmp_path / "tiny.safetensors", target)
    options = ["--data", str(RESULTS / "data/mnist5k.safetensors"), "--output", str(tmp_path / "point.json")]
    assert main(["measure-frontier", "--target", str(tmp_path / "tiny.safetensors"), *options]) == 1
    assert "the network is for images" in capsys.readouterr().err
