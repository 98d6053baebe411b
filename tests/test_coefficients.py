"""How many coefficients a weight gets, and that a draw depends on nothing but its address."""

import numpy as np
import pytest

from lottery.approximation.settings import Settings
from lottery.subset_sum import SubsetSumError, draw_coefficients, number_of_coefficients, redraw_coefficients

HERE = {"seed": 7, "layer": 1, "n": 5, "low": -1.0, "high": 2.0}
PINNED = [0.3035680343067586, 0.31506186387684354, 0.11423595563774813]
FURTHER = {"seed": 7, "layer": 1, "row": 3, "weight": 2, "round_": 1, "count": 5, "low": -1.0, "high": 2.0}


@pytest.mark.parametrize(
    ("epsilon", "per_bit", "n"), [(0.01, 3, 21), (0.01, 2, 14), (0.01, 2.5, 17), (0.1, 3, 9), (0.5, 3, 3), (0.9, 3, 0)]
)
def test_number_of_coefficients_equals_that_of_the_released_code(epsilon, per_bit, n):
    assert number_of_coefficients(epsilon, per_bit) == n


@pytest.mark.parametrize(
    ("epsilon", "per_bit"),
    [(0, 3), (1, 3), (-0.1, 3), (np.nan, 3), (0.01, 0), (0.01, -1), (0.01, np.nan), (0.01, np.inf)],
)
def test_invalid_number_of_coefficients_raises(epsilon, per_bit):
    with pytest.raises(SubsetSumError, match=r"epsilon|coefficients_per_bit"):
        number_of_coefficients(epsilon, per_bit)


@pytest.mark.parametrize("weights", [None, 4])
def test_rows_drawn_together_apart_or_backwards_are_equal(weights):
    together = draw_coefficients(rows=range(10, 16), weights=weights, **HERE)
    apart = {
        row: draw_coefficients(rows=range(row, row + 1), weights=weights, **HERE) for row in reversed(range(10, 16))
    }
    assert together.tobytes() == b"".join(apart[row].tobytes() for row in range(10, 16))


def test_every_part_of_the_key_changes_the_draw():
    def first(seed=7, layer=1, row=3):
        return draw_coefficients(**{**HERE, "seed": seed, "layer": layer}, rows=range(row, row + 1))[0, 0]

    drawn = [first(), first(seed=8), first(layer=2), first(row=4)]
    drawn += draw_coefficients(rows=range(3, 4), weights=4, **HERE)[0, 1:, 0].tolist()
    drawn += [redraw_coefficients(**FURTHER)[0]]
    drawn += [redraw_coefficients(**FURTHER | {part: 9})[0] for part in ("seed", "layer", "row", "weight", "round_")]
    assert len(set(drawn)) == len(drawn)


def test_draws_match_golden_values():
    drawn = draw_coefficients(seed=1, layer=0, rows=range(2), n=1, low=0.0, high=1.0).ravel().tolist()
    drawn += redraw_coefficients(**FURTHER | {"count": 1, "low": 0.0, "high": 1.0}).tolist()
    assert drawn == PINNED


def test_the_old_word_for_the_released_stream_is_understood():
    assert Settings(stream="official") == Settings(stream="released")


@pytest.mark.parametrize("stream", ["keyed", "released"])
def test_draws_are_uniform_within_their_range(stream):
    drawn = draw_coefficients(**HERE | {"n": 200}, rows=range(500), stream=stream)
    assert drawn.min() >= -1
    assert drawn.max() < 2
    assert drawn.mean() == pytest.approx(0.5, abs=5 * np.sqrt(9 / 12 / drawn.size))
    assert drawn.var() == pytest.approx(9 / 12, rel=0.02)
    assert np.abs(np.corrcoef(drawn[:, :-1].ravel(), drawn[:, 1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_the_released_stream_is_one_generator_over_all_rows_of_all_layers(chunk):
    rows, n = (5, 3), 4
    generator = np.random.RandomState(7)
    row_by_row = np.array([generator.uniform(-1, 2, n) for _ in range(sum(rows))])
    drawn = [
        draw_coefficients(
            **HERE | {"layer": layer, "n": n},
            rows=range(start, min(start + chunk, rows[layer])),
            stream="released",
            rows_before=sum(rows[:layer]),
        )
        for layer in range(2)
        for start in range(0, rows[layer], chunk)
    ]
    assert np.concatenate(drawn).tobytes() == row_by_row.tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": 1.0, "high": 1.0}, "low < high"),
        ({"low": 2.0, "high": 1.0}, "low < high"),
        ({"low": np.nan}, "low < high"),
        ({"high": np.inf}, "low < high"),
        ({"n": -1}, "expected n from 0"),
        ({"seed": -1}, "expected n from 0 and a seed"),
        ({"stream": "random"}, "'random' is not one of keyed, released"),
        ({"stream": "released", "weights": 3}, "use stream keyed with sharing weight"),
    ],
)
def test_invalid_draw_raises(change, message):
    with pytest.raises(SubsetSumError, match=message):
        draw_coefficients(**HERE | {"rows": range(2)} | change)


def test_redraw_round_zero_raises():
    with pytest.raises(SubsetSumError, match="count from 1"):
        redraw_coefficients(**FURTHER | {"round_": 0})
