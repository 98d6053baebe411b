"""Verdicts follow the numbers; figures and tables say what was measured."""

import json
import math
import re
from dataclasses import asdict, fields, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from conftest import RESULTS, ROOT

from lottery.approximation.settings import Settings
from lottery.published import deviations
from lottery.recipe import Recipe
from lottery.records.files import write_json
from lottery.records.provenance import provenance_path
from lottery.records.tensors import read_tensors, write_tensors
from lottery.results.figures.cardinality import plot_cardinality
from lottery.results.figures.errors import plot_errors
from lottery.results.figures.one_weight import read_one_weight
from lottery.results.figures.seconds import plot_seconds, readable_seconds
from lottery.results.figures.style import FULL, HALF
from lottery.results.page.inputs import Tables
from lottery.results.page.page import summary_page
from lottery.results.tables.claims import answer_claims
from lottery.results.tables.comparable import FREE as FREE_NAMES
from lottery.results.tables.comparable import PUBLISHED_RECIPE, PUBLISHED_SETTINGS
from lottery.results.tables.comparison import CLAIMS, compare, verdicts
from lottery.results.tables.experiment_1 import cardinality, cost, cross_check_summary, markdown, table1
from lottery.results.tables.frontier import frontier, point_rows
from lottery.results.tables.intervals import student_t
from lottery.results.tables.lineage import lineage, origins, stages
from lottery.results.tables.points import points
from lottery.results.tables.replays import compare_points
from lottery.results.tables.runs import runs
from lottery.results.tables.theory import slopes, success, thresholds
from lottery.results.tables.tickets import tickets

ASSEMBLY = {
    "network": "fc2",
    "solvers": {"exact": 3},
    "weights": 397_000,
    "coefficients_per_weight": 21,
    "initial": 8_337_000,
    "remaining": 3_898_757,
    "largest_error": 6e-4,
    "median_error": 4.7e-7,
    "beyond_epsilon": 0,
    "beyond_epsilon_float32": 0,
    "redrawn": 0,
    "not_proved": 0,
    "cardinality_histogram": [1, 2, 3],
    "settings": asdict(Settings(stream="released")),
}
EVALUATION = {
    "dataset": "mnist",
    "test_images": 10_000,
    "pixels": "normalised",
    "recipe": asdict(Recipe()),
    "normalised": {"target_accuracy": 98.59, "approximated_accuracy": 98.59, "predictions_that_differ": 0},
    "raw": {"target_accuracy": 97.19, "approximated_accuracy": 97.19, "predictions_that_differ": 0},
}


def on(target: float, approximated: float) -> dict[str, float]:
    return {"target_accuracy": target, "approximated_accuracy": approximated, "predictions_that_differ": 9}


def approximation(folder: Path, **changes: object) -> Path:
    write_json(folder / "assembly.json", {**ASSEMBLY, **{k: v for k, v in changes.items() if k in ASSEMBLY}})
    write_json(folder / "evaluation.json", {**EVALUATION, **{k: v for k, v in changes.items() if k in EVALUATION}})
    write_json(folder / "cost.json", {"chunks": 3, "seconds": 1.0})
    errors = np.abs(np.random.default_rng(0).normal(0, 1e-6, (5, 4)))
    cardinality = np.arange(20, dtype=np.uint8).reshape(5, 4)
    parts = {"fc1.weight.errors": errors, "fc1.weight.cardinality": cardinality}
    write_tensors(folder / "solution.safetensors", parts, {})
    return folder


def verdict(folder: Path, **changes: object) -> str:
    return verdicts(compare(table1({"ours": approximation(folder, **changes)})))["ours"]


def test_the_published_numbers_are_the_papers() -> None:
    table = table1({}).set_index("row")
    assert table.loc["published ticket"].remaining == 3_725_871
    assert table.loc[["published target", "published ticket"]].accuracy_raw.tolist() == [97.19, 97.19]
    assert "accuracy_normalised" not in table, "was not printed"
    assert table.loc["published ticket"].relative_size == pytest.approx(3_725_871 / 397_000, abs=0.005)


