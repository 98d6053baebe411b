"""Tickets of a network with convolutions: compared with enumeration, with whole random convolutions, and with their bound."""

import hashlib
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from conftest import random_weights
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from lottery.approximation.target import Target
from lottery.data.datasets import Dataset, Images
from lottery.errors import LotteryError
from lottery.networks import ImageShape, Layer, layers
from lottery.records.tensors import read_tensors, write_tensors
from lottery.subset_sum import Objective
from lottery.tickets.certificate import certify, measure_claims
from lottery.tickets.claims import Claims, random_weights_digest, target_digest
from lottery.tickets.construction import Construction, build, build_layer
from lottery.tickets.counts import count
from lottery.tickets.errors import LayerErrors, bound_from_epsilon, bound_from_errors, layer_errors
from lottery.tickets.file import read_ticket, ticket_bytes, write_ticket
from lottery.tickets.matrices import from_matrix, matrix_shape, to_matrix
from lottery.tickets.network import PrunedRandomConvolution, outputs, padded_sizes, pruned_network, split
from lottery.tickets.paths import alive
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import LayerMasks, Ticket, effective_weights

CPU = torch.device("cpu")
IMAGE = ImageShape(1, 8, 3)  # lenet5 pads it to 32 x 32
EPSILON = 0.15
SIZES = st.integers(1, 3)
OLD_FORMAT = "lottery ticket"
OLD_FILE = (
    "37dd2d58eae1cd916ba04842f4716c00a062bdc64299a2f4e5e091b4302f6068"  # SHA-256, from before there were convolutions
)


def lenet5() -> Target:
    return Target("lenet5", IMAGE, "raw", random_weights("lenet5", IMAGE))


@cache
def built(signed: bool = False, objective: Objective = "min_cardinality") -> tuple[Target, Ticket]:
    target = lenet5()
    return target, build(target, Construction(18, "uniform", EPSILON, objective, 3, signed))


def ticket_without_convolutions(target: Target) -> Ticket:
    """A ticket as they were before 2026-12: linear layers are numbered from 0, and convolutions are the target's."""
    construction = Construction(18, epsilon=EPSILON, objective="min_cardinality")
    masks = {}
    for number, spec in enumerate(target.layers[2:]):
        random = RandomLayer(1, number, spec.columns, spec.rows, construction.random)
        masks[spec.name] = build_layer(target.weights[spec.name].astype(float), random, construction, spec.name)
    return Ticket("lenet5", target.image, 1, construction.random, False, masks)


def noise(count: int = 20) -> Images:
    draws = np.random.default_rng(0)
    pixels = [draws.integers(0, 256, (number, 1, 8, 8), np.uint8) for number in (10, count)]
    labels = [draws.integers(0, 3, number, np.uint8) for number in (10, count)]
    return Images(Dataset("noise", IMAGE, 10, count, (0.5,), (0.5,)), pixels[0], labels[0], pixels[1], labels[1])


def sparse_ticket(seed: int, densities: tuple[float, ...]) -> Ticket:
    """Random masks that keep this share of each layer's second matrix, apart from pruned units."""
    draws = np.random.default_rng(seed)
    masks = {}
    for spec, density in zip(layers("lenet5", IMAGE), densities, strict=True):
        outputs_, inputs = matrix_shape(spec)
        first = draws.random((2, inputs)) < 0.9
        masks[spec.name] = LayerMasks(first, (draws.random((2, outputs_, inputs)) < density) & first[:, None, :])
    return Ticket("lenet5", IMAGE, seed, Distribution(), False, masks)


def operator(convolution, channels: int, size: int) -> np.ndarray:
    """The matrix of a linear map of images, column by column: (all its outputs, channels * size * size)."""
    pixels = channels * size * size
    with torch.no_grad():
        return (
            convolution(torch.eye(pixels).double().reshape(pixels, channels, size, size)).reshape(pixels, -1).T.numpy()
        )


