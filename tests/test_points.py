"""From a run's files to tables, and from runs to points by either protocol."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import row

from lottery.errors import LotteryError
from lottery.pruning.run import Run, Variant
from lottery.pruning.sweeps import PlannedRun
from lottery.records.files import write_json, write_text
from lottery.records.provenance import ProvenanceTracker
from lottery.results.tables.claims import answer_claims
from lottery.results.tables.points import format_points, points
from lottery.results.tables.replays import compare_points
from lottery.results.tables.runs import cost, each_once, histories, listed_folders, read_run, read_tables, runs


def test_the_published_protocol_takes_the_best_length_on_the_test_images_of_one_seed() -> None:
    table = pd.DataFrame([row("published", 10, 1, 97.0), row("published", 50, 1, 96.0), row("published", 50, 2, 99.0)])
    point = points(table).iloc[0]
    assert (point.accuracy, point.epochs, point.seeds, point.lengths) == (97.0, 10, 1, "10 50")
    assert pd.isna(point.half_interval)


def test_the_held_out_protocol_chooses_on_validation_images_and_reports_the_test_images() -> None:
    """The length with the better test accuracy loses if it is worse on the validation images."""
    table = pd.DataFrame(
        [row("held_out", 10, seed, 90.0 + seed, 95.0) for seed in (1, 2, 3)]
        + [row("held_out", 50, seed, 99.0, 94.0) for seed in (1, 2, 3)]
    )
    point = points(table).iloc[0]
    assert (point.accuracy, point.epochs, point.seeds) == (92.0, 10, 3)
    assert point.half_interval == pytest.approx(
        4.3027 * 1.0 / np.sqrt(3), abs=1e-3
    )  # Student's t, two degrees of freedom
    assert point.alive_parameters == 22


def test_a_length_that_not_all_seeds_were_run_for_is_not_chosen() -> None:
    table = pd.DataFrame(
        [row("held_out", 10, 1, 90, 95), row("held_out", 10, 2, 90, 95), row("held_out", 50, 1, 99, 99)]
    )
    assert points(table).iloc[0].epochs == 10
    others = pd.DataFrame(
        [row("held_out", length, seed, 90, length) for length, seed in ((10, 1), (10, 2), (50, 3), (50, 4))]
    )
    assert points(others).iloc[0].epochs == 10, "lengths of different seeds are not compared"


def test_the_protocols_are_never_mixed() -> None:
    table = pd.DataFrame([row("published", 10, 1, 50.0), row("held_out", 10, 1, 99.0, 99.0)])
    found = points(table).set_index("protocol").accuracy
    assert found["published"] == 50.0
    assert found["held_out"] == 99.0
    assert set(compare_points(table).ours.dropna()) == {50.0}, (
        "the published points are compared with their own protocol"
    )


def test_runs_with_noise_make_no_points() -> None:
    table = pd.DataFrame([row("published", 10, 1, 50.0), row("published", 10, 1, 99.0, perturbation=1)])
    assert points(table).accuracy.tolist() == [50.0]


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[str, Path]:
    """A run's files as `lottery prune` writes them; (variant, folder)."""
    run = Run("fc2", "linear", 5, 0.5, 2, protocol="held_out", variant=Variant(hidden=9))
    folder = tmp_path / PlannedRun("tuned", run).folder
    counts = {"initial": 10, "remaining": 5, "paired": 3, "alive": 2, "convolution_parameters": 0}
    found = {"loss": 0.5, "validation_accuracy": 91.0, "test_accuracy": 90.0}
    write_json(folder / "metrics.json", {"dataset": "mnist", **asdict(run), **counts, **found})
    write_json(folder / "cost.json", {"epoch_seconds": [1.5, 2.5]})
    write_text(folder / "history.csv", "epoch,loss,validation_accuracy,test_accuracy\n1,0.9,80.0,\n2,0.5,91.0,90.0\n")
    return "tuned", folder


def test_tables_are_read_from_the_runs_files(recorded: tuple[str, Path]) -> None:
    record = read_run(*recorded)
    assert runs([record]).iloc[0].variant == "tuned"
    assert histories([record]).at_epoch.tolist() == [1, 2]
    assert record.cost == {"seconds": 4.0, "core_seconds": None, "device": None}, "it has no record"


