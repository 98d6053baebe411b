"""From a configuration to runs, from runs to points by either protocol, and to answers and figures."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import RESULTS, Snakemake

from lottery.errors import LotteryError
from lottery.pruning.sweeps import planned_runs
from lottery.published import figures
from lottery.records.files import write_json
from lottery.workflow.configuration import complete
from lottery.workflow.figures import figures_of_all_networks

ROOT = Path(__file__).parent.parent


def planned(**sweeps: dict[str, Any]) -> dict[str, Any]:
    return planned_runs(complete({"targets": {}, "approximations": {}, "sweeps": sweeps}))


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
    assert "published/fc2/wide/released/redundancy_5_sparsity_0.00001_epochs_10_seed_1_released" in found


def test_only_held_out_runs_depend_on_how_many_images_are_held_out() -> None:
    config = {"targets": {}, "approximations": {}, "sweeps": {"a": {"network": "fc2", "sparsities": [0.5]}}}
    few, many = (planned_runs(complete({**config, "validation_images": count})) for count in (10, 20))
    assert {few[name].run.protocol for name in few if few[name] != many[name]} == {"held_out"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"structures": ["linear", "wide"]}, ["held_out", "wide_minus_linear"]),
        ({"structures": ["linear", "relu"]}, ["held_out"]),
        ({"structures": ["linear", "wide"], "held_out_seeds": []}, ["wide_minus_linear"]),
        ({"structures": ["dense"]}, []),
    ],
)
def test_figures_over_all_networks_are_those_that_runs_give_something_to(
    changes: dict[str, Any], expected: list[str]
) -> None:
    found = planned(a={"network": "fc2", "sparsities": [0.5], **changes})
    assert figures_of_all_networks(found.values()) == expected


def test_a_variant_is_added_as_the_docs_say() -> None:
    docs = (ROOT / "docs/pruning.md").read_text()
    example = yaml.safe_load(docs.split("```yaml\n")[1].split("```")[0])
    shipped = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    shipped["variants"] = example["variants"]
    shipped["sweeps"]["fc2"] |= example["sweeps"]["fc2"]
    found = planned_runs(complete(shipped))
    fc2 = [p for p in found.values() if p.run.network == "fc2" and p.run.structure != "dense" and p.run.redundancy == 5]
    assert {p.variant_name for p in fc2} == {"released", "no_decay"}
    assert sum(p.variant_name == "no_decay" for p in fc2) == len(fc2) / 2


def test_the_baseline_is_trained_once_for_variants_that_do_not_concern_it() -> None:
    variants = {"no_decay": {"decay_scores": False}, "slow": {"learning_rate": 0.01}}
    sweep = {"network": "fc2", "structures": ["dense"], "sparsities": [0], "variants": ["released", "no_decay", "slow"]}
    config = {"targets": {}, "approximations": {}, "variants": variants, "sweeps": {"a": sweep}}
    assert {p.variant_name for p in planned_runs(complete(config)).values()} == {"released", "slow"}


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
        complete(config | change)


def test_two_seeds_of_the_published_protocol_are_refused() -> None:
    one = {"network": "fc2", "sparsities": [0.5]}
    with pytest.raises(LotteryError, match="the published protocol has one seed"):
        planned(a=one, b={**one, "published_seed": 2})
    with pytest.raises(LotteryError, match=r"b.published_stream: the published protocol has one seed and one stream"):
        planned(a=one, b={**one, "published_stream": "keyed"})


def test_a_sweep_replays_the_published_runs_unless_it_is_told_otherwise() -> None:
    one = {"network": "fc2", "sparsities": [0.5], "structures": ["linear"]}
    for sweep, stream in ((one, "released"), ({**one, "published_stream": "keyed"}, "keyed")):
        runs = [p.run for p in planned(a=sweep).values()]
        assert {(run.protocol, run.stream) for run in runs} == {("published", stream), ("held_out", "keyed")}


def test_each_point_can_have_the_length_that_was_published_for_it() -> None:
    found = planned(a={"network": "fc2", "sparsities": [0.05, 0.9], "epochs": "published", "held_out_seeds": []})
    lengths = {(p.run.structure, p.run.sparsity): p.run.epochs for p in found.values()}
    assert lengths == {
        ("linear", 0.05): 10, ("linear", 0.9): 20, ("relu", 0.05): 10, ("relu", 0.9): 10, ("wide", 0.05): 10,
        ("wide", 0.9): 50, ("dense", 0): 50,
    }  # fmt: skip
    with pytest.raises(LotteryError, match=r"sweeps.a: epochs: published has no length for fc2 linear at sparsity 0.3"):
        planned(a={"network": "fc2", "sparsities": [0.3], "epochs": "published"})


def test_perturbed_runs_stand_beside_the_one_without_noise() -> None:
    sweep = {"network": "fc2", "sparsities": [0.5], "structures": ["wide"], "perturbations": [1, 2]}
    found = [p for p in planned(a=sweep).values() if p.run.protocol == "published"]
    assert [p.run.perturbation for p in found] == [None, 1, 2]
    assert found[2].folder.endswith("epochs_10_seed_1_released_perturbation_2")


def test_only_replays_are_perturbed() -> None:
    sweep = {"network": "fc2", "sparsities": [0.5], "perturbations": [1]}
    for wrong in ({"published_stream": "keyed"}, {"published_seed": None}):
        with pytest.raises(LotteryError, match=r"sweeps.a.perturbations: repeat replays"):
            planned(a={**sweep, **wrong})


def test_the_figures_config_asks_for_every_published_point_at_its_own_length() -> None:
    parts = [yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()) for name in ("config", "figures")]
    config = parts[0]
    for name, sweep in parts[1]["sweeps"].items():
        old = config["sweeps"].get(name)
        config["sweeps"][name] = sweep if old is None or sweep is None else {**old, **sweep}
    runs = [p.run for p in planned_runs(complete(config)).values()]
    replays = [(r.network, r.structure, r.sparsity, r.epochs) for r in runs if r.perturbation is None]
    points = [(p.network, p.structure, p.sparsity, p.epochs) for p in figures().itertuples()]
    assert sorted(replays) == sorted(points)
    assert {(r.protocol, r.stream, r.seed) for r in runs} == {("published", "released", 1)}
    assert len(runs) - len(points) == 5 * 22 + 2 * 5, "five repetitions of 22 points, two of 5"


def test_a_variant_that_changes_draws_cannot_replay_the_paper() -> None:
    sweep = {"network": "fc2", "sparsities": [0.5], "variants": ["released", "fan_in"]}
    config = {"targets": {}, "approximations": {}, "variants": {"fan_in": {"fan_in_counts_redundancy": True}}}
    message = "sweeps.a.published_stream: released has no numbers for fan_in_counts_redundancy, .* set it to keyed"
    with pytest.raises(LotteryError, match=message):
        complete({**config, "sweeps": {"a": sweep}})
    complete({**config, "sweeps": {"a": {**sweep, "published_stream": "keyed"}}})
    complete({**config, "sweeps": {"a": {**sweep, "published_seed": None}}})


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
    assert "published/fc2/wide/released/redundancy_5_sparsity_0.001_epochs_10_seed_1_released" in found
    assert "published/fc2/wide/released/redundancy_5_sparsity_0_epochs_10_seed_1_released" in found


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ({"sparsities": [1]}, "sweeps.a.sparsities.0"),
        ({"sparsities": [0.5], "structures": ["narrow"]}, "'narrow' is not one of linear, relu"),
        ({"sparsities": [0.5], "redundancies": [0]}, "sweeps.a.redundancies.0"),
        (
            {"sparsities": [0.5], "variants": ["better"]},
            "sweeps.a.variants: 'better' is not one of the variants (released)",
        ),
        ({"sparsities": [0.5], "epoch": [3]}, "unknown key 'epoch'; did you mean 'epochs'?"),
        ({"sparsities": []}, "sweeps.a.sparsities"),
        ({"sparsities": [float("nan")]}, "config: sweeps.a.sparsities.0: a finite number is needed"),
        ({"sparsities": [0.5], "epochs": ["{"]}, "sweeps.a.epochs.0: a whole number is needed, not '{'"),
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


def test_ten_thousand_runs_fit_into_a_list(workflow: Path, snakemake: Snakemake) -> None:
    """A word of a command line has at most 128 KB on Linux."""
    sparsities = [round(step / 2000, 4) for step in range(1, 1000)]
    sweep = {
        "network": "fc2",
        "structures": ["linear", "relu"],
        "sparsities": sparsities,
        "held_out_seeds": [1, 2, 3, 4],
    }
    write_json(workflow / "config/many.json", {"sweeps": {"fc2": None, "many": sweep}})
    wanted = f"{RESULTS}/pruning/runs.json"
    done = snakemake(workflow, wanted, "--configfile", "config/demo.yaml", "config/many.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads((workflow / wanted).read_text())) > 9_900
