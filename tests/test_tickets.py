"""The theorem's network, built: held against enumeration, against plain dense matrices, and against its own bound."""

from dataclasses import replace
from functools import cache, reduce

import numpy as np
import pytest
import torch
from conftest import TINY_IMAGE, random_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.networks import layers
from lottery.subset_sum import Objective, SubsetSumError
from lottery.tickets.certificate import certify
from lottery.tickets.claims import Claims, random_weights_digest, target_digest
from lottery.tickets.construction import Construction, build, build_layer, check_attainable
from lottery.tickets.counts import count, count_weights_beyond_units
from lottery.tickets.errors import bound_from_epsilon, bound_from_errors, layer_errors
from lottery.tickets.network import PrunedRandomLayer, outputs, pruned_network, split
from lottery.tickets.paths import alive
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import LayerMasks, Ticket, effective_weights

PINNED = {
    "uniform first": [-0.6058803796768188, -0.023893237113952637, 0.98293137550354, -0.4444049596786499],
    "uniform second": [0.527146577835083, -0.516821026802063, 0.2753889560699463, 0.8367407321929932],
    "normal second": [0.7177734375, -0.701171875, 0.352294921875, 1.394287109375],
}
UNIFORM = Distribution()


def setting(distribution: Distribution) -> str | tuple[float, float]:
    """A distribution as the settings of a construction have it."""
    return (
        distribution.name
        if distribution in (UNIFORM, Distribution("normal"))
        else (distribution.low, distribution.high)
    )


EPSILON = 0.05
OBJECTIVES = pytest.mark.parametrize("objective", ["min_error", "min_cardinality", "first_feasible"])


def subset_sums(coefficients):
    """(sums, cardinalities) of all subsets."""
    bits = np.arange(2**coefficients.size)[:, None] >> np.arange(coefficients.size) & 1
    return bits @ coefficients, bits.sum(axis=1)


def dense(random, masks):
    """Both masked matrices of a layer in full: (units * inputs, inputs) and (outputs, units * inputs)."""
    first = [random.first(unit) * np.diag(masks.first[unit]) for unit in range(masks.units)]
    second = [random.second(unit) * masks.second[unit] for unit in range(masks.units)]
    return np.concatenate(first).astype(float), np.concatenate(second, axis=1).astype(float)


def computed_plainly(ticket, inputs):
    """What a ticket computes for inputs (count, inputs), by its dense masked matrices."""
    values = inputs
    for number, (_, random, masks) in enumerate(ticket.random_layers()):
        first, second = dense(random, masks)
        values = np.maximum((np.maximum(values, 0) if number else values) @ first.T, 0) @ second.T
    return values


@cache
def built(signed: bool, objective: Objective = "min_error") -> tuple[Target, Ticket]:
    target = Target("fc2", TINY_IMAGE, "raw", random_weights())
    return target, build(target, Construction(24, "uniform", EPSILON, objective, 3, signed))


@OBJECTIVES
@pytest.mark.parametrize("distribution", [UNIFORM, Distribution("normal"), Distribution("uniform", -0.4, 0.9)], ids=str)
def test_each_weight_gets_the_best_subset_of_the_units_that_can_serve_it(objective, distribution):
    weights = np.random.default_rng(5).uniform(-0.2, 0.2, (4, 6))
    random = RandomLayer(7, 0, 6, 4, distribution)
    masks = build_layer(weights, random, Construction(17, setting(distribution), 0.05, objective), "layer")
    u = np.array([random.first_diagonal(unit) for unit in range(masks.units)])
    v = np.array([random.second(unit) for unit in range(masks.units)])
    for i, j in np.ndindex(weights.shape):
        passes = u[:17, j] > 0
        sums, sizes = subset_sums(v[:17, i, j][passes].astype(float) * u[:17, j][passes])
        kept = masks.second[:, i, j]
        error = abs((v[:, i, j].astype(float) * u[:, j])[kept].sum() - weights[i, j])
        assert not kept[u[:, j] <= 0].any()
        assert error <= 0.05
        if np.abs(sums - weights[i, j]).min() > 0.05:
            continue  # served by further units
        if objective == "min_error":
            assert error == pytest.approx(np.abs(sums - weights[i, j]).min(), abs=1e-12)
        if objective == "min_cardinality":
            assert kept.sum() == sizes[np.abs(sums - weights[i, j]) <= 0.05].min()


