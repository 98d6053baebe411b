"""Bits per weight: the coded masks of runs and approximations can be decoded, and tables have their size."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import MNIST, RESULTS, ROOT

from lottery.approximation import mask_code as approximated
from lottery.approximation.frontier import approximate
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.cli import main
from lottery.data.datasets import Images
from lottery.devices import prepare_device
from lottery.errors import LotteryError
from lottery.networks import layers
from lottery.pruning.mask_code import coded_size, mask_bits, paired_bits
from lottery.pruning.records import read_masks, write_run
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import LayerSpec, structure_layer_specs
from lottery.pruning.sweeps import RELEASED, PlannedRun
from lottery.pruning.training_loop import prune
from lottery.records.files import read_json, read_table, write_json
from lottery.records.tensors import read_tensors
from lottery.results.tables.points import points
from lottery.results.tables.runs import SIZES, read_run, runs
from lottery.subset_sum import create
from lottery.tickets.coding import decode, encode

Masks = dict[str, np.ndarray]
TINY = Variant(hidden=16)
REDUNDANCY = 3


def specs(structure: str) -> tuple[LayerSpec, ...]:
    return structure_layer_specs("fc2", structure, MNIST, REDUNDANCY, 16)


def random_masks(structure: str, kept: float) -> Masks:
    random = np.random.default_rng(0)
    shapes = {f"{spec.name}.weight2": spec.weight2_shape for spec in specs(structure)}
    shapes |= {f"{spec.name}.weight1": spec.weight1_shape for spec in specs(structure) if spec.factored}
    return {name: random.random(shape) < kept for name, shape in shapes.items()}


def sent(bits: np.ndarray) -> np.ndarray:
    """What a decoder gets, that knows how many bits there are."""
    return decode(encode(bits.ravel()), bits.size, "mask").reshape(bits.shape)


@pytest.mark.parametrize("structure", ["linear", "relu", "wide"])
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 1.0])
def test_the_codes_of_a_run_give_its_masks_back(structure: str, kept: float) -> None:
    masks = random_masks(structure, kept)
    for name, bits in mask_bits(masks).items():
        found = sent(bits)
        assert np.array_equal(found.transpose(0, 2, 1) if found.ndim == 3 else found, masks[name])


@pytest.mark.parametrize("kept", [0.1, 0.5, 1.0])
def test_without_pruned_units_the_codes_give_a_network_that_computes_the_same(kept: float) -> None:
    masks = random_masks("linear", kept)
    bits = paired_bits(masks)
    random = np.random.default_rng(1)
    for spec in specs("linear"):
        weight1, weight2 = random.normal(size=spec.weight1_shape), random.normal(size=spec.weight2_shape)
        first = sent(bits[f"{spec.name}.weight1"])
        second = np.zeros((spec.redundancy, spec.inputs, spec.outputs), bool)
        second[first] = sent(bits[f"{spec.name}.weight2"])  # (K, O) into (R, I, O)
        before, after = (
            ((weight1 * mask1)[:, None, :] * (weight2 * mask2)).sum(axis=0)  # (R, 1, I) * (R, O, I) -> (O, I)
            for mask1, mask2 in (
                (masks[f"{spec.name}.weight1"], masks[f"{spec.name}.weight2"]),
                (first, second.transpose(0, 2, 1)),
            )
        )
        assert np.array_equal(before, after)


def test_a_wide_network_has_no_pruned_units_to_leave_out() -> None:
    masks = random_masks("wide", 0.1)
    assert coded_size(paired_bits(masks).values()) == coded_size(mask_bits(masks).values())


@pytest.mark.parametrize("structure", ["linear", "wide"])
@pytest.mark.parametrize("kept", [0.0, 1.0])
def test_masks_that_keep_all_or_nothing_cost_almost_no_bits(structure: str, kept: float) -> None:
    masks = random_masks(structure, kept)
    assert coded_size(mask_bits(masks).values()) < 0.01 * sum(mask.size for mask in masks.values())


@pytest.mark.parametrize("objective", ["min_error", "min_cardinality", "exactly_3"])
def test_the_code_of_an_approximation_gives_its_masks_back(target: Target, tmp_path: Path, objective: str) -> None:
    settings = Settings(epsilon=0.05, objective=objective, on_infeasible="nearest")
    found = approximate(target, settings, create("exact"), tmp_path)
    for layer in found.layers:
        bits = sent(approximated.mask_bits(layer))  # (R, n, T)
        places = np.arange(settings.n, dtype=np.uint64)
        masks = (bits.astype(np.uint64) << places[:, None]).sum(axis=1, dtype=np.uint64)  # (R, n, T) -> (R, T)
        assert np.array_equal(masks, layer.masks)


def test_redrawn_coefficients_are_coded_too(target: Target, tmp_path: Path) -> None:
    settings = Settings(epsilon=0.05, on_infeasible="redraw")
    found = approximate(target, settings, create("exact"), tmp_path)
    kept = [approximated.mask_bits(layer).sum(axis=1) for layer in found.layers]
    assert any((layer.drawn > settings.n).any() for layer in found.layers)
    for count, layer in zip(kept, found.layers, strict=True):
        assert np.array_equal(count, layer.cardinality)


def test_bits_per_weight_of_the_frontier_are_those_of_the_masks_that_the_workflow_solved(demo: Path) -> None:
    name = "fc2/min_cardinality_epsilon_0.01_per_bit_3_seed_1"
    point = read_json(demo / RESULTS / f"frontier/{name}.json")
    assembly = read_json(demo / RESULTS / "subset_sum/min_cardinality/assembly.json")
    arrays, _ = read_tensors(demo / RESULTS / "subset_sum/min_cardinality/solution.safetensors")
    size, n = 0, assembly["coefficients_per_weight"]
    for layer in layers("fc2", MNIST):
        masks = arrays[f"{layer.name}.masks"]
        bits = np.stack([masks >> np.uint64(place) & np.uint64(1) for place in range(n)], axis=1)  # (R, n, T)
        size += 8 * encode(bits.astype(bool).ravel()).nbytes
    assert point["coded_bits"] == size
    table = read_table(demo / RESULTS / "tables/frontier_points.csv")
    assert table.bits_per_weight.tolist() == [round(size / 397_000, 6)]


@pytest.fixture(scope="module")
def made(digits: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, pruned and trained."""
    folder = tmp_path_factory.mktemp("runs")
    pruned = Run("fc2", "linear", REDUNDANCY, 0.5, epochs=1, variant=TINY)
    for run in (pruned, replace(pruned, structure="dense", redundancy=1, sparsity=0.0)):
        path = folder / PlannedRun(RELEASED, run).folder
        path.mkdir(parents=True)
        write_run(path, run, "mnist5k", prune(run, digits, prepare_device("cpu")))
    return folder


