"""Structures of experiment 2: sizes, draws, and settings that make no sense."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from conftest import MNIST

from lottery.cli import parser
from lottery.errors import LotteryError
from lottery.pruning.keyed import init_layer
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import layer_specs, structure_layer_specs
from lottery.workflow.schema import schema as config_schema


@pytest.mark.parametrize(
    ("network", "structure", "total", "hidden"),
    [
        ("fc2", "dense", 397_000, 500),
        ("fc4", "dense", 897_000, 500),
        ("lenet5", "dense", 58_920, 120),
        ("fc2", "linear", 1_991_420, 500),
        ("fc4", "relu", 4_496_420, 500),
        ("lenet5", "relu", 297_620, 120),
        ("fc2", "wide", 1_991_352, 2508),
        ("fc4", "wide", 4_496_508, 1314),
        ("lenet5", "wide", 297_864, 378),
    ],
)
def test_structures_have_the_published_sizes(network: str, structure: str, total: int, hidden: int) -> None:
    found = structure_layer_specs(network, structure, MNIST, 5, 500)
    assert sum(block.size for block in found) == total
    assert found[0].outputs == hidden
    drawn = [init_layer(block, Run(network, structure, 1 if structure == "dense" else 5, 0, 1)) for block in found]
    assert sum(d.weight2.size + (0 if d.weight1 is None else d.weight1.size) for d in drawn) == total


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sparsity": 1.0}, "sparsity: from 0 to below 1 is needed"),
        ({"sparsity": -0.1}, "sparsity: from 0 to below 1 is needed"),
        ({"structure": "narrow"}, "'narrow' is not one of linear, relu"),
        ({"redundancy": 0}, "redundancy"),
        ({"epochs": 0}, "epochs"),
        ({"validation_images": 500}, "validation_images: only protocol held_out sets images aside"),
        ({"protocol": "both"}, "'both' is not one of published, held_out"),
        ({"structure": "dense"}, "dense has redundancy 1"),
        ({"network": "fc3"}, "'fc3' is not one of"),
        ({"stream": "official"}, "stream: 'official' is not one of keyed, released"),
        ({"perturbation": -1}, "perturbation: from 0 to"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(LotteryError, match=message):
        Run(**{"network": "fc2", "structure": "linear", "redundancy": 5, "sparsity": 0.5, "epochs": 1} | wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("structure", "variant", "expected"),
    [
        # weight1's and weight2's standard deviation, bounds of scores1 and scores2, for 784 inputs and r = 5
        ("linear", {}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("relu", {}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("wide", {}, (None, 0.0505, None, 0.0357)),
        ("linear", {"fan_in_counts_redundancy": True}, (1.4142, 0.02259, 1.4142, 0.0505)),
        ("linear", {"density_scale": True}, (2.8284, 0.1010, 1.4142, 0.0505)),
        ("linear", {"density_scale": True, "weight1_sparsity": 0.0}, (1.4142, 0.1010, 1.4142, 0.0505)),
        ("linear", {"signed_constant": True}, (1.4142, 0.0505, 1.4142, 0.0505)),
        ("linear", {"same_score_initialisation": True}, (1.4142, 0.0505, 1.0, 0.0357)),
    ],
)
def test_draws_have_the_released_distributions_and_switches_change_what_they_say(
    structure: str, variant: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    run = Run("fc2", structure, 5, 0.75, epochs=1, variant=Variant(**variant))
    drawn = init_layer(layer_specs(run, MNIST)[0], run)
    std1, std2, bound1, bound2 = expected
    assert drawn.weight2.std() == pytest.approx(std2, rel=0.01)
    assert np.abs(drawn.scores2).max() == pytest.approx(bound2, rel=0.002)
    assert drawn.scores2.std() == pytest.approx(bound2 / np.sqrt(3), rel=0.01)
    if std1 is not None:
        assert drawn.weight1.std() == pytest.approx(std1, rel=0.05)
        assert np.abs(drawn.scores1).max() == pytest.approx(bound1, rel=0.01)
    values = np.unique(np.abs(drawn.weight2))
    assert (values.size == 1) == ("signed_constant" in variant)


def test_learning_rates_and_decay_are_the_published_ones() -> None:
    assert [Run(n, "wide", 5, 0.5, 1).rate for n in ("fc2", "fc4", "lenet5")] == [0.1, 0.1, 0.01]
    assert Run("lenet5", "dense", 1, 0, 1).rate == 0.1
    assert Run("fc2", "relu", 5, 0.5, 1).decay == 5e-4
    no_decay = Variant(decay_scores=False)
    assert Run("fc2", "relu", 5, 0.5, 1, variant=no_decay).decay == 0
    assert Run("fc2", "dense", 1, 0, 1, variant=no_decay).decay == 5e-4


def test_defaults_are_the_same_on_the_command_line_and_in_the_schema() -> None:
    given = parser().parse_args(["prune", "--data", "d", "--network", "fc2", "--structure", "wide", "--output", "o"])
    schema = config_schema()
    for field in fields(Variant):
        assert getattr(given, field.name) == getattr(Variant(), field.name), field.name
        assert schema["$defs"]["VariantEntry"]["properties"][field.name]["default"] == getattr(Variant(), field.name), (
            field.name
        )
