"""What a configuration asks for, by name, and the files of those names."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from lottery.errors import LotteryError
from lottery.pruning.sweeps import PlannedRun
from lottery.published import figures
from lottery.workflow.configuration import complete
from lottery.workflow.figures import (
    exactness_plot,
    exactness_table,
    has_published_point,
    pruning_figures,
    theory_table,
)
from lottery.workflow.plan import Plan, wildcard_pattern

SMALL = {
    "targets": {"trained": {"network": "fc2"}, "imported": {"network": "lenet5", "weights": "some.pt"}},
    "approximations": {
        "one": {"target": "trained", "solver": "mip", "rows_per_chunk": 300},
        "two": {"target": "imported"},
    },
    "cross_check": {"approximation": "one", "solvers": ["cbc", "gurobi"]},
    "frontiers": {"size": {"target": "trained", "epsilons": [0.01, 0.1], "objectives": ["min_error"], "seeds": [1]}},
    "tickets": {"small": {"target": "trained", "signed_inputs": True}},
    "variants": {"own": {"convolutions": "convolutions.pt"}},
    "sweeps": {
        "fc2": {"network": "fc2", "structures": ["linear"], "sparsities": [0.5], "epochs": [3], "variants": ["own"]},
        "lenet5": {
            "network": "lenet5", "structures": ["relu"], "sparsities": [0.9], "epochs": [7],
            "variants": ["released", "own"], "held_out_seeds": [],
        },
    },
}  # fmt: skip


def plan_of(**changes: Any) -> Plan:
    return Plan(complete({**SMALL, **changes}))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of()


def run_named(plan: Plan, *parts: str) -> str:
    [name] = [name for name in plan.runs if all(part in name.split("/") for part in parts)]
    return name


def test_files_without_a_wildcard_are_the_path_itself(plan: Plan) -> None:
    assert plan.files("<results>/summary.html") == ["<results>/summary.html"]


def test_files_of_a_wildcard_are_one_per_name_in_the_order_of_the_config(plan: Plan) -> None:
    assert plan.files("<results>/subset_sum/{approximation}/cost.json") == [
        "<results>/subset_sum/one/cost.json",
        "<results>/subset_sum/two/cost.json",
    ]
    assert plan.files("{trained_target} {imported_target}") == ["trained imported"]
    assert len(plan.files("{point}")) == 2
    assert plan.files("{run}") == [*plan.runs]
    assert plan.files("{measurement}") == [*plan.measurements]


def test_files_of_two_wildcards_are_all_combinations(plan: Plan) -> None:
    assert plan.files("{cross_checked}/{checker}") == ["one/cbc", "one/gurobi"]


def test_files_are_none_where_nothing_is_asked_for() -> None:
    plan = plan_of(cross_check={"approximation": None}, frontiers={}, tickets={}, sweeps={}, theory=None)
    for pattern in ("{cross_checked}/{checker}", "{frontier}", "{point}", "{ticket}", "{run}", "{pruning_figure}"):
        assert plan.files(pattern) == []
    assert plan.files("{measurement}") == plan.files("{theory_figure}") == []
    assert plan.run_list == plan.point_list == []


EXACT_NETWORKS = {
    "few": {"target": "trained", "bits": [4], "coefficients_per_bit": [1, 2], "seeds": [1]},
    "one": {"target": "imported", "bits": [4, 8], "seeds": [1, 2]},
}


def test_exact_sums_are_planned_where_the_config_asks_for_them() -> None:
    none = plan_of()
    assert none.files("{exact_experiment}") == none.files("{exact_network}") == []
    assert none.files("{exactness_figure}") == none.files("{exactness_table}") == []
    plan = plan_of(exactness={"kinds": ["uniform"], "bits": [4, 6]}, exact_networks=EXACT_NETWORKS)
    assert plan.files("{exact_experiment}") == ["uniform/bits_4", "uniform/bits_6"]
    assert len(plan.files("{exact_network}")) == 2 + 4
    assert plan.files("{exactness_table}") == ["exactness", "exactness_thresholds", "exactness_networks"]
    assert plan.files("{exactness_figure}") == ["transition", "thresholds", "network_few"]
    assert plan.exact_network_target("one/bits_4_per_bit_2_seed_2") == "<results>/targets/imported/weights.safetensors"


def test_figures_of_exact_sums_name_their_table_and_entry() -> None:
    assert exactness_plot("transition") == {"figure": "transition", "entry": None}
    assert exactness_plot("network_my_own") == {"figure": "network", "entry": "my_own"}
    assert exactness_table("network_my_own") == "<results>/tables/exactness_networks.csv"
    assert exactness_table("transition") == "<results>/tables/exactness.csv"


def test_target_files_are_those_of_the_entrys_target(plan: Plan) -> None:
    trained = "<results>/targets/trained/weights.safetensors"
    assert plan.approximation_target("one") == plan.ticket_target("small") == trained
    assert plan.point_target(next(iter(plan.points))) == trained
    assert plan.approximation_target("two") == "<results>/targets/imported/weights.safetensors"


def test_chunks_cover_all_rows_of_all_layers_once(plan: Plan) -> None:
    names = [re.fullmatch(r"<results>/subset_sum/one/chunks/layer_(\d)_rows_(\d+)_to_(\d+)\.safetensors", path)
             for path in plan.chunks("one")]  # fmt: skip
    found = [tuple(map(int, name.groups())) for name in names if name]
    assert found == [(0, 0, 299), (0, 300, 499), (1, 0, 9)]
    assert [layer.rows for layer in plan.layers("trained")] == [500, 10]


def test_solver_is_the_configured_one(plan: Plan) -> None:
    assert (plan.solver("one"), plan.solver("two")) == ("mip", "auto")


def test_lists_for_tables_name_each_run_and_point(plan: Plan) -> None:
    assert [entry["folder"] for entry in plan.run_list] == [*plan.runs]
    assert {entry["variant"] for entry in plan.run_list} == {"released", "own"}
    assert [entry["point"] for entry in plan.point_list] == [*plan.points]
    assert {entry["frontier"] for entry in plan.point_list} == {"size"}


def test_convolutions_are_given_to_networks_that_have_some_and_variants_that_name_a_file(plan: Plan) -> None:
    assert plan.convolutions(run_named(plan, "lenet5", "own")) == "convolutions.pt"
    assert plan.convolutions(run_named(plan, "lenet5", "released")) is None
    assert plan.convolutions(run_named(plan, "fc2", "published")) is None
    assert plan.run(run_named(plan, "lenet5", "own")).epochs == 7


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda plan: plan.run("held_out/x"), "run held_out/x: no sweep of the config asks for it"),
        (lambda plan: plan.convolutions("held_out/x"), "run held_out/x: no sweep of the config asks for it"),
        (lambda plan: plan.point_target("a/b"), "point a/b: no frontier of the config asks for it"),
    ],
)
def test_a_name_that_is_not_asked_for_is_one_line(plan: Plan, look_up: Callable[[Plan], Any], message: str) -> None:
    with pytest.raises(LotteryError, match=f"^{message}$"):
        look_up(plan)


@pytest.mark.parametrize(
    ("names", "taken", "refused"),
    [(["a", "a.b"], ["a", "a.b"], ["b", "aab", ""]), ([], [], ["", "a"])],
    ids=["names", "no names"],
)
def test_wildcard_pattern_matches_its_names_alone(names: list[str], taken: list[str], refused: list[str]) -> None:
    pattern = re.compile(wildcard_pattern(names))
    assert all(pattern.fullmatch(name) for name in taken)
    assert not any(pattern.fullmatch(name) for name in refused)


def runs_of(**sweep: Any) -> list[PlannedRun]:
    sweep = {"network": "fc2", "structures": ["linear"], "sparsities": [0.5], "epochs": [2], **sweep}
    return [*plan_of(sweeps={"only": sweep}).runs.values()]


ALWAYS = ["accuracy_remaining_fc2", "accuracy_alive_fc2", "epochs_fc2"]


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ({"held_out_seeds": []}, ALWAYS),
        ({}, [*ALWAYS, "held_out"]),
        ({"redundancies": [1, 5]}, [*ALWAYS, "redundancy_fc2", "held_out"]),
        ({"variants": ["released", "own"]}, [*ALWAYS, "variants_fc2", "held_out"]),
        ({"structures": ["linear", "wide"]}, [*ALWAYS, "held_out", "wide_minus_linear"]),
        ({"structures": ["dense"]}, []),
        ({"epochs": "published"}, ["replays", *ALWAYS, "held_out"]),
        ({"epochs": "published", "redundancies": [1]}, [*ALWAYS, "held_out"]),
        ({"epochs": "published", "structures": ["dense"], "published_seed": None}, []),
    ],
)
def test_pruning_figures_are_those_that_runs_have_data_for(sweep: dict[str, Any], expected: list[str]) -> None:
    assert pruning_figures(runs_of(**sweep), "mnist") == expected


def test_pruning_figures_of_several_networks_follow_the_order_of_the_runs(plan: Plan) -> None:
    found = pruning_figures([*plan.runs.values()], "mnist")
    assert found == [
        *ALWAYS,
        *(name.replace("fc2", "lenet5") for name in ALWAYS),
        "variants_lenet5",
        "held_out",
    ]


def test_every_point_of_the_paper_is_one_that_a_run_can_have() -> None:
    published = figures().query("network == 'fc2'")
    for point in published.itertuples():
        [run] = runs_of(
            structures=[point.structure], sparsities=[point.sparsity], epochs=[point.epochs], held_out_seeds=[]
        )
        assert has_published_point(run, "mnist")
        assert not has_published_point(run, "mnist5k")


def test_a_sparsity_that_was_not_published_has_no_published_point() -> None:
    [run] = runs_of(sparsities=[0.123], held_out_seeds=[])
    assert not has_published_point(run, "mnist")


def test_theory_tables_are_probabilities_for_the_curves_and_thresholds_for_the_others() -> None:
    assert theory_table("success") == "<results>/tables/theory_success.csv"
    assert theory_table("single") == theory_table("cardinality") == "<results>/tables/theory_thresholds.csv"
