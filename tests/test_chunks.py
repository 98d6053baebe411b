"""From a target to its approximation in chunks: cutting, order, interruption and damage change nothing or are refused."""

import dataclasses

import numpy as np
import pytest
from conftest import TINY_IMAGE, random_weights

from lottery.approximation import chunks
from lottery.approximation.assembly import assemble, summary
from lottery.approximation.chunks import (
    Chunk,
    parse_chunk_name,
    read_chunk,
    solve_chunk,
    split_into_chunks,
    write_chunk,
)
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target, write_target
from lottery.errors import LotteryError
from lottery.records.tensors import read_tensors, write_tensors
from lottery.subset_sum import create
from lottery.subset_sum.exact import ExactSolver

COARSE = Settings(epsilon=0.1, coefficients_per_bit=4, coefficient_range=(-1.0, 1.0))  # 12 coefficients, quick to solve


POOR = dataclasses.replace(COARSE, coefficients_per_bit=2.5, epsilon=0.05)  # 10 coefficients: some weights need more


KINDS = [("row", "keyed"), ("weight", "keyed"), ("row", "released")]


class CountingSolver:
    """The exact solver in blocks of three weights, with a count of the weights it was given."""

    name = "exact"
    block = 3

    def __init__(self):
        self.solved = 0

    def solve_row(self, weights, *rest):
        self.solved += weights.size
        return ExactSolver().solve_row(weights, *rest)


def solve_all(folder, target, settings, rows_per_chunk, solver=None):
    paths = []
    for chunk in split_into_chunks(target.layers, rows_per_chunk):
        path = folder / chunk.file_name
        result = solve_chunk(target, settings, chunk, solver or ExactSolver(), folder / "partial")
        write_chunk(path, result, "exact")
        paths.append((chunk, path))
    return paths


def same(first, second):
    return all(
        getattr(first, field.name).tobytes() == getattr(second, field.name).tobytes()
        for field in dataclasses.fields(first)
    )


def changed(path, **arrays):
    """The chunk in `path` with some arrays replaced by what a function makes of them."""
    content, metadata = read_tensors(path)
    write_tensors(
        path, {**content, **{name: change(content[name].copy()) for name, change in arrays.items()}}, metadata
    )


@pytest.mark.parametrize(("sharing", "stream"), KINDS)
@pytest.mark.parametrize("base", [COARSE, POOR], ids=["plain", "with redraws"])
def test_an_approximation_does_not_depend_on_how_it_is_cut_or_in_which_order(tmp_path, target, sharing, stream, base):
    settings = dataclasses.replace(base, sharing=sharing, stream=stream)
    whole = assemble(target, settings, solve_all(tmp_path / "whole", target, settings, 500))
    pieces = solve_all(tmp_path / "pieces", target, settings, 7)
    assert len(pieces) > 70
    for order in (pieces, pieces[::-1], pieces[1::2] + pieces[::2]):
        again = assemble(target, settings, order)
        assert all(same(*pair) for pair in zip(whole.layers, again.layers, strict=True))
    assert whole.errors().max() <= settings.epsilon


@pytest.mark.parametrize(("sharing", "stream"), KINDS)
def test_rows_solved_alone_in_blocks_are_those_of_the_whole_layer(tmp_path, target, sharing, stream):
    settings = dataclasses.replace(COARSE, sharing=sharing, stream=stream)
    whole = solve_chunk(target, settings, Chunk(1, range(10)), ExactSolver(), tmp_path / "a")
    alone = solve_chunk(target, settings, Chunk(1, range(4, 6)), CountingSolver(), tmp_path / "b")
    assert np.array_equal(whole.masks[4:6], alone.masks)


def test_the_networks_with_convolutions_and_four_layers_are_approximated_too(tmp_path):
    for network in ("lenet5", "fc4"):
        target = Target(network, TINY_IMAGE, "raw", random_weights(network))
        first = Chunk(0, range(target.layers[0].rows))
        result = solve_chunk(target, COARSE, first, ExactSolver(), tmp_path / network)
        assert result.masks.shape == target.matrix(0).shape