@given(outputs_=SIZES, inputs=SIZES, kernel=st.lists(SIZES, min_size=2, max_size=2) | st.just([]))
def test_the_matrix_of_a_layer_has_a_column_per_input_and_comes_back(outputs_, inputs, kernel):
    layer = Layer("layer", (outputs_, inputs, *kernel))
    weights = np.arange(layer.size).reshape(layer.shape)
    matrix = to_matrix(weights)
    assert matrix.shape == matrix_shape(layer)
    assert np.array_equal(from_matrix(matrix, layer), weights)
    for index in np.ndindex(*layer.shape):
        output, column, *place = index
        row = np.ravel_multi_index((output, *place), (outputs_, *kernel))
        assert matrix[row, column] == weights[index]


@pytest.mark.parametrize("objective", ["min_error", "min_cardinality"])
def test_each_kernel_weight_gets_the_best_subset_of_the_units_of_its_channel(objective):
    weights = np.random.default_rng(5).uniform(-0.2, 0.2, (3, 2, 2, 3))
    random = RandomLayer(7, 0, 2, 3 * 2 * 3, Distribution())
    found = build_layer(to_matrix(weights), random, Construction(20, epsilon=0.05, objective=objective), "conv")
    u = np.array([random.first_diagonal(unit) for unit in range(found.units)], float)  # (U, C)
    v = np.array([random.second(unit) for unit in range(found.units)], float)
    v = v.reshape(-1, 3, 2, 3, 2).transpose(0, 1, 4, 2, 3)  # (U, O * P * Q, C) -> (U, O, C, P, Q)
    kept = found.second.reshape(-1, 3, 2, 3, 2).transpose(0, 1, 4, 2, 3)
    for o, c, p, q in np.ndindex(weights.shape):
        passes = np.flatnonzero(u[:20, c] > 0)
        subsets = np.arange(2**passes.size)[:, None] >> np.arange(passes.size) & 1
        errors = np.abs(subsets @ (v[passes, o, c, p, q] * u[passes, c]) - weights[o, c, p, q])
        chosen = kept[:, o, c, p, q]
        error = abs((v[:, o, c, p, q] * u[:, c])[chosen].sum() - weights[o, c, p, q])
        assert not chosen[u[:, c] <= 0].any()
        assert error <= 0.05
        if errors.min() > 0.05:
            continue  # served by further units
        if objective == "min_error":
            assert error == pytest.approx(errors.min(), abs=1e-12)
        else:
            assert chosen.sum() == subsets.sum(axis=1)[errors <= 0.05].min()


@example(seed=72, shape=(1, 2, 1, 0, 1, 1))  # no unit is kept
@given(seed=st.integers(0, 2**32 - 1), shape=st.tuples(SIZES, SIZES, SIZES, st.integers(0, 2), SIZES, SIZES))
@settings(deadline=None, max_examples=40)
def test_the_convolution_that_runs_is_the_whole_random_one_with_its_masks(seed, shape):
    units, outputs_, channels, padding, height, width = shape
    layer = Layer("conv.weight", (outputs_, channels, height, width))
    rows, _ = matrix_shape(layer)
    random, draws = RandomLayer(seed, 1, channels, rows, Distribution()), np.random.default_rng(seed)
    first = draws.random((units, channels)) < 0.7
    masks = LayerMasks(first, (draws.random((units, rows, channels)) < 0.5) & first[:, None, :])
    inputs = torch.from_numpy(draws.normal(size=(4, channels, 5, 6)))
    replaced = nn.Conv2d(channels, outputs_, (height, width), padding=padding, bias=False)
    found = PrunedRandomConvolution(random, masks, layer, replaced).double()(inputs)

    slabs = range(units)
    one_by_one = np.concatenate([random.first(unit) * np.diag(masks.first[unit]) for unit in slabs])  # (U * C, C)
    second = np.stack([random.second(unit) * masks.second[unit] for unit in slabs])  # (U, O * P * Q, C)
    second = second.reshape(units, outputs_, height, width, channels).transpose(1, 0, 4, 2, 3)  # (O, U, C, P, Q)
    kernel = torch.from_numpy(second.reshape(outputs_, units * channels, height, width)).double()
    hidden = torch.relu(functional.conv2d(inputs, torch.from_numpy(one_by_one)[:, :, None, None].double()))
    assert torch.allclose(found, functional.conv2d(hidden, kernel, padding=padding), atol=1e-12)

    positive, negative = (torch.from_numpy(from_matrix(m, layer).copy()) for m in effective_weights(random, masks))
    effective = functional.conv2d(inputs.clamp(min=0), positive, padding=padding)
    effective += functional.conv2d(inputs.clamp(max=0), negative, padding=padding)
    assert torch.allclose(found, effective, atol=1e-12)


