"""Range codes of masks: no bit is lost, and they have about as many bytes as the entropy of the bits."""

import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lottery.errors import LotteryError
from lottery.tickets.coding import CHUNK, decode, encode


def random_bits(count: int, density: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(count) < density


def entropy(bits: np.ndarray) -> float:
    """Bits of information, by the density of all."""
    share = bits.mean()
    return -bits.size * sum(p * np.log2(p) for p in (share, 1 - share) if p > 0)


@given(
    count=st.one_of(st.integers(0, 40), st.integers(0, 3 * CHUNK + 1), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1])),
    density=st.sampled_from([0.0, 0.0005, 0.03, 0.5, 0.97, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@example(count=40 * CHUNK, density=0.0, seed=0)
@example(count=40 * CHUNK, density=1.0, seed=0)
def test_bits_are_decoded_as_they_were(count, density, seed):
    bits = random_bits(count, density, seed)
    assert np.array_equal(decode(encode(bits), count, "mask"), bits)


@pytest.mark.parametrize("place", [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK])
@pytest.mark.parametrize("value", [False, True])
def test_a_single_bit_is_decoded_where_it_was(place, value):
    bits = np.full(3 * CHUNK + 1, not value)
    bits[place] = value
    assert np.array_equal(decode(encode(bits), bits.size, "mask"), bits)


@pytest.mark.parametrize("density", [0.01, 0.04, 0.2, 0.5, 0.9])
def test_a_code_is_within_5_percent_of_the_entropy(density):
    bits = random_bits(100 * CHUNK, density)
    assert 8 * encode(bits).nbytes <= 1.05 * entropy(bits) + 64


def test_a_code_follows_a_density_that_changes():
    bits = np.concatenate([random_bits(20 * CHUNK, density) for density in (0.0, 0.5, 0.01)])
    assert 8 * encode(bits).nbytes < 0.7 * entropy(bits)


def test_every_machine_finds_the_same_code():
    bits = np.concatenate([random_bits(count, density) for count, density in ((9000, 0.03), (CHUNK, 1.0), (5000, 0.5))])
    assert (
        hashlib.sha256(encode(bits).astype("<u4").tobytes()).hexdigest()
        == "03e7090067c153184ea12b544a7ea1437cf38eb9e48a3d035d30251aa1d1ee3f"
    )


@given(words=st.lists(st.integers(0, 2**32 - 1), max_size=300), count=st.integers(0, 5 * CHUNK))
def test_words_of_no_bits_are_refused_or_decoded_to_other_bits(words, count):
    words = np.array(words, np.uint32)
    try:
        assert decode(words, count, "mask").shape == (count,)
    except LotteryError as error:
        assert f"the range code of {count} bits" in str(error)  # noqa: PT017 (either may happen)


def test_few_words_cannot_ask_for_many_bits():
    with pytest.raises(LotteryError, match="mask: got 40 bytes .*, expected the range code of 1000000000000 bits"):
        decode(np.zeros(10, np.uint32), 10**12, "mask")