def test_a_faithful_run_is_reproduced(tmp_path: Path) -> None:
    assert verdict(tmp_path) == "reproduced"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"raw": on(97.19, 95.0)}, "differs: ticket accuracy (%), accuracy lost (points)"),
        ({"raw": on(97.19, 97.0)}, "differs: accuracy lost (points)"),
        ({"normalised": on(98.59, 98.4)}, "differs: accuracy lost (points)"),
        ({"remaining": 5_000_000}, "differs: remaining / target"),
        ({"remaining": 3_500_000}, "differs: remaining / target"),
        ({"dataset": "kmnist"}, "not comparable: other dataset than published"),
        ({"network": "fc4"}, "not comparable: other network than published"),
        ({"raw": on(98.3, 98.3)}, "differs: target accuracy (%), ticket accuracy (%)"),
        ({"pixels": "raw", "raw": on(98.3, 98.3)}, "not comparable: other pixels than published"),
    ],
)
def test_a_verdict_changes_with_the_number(tmp_path: Path, changes: dict[str, object], expected: str) -> None:
    assert verdict(tmp_path, **changes) == expected


# A value of each setting that is not the published one.  A setting that is added needs a line here.
OTHER_SETTINGS = {
    "epsilon": 0.02, "coefficients_per_bit": 2.5, "objective": "first_feasible", "sharing": "weight",
    "coefficient_range": (-0.4, 0.4), "zero_small_weights": True,
}  # fmt: skip
OTHER_RECIPE = {"epochs": 2, "learning_rate": 0.05, "momentum": 0.8, "weight_decay": 0.0, "batch_size": 32}
FREE = {"seed": 2, "stream": "keyed"}


def test_our_defaults_are_the_published_settings_all_of_them() -> None:
    for defaults, published in ((Settings(), PUBLISHED_SETTINGS), (Recipe(), PUBLISHED_RECIPE)):
        assert {name: value for name, value in asdict(defaults).items() if name not in FREE_NAMES} == published


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_that_differs_is_not_comparable_but_for_random_numbers(tmp_path: Path, name: str) -> None:
    if name in {*FREE, "on_infeasible"}:
        changed = asdict(Settings()) | {name: {**FREE, "on_infeasible": "nearest"}[name]}
        assert verdict(tmp_path, settings=changed) == "reproduced"
    else:
        changed = asdict(Settings()) | {name: OTHER_SETTINGS[name]}
        assert verdict(tmp_path, settings=changed) == f"not comparable: other {name} than published"


@pytest.mark.parametrize(
    ("quantity", "column", "around"),
    [("remaining / target", "relative_size", (9.39, 9.82)), ("target accuracy (%)", "target_accuracy_raw", (97.19, 97.19))],
)  # fmt: skip
def test_bands_are_how_far_two_of_the_kept_targets_differ(
    quantity: str, column: str, around: tuple[float, float]
) -> None:
    kept = pd.read_csv(ROOT / "results/reference/tables/eight_targets.csv").query("stream == 'keyed'")
    means = kept.groupby(kept.row.str.extract(r"^(seed_\d+)_")[0])[column].mean()
    assert len(means) == 8
    half = math.sqrt(2) * student_t(len(means) - 1) * means.std()
    claim = next(claim for claim in CLAIMS if claim.quantity == quantity)
    assert (claim.lowest, claim.highest) == pytest.approx((around[0] - half, around[1] + half), abs=0.006)


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe) if field.name != "pixels"])
def test_a_target_that_was_trained_otherwise_is_not_comparable(tmp_path: Path, name: str) -> None:
    other = asdict(replace(Recipe(), **{name: {**FREE, **OTHER_RECIPE}[name]}))
    expected = "reproduced" if name in FREE else f"not comparable: other {name} of the target than published"
    assert verdict(tmp_path, recipe=other) == expected


def test_imported_weights_are_compared_by_what_is_known_of_them(tmp_path: Path) -> None:
    assert verdict(tmp_path, recipe=None) == "reproduced"


def test_a_name_with_markup_cannot_break_the_page_and_everything_is_inside(tmp_path: Path) -> None:
    folders = {"<b>ours</b>": approximation(tmp_path)}
    table, costs = table1(folders), cost(folders, [])
    figure = plot_errors(folders, tmp_path / "errors")[0]
    empty = points(runs([]))
    tables = Tables(
        table,
        compare(table),
        costs,
        pd.DataFrame(),
        frontier(point_rows([], dict)),
        tickets({}),
        empty,
        compare_points(runs([])),
        answer_claims(empty, compare_points(runs([]))),
        thresholds(success([])),
        slopes(thresholds(success([]))),
        stages([]),
        origins([]),
    )
    page = summary_page(tables, [figure], tmp_path, tmp_path)
    assert "<b>ours" not in page.split("<svg")[0]
    assert page.count("<b>ours") == 0
    assert "reproduced" in page
    assert "<figcaption><strong>How far each sum is from its weight" in page
    assert 'id="two"' not in page, "no sweep was run"


