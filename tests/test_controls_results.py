"""Controls of pruned networks: their tables, figure and section of the page, and which of them a configuration asks for."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import RESULTS, Snakemake

from lottery.cli import main
from lottery.errors import LotteryError
from lottery.pruning.controls import CONTROLS, ControlSettings
from lottery.pruning.run import Run
from lottery.results.figures.controls import describe_controls, over_seeds, plot_controls
from lottery.results.page.extensions import controls_section
from lottery.results.page.inputs import Tables
from lottery.results.tables.controls import controls, format_controls
from lottery.workflow.configuration import complete
from lottery.workflow.plan import Plan


def measured(structure: str, sparsity: float, learned: float, seed: int = 1) -> dict[str, Any]:
    return {
        "dataset": "mnist", "classes": 10, "run": asdict(Run("fc2", structure, 5, sparsity, 10, seed)), "settings": {"draws": 3, "seed": 1},
        "recorded_accuracy": learned,
        "accuracies": {
            "learned": [learned], "random_mask": [9.0, 10.0, 11.0], "fresh_weights": [12.0, 12.0, 15.0],
            "shuffled_weights": [8.0, 10.0, 12.0], "largest_weights": [10.5],
        },
    }  # fmt: skip


@pytest.fixture
def table() -> pd.DataFrame:
    files = {"a": measured("linear", 0.5, 98.0), "b": measured("wide", 0.5, 97.0), "c": measured("linear", 0.9, 95.0)}
    return controls([{"variant": "released", "folder": name} for name in files], files.__getitem__)


def test_table_has_mean_deviation_and_interval_over_draws(table: pd.DataFrame) -> None:
    assert len(table) == 3 * len(CONTROLS)
    rows = table[(table.structure == "linear") & (table.sparsity == 0.5)].set_index("control")
    fresh = rows.loc["fresh_weights"]
    assert (fresh.draws, fresh.accuracy, fresh.below_learned, fresh.lowest, fresh.highest) == (
        3,
        13.0,
        85.0,
        12.0,
        15.0,
    )
    assert fresh.deviation == pytest.approx(3**0.5, abs=1e-4)
    assert fresh.half_interval == pytest.approx(4.3027, abs=1e-3)  # Student's t with two degrees of freedom, times 1
    assert rows.loc[["learned", "largest_weights"], ["deviation", "half_interval"]].isna().all(axis=None)
    assert set(rows.chance) == {10.0}


def test_table_for_people_has_a_row_per_run(table: pd.DataFrame) -> None:
    people = format_controls(table)
    assert people["learned mask"].tolist() == ["98.00", "97.00", "95.00"]
    assert people["random mask"].tolist() == ["10.00 ± 1.00"] * 3
    assert people["largest weights"].tolist() == ["10.50"] * 3


def test_no_controls_are_an_empty_table() -> None:
    empty = controls([], dict)
    assert empty.empty
    assert format_controls(empty).empty


def test_a_file_of_another_form_is_one_line() -> None:
    with pytest.raises(LotteryError, match="are no result of this version"):
        controls([{"variant": "released", "folder": "a"}], lambda name: {"dataset": "mnist"})


def test_the_figure_has_means_over_seeds_and_the_range_of_all_draws() -> None:
    files = {"a": measured("linear", 0.5, 98.0), "b": measured("linear", 0.5, 96.0, seed=2)}
    files["b"]["accuracies"]["fresh_weights"] = [18.0, 19.0, 20.0]
    table = controls([{"variant": "released", "folder": name} for name in files], files.__getitem__)
    found = over_seeds(table).set_index("control")
    assert found.loc["learned", ["accuracy", "lowest", "highest"]].tolist() == [97.0, 96.0, 98.0]
    assert found.loc["fresh_weights", ["accuracy", "lowest", "highest"]].tolist() == [16.0, 12.0, 20.0]
    said = describe_controls(over_seeds(table))
    assert "the learned mask has 97.00%; the best control, learned mask on fresh weights, 16.00%" in said


def test_the_figure_names_every_control_and_sparsity(table: pd.DataFrame, tmp_path: Path) -> None:
    svg, png = plot_controls(table, "fc2", tmp_path / "controls_fc2")
    text = svg.read_text()
    for words in ("linear, published protocol", "on fresh weights", "10% of the weights kept", "guessing"):
        assert words in text
    assert png.stat().st_size > 10_000
    with pytest.raises(LotteryError, match="no runs of fc4"):
        plot_controls(table, "fc4", tmp_path / "controls_fc4")


def test_the_page_has_a_section_where_there_are_controls(table: pd.DataFrame) -> None:
    class Only:
        controls = table

    section = controls_section(Only, [])  # type: ignore[arg-type]
    assert section is not None
    assert "Mean test accuracy of 3 pruned networks: 96.67%" in section.answer
    assert "fresh weights have 13.00%, random masks of the same size 10.00%" in section.answer
    Only.controls = table.head(0)
    assert controls_section(Only, []) is None  # type: ignore[arg-type]
    assert "controls" in Tables.__annotations__


def plan_of(controls: Any, **sweeps: Any) -> Plan:
    return Plan(complete({"targets": {}, "approximations": {}, "sweeps": sweeps, "controls": controls}))


SWEEP = {"network": "fc2", "structures": ["linear", "dense"], "sparsities": [0.5, 0.9], "perturbations": [1]}


def test_without_controls_nothing_is_planned() -> None:
    plan = plan_of(None, one=SWEEP)
    assert plan.control_list == plan.files("{controlled_run}") == plan.files("{controlled_network}") == []


def test_controls_are_of_pruned_runs_that_are_no_repetitions() -> None:
    plan = plan_of({}, one=SWEEP, other={**SWEEP, "network": "lenet5"})
    assert len(plan.controlled_runs) == 2 * 2 * (1 + 3)
    assert plan.names["controlled_network"] == ["fc2", "lenet5"]
    assert all("/linear/" in name and "perturbation" not in name for name in plan.controlled_runs)
    assert plan.control_settings == ControlSettings()


def test_controls_can_be_of_some_sweeps() -> None:
    plan = plan_of({"sweeps": ["other"], "draws": 2}, one=SWEEP, other={**SWEEP, "network": "lenet5"})
    assert plan.names["controlled_network"] == ["lenet5"]
    assert plan.control_settings.draws == 2
    assert [entry["folder"] for entry in plan.control_list] == [*plan.controlled_runs]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"sweeps": ["two"]}, "config: controls.sweeps: 'two' is not one of the sweeps (one)"),
        ({"draws": 0}, "config: controls.draws: 0 is less than the minimum of 1"),
        ({"draw": 3}, "config: controls: unknown key 'draw'; did you mean 'draws'?"),
    ],
)
def test_wrong_controls_are_one_line(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(LotteryError) as refused:
        plan_of(entry, one=SWEEP)
    assert str(refused.value) == message


@pytest.mark.slow
def test_the_workflow_adds_controls_to_finished_runs_without_training(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*small, "controls={draws: 2}"]
    done = snakemake(finished, "controls", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.M))
    assert jobs.pop("total") == "6"
    assert jobs == {"controls": "1", "list_controls": "1", "measure_controls": "2", "tabulate_controls": "1", "plot_controls": "1"}  # fmt: skip
    table = pd.read_csv(finished / RESULTS / "tables/controls.csv")
    assert set(table.protocol) == {"published", "held_out"}
    runs = pd.read_csv(finished / RESULTS / "tables/runs.csv").query("structure == 'linear'")
    itself = table.query("control == 'learned'").set_index("protocol").accuracy
    assert itself.to_dict() == runs.set_index("protocol").test_accuracy.to_dict()
    monkeypatch.chdir(finished)
    assert main(["audit", "controls", *options]) == 0
    [masks] = Path(RESULTS).glob("pruning/held_out/fc2/linear/*/*/masks.safetensors")
    masks.write_bytes(b"")
    assert main(["audit", "controls", *options]) == 1
