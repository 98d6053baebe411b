"""A ticket as a file, and what `lottery verify` says of one that was tampered with."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY_IMAGE
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.approximation.target import Target
from lottery.data.datasets import Dataset, Images
from lottery.errors import LotteryError
from lottery.networks import ImageShape, layers
from lottery.records.tensors import read_tensors, write_tensors
from lottery.tickets.certificate import certify, measure, measure_claims
from lottery.tickets.claims import Claims, random_weights_digest
from lottery.tickets.construction import Construction, build
from lottery.tickets.counts import count
from lottery.tickets.errors import bound_from_epsilon, bound_from_errors, layer_errors
from lottery.tickets.file import CODINGS, read_ticket, ticket_bytes, write_ticket
from lottery.tickets.network import pruned_network, split
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import LayerMasks, Ticket

CPU = torch.device("cpu")
OLD_FORMAT = "lottery ticket"
OLD_FILE = (
    "c2d565a7bd402bba296a9430e51689663d2f9f61dfe01f18198081a55dc9e13e"  # SHA-256, from before masks were range coded
)
NOT_A_CODE = "expected the range code of [0-9]+ bits|not in canonical form"
SOME_CLAIMS = Claims("a" * 64, "b" * 64, 0.01, 0.001, "mnist", 10_000, 97.19)


def images(image: ImageShape) -> Images:
    draws = np.random.default_rng(0)
    pixels = [draws.integers(0, 256, (count, 1, image.size, image.size), np.uint8) for count in (10, 60)]
    labels = [draws.integers(0, image.classes, count, np.uint8) for count in (10, 60)]
    dataset = Dataset("noise", image, 10, 60, (0.5,), (0.5,))
    return Images(dataset, pixels[0], labels[0], pixels[1], labels[1])


@pytest.fixture(scope="module")
def small(target: Target) -> tuple[Ticket, Claims, Images]:
    """A ticket of the tiny target, and images that its accuracy was claimed on."""
    ticket = build(target, Construction(20, epsilon=0.1, objective="min_cardinality"))
    data = images(TINY_IMAGE)
    return ticket, measure_claims(ticket, target, 0.1, data, CPU), data


def random_ticket(seed: int, units: int, distribution: Distribution, density: float) -> Ticket:
    draws = np.random.default_rng(seed)
    masks = {}
    for spec in layers("fc2", TINY_IMAGE):
        first = draws.random((units, spec.columns)) < density
        masks[spec.name] = LayerMasks(first, (draws.random((units, *spec.shape)) < density) & first[:, None, :])
    return Ticket("fc2", TINY_IMAGE, seed, distribution, bool(seed % 2), masks)


@given(
    seed=st.integers(0, 2**32 - 1),
    units=st.sampled_from([1, 2, 7, 64]),
    distribution=st.sampled_from([Distribution(), Distribution("normal"), Distribution("uniform", -0.25, 3.0)]),
    density=st.sampled_from([0.0, 0.1, 0.9, 1.0]),
)
@settings(deadline=None, max_examples=25)
def test_ticket_file_round_trip_keeps_masks_and_seed(tmp_path_factory, seed, units, distribution, density):
    path = tmp_path_factory.mktemp("ticket") / "ticket.safetensors"
    ticket = random_ticket(seed, units, distribution, density)
    write_ticket(path, ticket, SOME_CLAIMS)
    again, claims = read_ticket(path)
    assert claims == SOME_CLAIMS
    assert replace(again, masks=ticket.masks) == ticket
    for name, masks in ticket.masks.items():
        assert np.array_equal(again.masks[name].first, masks.first)
        assert np.array_equal(again.masks[name].second, masks.second)


def test_old_ticket_file_has_one_bit_per_kept_unit_and_output_and_no_weights(tmp_path, small):
    ticket, claims, _ = small
    (tmp_path / "ticket.safetensors").write_bytes(ticket_bytes(ticket, claims, OLD_FORMAT))
    arrays, metadata = read_tensors(tmp_path / "ticket.safetensors")
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}
    bits = sum(m.first.size + m.first.sum() * m.second.shape[1] for m in ticket.masks.values())
    assert bits / 8 <= sum(array.size for array in arrays.values()) < bits / 8 + 4
    assert (metadata["seed"], metadata["units_per_input"]["fc1.weight"]) == (1, ticket.masks["fc1.weight"].units)


def test_ticket_file_is_within_5_percent_of_the_entropy_of_its_masks(small):
    ticket, claims, _ = small
    header = 2_000  # bytes: claims, settings, names
    assert len(ticket_bytes(ticket, claims)) <= 1.05 * count(ticket).entropy_bits / 8 + header


def test_old_ticket_files_are_the_same_bytes_and_are_read(tmp_path):
    ticket = random_ticket(7, 7, Distribution(), 0.1)
    content = ticket_bytes(ticket, SOME_CLAIMS, OLD_FORMAT)
    assert hashlib.sha256(content).hexdigest() == OLD_FILE
    path = tmp_path / "ticket.safetensors"
    path.write_bytes(content)
    again, claims = read_ticket(path)
    assert claims == SOME_CLAIMS
    assert random_weights_digest(again) == random_weights_digest(ticket)


@pytest.mark.parametrize("file_format", CODINGS)
def test_any_flipped_bit_raises(tmp_path, file_format):
    """The file of a small ticket with each bit of its header, and each eighth bit of its masks, flipped in turn."""
    image = ImageShape(1, 1, 2)
    masks = {}
    for spec in layers("fc2", image):
        first = np.ones((1, spec.columns), bool)
        masks[spec.name] = LayerMasks(first, np.arange(spec.size).reshape(1, *spec.shape) % 3 == 0)
    path = tmp_path / "ticket.safetensors"
    path.write_bytes(ticket_bytes(Ticket("fc2", image, 1, Distribution(), False, masks), SOME_CLAIMS, file_format))
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for bit in [*range(8 * header), *range(8 * header, 8 * len(whole), 8)]:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(LotteryError):
            read_ticket(path)
    path.write_bytes(whole)
    read_ticket(path)


def resealed(path: Path, change) -> None:
    """Change arrays or metadata of a ticket's file, and give it a new checksum, as somebody who means harm would."""
    arrays, metadata = read_tensors(path)
    change(arrays, metadata)
    write_tensors(path, arrays, metadata)