class KilledError(Exception):
    pass


def interrupted(target, settings, chunk, partial, blocks):
    """Start to solve, and be killed after some blocks."""
    calls = []

    def progress(weights):
        calls.append(weights)
        if len(calls) > blocks:
            raise KilledError

    with pytest.raises(KilledError):
        solve_chunk(target, settings, chunk, CountingSolver(), partial, progress)


@pytest.mark.parametrize("sharing", ["row", "weight"])
def test_a_killed_job_goes_on_where_it_was_and_ends_with_the_same_bytes(tmp_path, target, monkeypatch, sharing):
    monkeypatch.setattr(chunks, "SECONDS_BETWEEN_SAVES", 0)
    settings, chunk = dataclasses.replace(POOR, sharing=sharing, on_infeasible="redraw"), Chunk(0, range(3, 20))
    plain = solve_chunk(target, settings, chunk, CountingSolver(), tmp_path / "plain")
    partial = tmp_path / "partial"
    interrupted(target, settings, chunk, partial, blocks=6)  # two blocks a row: three and one weight
    interrupted(target, settings, chunk, partial, blocks=5)
    counting, reported = CountingSolver(), []
    resumed = solve_chunk(target, settings, chunk, counting, partial, reported.append)
    redraws = int(resumed.redraws.sum())
    assert same(plain, resumed)
    done = reported[0]
    assert done == 12 + 11  # six blocks and then five, all that were finished: 3 1 3 1 3 1, 3 1 3 1 3
    assert counting.solved == 17 * 4 - done + redraws
    assert sum(reported) == 17 * 4


