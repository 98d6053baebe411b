"""Networks on a grid: exact sums are equal to their weights, and what is counted is what the arrays say."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from lottery.approximation.exact_network import exact_point, inexact_weights
from lottery.approximation.frontier import approximate
from lottery.approximation.grid import GridSettings, quantised
from lottery.approximation.points import planned_exact_networks
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target, write_target
from lottery.cli import main
from lottery.commands.parser import parse
from lottery.errors import LotteryError
from lottery.networks import ImageShape, layers
from lottery.records.files import read_json, write_json
from lottery.results.figures.exactness import plot_network
from lottery.results.tables.exactness import exact_networks, missed_share
from lottery.settings import flags, settings_from
from lottery.subset_sum import create


def all_sums(coefficients):
    masks = np.arange(2**coefficients.size)[:, None] >> np.arange(coefficients.size)
    return (masks & 1) @ coefficients


def test_quantised_weights_are_the_nearest_of_the_grid(target):
    for bits in (3, 8):
        for name, array in quantised(target, bits).weights.items():
            steps = array * np.float32(2**bits)
            assert np.array_equal(steps, np.round(steps))
            assert np.abs(array - target.weights[name]).max() <= 2.0 ** -(bits + 1)


def test_coefficients_lie_on_the_grid_and_take_every_value_of_the_range_as_often(target):
    settings = GridSettings(3, 3).on_grid()
    on_grid = quantised(target, 3)
    low, high = on_grid.range()
    many = replace(settings, sharing="weight")
    drawn = np.concatenate(
        [many.draw(on_grid, layer, range(spec.rows)).ravel() for layer, spec in enumerate(on_grid.layers)]
    )
    found, counts = np.unique(drawn, return_counts=True)
    assert found.tolist() == np.arange(low, high + 0.01, 1 / 8).tolist()
    expected = drawn.size / found.size
    assert ((counts - expected) ** 2 / expected).sum() < found.size - 1 + 4 * np.sqrt(2 * found.size)
    further = settings.further(on_grid, 0, 1, 2, 3)
    assert further.size == 3 * settings.further_per_redraw
    assert np.array_equal(further * 8, np.round(further * 8))


@pytest.mark.parametrize("objective", ["min_error", "min_cardinality", "first_feasible"])
def test_every_weight_is_an_exact_sum_of_its_coefficients(target, tmp_path, objective):
    settings = GridSettings(6, 3, objective, seed=2).on_grid()
    found = approximate(quantised(target, 6), settings, create("exact"), tmp_path)
    assert inexact_weights(found) == 0
    for name, array in found.network().weights.items():
        assert array.tobytes() == quantised(target, 6).weights[name].tobytes()


def test_a_weight_without_an_exact_sum_is_counted_and_no_other(target, tmp_path):
    on_grid = quantised(target, 5)
    settings = GridSettings(5, 1, on_infeasible="nearest").on_grid()
    found = approximate(on_grid, settings, create("exact"), tmp_path)
    missed = 0
    for number, layer in enumerate(on_grid.layers):
        sets = settings.draw(on_grid, number, range(layer.rows))
        missed += sum(
            weight not in all_sums(row)
            for row, weights in zip(sets, on_grid.matrix(number), strict=True)
            for weight in weights
        )
    assert inexact_weights(found) == missed > 0


def test_redraws_make_exact_what_the_first_coefficients_do_not_reach(target, tmp_path):
    settings = GridSettings(5, 2, seed=3).on_grid()
    first = approximate(quantised(target, 5), replace(settings, on_infeasible="nearest"), create("exact"), tmp_path)
    found = approximate(quantised(target, 5), settings, create("exact"), tmp_path)
    redrawn = sum(int((layer.drawn > settings.n).sum()) for layer in found.layers)
    assert inexact_weights(first) == redrawn > 0
    assert inexact_weights(found) == 0


def test_the_continuous_counterpart_has_as_many_coefficients_of_the_same_kind(target):
    settings = GridSettings(7, 2.5, "min_cardinality", seed=4, on_infeasible="nearest")
    other = settings.off_grid()
    assert type(other) is Settings
    assert (other.n, other.epsilon, other.seed, other.objective) == (20, 1 / 256, 4, "min_cardinality")
    assert asdict(settings.on_grid()) == asdict(other)


def test_a_range_off_the_grid_and_too_many_bits_are_refused(target):
    with pytest.raises(LotteryError, match="does not end on multiples of 0.125"):
        GridSettings(3, 3).on_grid().draw(target, 0, range(1))
    for bits in (0, 21):
        with pytest.raises(LotteryError, match="bits: "):
            GridSettings(bits, 2)


ENTRY = {
    "target": "fc2", "bits": [4, 6], "coefficients_per_bit": [1, 2.5], "objective": "min_error", "seeds": [1],
    "on_infeasible": "nearest",
}  # fmt: skip


def test_every_combination_of_an_entry_is_planned():
    planned = planned_exact_networks({"exact_networks": {"fc2": ENTRY}})
    assert list(planned) == [f"fc2/bits_{bits}_per_bit_{c}_seed_1" for bits in (4, 6) for c in ("1", "2.5")]
    assert planned["fc2/bits_6_per_bit_2.5_seed_1"].settings == GridSettings(6, 2.5, on_infeasible="nearest")
    with pytest.raises(LotteryError, match="exact_networks.fc2: bits: from 1 to 20 is needed, not 0"):
        planned_exact_networks({"exact_networks": {"fc2": {**ENTRY, "bits": [0]}}})


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(1)
    shape = ImageShape(channels=1, size=28)
    return Target(
        "fc2", shape, "normalised", {layer.name: rng.normal(0, 0.05, layer.shape) for layer in layers("fc2", shape)}
    )


def point_of(network, settings, digits, folder):
    on_grid = approximate(quantised(network, settings.bits), settings.on_grid(), create("exact"), folder)
    off_grid = approximate(network, settings.off_grid(), create("exact"), folder)
    return exact_point(network, settings, on_grid, off_grid, digits, torch.device("cpu"))


def test_a_point_says_that_nothing_differs_where_every_sum_is_exact(network, digits, tmp_path):
    point = point_of(network, GridSettings(6, 3), digits, tmp_path)
    assert point["inexact"] == point["predictions_that_differ"] == point["on_grid"]["largest_error"] == 0
    assert point["ticket_accuracy"] == point["quantised_accuracy"]
    assert 0 < point["off_grid"]["largest_error"] <= 2.0**-7
    assert point["on_grid"]["initial"] >= point["coefficients"] * point["weights"]
    assert point["weights_not_zero"] < point["weights"]


def test_a_table_and_a_figure_show_the_weights_that_were_missed(network, digits, tmp_path):
    paths = []
    for name, planned in planned_exact_networks({"exact_networks": {"fc2": {**ENTRY, "bits": [4]}}}).items():
        paths.append(tmp_path / f"{name}.json")
        write_json(paths[-1], point_of(network, planned.settings, digits, tmp_path / "unfinished"))
    table = exact_networks(paths)
    assert table.entry.tolist() == ["fc2", "fc2"]
    assert table.missed.tolist() == table.inexact.tolist()
    few, many = table.missed / table.weights
    assert few > 10 * many
    assert missed_share(table).missed.tolist() == pytest.approx([few, many or np.nan], nan_ok=True)
    plot_network(table, "fc2", tmp_path / "figure")
    assert ">b = 4<" in (tmp_path / "figure.svg").read_text()
    plot_network(table.assign(missed=0), "fc2", tmp_path / "none")
    assert "no weight was missed" in (tmp_path / "none.svg").read_text()
    with pytest.raises(LotteryError, match="no network of other"):
        plot_network(table, "other", tmp_path / "figure")
    write_json(paths[0], {"settings": {}})
    with pytest.raises(LotteryError, match="no result of `lottery measure-exact-network`"):
        exact_networks(paths)


def test_flags_of_a_grid_say_that_grid():
    given = GridSettings(7, 2.5, "min_cardinality", seed=4, on_infeasible="nearest")
    words = ["measure-exact-network", "--target", "t", "--data", "d", "--output", "o"]
    assert settings_from(GridSettings, parse([*words, *flags(given)])) == given


def test_the_command_writes_an_exact_network(network, tmp_path):
    data, target, output = (str(tmp_path / name) for name in ("data.safetensors", "target.safetensors", "point.json"))
    assert main(["fetch", "--dataset", "mnist5k", "--source", "embedded", "--output", data]) == 0
    write_target(tmp_path / "target.safetensors", network)
    words = ["--bits", "4", "--coefficients-per-bit", "3", "--target", target, "--data", data, "--output", output]
    assert main(["measure-exact-network", *words]) == 0
    found = read_json(tmp_path / "point.json")
    assert found["inexact"] == found["predictions_that_differ"] == 0
    assert found["coefficients"] == 15
    assert not (tmp_path / "point.json.partial").exists()