def flip(name: str, bit: int):
    def change(arrays, metadata):
        arrays[name] = arrays[name].copy()
        arrays[name][bit // 8] ^= 128 >> bit % 8

    return change


@pytest.mark.parametrize("file_format", CODINGS)
def test_empty_units_that_were_added_are_found(tmp_path, small, file_format):
    """More units for each input of the first layer, none of them kept."""
    ticket, claims, _ = small
    masks = ticket.masks["fc1.weight"]
    more = LayerMasks(*(np.concatenate([mask, np.zeros_like(mask)[:20]]) for mask in (masks.first, masks.second)))
    path = tmp_path / "ticket.safetensors"
    grown = replace(ticket, masks=ticket.masks | {"fc1.weight": more})
    path.write_bytes(ticket_bytes(grown, claims, file_format))
    with pytest.raises(LotteryError, match="do not keep the random weights"):
        certify(*read_ticket(path), None, None, CPU)


@pytest.mark.parametrize("file_format", CODINGS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a, m: m.update(seed=2), "seed 2 and these masks do not keep the random weights"),
        (lambda a, m: m.update(seed="1"), "seed"),
        (lambda a, m: m.update(signed_inputs=True), "do not keep the random weights"),
        (lambda a, m: m.update(generator="philox-slabs-2"), "got generator 'philox-slabs-2'"),
        (lambda a, m: m["distribution"].update(low=-0.5), "do not keep the random weights"),
        (lambda a, m: m["distribution"].update(name="normal"), "do not keep the random weights"),
        (lambda a, m: m["distribution"].update(name="normal", low=-7.0), "a normal distribution has no limits"),
        (lambda a, m: m["distribution"].update(high=True), "expected two numbers"),
        (lambda a, m: m["distribution"].update(low=-(10**400)), "expected two numbers"),
        (lambda a, m: m["distribution"].update(high=1e300), "expected low < high within 1e"),
        (lambda a, m: m["image"].update(channels=True), "expected whole numbers from 1"),
        (lambda a, m: m["image"].update(size=2.0), "expected whole numbers from 1"),
        (lambda a, m: m.update(network="fc4"), "expected [0-9]+ bits"),
        (lambda a, m: m.update(network="fc3"), "'fc3' is not one of fc2"),
        (lambda a, m: m["image"].update(size=3), "expected [0-9]+ bits"),
        (lambda a, m: m["units_per_input"].update({"fc1.weight": 21}), "expected [0-9]+ bits"),
        (lambda a, m: m.update(note="hello"), "not in canonical form"),
        (
            lambda a, m: m.update(format="lottery ticket 3"),
            "got format 'lottery ticket 3', expected one of lottery ticket",
        ),
        (lambda a, m: m.update(format=[]), "not a ticket of this version"),
        (lambda a, m: a.update(more=np.zeros(3, np.uint8)), "not in canonical form"),
        (flip("fc2.weight.second", 100), "do not keep the random weights"),
        (flip("fc1.weight.first", 0), "expected [0-9]+ bits"),
        (lambda a, m: m["claims"].update(accuracy=99.9), "the ticket claims 99.90%"),
        (lambda a, m: m["claims"].update(accuracy="99.9"), "claims: accuracy is '99.9'"),
        (lambda a, m: m["claims"].update(largest_error=1e-9), "the ticket claims 1e-09"),
        (lambda a, m: m["claims"].update(epsilon=0.05), "claims: largest_error is 0.09"),
        (lambda a, m: m["claims"].update(epsilon=0.05, largest_error=0.05), "weights are beyond epsilon 0.05"),
        (lambda a, m: m["claims"].update(epsilon=float("nan")), "claims: epsilon is nan"),
        (lambda a, m: m["claims"].update(epsilon=1e9), "claims: epsilon is 1000000000.0"),
        (lambda a, m: m["claims"].update(largest_error=0.5), "claims: largest_error is 0.5"),
        (lambda a, m: m["units_per_input"].update({"fc1.weight": 10**12}), "too many"),
        (lambda a, m: m["units_per_input"].update({"fc1.weight": True}), "expected whole numbers from 1"),
        (lambda a, m: m["image"].update(size=10**6), "too many"),
        (lambda a, m: m.update(seed=-1), "seed: got .*, expected a whole number"),
        (lambda a, m: m.update(claims=[]), "not a ticket of this version"),
        (lambda a, m: m["claims"].update(target="0" * 64), "is not the network this ticket was built for"),
        (lambda a, m: m["claims"].update(dataset="mnist"), "images of mnist, not 60 of noise"),
    ],
)
def test_changed_ticket_raises_even_with_a_new_checksum(tmp_path, small, target, change, message, file_format):
    path = tmp_path / "ticket.safetensors"
    ticket, claims, data = small
    path.write_bytes(ticket_bytes(ticket, claims, file_format))
    resealed(path, change)
    with pytest.raises(LotteryError, match=message if file_format == OLD_FORMAT else f"{message}|{NOT_A_CODE}"):
        certify(*read_ticket(path), target, data, CPU)