@pytest.mark.parametrize("signed", [False, True], ids=["inputs from 0", "inputs of both signs"])
def test_the_whole_random_network_computes_the_target_within_its_bound(signed):
    target, ticket = built(signed)
    assert [*ticket.masks] == [layer.name for layer in target.layers]
    before, network = split(ticket, target)
    assert len(before) == 0
    images = torch.rand(12, 1, 8, 8, dtype=torch.float64) - (0.5 if signed else 0)
    found = outputs(pruned_network(ticket).double(), images)
    expected = outputs(network.double(), images)
    errors = layer_errors(ticket, target)
    assert max(layer.distance.max() for layer in errors) <= EPSILON
    difference = float(((found - expected).norm(dim=1) / images.flatten(1).norm(dim=1)).max())
    assert 0 < difference <= bound_from_errors(errors) <= bound_from_epsilon(errors, EPSILON)


@given(
    seed=st.integers(0, 10_000),
    outputs_=SIZES,
    channels=SIZES,
    side=SIZES,
    size=st.integers(3, 5),
    padding=st.integers(0, 2),
)
@settings(deadline=None, max_examples=60)
def test_norms_of_convolutions_are_bounded_closely_from_above(seed, outputs_, channels, side, size, padding):
    draws = np.random.default_rng(seed)
    weights = draws.normal(size=(outputs_, channels, side, side))
    errors = draws.uniform(-0.1, 0.1, weights.shape)

    def norm(kernel):
        convolution = lambda images: functional.conv2d(images, torch.from_numpy(kernel), padding=padding)  # noqa: E731
        return np.linalg.norm(operator(convolution, channels, size), 2)

    found = LayerErrors("conv", weights, np.abs(errors), size + 2 * padding)
    assert norm(weights) <= found.norm * (1 + 1e-12)
    assert found.norm <= np.linalg.norm(weights.reshape(outputs_, channels, -1), axis=(0, 1)).sum() * (1 + 1e-12)
    assert norm(errors) <= norm(np.abs(errors)) * (1 + 1e-12) <= found.distance_norm * (1 + 1e-11)
    assert found.distance_norm <= found.distance_norm_within(0.1)
    alike = replace(found, distance=np.full_like(errors, 0.1))
    assert alike.distance_norm == pytest.approx(alike.distance_norm_within(0.1))
    if side == 1:
        assert found.norm == pytest.approx(np.linalg.norm(weights[:, :, 0, 0], 2))


def test_a_wide_image_brings_the_norm_of_a_convolution_to_its_bound():
    weights = np.random.default_rng(2).normal(size=(2, 1, 3, 3))
    exact = np.linalg.norm(operator(lambda images: functional.conv2d(images, torch.from_numpy(weights)), 1, 24), 2)
    assert exact <= LayerErrors("conv", weights, weights, 24).norm < 1.05 * exact


def test_inputs_of_convolutions_have_the_sizes_of_lenet5():
    assert padded_sizes(built()[1]) == {"conv1.weight": 32, "conv2.weight": 14}