def test_a_partial_result_of_another_problem_or_a_damaged_one_is_ignored(tmp_path, target, monkeypatch):
    monkeypatch.setattr(chunks, "SECONDS_BETWEEN_SAVES", 0)
    chunk, partial = Chunk(0, range(5)), tmp_path / "partial"
    plain = solve_chunk(target, COARSE, chunk, CountingSolver(), tmp_path / "plain")
    interrupted(target, COARSE, chunk, partial, blocks=6)
    content = partial.read_bytes()
    others = [
        (dataclasses.replace(COARSE, seed=2), chunk),
        (dataclasses.replace(COARSE, epsilon=0.09), chunk),
        (dataclasses.replace(COARSE, objective="min_cardinality"), chunk),
        (dataclasses.replace(COARSE, zero_small_weights=True), chunk),
        (COARSE, Chunk(0, range(1, 6))),
    ]
    for settings, other in others:
        partial.write_bytes(content)
        reported = []
        solve_chunk(target, settings, other, CountingSolver(), partial, reported.append)
        assert reported[0] == 0
    impatient = CountingSolver()
    impatient.time_limit = 1.0  # what it gave up, another limit may find
    partial.write_bytes(content)
    reported = []
    solve_chunk(target, COARSE, chunk, impatient, partial, reported.append)
    assert reported[0] == 0
    for damaged in (b"", b"garbage", content[:-1], content[: len(content) // 2]):
        partial.write_bytes(damaged)
        counting = CountingSolver()
        assert same(plain, solve_chunk(target, COARSE, chunk, counting, partial))
        assert counting.solved == 20


def test_an_infeasible_weight_is_named_and_the_work_kept(tmp_path):
    weights = random_weights()
    weights["fc2.weight"][7, 123] = 100.0
    target, partial = Target("fc2", TINY_IMAGE, "raw", weights), tmp_path / "partial"
    settings = dataclasses.replace(COARSE, on_infeasible="error")
    message = r"fc2\.weight: 1 of 2500 weights .* row 7 column 123 \(solved\).*on_infeasible: redraw"
    with pytest.raises(LotteryError, match=message) as caught:
        solve_chunk(target, settings, Chunk(1, range(5, 10)), ExactSolver(), partial)
    assert "\n" not in str(caught.value)
    counting = CountingSolver()
    with pytest.raises(LotteryError, match="row 7"):
        solve_chunk(target, settings, Chunk(1, range(5, 10)), counting, partial)
    assert counting.solved == 0
    with pytest.raises(LotteryError, match=r"fc2\.weight, row 7, column 123: .* even with 12 further coefficients"):
        solve_chunk(target, COARSE, Chunk(1, range(5, 10)), ExactSolver(), partial)


@pytest.mark.parametrize("sharing", ["row", "weight"])
def test_redrawn_weights_get_further_coefficients_and_these_are_counted(tmp_path, target, sharing):
    settings = dataclasses.replace(POOR, sharing=sharing)
    approximation = assemble(target, settings, solve_all(tmp_path, target, settings, 250))
    numbers = summary(approximation, settings)
    drawn = np.concatenate([layer.drawn.ravel() for layer in approximation.layers])
    assert settings.n == 10
    assert set(np.unique(drawn)) > {10}
    assert numbers["redrawn"] == (drawn > 10).sum() > 0
    assert numbers["initial"] == drawn.sum() > 10 * target.size
    assert numbers["beyond_epsilon"] == 0
    assert numbers["remaining"] == sum(np.bitwise_count(layer.masks).sum() for layer in approximation.layers)


@pytest.mark.parametrize("solver", ["exact", "cbc"])
def test_small_weights_become_zero_when_asked(tmp_path, target, solver):
    settings, chunk = dataclasses.replace(COARSE, zero_small_weights=True), Chunk(0, range(4))
    small = np.abs(target.matrix(0)[:4]) <= settings.epsilon
    assert small.any()
    assert not small.all()
    result = solve_chunk(target, settings, chunk, create(solver), tmp_path / "partial")
    assert np.array_equal(result.masks == 0, small)


@pytest.fixture
def solved(tmp_path, target):
    return solve_all(tmp_path, target, POOR, 250)


def test_a_missing_chunk_is_refused(target, solved):
    with pytest.raises(LotteryError, match=r"fc1\.weight: the chunks cover 250 rows, expected each of 500 rows once"):
        assemble(target, POOR, solved[1:])
    with pytest.raises(LotteryError, match=r"fc2\.weight: the chunks cover 0 rows"):
        assemble(target, POOR, solved[:-1])


def test_overlapping_chunks_are_refused(tmp_path, target, solved):
    chunk = Chunk(0, range(249, 251))
    path = tmp_path / chunk.file_name
    write_chunk(path, solve_chunk(target, POOR, chunk, ExactSolver(), tmp_path / "partial"), "exact")
    with pytest.raises(LotteryError, match=r"fc1\.weight: the chunks cover 502 rows"):
        assemble(target, POOR, [*solved, (chunk, path)])
    with pytest.raises(LotteryError, match=r"fc1\.weight: the chunks cover 750 rows"):
        assemble(target, POOR, [*solved, solved[0]])


@pytest.mark.parametrize("chunk", [Chunk(9, range(2)), Chunk(1, range(8, 12))])
def test_a_chunk_of_no_layer_or_of_rows_beyond_it_is_refused_by_name(tmp_path, target, solved, chunk):
    path = tmp_path / chunk.file_name
    path.write_bytes(solved[0][1].read_bytes())
    with pytest.raises(LotteryError, match=path.name):
        assemble(target, POOR, [*solved, (chunk, path)])


@pytest.mark.parametrize("damage", [lambda content: content[:-1], lambda content: b"", lambda content: content[:300]])
def test_truncated_chunk_raises_with_its_name(target, solved, damage):
    path = solved[1][1]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LotteryError, match=path.name):
        assemble(target, POOR, solved)


def test_other_file_instead_of_a_chunk_raises_with_its_name(target, solved):
    write_target(solved[1][1], target)
    with pytest.raises(LotteryError, match=f"{solved[1][1].name}.*not a solved chunk"):
        assemble(target, POOR, solved)
    with pytest.raises(LotteryError, match="expected a file name layer_L"):
        parse_chunk_name(solved[1][1].with_name("rows.safetensors"))


@pytest.mark.parametrize("bit", [0, 3, 7])
def test_flipped_bit_of_a_mask_raises_with_the_name_of_the_chunk(target, solved, bit):
    chunk, path = solved[1]
    coefficients = POOR.draw(target, chunk.layer, chunk.rows)
    row = int(np.argmax(np.abs(coefficients[:, bit]) > 2 * POOR.epsilon))  # flipping back and forth cannot stay within
    changed(path, masks=lambda masks: flip(masks, row, 2, bit))
    with pytest.raises(LotteryError, match=rf"{path.name}: 1 weights .* row {chunk.rows.start + row}, column 2"):
        assemble(target, POOR, solved)


def flip(masks, row, column, bit):
    masks[row, column] ^= np.uint64(1 << bit)
    return masks


@pytest.mark.parametrize("bit", [40, 63])
def test_bit_of_a_coefficient_that_was_never_drawn_raises(target, solved, bit):
    path = solved[0][1]
    changed(path, masks=lambda masks: flip(masks, 0, 0, bit))
    with pytest.raises(LotteryError, match=rf"{path.name}: masks keep coefficients that were never drawn"):
        assemble(target, POOR, solved)


def test_masks_of_another_shape_or_type_raise_with_the_name_of_the_chunk(target, solved):
    path = solved[0][1]
    content = path.read_bytes()
    for change in (lambda masks: masks[:-1], lambda masks: masks.astype(np.int64)):
        path.write_bytes(content)
        changed(path, masks=change)
        with pytest.raises(
            LotteryError, match=rf"{path.name}: .*(?:got masks of shape|masks: got shape|status: got shape)"
        ):
            assemble(target, POOR, solved)


@pytest.mark.parametrize(
    ("redraws", "message"),
    [
        (lambda r: r + 1, "beyond epsilon|never drawn"),
        (lambda r: r * 0, "never drawn"),
        (lambda r: r + 200, "expected at most 4"),
    ],
    ids=["more", "none", "too many"],
)
def test_redraws_that_do_not_fit_the_masks_raise(target, solved, redraws, message):
    path = solved[0][1]
    assert read_chunk(path)[0].redraws.any()
    forged = (lambda masks: masks << np.uint64(1)) if message.startswith("beyond") else (lambda masks: masks)
    changed(path, redraws=redraws, masks=forged)
    with pytest.raises(LotteryError, match=message) as raised:
        assemble(target, POOR, solved)
    assert path.name in str(raised.value)


def test_other_settings_do_not_fit_the_masks(target, solved):
    with pytest.raises(LotteryError, match="beyond epsilon"):
        assemble(target, dataclasses.replace(POOR, seed=2), solved)


def test_float32_errors_are_those_of_the_network_that_is_evaluated(target, solved):
    approximation = assemble(target, POOR, solved)
    network, sums = approximation.network(), np.concatenate([layer.sums.ravel() for layer in approximation.layers])
    held = np.concatenate([network.weights[spec.name].ravel() for spec in target.layers])
    wanted = np.concatenate([target.weights[spec.name].ravel() for spec in target.layers]).astype(np.float64)
    assert held.dtype == np.float32
    assert np.array_equal(held, sums.astype(np.float32))
    assert np.array_equal(approximation.errors_float32(), np.abs(held.astype(np.float64) - wanted))
    assert np.array_equal(approximation.errors(), np.abs(sums - wanted))
    assert not np.array_equal(approximation.errors(), approximation.errors_float32())
    assert summary(approximation, POOR)["largest_error_float32"] == approximation.errors_float32().max()