@given(seed=st.integers(0, 2**32 - 1), data=st.data())
@settings(deadline=None, max_examples=25)
def test_the_network_that_runs_is_the_dense_one_with_its_masks(seed, data):
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 6)))  # units, outputs, inputs
    draws = np.random.default_rng(seed)
    first = draws.random((shape[0], shape[2])) < 0.7
    masks = LayerMasks(first, (draws.random(shape) < 0.5) & first[:, None, :])
    random = RandomLayer(seed, 1, shape[2], shape[1], UNIFORM)
    inputs = draws.normal(size=(8, shape[2]))
    first_matrix, second_matrix = dense(random, masks)
    plainly = np.maximum(inputs @ first_matrix.T, 0) @ second_matrix.T
    found = PrunedRandomLayer(random, masks).double()(torch.from_numpy(inputs)).numpy()
    positive, negative = effective_weights(random, masks)
    assert np.allclose(found, plainly, atol=1e-12)
    assert np.allclose(found, np.maximum(inputs, 0) @ positive.T + np.minimum(inputs, 0) @ negative.T, atol=1e-12)


@pytest.mark.parametrize("signed", [False, True], ids=["inputs from 0", "inputs of both signs"])
@OBJECTIVES
def test_the_pruned_random_network_computes_the_target_within_its_bound(signed, objective):
    target, ticket = built(signed, objective)
    draws = np.random.default_rng(1)
    inputs = draws.normal(size=(40, 4)) if signed else draws.random((40, 4))
    found = outputs(pruned_network(ticket).double(), torch.from_numpy(inputs)).numpy()
    assert np.allclose(found, computed_plainly(ticket, inputs), atol=1e-11)
    with torch.no_grad():
        expected = split(ticket, target)[1].double()(torch.from_numpy(inputs)).numpy()
    errors = layer_errors(ticket, target)
    assert max(layer.distance.max() for layer in errors) <= EPSILON
    difference = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(inputs, axis=1)
    assert 0 < difference.max() <= bound_from_errors(errors) <= bound_from_epsilon(errors, EPSILON)


def test_what_is_wrong_for_negative_inputs_alone_is_found():
    target, ticket = built(signed=True)
    name = "fc1.weight"
    [(_, random, masks), *_] = ticket.random_layers()
    first = np.array([random.first_diagonal(unit) for unit in range(masks.units)])
    second = np.array([random.second(unit) for unit in range(masks.units)])
    products = np.abs(second * np.minimum(first, 0)[:, None])  # nothing in them serves a positive input
    unit, row, column = np.unravel_index((products * masks.second).argmax(), products.shape)
    damaged = masks.second.copy()
    damaged[unit, row, column] = False
    changed = replace(ticket, masks=ticket.masks | {name: LayerMasks(masks.first, damaged)})
    before, after = (layer_errors(each, target)[0].distance for each in (ticket, changed))
    assert before.max() <= EPSILON
    assert np.argwhere(after > EPSILON).tolist() == [[row, column]]
    claims = Claims(random_weights_digest(changed), target_digest(target), EPSILON, EPSILON, "mnist", 10_000, 98.0)
    with pytest.raises(LotteryError, match=f"{name}: 1 weights are beyond epsilon .* row {row}, column {column}"):
        certify(changed, claims, target, None, torch.device("cpu"))


def test_a_ticket_for_inputs_from_0_says_nothing_of_negative_ones():
    target, ticket = built(signed=False)
    inputs = -np.random.default_rng(1).random((5, 4))
    assert not computed_plainly(ticket, inputs).any()
    with torch.no_grad():
        assert split(ticket, target)[1].double()(torch.from_numpy(inputs)).abs().max() > 0.01


@pytest.mark.parametrize("distribution", [UNIFORM, Distribution("normal")], ids=str)
def test_sums_of_products_are_exact_so_that_every_machine_finds_the_same_errors(distribution):
    random = RandomLayer(2, 0, 50, 20, distribution)
    masks = LayerMasks(np.ones((64, 50), bool), np.ones((64, 20, 50), bool))
    forwards = effective_weights(random, masks)[0]
    u = np.array([random.first_diagonal(unit) for unit in range(64)], float)
    v = np.array([random.second(unit) for unit in range(64)], float)
    assert np.array_equal(forwards, (v * np.maximum(u, 0)[:, None])[::-1].sum(axis=0))


def test_random_network_matches_golden_values():
    """These numbers stand for the file format: tickets that exist need them."""
    uniform, normal = (RandomLayer(1, 0, 3, 2, distribution) for distribution in (UNIFORM, Distribution("normal")))
    assert uniform.first(0).ravel()[:4].tolist() == PINNED["uniform first"]
    assert uniform.second(5).ravel()[:4].tolist() == PINNED["uniform second"]
    assert normal.second(5).ravel()[:4].tolist() == PINNED["normal second"]
    assert uniform.first_diagonal(4).tolist() == np.diag(uniform.first(4)).tolist()