def places_on_a_way(ticket: Ticket) -> dict[str, set[int]]:
    """Indices into each layer's kept weights that lie on a way, by matrices with a row and a column for each position of a map.

    Every edge holds the index of its weight, from 1; so a weight is on a way if one of its edges is.
    """
    edges, names, channels, size = [], [], IMAGE.channels, IMAGE.size
    for name, module in split(ticket)[1].double().named_children():
        if isinstance(module, nn.Conv2d | nn.Linear):
            kept = from_matrix(
                ticket.masks[f"{name}.weight"].second.any(axis=0), Layer(name, tuple(module.weight.shape))
            )
            module.weight.data = torch.from_numpy(kept * np.arange(1.0, kept.size + 1).reshape(kept.shape))
        if isinstance(module, nn.Conv2d):
            edges.append(operator(module, channels, size))
            names.append(f"{name}.weight")
            channels, size = module.out_channels, size + 2 * int(module.padding[0]) - 4
        elif isinstance(module, nn.MaxPool2d):
            edges.append(operator(nn.AvgPool2d(2), channels, size))
            names.append("")
            size //= 2
        elif isinstance(module, nn.Linear):
            edges.append(module.weight.detach().numpy())
            names.append(f"{name}.weight")
    reached, wanted = [np.ones(edges[0].shape[1], bool)], [np.ones(edges[-1].shape[0], bool)]
    for matrix, back in zip(edges, reversed(edges), strict=True):
        reached.append((matrix != 0) @ reached[-1])
        wanted.insert(0, wanted[0] @ (back != 0))
    return {
        name: set(matrix[wanted[number + 1][:, None] & reached[number]].astype(int)) - {0}
        for number, (name, matrix) in enumerate(zip(names, edges, strict=True))
        if name
    }


# The last ones leave some positions of a map without a path, and let a pooling window with several of them decide.
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "densities", [(0.3, 0.03, 0.001, 0.01, 0.1), (0.05, 0.002, 0.02, 0.1, 0.5), (0.1, 0.1, 3e-5, 0.5, 0.9)]
)
def test_alive_weights_are_those_on_a_way_through_positions_of_the_maps(seed, densities):
    ticket = sparse_ticket(seed, densities)
    ways, total = places_on_a_way(ticket), 0
    for spec, _, masks in ticket.random_layers():
        on_way = np.zeros(spec.shape, bool)
        on_way.ravel()[[place - 1 for place in ways[spec.name]]] = True
        second = masks.second & to_matrix(on_way)
        total += second.sum() + second.any(axis=1).sum()
    assert 0 < total < count(ticket).remaining
    assert alive(ticket) == total


def test_counts_are_those_of_the_whole_convolutions():
    target, ticket = built()
    counts = count(ticket)
    assert counts.target == target.size
    initial = remaining = 0
    for spec, _, masks in ticket.random_layers():
        inputs = spec.shape[1]
        initial += masks.units * (inputs * inputs + spec.size)  # 1 x 1 convolutions or matrices, and the second ones
        remaining += masks.first.sum() + masks.second.sum()
    assert (counts.initial, counts.remaining) == (initial, remaining)
    assert counts.alive <= counts.remaining < counts.initial_blocks < counts.initial


def test_a_ticket_with_convolutions_is_verified_without_its_target(tmp_path):
    target, ticket = built()
    data = noise()
    write_ticket(tmp_path / "ticket.safetensors", ticket, measure_claims(ticket, target, EPSILON, data, CPU))
    alone = certify(*read_ticket(tmp_path / "ticket.safetensors"), None, data, CPU)
    beside = certify(*read_ticket(tmp_path / "ticket.safetensors"), target, data, CPU)
    assert alone["accuracy"] == beside["accuracy"]
    assert alone["predictions_that_differ"] is None
    assert 0 < beside["largest_difference"] <= beside["bound_from_errors"] <= beside["bound"]
    assert "norms" not in alone
    assert beside["norms"] == pytest.approx([layer.norm for layer in layer_errors(ticket, target)], abs=1e-6)


def flip(name: str):
    def change(arrays, metadata):
        arrays[name] = arrays[name].copy()
        arrays[name][3] ^= 16

    return change


