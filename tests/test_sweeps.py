"""From a configuration to runs, from runs to points by either protocol, and to answers and figures."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lottery.configuration import complete
from lottery.errors import LotteryError
from lottery.files import write_json, write_text
from lottery.networks import ImageShape
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import blocks_of, kept_count
from lottery.pruning.sweeps import Planned, planned_runs
from lottery.published import figures
from lottery.results.claims import answer_claims, compare_points
from lottery.results.curves import plot_accuracy, plot_epochs, plot_redundancy
from lottery.results.runs import cost, histories, listed_folders, points, points_for_people, runs

SCHEMA = Path(__file__).parent.parent / "workflow/schemas/config.schema.yaml"


def planned(**sweeps: dict[str, Any]) -> dict[str, Any]:
    return planned_runs(complete({"targets": {}, "approximations": {}, "sweeps": sweeps}, SCHEMA))


def test_a_sweep_is_all_combinations_and_the_baseline_only_what_concerns_it() -> None:
    found = planned(a={"network": "fc2", "sparsities": [0.1, 0.5], "redundancies": [2, 5], "epochs": [1, 2]})
    pruned = [p.run for p in found.values() if p.run.structure != "dense"]
    assert len(pruned) == 3 * 2 * 2 * 2 * (
        1 + 3
    )  # structures, sparsities, redundancies, lengths, published + held-out seeds
    assert len(found) - len(pruned) == 2 * (1 + 3)
    assert "held_out/fc2/linear/released/redundancy_5_sparsity_0.5_epochs_2_seed_3" in found


def test_a_run_that_two_sweeps_ask_for_is_done_once() -> None:
    one = {"network": "lenet5", "sparsities": [0.5]}
    assert (
        planned(a=one, b={**one, "sparsities": [0.5, 0.9]}).keys()
        == planned(b={**one, "sparsities": [0.5, 0.9]}).keys()
    )


def test_one_more_sparsity_adds_its_runs_and_leaves_the_others_where_they_are() -> None:
    before = planned(a={"network": "fc2", "sparsities": [0.1]})
    after = planned(a={"network": "fc2", "sparsities": [0.1, 0.2]})
    assert before.items() <= after.items()
    assert {p.run.sparsity for name, p in after.items() if name not in before} == {0.2}


def test_two_sparsities_never_share_a_folder() -> None:
    found = planned(a={"network": "fc2", "sparsities": [0, 0.00001, 0.1234567, 0.12345671], "structures": ["wide"]})
    assert len(found) == 4 * 4
    assert "published/fc2/wide/released/redundancy_5_sparsity_0.00001_epochs_10_seed_1" in found


def test_only_held_out_runs_depend_on_how_many_images_are_held_out() -> None:
    config = {"targets": {}, "approximations": {}, "sweeps": {"a": {"network": "fc2", "sparsities": [0.5]}}}
    few, many = (planned_runs(complete({**config, "validation_images": count}, SCHEMA)) for count in (10, 20))
    assert {few[name].run.protocol for name in few if few[name] != many[name]} == {"held_out"}


def test_a_variant_is_added_as_the_docs_say() -> None:
    docs = (SCHEMA.parent.parent.parent / "docs/pruning.md").read_text()
    example = yaml.safe_load(docs.split("```yaml\n")[1].split("```")[0])
    shipped = yaml.safe_load((SCHEMA.parent.parent.parent / "config/config.yaml").read_text())
    shipped["variants"] = example["variants"]
    shipped["sweeps"]["fc2"] |= example["sweeps"]["fc2"]
    found = planned_runs(complete(shipped, SCHEMA))
    fc2 = [p for p in found.values() if p.run.network == "fc2" and p.run.structure != "dense"]
    assert {p.variant_name for p in fc2} == {"released", "no_decay"}
    assert sum(p.variant_name == "no_decay" for p in fc2) == len(fc2) / 2


def test_the_baseline_is_trained_once_for_variants_that_do_not_concern_it() -> None:
    variants = {"no_decay": {"decay_scores": False}, "slow": {"learning_rate": 0.01}}
    sweep = {"network": "fc2", "structures": ["dense"], "sparsities": [0], "variants": ["released", "no_decay", "slow"]}
    config = {"targets": {}, "approximations": {}, "variants": variants, "sweeps": {"a": sweep}}
    assert {p.variant_name for p in planned_runs(complete(config, SCHEMA)).values()} == {"released", "slow"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variants": {"released": {"hidden": 50}}}, "variants.released: is what the paper released"),
        ({"variants": {"fast": {"learning_rate": float("inf")}}}, "variants.fast.learning_rate"),
        ({"dataset": "mnist5k"}, "validation_images: 5000 of 4000 training images of mnist5k leave none"),
        ({"validation_images": 60000}, "validation_images: 60000 of 60000 training images of mnist leave none"),
    ],
)
def test_a_configuration_that_could_only_fail_later_is_refused_at_once(change: dict[str, Any], message: str) -> None:
    config = {"targets": {}, "approximations": {}, "sweeps": {"a": {"network": "fc2", "sparsities": [0.5]}}}
    with pytest.raises(LotteryError, match=re.escape(message)):
        complete(config | change, SCHEMA)


def test_two_seeds_of_the_published_protocol_are_refused() -> None:
    one = {"network": "fc2", "sparsities": [0.5]}
    with pytest.raises(LotteryError, match="the published protocol has one seed"):
        planned(a=one, b={**one, "published_seed": 2})


def test_numbers_are_taken_as_people_write_them() -> None:
    found = planned(
        a={
            "network": "fc2",
            "structures": ["wide"],
            "sparsities": ["1e-3", -0.0],
            "redundancies": [5.0],
            "epochs": ["10.0"],
        }
    )
    assert "published/fc2/wide/released/redundancy_5_sparsity_0.001_epochs_10_seed_1" in found
    assert "published/fc2/wide/released/redundancy_5_sparsity_0_epochs_10_seed_1" in found


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"sparsities": [1]}, "sweeps.a.sparsities.0"),
        ({"sparsities": [0.5], "structures": ["narrow"]}, "'narrow' is not one of linear, relu, wide, dense"),
        ({"sparsities": [0.5], "redundancies": [0]}, "sweeps.a.redundancies.0"),
        (
            {"sparsities": [0.5], "variants": ["better"]},
            "sweeps.a.variants: 'better' is not one of the variants (released)",
        ),
        ({"sparsities": [0.5], "epoch": [3]}, "unknown key 'epoch'; did you mean 'epochs'?"),
        ({"sparsities": []}, "sweeps.a.sparsities"),
        ({"sparsities": [float("nan")]}, "config: sweeps.a.sparsities.0: a finite number is needed"),
        ({"sparsities": [0.5], "epochs": ["{"]}, "sweeps.a.epochs.0: '{' is not of type 'integer'"),
        (
            {"sparsities": [0.5], "epochs": [10**9]},
            "sweeps.a.epochs.0: 1000000000 is greater than the maximum of 100000",
        ),
        ({"sparsities": [0.5], "published_seed": None, "held_out_seeds": []}, "sweeps.a: neither protocol has a seed"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_one_clear_line(sweep: dict[str, Any], message: str) -> None:
    with pytest.raises(LotteryError) as raised:
        planned(a={"network": "fc2", **sweep})
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def row(
    protocol: str, epochs: int, seed: int, test: float, validation: float | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "protocol": protocol, "dataset": "mnist", "network": "fc2", "structure": "linear", "variant": "released",
        "redundancy": 5, "sparsity": 0.5, "epochs": epochs, "seed": seed, "initial": 100, "remaining": 50, "paired": 25,
        "alive": 20 + seed, "convolution_parameters": 0, "loss": 0.1, "validation_accuracy": validation,
        "test_accuracy": test,
    } | more  # fmt: skip


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
    assert set(compare_points(points(table)).ours) == {50.0}, (
        "the published points are compared with their own protocol"
    )


@pytest.fixture(scope="module")
def as_in_the_paper() -> pd.DataFrame:
    """The published points as if they were ours."""
    published = figures()
    return published.assign(
        protocol="published", dataset="mnist", variant="released", half_interval=np.nan, seeds=1, validation_accuracy=np.nan,
        lengths="10 20 30 50 100", redundancy=np.where(published.structure == "dense", 1, 5),
        alive_parameters=published.parameters / 2, initial_parameters=published.parameters,
    )  # fmt: skip


def test_the_published_points_reproduce_themselves_and_all_claims_hold_of_them(as_in_the_paper: pd.DataFrame) -> None:
    compared = compare_points(as_in_the_paper)
    assert len(compared) == len(figures()) == 129
    assert set(compared.verdict) == {"reproduced"}
    answers = answer_claims(as_in_the_paper)
    assert set(answers.claim) == {"Q1", "Q2", "Q3", "Q4", "Q5"}
    assert answers[answers.answer != "holds"].empty, answers[answers.answer != "holds"].to_string()


def test_plotted_parameters_are_those_that_our_masks_would_keep() -> None:
    """Published x-values come from arithmetic on totals, masks round down tensor by tensor: up to three weights apart."""
    image = ImageShape(channels=1, size=28)
    for point in figures().itertuples():
        if point.structure == "dense":
            continue
        run = Run(point.network, point.structure, 5, point.sparsity, 1)
        kept = 2550 if point.network == "lenet5" else 0
        for block in blocks_of(run, image):
            kept += kept_count(int(np.prod(block.second_shape)), point.sparsity)
            kept += kept_count(int(np.prod(block.first_shape)), point.sparsity) if block.redundant else 0
        assert abs(kept - point.parameters) <= 3, point


@pytest.mark.parametrize(
    ("structure", "sparsity", "accuracy", "claim"),
    [
        ("linear", 0.0, 50.0, "linear: chance at s = 0, a peak in 0.25 to 0.75, a fall towards 0.99"),
        ("wide", 0.1, 90.0, "wide is above linear at every s > 0"),
        ("relu", 0.05, 95.0, "low sparsity (0.05): wide is above relu"),
        ("linear", 0.9, 70.0, "high sparsity (0.75 and more): linear is not below relu"),
        ("linear", 0.75, 97.4, "linear at a quarter of its weights (s = 0.75) is within 1.1 points of the baseline"),
    ],
)
def test_a_claim_falls_with_the_point_that_contradicts_it(
    as_in_the_paper: pd.DataFrame, structure: str, sparsity: float, accuracy: float, claim: str
) -> None:
    changed = as_in_the_paper.copy()
    point = (changed.network == "fc2") & (changed.structure == structure) & (changed.sparsity == sparsity)
    changed.loc[point, "accuracy"] = accuracy
    answers = answer_claims(changed)
    found = answers[(answers.network == "fc2") & (answers.statement == claim)].iloc[0]
    assert found.answer == "does not hold"
    assert f"{accuracy:.1f}" in found.evidence


def test_claims_on_sparsities_that_were_not_run_are_not_tested(as_in_the_paper: pd.DataFrame) -> None:
    answers = answer_claims(as_in_the_paper[as_in_the_paper.sparsity == 0.25])
    assert set(answers.answer) == {"not tested", "holds where run"}  # wide above linear, at the one sparsity there is


def test_a_difference_within_the_intervals_decides_nothing(as_in_the_paper: pd.DataFrame) -> None:
    """fc4 at s = 0.75: wide 98.73, linear 97.92."""
    statement = "high sparsity (0.75 and more): wide is above linear"
    for half, expected in ((0.3, "holds"), (0.5, "undecided")):
        held = as_in_the_paper.assign(protocol="held_out", half_interval=half)
        answers = answer_claims(held[(held.network == "fc4")])
        assert answers[answers.statement == statement].answer.tolist() == [expected]


@pytest.mark.parametrize(
    ("accuracy", "lengths", "verdict"),
    [
        (97.9, "10", "reproduced"),
        (97.0, "10", "differs"),
        (99.0, "20", "differs"),
        (97.0, "20", "not comparable"),
        (97.9, "20", "reproduced"),
    ],
)
def test_a_point_is_held_against_the_paper_where_the_length_that_was_best_there_was_run(
    as_in_the_paper: pd.DataFrame, accuracy: float, lengths: str, verdict: str
) -> None:
    """fc2 linear at s = 0.5: 97.97 after 10 epochs."""
    point = as_in_the_paper.query("network == 'fc2' and structure == 'linear' and sparsity == 0.5")
    assert compare_points(point.assign(accuracy=accuracy, lengths=lengths)).verdict.tolist() == [verdict]


def test_other_settings_than_published_are_not_compared(as_in_the_paper: pd.DataFrame) -> None:
    for change in ({"dataset": "mnist5k"}, {"variant": "no_decay"}, {"redundancy": 3}):
        pruned = as_in_the_paper[as_in_the_paper.structure != "dense"]
        assert compare_points(pruned.assign(**change)).empty
        assert answer_claims(pruned.assign(**change)).empty


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[str, Path]:
    """A run's files as `lottery prune` writes them; (variant, folder)."""
    run = Run("fc2", "linear", 5, 0.5, 2, protocol="held_out", variant=Variant(hidden=9))
    folder = tmp_path / Planned("tuned", run).folder
    counts = {"initial": 10, "remaining": 5, "paired": 3, "alive": 2, "convolution_parameters": 0}
    found = {"loss": 0.5, "validation_accuracy": 91.0, "test_accuracy": 90.0}
    write_json(folder / "metrics.json", {"dataset": "mnist", **asdict(run), **counts, **found})
    write_json(folder / "cost.json", {"epoch_seconds": [1.5, 2.5]})
    write_text(folder / "history.csv", "epoch,loss,validation_accuracy,test_accuracy\n1,0.9,80.0,\n2,0.5,91.0,90.0\n")
    return "tuned", folder


def test_tables_are_read_from_the_runs_files(recorded: tuple[str, Path]) -> None:
    assert runs([recorded]).iloc[0].variant == "tuned"
    assert histories([recorded]).at_epoch.tolist() == [1, 2]
    assert cost([recorded]).seconds.tolist() == [4.0]


def all_tables(recorded: tuple[str, Path]) -> list[pd.DataFrame]:
    return [table([recorded]) for table in (runs, histories, cost)]


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
        all_tables(recorded)


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
    shown = points_for_people(points(table)).set_index("protocol")
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
    assert compare_points(found).empty
    assert answer_claims(found).empty
    assert histories([]).empty


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


@pytest.mark.parametrize("change", [{"redundancy": 2}, {"variant": "no_decay"}])
def test_other_settings_have_their_figure_without_the_published_points(
    as_in_the_paper: pd.DataFrame, tmp_path: Path, change: dict[str, Any]
) -> None:
    dense = as_in_the_paper.structure == "dense"
    other = pd.concat([as_in_the_paper[~dense].assign(**change), as_in_the_paper[dense]], ignore_index=True)
    text = plot_accuracy(other, "fc2", "remaining", tmp_path / "figure")[0].read_text()
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
