"""Planted tickets: the plant by the real solver, the start that favours it, learning from there, and what is made of it."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import MNIST, TINY_IMAGE, random_weights

from lottery.approximation.target import Target, write_target
from lottery.cli import main
from lottery.data.datasets import Images
from lottery.data.sources import fetch
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.planting.learning import PlantedRun, favour, measure_planted, overlap
from lottery.planting.plant import Plant, make_plant, random_masks
from lottery.planting.settings import Planting
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.training_loop import prune
from lottery.records.files import read_json, write_json
from lottery.results.figures.planted import describe_planted, plot_planted
from lottery.results.page.inputs import Tables
from lottery.results.page.planted import planted_section
from lottery.results.tables.planted import planted, planted_epochs, with_errors
from lottery.workflow.configuration import complete
from lottery.workflow.plan import Plan

CPU = prepare_device("cpu")
SMALL = Planting(redundancy=4, sparsity=0.5, epochs=1)
QUICK = Planting(redundancy=2, sparsity=0.5, epochs=1)


@pytest.fixture(scope="module")
def tiny() -> Target:
    """fc2 for images of 2 x 2 pixels."""
    return Target("fc2", TINY_IMAGE, "normalised", random_weights())


@pytest.fixture(scope="module")
def plant(tiny: Target) -> Plant:
    return make_plant(tiny, SMALL)


@pytest.fixture(scope="module")
def digits_target() -> Target:
    return Target("fc2", MNIST, "normalised", random_weights(image=MNIST))


def tiny_networks(planting: Planting = SMALL) -> PrunedNetworks:
    return PrunedNetworks([planting.run("fc2")], TINY_IMAGE, CPU)


def weight2_masks(networks: PrunedNetworks) -> dict[str, np.ndarray]:
    return {name: mask for name, mask in networks.masks(0).items() if name.endswith("weight2")}


# The plant


def test_every_weight_is_the_nearest_sum_of_as_many_products_as_the_sparsity_leaves(tiny: Target, plant: Plant) -> None:
    errors, squares = 0.0, 0.0
    for number, name in enumerate(("fc1", "fc2")):
        weight1, weight2 = (plant.weights[f"{name}.{kind}"].astype(np.float64) for kind in ("weight1", "weight2"))
        products, mask = weight2 * weight1[:, None], plant.masks[f"{name}.weight2"]  # (R, O, I)
        assert (mask.sum(axis=0) == 2).all()
        every = np.stack([products[[*kept]].sum(axis=0) for kept in combinations(range(4), 2)])
        nearest = np.abs(every - tiny.matrix(number)).min(axis=0)  # (O, I)
        found = np.abs((products * mask).sum(axis=0) - tiny.matrix(number))
        assert found == pytest.approx(nearest, abs=1e-12)
        errors, squares = errors + (nearest**2).sum(), squares + (tiny.matrix(number) ** 2).sum()
    assert plant.relative_error == pytest.approx((errors / squares) ** 0.5)


def test_scale_multiplies_the_weights_that_are_approximated(tiny: Target) -> None:
    halved = replace(tiny, weights={name: array / 2 for name, array in tiny.weights.items()})
    scaled, own = make_plant(tiny, replace(SMALL, scale=0.5)), make_plant(halved, SMALL)
    assert all(np.array_equal(scaled.masks[name], own.masks[name]) for name in own.masks)


def test_a_random_plant_has_as_many_weights_of_each_matrix_and_chance_overlap(tiny: Target) -> None:
    planting = replace(SMALL, sparsity=0.75)
    ticket = make_plant(tiny, planting)
    masks = random_masks(ticket, tiny, planting)
    for name, mask in ticket.masks.items():
        assert int(masks[name].sum()) == int(mask.sum()) == mask.size // 4
    kept = sum(int(mask.sum()) for mask in masks.values())
    assert abs(overlap(masks, ticket.masks) - 0.25) < 4 * (0.25 * 0.75 / kept) ** 0.5


# The start


@pytest.mark.parametrize("margin", [1, 3, 10])
def test_from_a_margin_of_1_the_initial_mask_is_the_plant(plant: Plant, margin: float) -> None:
    networks = tiny_networks()
    favour(networks, plant.masks, margin)
    found = weight2_masks(networks)
    assert {*found} == {*plant.masks}
    assert all(np.array_equal(found[name], mask) for name, mask in plant.masks.items())


def test_a_margin_of_0_is_the_start_of_prune(plant: Plant) -> None:
    networks, untouched = tiny_networks(), tiny_networks()
    favour(networks, plant.masks, 0)
    assert all(torch.equal(value, untouched.state(0)[name]) for name, value in networks.state(0).items())
    assert all(np.array_equal(mask, untouched.masks(0)[name]) for name, mask in networks.masks(0).items())


def test_scores_keep_their_signs_and_those_of_other_weights_are_left_alone(plant: Plant) -> None:
    networks, untouched = tiny_networks(), tiny_networks().state(0)
    favour(networks, plant.masks, 0.5)
    for name, mask in plant.masks.items():
        key = name.replace("weight", "scores")
        before, after = untouched[key], networks.state(0)[key]
        assert torch.equal(before.sign(), after.sign())
        assert torch.equal(before[~torch.from_numpy(mask)], after[~torch.from_numpy(mask)])
    assert torch.equal(networks.state(0)["fc1.scores1"], untouched["fc1.scores1"])


@pytest.mark.parametrize("margin", [0, 0.3, 0.6])
def test_of_half_the_weights_a_share_of_half_of_1_plus_margin_is_the_plants_at_the_start(
    plant: Plant, margin: float
) -> None:
    """Scores are uniform, so chance (one half) is the overlap without a margin."""
    networks = tiny_networks()
    favour(networks, plant.masks, margin)
    kept = sum(int(mask.sum()) for mask in plant.masks.values())
    assert abs(overlap(weight2_masks(networks), plant.masks) - (1 + margin) / 2) < 4 * 0.5 / kept**0.5


# Learning


def test_learning_with_a_margin_of_0_is_that_of_prune(digits: Images, digits_target: Target) -> None:
    planting = replace(QUICK, margin=0, epochs=2)
    expected = prune(planting.run("fc2"), digits, CPU)
    planted_run = PlantedRun(planting.run("fc2"), make_plant(digits_target, planting).masks, digits, CPU)
    start, *history = planted_run.epochs(0)
    assert start.start_kept == 1
    assert [(epoch.loss, epoch.test_accuracy) for epoch in history] == [
        (epoch.loss, epoch.test_accuracy) for epoch in expected.history
    ]
    assert all(np.array_equal(mask, expected.masks[name]) for name, mask in planted_run.networks.masks(0).items())


def test_what_is_measured_starts_from_the_plant_and_has_an_overlap_by_layer(
    digits: Images, digits_target: Target
) -> None:
    found = measure_planted(digits_target, replace(QUICK, margin=2), digits, CPU)
    start, end = found["history"]
    assert start["test_accuracy"] == found["plant_accuracy"]
    assert start["overlap"] == start["start_kept"] == start["overlap_by_layer"]["fc2"] == 1
    assert end["overlap"] == end["start_kept"] > found["chance"] == 0.5
    assert {*end["overlap_by_layer"]} == {"fc1", "fc2"}


def test_the_accuracy_of_the_plant_is_told_without_learning_from_it(digits: Images, digits_target: Target) -> None:
    favoured, plain = (
        measure_planted(digits_target, replace(QUICK, margin=margin), digits, CPU) for margin in (5.0, 0.0)
    )
    assert favoured["plant_accuracy"] == plain["plant_accuracy"]
    assert plain["history"][-1]["test_accuracy"] == prune(QUICK.run("fc2"), digits, CPU).history[-1].test_accuracy


# What is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sparsity": 0.55, "redundancy": 10}, "sparsity: 0.55 of 10 random weights is no whole number; take a multiple of 1/10"),
        ({"margin": -1}, "margin: from 0 to 1000000 is needed, not -1"),
        ({"favoured": "luck"}, "favoured: 'luck' is not one of ticket, random"),
        ({"scale": 0}, "scale: above 0 to 1000000 is needed, not 0"),
    ],
)  # fmt: skip
def test_wrong_settings_are_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(LotteryError) as refused:
        Planting(**values)
    assert str(refused.value).startswith(message)


def test_targets_that_have_no_masks_to_plant_are_refused(tiny: Target) -> None:
    with pytest.raises(LotteryError, match="was trained on raw pixels"):
        make_plant(replace(tiny, pixels="raw"), SMALL)
    lenet5 = Target("lenet5", MNIST, "normalised", random_weights("lenet5", MNIST))
    with pytest.raises(LotteryError, match="lenet5 has convolutions, which have no masks"):
        make_plant(lenet5, SMALL)


# Command, tables, figure, page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, digits_target: Target) -> tuple[Path, Path]:
    """The dataset and the target as files."""
    folder = tmp_path_factory.mktemp("files")
    fetch("mnist5k", "embedded", folder / "digits.safetensors")
    write_target(folder / "target.safetensors", digits_target)
    return folder / "digits.safetensors", folder / "target.safetensors"


def words(files: tuple[Path, Path], output: Path, *more: str) -> list[str]:
    data, target = map(str, files)
    return ["plant", "--target", target, "--data", data, "--output", str(output), *more]


def test_the_command_writes_what_is_measured(
    files: tuple[Path, Path], tmp_path: Path, digits: Images, digits_target: Target, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--redundancy", "2", "--epochs", "1", "--margin", "0.25", "--device", "cpu")
    assert main(words(files, tmp_path / "planted.json", *quick)) == 0
    planting = replace(QUICK, margin=0.25)
    assert read_json(tmp_path / "planted.json") == measure_planted(digits_target, planting, digits, CPU)
    assert "% of the plant kept" in capsys.readouterr().out


def test_a_wrong_flag_is_one_line(files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(files, tmp_path / "planted.json", "--redundancy", "3")) == 1
    assert capsys.readouterr().err == (
        "lottery plant: sparsity: 0.5 of 3 random weights is no whole number; take a multiple of 1/3\n"
    )


def measured(favoured: str, margin: float, seed: int, accuracy: float, kept: float) -> dict[str, Any]:
    start = {"epoch": 0, "loss": 0.1, "test_accuracy": 98.0, "overlap": 1.0, "start_kept": 1.0}
    end = {"epoch": 2, "loss": 0.05, "test_accuracy": accuracy, "overlap": kept, "start_kept": kept}
    settings = {"favoured": favoured, "margin": margin, "redundancy": 12, "sparsity": 0.5, "scale": 0.7, "epochs": 2}
    return {
        "dataset": "mnist", "network": "fc2", "settings": {**settings, "seed": seed}, "target_accuracy": 98.6,
        "relative_error": 0.3, "plant_accuracy": 98.0, "chance": 0.5,
        "history": [start, {**end, "epoch": 1}, end],
    }  # fmt: skip


@pytest.fixture
def epochs(tmp_path: Path) -> pd.DataFrame:
    runs = [
        ("ticket", 3, 1, 97.0, 0.99),
        ("ticket", 3, 2, 98.0, 0.97),
        ("ticket", 1, 1, 96.0, 0.9),
        ("random", 3, 1, 92.0, 0.95),
    ]
    paths = []
    for number, run in enumerate(runs):
        paths.append(tmp_path / "mine" / f"{number}.json")
        write_json(paths[-1], measured(*run))
    return planted_epochs(paths)


def test_the_table_has_means_and_standard_errors_over_seeds(epochs: pd.DataFrame) -> None:
    assert len(epochs) == 4 * 3
    table = planted(epochs)
    assert table[["entry", "favoured", "margin", "seeds"]].to_numpy().tolist() == [
        ["mine", "ticket", 1, 1],
        ["mine", "ticket", 3, 2],
        ["mine", "random", 3, 1],
    ]
    row = table[(table.favoured == "ticket") & (table.margin == 3)].iloc[0]
    assert (row.start_accuracy, row.accuracy, row.accuracy_error) == (98, 97.5, 0.5)
    assert (row.overlap, row.overlap_error, row.start_overlap) == (0.98, 0.01, 1)
    assert table[table.seeds == 1].accuracy_error.isna().all()
    assert with_errors(table)["accuracy"].tolist() == ["96.00", "97.50 ± 0.50", "92.00"]


def test_nothing_planted_is_an_empty_table_without_a_figure(tmp_path: Path) -> None:
    empty = planted(planted_epochs([]))
    assert empty.empty
    with pytest.raises(LotteryError, match="nothing was planted"):
        plot_planted(empty, tmp_path / "planted")


def test_a_file_of_another_form_is_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "other.json", {"dataset": "mnist"})
    with pytest.raises(LotteryError, match="no result of `lottery plant`"):
        planted_epochs([tmp_path / "other.json"])


def test_the_figure_shows_start_and_end_of_both_plants(epochs: pd.DataFrame, tmp_path: Path) -> None:
    table = planted(epochs)
    svg, png = plot_planted(table, tmp_path / "planted")
    for said in ("the ticket is favoured", "a random mask is favoured", "chance", "target 98.60%", "before learning"):
        assert said in svg.read_text()
    assert png.stat().st_size > 10_000
    assert "The ticket is favoured, margin 3: accuracy 98.00% at the start, 97.50% after 2 epochs" in describe_planted(
        table
    )


def test_the_page_has_a_section_where_something_was_planted(epochs: pd.DataFrame) -> None:
    class Only:
        planted = planted(epochs)

    section = planted_section(Only, [])  # type: ignore[arg-type]
    assert section is not None
    assert "Margin 1: 98.00% at the start, 96.00% after learning, which keeps 90.0% of the plant." in section.answer
    Only.planted = Only.planted.head(0)
    assert planted_section(Only, []) is None  # type: ignore[arg-type]
    assert "planted" in Tables.__annotations__


# The workflow


def plan_of(**entry: Any) -> Plan:
    targets = {"fc2": {"network": "fc2"}}
    return Plan(complete({"targets": targets, "approximations": {}, "planted": {"mine": {"target": "fc2", **entry}}}))


def test_runs_are_all_combinations_and_nothing_is_planted_without_an_entry() -> None:
    plan = plan_of(favoured=["ticket", "random"], margins=[0, 0.3], seeds=[1, 2], epochs=3)
    assert len(plan.plantings) == 2 * 2 * 2
    planned = plan.plantings["mine/random_margin_0.3_seed_2"]
    assert planned.planting == Planting(favoured="random", margin=0.3, epochs=3, seed=2)
    assert plan.planted_target("mine/random_margin_0.3_seed_2") == "<results>/targets/fc2/weights.safetensors"
    assert plan.files("<results>/figures/{planted_table}.svg") == ["<results>/figures/planted.svg"]
    none = Plan(complete({"targets": {}, "approximations": {}}))
    assert none.files("{planted_run}") == none.files("{planted_table}") == []


def test_defaults_of_an_entry_are_those_of_the_command() -> None:
    entry = plan_of().config["planted"]["mine"]
    assert all(entry[name] == getattr(Planting(), name) for name in ("redundancy", "sparsity", "scale", "epochs"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"target": "fc9"}, "config: planted.mine.target: 'fc9' is not one of the targets (fc2)"),
        ({"redundancy": 7}, "config: planted.mine: sparsity: 0.5 of 7 random weights is no whole number; take a multiple of 1/7"),
        ({"margins": [-1]}, "config: planted.mine.margins.0: -1 is less than the minimum of 0"),
    ],
)  # fmt: skip
def test_wrong_entries_are_one_line(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(LotteryError) as refused:
        plan_of(**entry)
    assert str(refused.value) == message