def without_convolutions(arrays, metadata):
    for name in ("conv1.weight", "conv2.weight"):
        del arrays[f"{name}.first"], arrays[f"{name}.second"], metadata["units_per_input"][name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip("conv1.weight.second"), "do not keep the random weights"),
        (flip("conv2.weight.second"), "do not keep the random weights"),
        (flip("conv2.weight.first"), "expected [0-9]+ bits"),
        (lambda a, m: m.update(seed=4), "do not keep the random weights"),
        (without_convolutions, "do not keep the random weights"),
        (lambda a, m: m["units_per_input"].pop("conv2.weight"), "not a ticket of this version"),
        (lambda a, m: m["units_per_input"].pop("conv1.weight"), "not in canonical form"),
        (lambda a, m: m["units_per_input"].update({"conv2.weight": 64}), "expected [0-9]+ bits"),
    ],
)
def test_a_changed_convolution_is_found_even_with_a_new_checksum(tmp_path, change, message):
    ticket = built()[1]
    path = tmp_path / "ticket.safetensors"
    claims = Claims(random_weights_digest(ticket), "b" * 64, EPSILON, EPSILON, "noise", 20, 50.0)
    path.write_bytes(ticket_bytes(ticket, claims, OLD_FORMAT))
    arrays, metadata = read_tensors(path)
    change(arrays, metadata)
    write_tensors(path, arrays, metadata)
    with pytest.raises(LotteryError, match=message):
        certify(*read_ticket(path), None, None, CPU)


def test_a_kernel_weight_beyond_epsilon_is_named_by_its_place(tmp_path):
    target, ticket = built()
    weights = {name: array.copy() for name, array in target.weights.items()}
    weights["conv2.weight"][3, 1, 4, 2] += 10
    other = replace(target, weights=weights)
    claims = replace(measure_claims(ticket, target, EPSILON, noise(), CPU), target=target_digest(other))
    with pytest.raises(
        LotteryError, match="conv2.weight: 1 weights are beyond .* row 3, column 1, kernel row 4, kernel column 2: "
    ):
        certify(ticket, claims, other, None, CPU)


def test_files_from_before_there_were_convolutions_are_the_same_bytes(tmp_path):
    masks = {}
    for spec in layers("lenet5", IMAGE)[2:]:
        second = np.arange(2 * spec.size).reshape(2, *spec.shape) % 7 == 0
        masks[spec.name] = LayerMasks(second.any(axis=1), second)
    ticket = Ticket("lenet5", IMAGE, 5, Distribution(), False, masks, "normalised")
    path = tmp_path / "ticket.safetensors"
    claims = Claims(random_weights_digest(ticket), "b" * 64, 0.01, 0.001, "noise", 60, 50.0)
    path.write_bytes(ticket_bytes(ticket, claims, OLD_FORMAT))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == OLD_FILE
    certify(*read_ticket(path), None, None, CPU)


def test_a_ticket_with_the_convolutions_of_its_target_is_still_verified(tmp_path):
    target = lenet5()
    ticket, data = ticket_without_convolutions(target), noise()
    path = tmp_path / "ticket.safetensors"
    path.write_bytes(ticket_bytes(ticket, measure_claims(ticket, target, EPSILON, data, CPU), OLD_FORMAT))
    found = certify(*read_ticket(path), target, data, CPU)
    assert 0 < found["largest_difference"] <= found["bound_from_errors"]
    assert count(ticket).target == sum(layer.size for layer in target.layers[2:])
    with pytest.raises(
        LotteryError, match="lenet5 has convolutions, which this ticket takes from its target; give --target"
    ):
        certify(*read_ticket(path), None, data, CPU)


def test_normalised_pixels_are_negative_for_a_convolution_too():
    normalised = replace(lenet5(), pixels="normalised")
    with pytest.raises(LotteryError, match="signed_inputs: this lenet5 was trained on normalised pixels"):
        build(normalised, Construction(18, epsilon=EPSILON))
    _, ticket = built()
    with pytest.raises(LotteryError, match="signed_inputs: this lenet5"):
        replace(ticket, pixels="normalised")