def test_the_bound_is_that_of_the_longest_input(small, target):
    """One image is white, all others are black: a bound for the mean image is far too small for the white one."""
    ticket, claims, data = small
    pixels = np.zeros_like(data.test_images)
    pixels[7] = 255
    layers = layer_errors(ticket, target)
    found = measure(ticket, target, layers, claims.epsilon, replace(data, test_images=pixels), CPU)
    longest = TINY_IMAGE.pixels**0.5  # pixels are from 0 to 1
    assert found.bound == pytest.approx(longest * bound_from_epsilon(layers, claims.epsilon))
    assert found.bound_from_errors == pytest.approx(longest * bound_from_errors(layers))
    assert found.largest_difference <= found.bound_from_errors < found.bound


def test_predictions_differ_from_those_of_the_target_whatever_the_labels_say(small, target):
    ticket, claims, data = small
    pixels = torch.from_numpy(data.test_images / 255)
    with torch.no_grad():
        flat = split(ticket, target)[0].double()(pixels)
        own, expected = (net.double()(flat).argmax(dim=1) for net in (pruned_network(ticket), split(ticket, target)[1]))
    differ = int((own != expected).sum())
    layers = layer_errors(ticket, target)
    for labels in (expected, own, (expected + 1) % TINY_IMAGE.classes):
        labelled = replace(data, test_labels=labels.numpy().astype(np.uint8))
        found = measure(ticket, target, layers, claims.epsilon, labelled, CPU)
        assert found.predictions_that_differ == differ
        assert found.accuracy == 100 * int((own == labels).sum()) / len(labels)
        assert found.target_accuracy == 100 * int((expected == labels).sum()) / len(labels)
    assert 0 < differ < len(own), "else a constant would do"


@pytest.mark.parametrize("images_more", [-1, 1])
def test_an_accuracy_claimed_off_by_one_image_is_found(small, target, images_more):
    ticket, claims, data = small
    certify(ticket, claims, target, data, CPU)
    claimed = claims.accuracy + 100 * images_more / claims.test_images
    with pytest.raises(LotteryError, match=f"the accuracy is .*, the ticket claims {claimed:.2f}%"):
        certify(ticket, replace(claims, accuracy=claimed), target, data, CPU)