def folder_of(made: Path, structure: str) -> Path:
    return next(path.parent for path in made.rglob("metrics.json") if structure in path.parts)


def test_bits_per_weight_of_a_run_are_by_the_weights_of_the_dense_network(made: Path) -> None:
    row = read_run(RELEASED, folder_of(made, "linear")).row
    masks = read_masks(folder_of(made, "linear") / "masks.safetensors")
    dense = read_run(RELEASED, folder_of(made, "dense")).row["initial"]
    assert dense == 784 * 16 + 16 * 10
    expected = [coded_size(bits(masks).values()) / dense for bits in (mask_bits, paired_bits)]
    assert [row[name] for name in SIZES] == pytest.approx(expected, abs=1e-6)
    assert 1.02 * row["initial"] / dense > row["bits_per_weight"] > row["paired_bits_per_weight"] > 1


def test_trained_weights_and_missing_masks_have_an_empty_cell(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (folder_of(tmp_path, "linear") / "masks.safetensors").unlink()
    listed = [{"variant": RELEASED, "folder": str(folder_of(tmp_path, name))} for name in ("linear", "dense")]
    write_json(tmp_path / "runs.json", listed)
    words = ["tabulate-runs", "--runs", f"{tmp_path}/runs.json", "--folder", str(tmp_path)]
    assert main([*words, "--output", f"{tmp_path}/tables"]) == 0
    for name in ("runs", "points"):
        table = read_table(tmp_path / f"tables/{name}.csv", SIZES)
        assert len(table) == 2
        assert table[SIZES].isna().all(axis=None)


def test_masks_of_another_run_are_refused(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    folder = folder_of(tmp_path, "linear")
    shutil.copy(folder_of(tmp_path, "dense") / "masks.safetensors", folder)
    with pytest.raises(LotteryError, match=r"masks.safetensors: not the masks of this run"):
        read_run(RELEASED, folder)
    shutil.copy(ROOT / "README.md", folder / "masks.safetensors")
    with pytest.raises(LotteryError, match=r"masks.safetensors: cannot be read"):
        read_run(RELEASED, folder)


def test_tables_of_an_earlier_version_are_read_with_empty_cells(made: Path, tmp_path: Path) -> None:
    listed = [{"variant": RELEASED, "folder": str(folder_of(made, "linear"))}]
    write_json(tmp_path / "runs.json", listed)
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["tabulate-runs", "--runs", f"{tmp_path}/runs.json", "--output", str(first)]) == 0
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("*.provenance.json"))
    old = pd.read_csv(first / "runs.csv")
    assert old[SIZES].notna().all(axis=None)
    old.drop(columns=SIZES).to_csv(second / "runs.csv", index=False)
    assert main(["tabulate-runs", "--tables", str(second), "--output", f"{tmp_path}/third"]) == 0
    assert pd.read_csv(tmp_path / "third/runs.csv")[SIZES].isna().all(axis=None)


def test_a_point_without_the_masks_of_a_seed_has_no_mean(made: Path) -> None:
    record = read_run(RELEASED, folder_of(made, "linear"))
    held_out = {"protocol": "held_out", "validation_accuracy": 50.0}
    one = replace(record, row=record.row | held_out | {"seed": 1})
    two = replace(record, row=record.row | held_out | {"seed": 2} | dict.fromkeys(SIZES))
    assert points(runs([one]))[SIZES].notna().all(axis=None)
    assert points(runs([one, two]))[SIZES].isna().all(axis=None)