def test_random_weights_are_distributed_as_they_should():
    uniform = RandomLayer(1, 0, 200, 500, UNIFORM).second(0)
    normal = RandomLayer(1, 0, 200, 500, Distribution("normal")).second(0)
    own = RandomLayer(1, 0, 200, 500, Distribution("uniform", 0.25, 0.5)).second(0)
    error = 5 / np.sqrt(100_000)
    assert abs(uniform.mean()) < error
    assert abs(uniform.var() - 1 / 3) < error
    assert np.abs(uniform).max() <= 1
    assert abs(normal.mean()) < error
    assert abs(normal.var() - 1) < error
    assert own.min() >= 0.25
    assert own.max() <= 0.5
    assert abs(own.mean() - 0.375) < error


def test_a_layer_without_enough_units_is_widened_or_refused():
    weights = np.random.default_rng(0).uniform(-0.3, 0.3, (30, 20))
    random = RandomLayer(1, 0, 20, 30, UNIFORM)
    few = Construction(12, epsilon=0.01)
    masks = build_layer(weights, random, few, "layer")
    assert masks.units > 12
    assert (np.abs(effective_weights(random, masks)[0] - weights) <= 0.01).all()
    with pytest.raises(LotteryError, match=r"fc9: \d+ weights have no subset within 0.01 of 12 units per input"):
        build_layer(weights, random, Construction(12, epsilon=0.01, on_infeasible="error"), "fc9")
    with pytest.raises(LotteryError, match="of 64 units"):
        build_layer(weights + 40, random, few, "fc9")


def test_widening_leaves_the_weights_that_were_served_alone():
    weights = np.random.default_rng(0).uniform(-0.3, 0.3, (30, 20))
    random = RandomLayer(1, 0, 20, 30, UNIFORM)
    masks = build_layer(weights, random, Construction(16, epsilon=0.01), "layer")
    further = masks.second[16:].any(axis=0)
    assert 0 < further.sum() < further.size / 2
    for i, j in np.argwhere(~further)[:20]:
        u, v = (
            np.array([matrix(unit) for unit in range(16)], float) for matrix in (random.first_diagonal, random.second)
        )
        sums, _ = subset_sums((v[:, i, j] * np.maximum(u[:, j], 0))[u[:, j] > 0])
        kept = (v[:, i, j] * u[:, j])[masks.second[:16, i, j]].sum()
        assert abs(kept - weights[i, j]) == pytest.approx(np.abs(sums - weights[i, j]).min(), abs=1e-12)


@pytest.mark.parametrize(
    ("distribution", "scale", "message"),
    [
        (
            Distribution("uniform", 0.0, 1.0),
            1,
            r"of 64 products of U\[0, 1\) is within 0.01 of .* weights of fc1.weight",
        ),
        (Distribution("uniform", 0.5, 1.0), 1, r"which has sums from 0 to "),
        (Distribution("uniform", -0.001, 1.0), 1, r"choose a distribution that is wide enough on both sides of 0"),
        (UNIFORM, 200, r"sums from -[0-9.]+ to [0-9.]+; choose"),
        (Distribution("normal"), 1e4, "products of N"),
    ],
    ids=str,
)
def test_unattainable_weights_raise_before_solving(distribution, scale, message):
    target = Target("fc2", TINY_IMAGE, "raw", {name: scale * array for name, array in random_weights().items()})
    served = []
    with pytest.raises(LotteryError, match=message) as found:
        build(target, Construction(distribution=setting(distribution)), served.append)
    assert str(found.value).startswith("distribution: no sum of 64 products of ")
    assert "\n" not in str(found.value)
    assert not served


def test_weights_within_reach_of_one_sign_only_are_served():
    weights = {name: np.abs(array) for name, array in random_weights().items()}
    weights["fc1.weight"][3, 2] = -0.009  # needs no product, as it is within epsilon of 0
    target = Target("fc2", TINY_IMAGE, "raw", weights)
    ticket = build(target, Construction(16, (0.0, 0.5), objective="first_feasible"))
    assert max(layer.distance.max() for layer in layer_errors(ticket, target)) <= 0.01
    weights["fc1.weight"][3, 2] = -0.011
    with pytest.raises(LotteryError, match="1 weights of fc1.weight, the first -0.011 in row 3, column 2"):
        build(target, Construction(16, (0.0, 0.5), objective="first_feasible"))


def test_weights_that_cannot_be_reached_for_negative_inputs_are_refused():
    """Units with u < 0 serve those; their products with v lie between -0.01 and 0.0001 each."""
    few = Construction(16, (-0.01, 1.0))
    random, weights = RandomLayer(1, 0, 20, 30, few.random), np.full((30, 20), 0.1)
    check_attainable(weights, random, few, "layer")
    with pytest.raises(LotteryError, match="no sum of 64 products of U.* weights of layer"):
        check_attainable(weights, random, replace(few, signed_inputs=True), "layer")