@pytest.mark.parametrize(
    "change",
    [
        lambda words: words[:-1],
        lambda words: words[:0],
        lambda words: np.append(words, words[:1]),
        lambda words: np.append(words, np.zeros(9, np.uint32)),
        lambda words: words.view(np.uint8),
        lambda words: words.view(np.int32),
        lambda words: words.astype(np.float64),
        lambda words: words[None],
        lambda words: np.zeros_like(words),
        lambda words: np.full_like(words, 2**32 - 1),
        lambda words: words[::-1],
    ],
)
@pytest.mark.parametrize("name", ["fc1.weight.first", "fc2.weight.second"])
def test_words_that_are_no_range_code_are_one_clear_line(tmp_path, small, name, change):
    path = tmp_path / "ticket.safetensors"
    ticket, claims, _ = small
    write_ticket(path, ticket, claims)
    resealed(path, lambda arrays, _: arrays.update({name: change(arrays[name])}))
    with pytest.raises(LotteryError, match=f"do not keep the random weights|{NOT_A_CODE}|masks: ") as told:
        certify(*read_ticket(path), None, None, CPU)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("file_format", CODINGS)
def test_every_single_mask_bit_matters_to_the_certificate(tmp_path, small, target, file_format):
    path = tmp_path / "ticket.safetensors"
    ticket, claims, _ = small
    path.write_bytes(ticket_bytes(ticket, claims, file_format))
    whole = path.read_bytes()
    bits = np.random.default_rng(0).integers(0, 8 * read_tensors(path)[0]["fc1.weight.second"].size - 8, 25)
    for bit in bits:
        path.write_bytes(whole)
        resealed(path, flip("fc1.weight.second", int(bit)))
        with pytest.raises(
            LotteryError, match="random weights" if file_format == OLD_FORMAT else f"random weights|{NOT_A_CODE}"
        ):
            certify(*read_ticket(path), target, None, CPU)


def test_a_mask_that_moved_to_an_equal_weight_is_found():
    """Random weights from N(0, 1) are multiples of 2^-12, so that equal ones occur."""
    ticket = random_ticket(4, 7, Distribution("normal"), 0.9)
    [*_, (spec, random, masks)] = ticket.random_layers()
    weights = np.array([random.second(unit) for unit in range(7)])
    places: dict[float, list[tuple[int, ...]]] = {}
    for place in np.argwhere(masks.first[:, None, :] & np.ones_like(masks.second)).tolist():
        places.setdefault(float(weights[tuple(place)]), []).append(tuple(place))
    alike = next(
        pair for pair in places.values() if len({bool(masks.second[p]) for p in pair}) == 2 and pair[0][0] == pair[1][0]
    )
    moved = masks.second.copy()
    for place in alike:
        moved[place] = not moved[place]
    changed = replace(ticket, masks=ticket.masks | {spec.name: LayerMasks(masks.first, moved)})
    assert random_weights_digest(changed) != random_weights_digest(ticket)


def test_every_seed_is_another_network():
    seeds = (0, 1, 2**32, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1)
    drawn = {tuple(RandomLayer(seed, 0, 4, 3, Distribution()).second(0).ravel()) for seed in seeds}
    assert len(drawn) == len(seeds)
    with pytest.raises(LotteryError, match="seed: from 0 to below"):
        Construction(seed=2**64)


def test_a_small_file_cannot_ask_for_a_huge_network(tmp_path, small):
    path = tmp_path / "ticket.safetensors"
    ticket, claims, _ = small
    write_ticket(path, ticket, claims)

    def grow(arrays, metadata):
        metadata["image"]["classes"] = 2**24
        arrays["fc2.weight.first"], arrays["fc2.weight.second"] = np.zeros(63 * 20, np.uint8), np.zeros(0, np.uint8)

    resealed(path, grow)
    with pytest.raises(LotteryError, match="too many"):
        read_ticket(path)


def test_masks_that_are_not_masks_are_refused():
    first, second = np.ones((2, 3), bool), np.ones((2, 4, 3), bool)
    LayerMasks(first, second)
    for wrong in (
        (first.astype(float), second),
        (first, second.astype(np.uint8)),
        (first[:1], second),
        (first[0], second),
        (np.zeros_like(first), second),
        (np.ones((65, 3), bool), np.ones((65, 4, 3), bool)),
    ):
        with pytest.raises(LotteryError, match="masks: "):
            LayerMasks(*wrong)


def test_a_ticket_of_another_network_is_not_held_against_a_target(small, target):
    ticket, claims, _data = small
    other = Target("fc2", ImageShape(1, 3), "raw", {s.name: np.zeros(s.shape) for s in layers("fc2", ImageShape(1, 3))})
    with pytest.raises(LotteryError, match="--target: the ticket is of fc2"):
        certify(ticket, claims, other, None, CPU)
    with pytest.raises(LotteryError, match="--data: the ticket is for images"):
        certify(ticket, claims, target, images(ImageShape(1, 3)), CPU)