def test_the_cost_of_a_run_is_that_of_its_record_too(recorded: tuple[str, Path]) -> None:
    tracker = ProvenanceTracker("prune", {})
    tracker.add_outputs(recorded[1] / "metrics.json")
    tracker.add_metadata(device="cuda")
    tracker.save()
    row = cost([read_run(*recorded)]).iloc[0]
    assert (row.seconds, row.device) == (4.0, "cuda")
    assert row.core_seconds > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", "{}"),
        ("metrics.json", "[]"),
        ("metrics.json", ""),
        ("metrics.json", ('"test_accuracy": 90.0', '"test_accuracy": 1000')),
        ("metrics.json", ('"test_accuracy": 90.0', '"test_accuracy": "ninety"')),
        ("metrics.json", ('"sparsity": 0.5', '"sparsity": 0.9')),
        ("metrics.json", ('"protocol": "held_out"', '"protocol": "other"')),
        ("metrics.json", ('"structure": "linear"', '"structure": "wide"')),
        ("history.csv", ""),
        ("history.csv", "epoch,loss,validation_accuracy,test_accuracy\n"),
        ("history.csv", "a,b\n1,2\n"),
        ("history.csv", ("2,0.5,91.0,90.0\n", "")),
        ("history.csv", ("91.0", "x")),
        ("cost.json", "{}"),
        ("cost.json", '{"epoch_seconds": ["a"]}'),
    ],
)
def test_a_damaged_or_foreign_file_of_a_run_is_named(
    recorded: tuple[str, Path], name: str, content: str | tuple[str, str]
) -> None:
    path = recorded[1] / name
    path.write_text(path.read_text().replace(*content) if isinstance(content, tuple) else content)
    with pytest.raises(LotteryError, match=f"{re.escape(str(path))}: .*delete it and run again"):
        read_run(*recorded)


def test_runs_are_read_back_from_their_tables_to_the_same_tables(recorded: tuple[str, Path], tmp_path: Path) -> None:
    records, folder = [read_run(*recorded)], tmp_path / "tables"
    made = {"runs": runs, "histories": histories, "pruning_cost": cost}
    for name, table in made.items():
        write_text(folder / f"{name}.csv", table(records).to_csv(index=False))
    again = read_tables(folder)
    assert len(each_once([*records, *again])) == 1
    for name, table in made.items():
        assert table(again).to_csv(index=False) == (folder / f"{name}.csv").read_text(), name
    write_text(folder / "histories.csv", histories([]).to_csv(index=False))
    with pytest.raises(LotteryError, match="do not have the same runs, each once"):
        read_tables(folder)


@pytest.mark.parametrize("listed", [{}, 3, [{}], [{"variant": "a", "folder": "b"}] * 2])
def test_a_list_of_runs_is_a_list_of_runs(listed: Any) -> None:
    assert listed_folders([], Path("runs.json"), Path()) == []
    with pytest.raises(LotteryError, match=r"runs.json: a list of runs, each once"):
        listed_folders(listed, Path("runs.json"), Path())


def test_people_read_a_row_a_sparsity_and_a_column_a_structure() -> None:
    table = pd.DataFrame(
        [row("held_out", 10, seed, 90.0 + seed, 95.0) for seed in (1, 2, 3)]
        + [row("published", 10, 1, 97.0), row("published", 10, 1, 96.0, structure="wide")]
        + [row("published", 50, 1, 98.6, structure="dense", redundancy=1, sparsity=0.0)]
    )
    shown = format_points(points(table)).set_index("protocol")
    assert shown.loc["published", ["linear", "relu", "wide", "trained"]].tolist() == [
        "97.00",
        "",
        "96.00",
        "98.60 (50 epochs)",
    ]
    assert shown.loc["held_out", "linear"] == "92.00 ± 2.48"


def test_no_runs_make_empty_tables_with_their_columns() -> None:
    found = points(runs([]))
    assert found.empty
    assert "accuracy" in found.columns
    assert compare_points(runs([])).empty
    assert answer_claims(found, compare_points(runs([]))).empty
    assert histories([]).empty


def test_format_points_have_one_order_whatever_that_of_the_configuration() -> None:
    table = pd.DataFrame(
        [
            row("published", 10, 1, 90.0, structure=structure, sparsity=sparsity)
            for sparsity in (0.9, 0.1, 0.5)
            for structure in ("dense", "wide", "relu", "linear")
        ]
    )
    shown = format_points(points(table))
    assert list(shown.sparsity) == [0.1, 0.5, 0.9]
    assert list(shown.columns[-4:]) == ["linear", "relu", "wide", "trained"]