def test_sums_reach_as_far_as_their_products_of_one_sign():
    random, few = RandomLayer(1, 0, 3, 2, UNIFORM), Construction(5, "uniform", 0.01, on_infeasible="error")
    products = [float(random.second(unit)[0, 1]) * max(float(random.first_diagonal(unit)[1]), 0) for unit in range(5)]
    most = sum(max(product, 0) for product in products)
    weights = np.zeros((2, 3))
    weights[0, 1] = most + 0.0099
    check_attainable(weights, random, few, "layer")
    weights[0, 1] = most + 0.0101
    with pytest.raises(LotteryError, match="of 5 products .* of layer, the first .* in row 0, column 1"):
        check_attainable(weights, random, few, "layer")


def on_a_way(matrices):
    """How many non-zero entries of 0/1 matrices lie on a way through all of them, by counting the ways."""
    total = 0
    for number, matrix in enumerate(matrices):
        before = reduce(lambda ways, earlier: earlier @ ways, matrices[:number], np.eye(matrices[0].shape[1]))
        after = reduce(lambda ways, later: later @ ways, matrices[number + 1 :], np.eye(matrix.shape[0]))
        total += np.count_nonzero(matrix * before.any(axis=1) * after.any(axis=0)[:, None])
    return total


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_alive_weights_are_those_on_a_way_from_an_input_to_an_output(seed):
    draws = np.random.default_rng(seed)
    masks = {}
    for spec in layers("fc2", TINY_IMAGE):
        first = draws.random((2, spec.columns)) < 0.6
        masks[spec.name] = LayerMasks(first, (draws.random((2, *spec.shape)) < 2 / spec.columns) & first[:, None, :])
    matrices = []
    for layer in masks.values():
        matrices.append(np.concatenate([np.diag(layer.first[k]) for k in range(2)]).astype(float))
        matrices.append(np.concatenate(list(layer.second), axis=1).astype(float))
    assert alive(Ticket("fc2", TINY_IMAGE, 1, UNIFORM, False, masks)) == on_a_way(matrices)


def test_counts_are_those_of_the_matrices():
    target, ticket = built(signed=False, objective="min_cardinality")
    counts = count(ticket)
    initial, remaining, useless = 0, 0, 0
    for _, random, masks in ticket.random_layers():
        first, second = dense(random, masks)
        initial += first.size + second.size
        remaining += np.count_nonzero(first) + np.count_nonzero(second)
        useless += sum(int((np.diag(random.first(unit)) <= 0).sum()) for unit in range(masks.units))
    assert (counts.initial, counts.remaining, counts.useless_units) == (initial, remaining, useless)
    assert counts.target == target.size == 7000
    assert counts.alive <= counts.remaining < counts.initial_blocks < counts.initial
    assert 0.4 < counts.useless_units / counts.units < 0.6
    assert counts.entropy_bits < counts.mask_bits
    kept = [(name, *place) for name, masks in ticket.masks.items() for place in np.argwhere(masks.second).tolist()]
    for units in (0, 5, 20):
        assert (
            count_weights_beyond_units(ticket, units) == len({(name, i, j) for name, k, i, j in kept if k >= units}) > 0
        )


def test_a_ticket_of_signed_inputs_needs_about_twice_the_weights():
    one, both = (count(built(signed)[1]) for signed in (False, True))
    assert both.useless_units == 0
    assert 1.5 < both.remaining / one.remaining < 2.5


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"units_per_input": 0}, "units_per_input: from 1 to 64"),
        ({"units_per_input": 65}, "units_per_input: from 1 to 64"),
        ({"epsilon": 0.0}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"objective": "smallest"}, "objective: 'smallest' is not one of"),
        ({"seed": -1}, "seed"),
        ({"on_infeasible": "redraw"}, "on_infeasible: 'redraw' is not one of error, widen"),
        ({"signed_inputs": True, "distribution": (0.0, 1.0)}, "signed_inputs: no unit passes"),
    ],
)
def test_invalid_construction_raises(wrong, message):
    with pytest.raises((LotteryError, SubsetSumError), match=message):
        Construction(**wrong)


@pytest.mark.parametrize(
    ("distribution", "message"),
    [
        ("gauss", "'gauss' is not one of uniform, normal, LOW HIGH"),
        ((1, -1), "low < high"),
        ((-2, -1), "no positive numbers"),  # their products are positive, but a ReLU lets none of them pass
        ((-1, 0), "no positive numbers"),
        ((float("nan"), 1), "is not one of"),
        ((0, 1, 2), "is not one of"),
    ],
)
def test_a_distribution_that_cannot_be_is_refused(distribution, message):
    with pytest.raises(LotteryError, match=message):
        Construction(distribution=distribution)