def test_figures_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    folders = {"ours": approximation(tmp_path / "approximation")}
    histogram, costs = cardinality(folders), cost(folders, [])
    for name, draw in {
        "errors": lambda stem: plot_errors(folders, stem),
        "cardinality": lambda stem: plot_cardinality(histogram, stem),
        "seconds": lambda stem: plot_seconds(costs, stem),
    }.items():
        once, again = draw(tmp_path / "once" / name), draw(tmp_path / "again" / name)
        assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]


def test_errors_are_described_with_the_weights_that_keep_no_coefficient(tmp_path: Path) -> None:
    text = plot_errors({"ours": approximation(tmp_path)}, tmp_path / "errors")[0].read_text()
    assert ">ours: nearest sum, fc2, mnist<" in text
    assert ">no coefficient kept: |weight| itself<" in text
    assert "5.0% of the weights keep no coefficient." in text


def test_cardinalities_are_drawn_beside_the_published_mean(tmp_path: Path) -> None:
    text = plot_cardinality(cardinality({"ours": approximation(tmp_path)}), tmp_path / "cardinality")[0].read_text()
    assert ">mean 1.33<" in text
    assert ">published 9.39<" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.9e-6, "1.9 µs"), (7e-7, "0.7 µs"), (0.0127, "13 ms"), (0.194, "0.19 s"), (7.0, "7.0 s"), (77266, "77000 s")],
)
def test_seconds_have_a_unit_that_people_read(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text


def test_seconds_are_compared_with_core_seconds_of_the_paper(tmp_path: Path) -> None:
    """36 cores took 21.5 hours."""
    costs = cost({"ours": approximation(tmp_path)}, [])
    for published in (costs, costs.assign(seconds_per_weight=costs.network_core_hours * 3600 / costs.weights)):
        text = plot_seconds(published, tmp_path / "seconds")[0].read_text()
        assert "paper: Gurobi, as reported: 7.0 s" in text
        assert "ours: exact: 2.5 µs, 2.8 million × less" in text


def test_a_figure_has_a_title_and_words_for_those_who_do_not_see_it(tmp_path: Path) -> None:
    folders = {"a & <b>": approximation(tmp_path)}
    root = ElementTree.parse(plot_errors(folders, tmp_path / "errors")[0]).getroot()
    assert root.get("role") == "img"
    title, words = root[0], root[1]
    assert title.tag.endswith("}title")
    assert words.tag.endswith("}desc")
    assert title.text == "Distance of each subset sum from its weight"
    assert words.text is not None
    assert words.text.startswith("a & <b>: nearest sum, fc2, mnist: median ")


@pytest.mark.parametrize("path", sorted((ROOT / "results/reference").rglob("*.svg")), ids=lambda path: path.stem)
def test_reference_figures_have_one_of_two_widths_and_readable_text(path: Path) -> None:
    text = path.read_text()
    [width] = re.findall(r'<svg [^>]*width="([\d.]+)pt"', text)
    assert float(width) in (72 * HALF, 72 * FULL)
    sizes = {float(size) for size in re.findall(r"font(?:-size)?: (?:[a-z0-9]+ )*?([\d.]+)px", text)}
    assert sizes
    assert min(sizes) >= 8


def test_measured_seconds_have_an_uncertainty(tmp_path: Path) -> None:
    check = {
        "approximation": "ours",
        "solver": "gurobi",
        "network_weights": 397_000,
        "exact_seconds": 2e-6,
        "solver_seconds": [0.5, 0.7, 0.9],
    }
    (tmp_path / "check.json").write_text(json.dumps(check))
    costs = cost({"ours": approximation(tmp_path)}, [tmp_path / "check.json"])
    gurobi = costs[costs.how.str.startswith("cross-check, 3 weights")].iloc[0]
    assert gurobi.seconds_per_weight == pytest.approx(0.7)
    assert gurobi.standard_error == pytest.approx(0.2 / 3**0.5)
    assert gurobi.network_core_hours == pytest.approx(0.7 * 397_000 / 3600)


def test_every_row_of_the_cost_is_in_core_seconds(tmp_path: Path) -> None:
    costs = cost({"ours": approximation(tmp_path)}, [])
    hours = costs.seconds_per_weight * costs.weights / 3600
    assert hours.tolist() == pytest.approx(costs.network_core_hours.tolist())


def test_the_cross_check_counts_how_often_the_true_optimum_was_found() -> None:
    checked = pd.DataFrame(
        {
            "solver": "cbc",
            "exact_error": [1e-7, 1e-7],
            "solver_error": [1e-7, 3e-6],
            "exact_cardinality": [10, 10],
            "solver_cardinality": [10, 6],
            "solver_status": ["solved", "time_limit"],
        }
    )
    line = cross_check_summary(checked).iloc[0]
    assert line.true_optimum_found_percent == 50
    assert line.largest_error_gap == pytest.approx(2.9e-6)
    assert line.not_solved == 1


def test_markdown_has_a_line_a_row() -> None:
    table = markdown(pd.DataFrame({"a": [1, 2]}, index=["x", "y"]))
    assert table.splitlines() == ["|  | a |", "| --- | --- |", "| x | 1 |", "| y | 2 |"]


def result(folder: Path, name: str, verb: str, seconds: float, inputs: list[Path], **more: object) -> Path:
    """A file and its record."""
    path = folder / name
    path.write_text(name)
    write_json(provenance_path(path), {
        "verb": verb, "settings": {}, "code": "", "device_seconds": seconds / 2, "inputs": {str(made_from): "" for made_from in inputs}, "outputs": {name: "", f"{name}.more": ""},
        "seconds": seconds, "core_seconds": 2 * seconds, "peak_memory_mb": 100 * seconds, "git_commit": "abc",
        "versions": {"python": "3.11"}, "machine": {"system": "Linux", "vector_instructions": "avx2"}, "finished": f"2026-01-0{int(seconds)}", **more,
    })  # fmt: skip
    return path


def test_costs_are_those_of_the_results_that_a_table_rests_on(tmp_path: Path) -> None:
    data = result(tmp_path, "data", "fetch", 1, [])
    runs = [result(tmp_path, f"run{seed}", "prune", 3, [data], device="cuda") for seed in (1, 2)]
    result(tmp_path, "run3", "prune", 3, [data])  # of another config, left over
    own_weights = tmp_path / "weights.pt"  # with no record
    table = result(tmp_path, "table", "tabulate-runs", 2, [runs[0], tmp_path / "run2.more", own_weights])
    records = lineage([table])
    assert [record["verb"] for record in records] == ["fetch", "prune", "prune", "tabulate-runs"]
    cost = stages(records).set_index("stage")
    assert cost.results.to_dict() == {"prune": 2, "tabulate-runs": 1, "fetch": 1}
    assert cost.loc["prune", "core_hours"] == pytest.approx(12 / 3600, abs=1e-6)
    assert cost.loc["prune", "gpu_hours"] == pytest.approx(3 / 3600, abs=1e-6)
    assert cost.loc["fetch", "gpu_hours"] == 0
    assert cost.loc["prune", "peak_memory_mb"] == 300
    assert origins(records).iloc[0].to_dict() == {
        "commit": "abc", "versions": "python 3.11", "system": "Linux, avx2", "results": 4, "first": "2026-01-01", "last": "2026-01-03",
    }  # fmt: skip


def test_the_documented_deviations_are_those_of_the_page() -> None:
    page = (ROOT / "docs/deviations.md").read_text()
    for line in deviations().itertuples():
        assert f"| {line.what} | {line.paper} | {line.here} | {line.effect} |" in page
    four_columns = [line for line in page.splitlines() if line.startswith("| ") and line.count(" | ") == 3]
    assert len(four_columns) - 2 * 2 == len(deviations()), "a line that the page does not show"


def test_one_weight_is_drawn_from_the_random_numbers_that_were_kept(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(demo)  # where paths in records start
    folder = RESULTS / "subset_sum/min_error"
    found = read_one_weight(folder)
    assert found is not None
    assert found.kept.size == 21
    assert abs(found.sum - found.weight) == pytest.approx(found.error, abs=1e-15)
    layer = read_tensors(folder / "solution.safetensors")[0]["fc1.weight.errors"]
    assert abs(np.mean(layer < found.error) - 0.5) < 0.01, "half of the sums are nearer"
    assert f"{found.kept.sum()} of 21 numbers add up to" in (RESULTS / "figures/errors_one_weight.svg").read_text()


def test_no_weight_is_drawn_where_no_record_names_the_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [path.name for path in plot_errors({"ours": approximation(tmp_path)}, tmp_path / "errors")] == ["errors.svg", "errors.png"]  # fmt: skip
    assert "no record names its target" in capsys.readouterr().out
