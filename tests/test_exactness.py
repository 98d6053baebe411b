"""Exact subset sums on a grid: the bitset against enumeration, expectations against closed forms, counts against theory."""

import re
import shlex
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Snakemake
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.cli import main
from lottery.commands.parser import parse
from lottery.errors import LotteryError
from lottery.records.files import read_table, write_json
from lottery.results.tables.exactness import EXACTNESS_NUMBERS, exact_thresholds, exactness
from lottery.theory.coefficients import BLOCK
from lottery.theory.exactness import ExactExperiment, count_exact, trial_numbers
from lottery.theory.independent_sums import (
    exact_first_moment_threshold,
    expected_exact_hits,
    expected_subsets,
    poisson_probabilities,
)
from lottery.theory.integers import INTEGER_KINDS, draw_integer_targets, draw_integers, values
from lottery.theory.kernels import first_numbers
from lottery.theory.plan import planned_exact_experiments
from lottery.theory.thresholds import wilson
from lottery.workflow.configuration import complete


def first_numbers_by_sets(coefficients: list[int], target: int, half: int) -> tuple[int, int]:
    sums, never = {0}, len(coefficients) + 1
    one = every = never
    for n in range(never):
        if n:
            sums |= {total + coefficients[n - 1] for total in sums}
        one = min(one, n) if target in sums else one
        every = min(every, n) if sums.issuperset(range(-half, half + 1)) else every
    return one, every


# The bitset, against sets of Python


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(-40, 40), min_size=1, max_size=12), st.integers(0, 20), st.data())
def test_first_numbers_are_those_of_all_sums_in_a_set(coefficients: list[int], half: int, data: st.DataObject) -> None:
    target = data.draw(st.integers(-half, half))
    one, every = first_numbers(np.array([coefficients]), np.array([target]), half)
    assert (int(one[0]), int(every[0])) == first_numbers_by_sets(coefficients, target, half)


@pytest.mark.parametrize("half", [31, 32, 63, 64, 65, 500])
def test_ranges_that_end_at_the_border_of_a_word_are_right(half: int) -> None:
    rng = np.random.default_rng(half)
    sets = rng.integers(-2 * half, 2 * half + 1, (40, 14))
    sets[::4] = np.sort(np.abs(sets[::4]), axis=1)  # one sign alone never reaches the other side
    targets = rng.integers(-half, half + 1, 40)
    found = first_numbers(sets, targets, half)
    expected = [first_numbers_by_sets(list(row), target, half) for row, target in zip(sets, targets, strict=True)]
    assert list(zip(*(array.tolist() for array in found), strict=True)) == expected


def test_powers_of_two_of_both_signs_reach_every_target_with_as_few_as_can_be() -> None:
    powers = np.array([[1, 2, 4, 8, -16]])
    one, every = first_numbers(powers, np.array([-3]), 15)
    assert (one[0], every[0]) == (5, 5)  # 31 targets: fewer than 5 coefficients have too few sums


# Draws


@pytest.mark.parametrize(("kind", "bits"), [("uniform", 1), ("uniform", 3), ("product", 4), ("product", 6)])
def test_drawn_integers_have_the_distribution_that_is_stated(kind: str, bits: int) -> None:
    drawn = draw_integers(kind, bits, 40, range(2000), seed=4).ravel()
    found, probability = values(kind, bits)
    assert probability.sum() == pytest.approx(1)
    assert found.min() == -(2**bits)
    assert found.max() == 2**bits
    assert set(drawn) == set(found)
    assert 0 not in found
    counts, expected = np.array([np.count_nonzero(drawn == value) for value in found]), probability * drawn.size
    freedom = found.size - 1
    assert ((counts - expected) ** 2 / expected).sum() < freedom + 4 * np.sqrt(2 * freedom)  # chi-square, 4 deviations


def test_a_product_has_two_factors_of_half_the_bits() -> None:
    found, probability = values("product", 4)
    factors = [factor for factor in range(-4, 5) if factor]
    products = [a * b for a, b in product(factors, factors)]
    assert found.tolist() == sorted(set(products))
    assert probability.tolist() == pytest.approx([products.count(value) / 64 for value in found])


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_trials_and_coefficients_are_drawn_one_by_one(kind: str) -> None:
    whole = draw_integers(kind, 6, 9, range(BLOCK + 50), seed=2)
    part = draw_integers(kind, 6, 5, range(BLOCK - 10, BLOCK + 20), seed=2)
    assert np.array_equal(part, whole[BLOCK - 10 : BLOCK + 20, :5])
    targets = draw_integer_targets(kind, 6, range(5000), seed=2)
    assert set(targets) == set(range(-32, 33))
    others = (draw_integers(kind, 6, 9, range(20), seed=3), draw_integers(kind, 8, 9, range(20), seed=2) // 4)
    assert not any(np.array_equal(other, whole[:20]) for other in others)


@pytest.mark.parametrize(("kind", "bits"), [("uniform", 0), ("uniform", 21), ("product", 1), ("product", 7)])
def test_bits_that_a_kind_cannot_have_are_refused(kind: str, bits: int) -> None:
    with pytest.raises(LotteryError, match="bits: "):
        ExactExperiment(kind, bits, 5, 5)


def test_experiments_refuse_what_cannot_be() -> None:
    for changes in ({"kind": "relu"}, {"trials": 0}, {"coefficients": 0}, {"seed": -1}):
        with pytest.raises(LotteryError):
            ExactExperiment(**{"kind": "uniform", "bits": 4, "coefficients": 5, "trials": 5, **changes})


# Counts


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_counts_are_those_of_single_trials_however_these_are_cut(kind: str) -> None:
    experiment = ExactExperiment(kind, 4, 9, BLOCK + 100, seed=5)
    counts = count_exact(experiment)
    parts = [trial_numbers(experiment, trials) for trials in (range(7), range(7, BLOCK + 100))]
    for targets, found in counts.items():
        numbers = np.concatenate([part[targets] for part in parts])
        assert found == [int((numbers <= n).sum()) for n in range(1, 10)]
    assert all(one >= every for one, every in zip(counts["one"], counts["all"], strict=True))


def test_two_coefficients_reach_a_target_as_often_as_enumeration_says() -> None:
    """M = 4, the target one of 5: the empty subset reaches 0, each other target needs x, y or x + y."""
    numbers = [x for x in range(-4, 5) if x]
    hits = sum(t in (0, x, y, x + y) for x, y, t in product(numbers, numbers, range(-2, 3)))
    exact = Fraction(hits, 64 * 5)
    trials = 20_000
    low, high = wilson(np.array([count_exact(ExactExperiment("uniform", 2, 2, trials))["one"][1]]), np.array([trials]))
    assert low[0] < exact < high[0]


# Expectations


@pytest.mark.parametrize(("kind", "bits", "n"), [("uniform", 1, 3), ("uniform", 2, 3), ("product", 2, 4)])
def test_expected_subsets_are_those_of_all_sets(kind: str, bits: int, n: int) -> None:
    found, probability = values(kind, bits)
    half = 2 ** (bits - 1)
    expected = np.zeros(2 * half + 1)
    for places in product(range(found.size), repeat=n):
        weight = np.prod(probability[list(places)])
        for mask in product((0, 1), repeat=n):
            total = int(np.dot(mask, found[list(places)]))
            if abs(total) <= half:
                expected[total + half] += weight
    assert expected_subsets(kind, bits, n) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_success_is_never_likelier_than_the_first_moment_allows(kind: str) -> None:
    trials, n = 4000, 14
    counts = count_exact(ExactExperiment(kind, 8, n, trials))
    low, _ = wilson(np.array(counts["one"]), np.full(n, trials))
    assert all(bound <= expected_exact_hits(kind, 8, i + 1) for i, bound in enumerate(low))


def test_one_subset_is_expected_where_bits_run_out_and_half_a_logarithm_more() -> None:
    """The first moment has kappa = b / n -> 1 from below, with Mertens's correction: n - log2(n) / 2 - b tends to a constant."""
    gaps = {bits: (n := exact_first_moment_threshold("uniform", bits)) - np.log2(n) / 2 - bits for bits in (8, 12, 16)}
    assert gaps[16] == pytest.approx(gaps[8], abs=0.03)
    kappas = [bits / exact_first_moment_threshold("uniform", bits) for bits in (4, 8, 16)]
    assert kappas == sorted(kappas)
    assert kappas[-1] < 1


@pytest.mark.parametrize("kind", INTEGER_KINDS)
def test_sums_reach_targets_about_as_often_as_independent_ones_would(kind: str) -> None:
    trials, bits = 4000, 12
    counts = count_exact(ExactExperiment(kind, bits, 22, trials))
    for n in range(11, 23):
        predicted = poisson_probabilities(kind, bits, n)
        assert counts["one"][n - 1] / trials == pytest.approx(predicted["one"], abs=0.03)
        if predicted["all"] > 0.3:
            assert counts["all"][n - 1] / trials == pytest.approx(predicted["all"], abs=0.05)


# Plan, tables and figures


def test_each_kind_and_number_of_bits_is_planned_with_enough_coefficients() -> None:
    section = {"kinds": ["uniform", "product"], "bits": [4, 8], "trials": 300, "seed": 3}
    planned = planned_exact_experiments(section)
    assert planned["product/bits_8"] == ExactExperiment("product", 8, 26, 300, 3)
    assert len(planned) == 4
    assert planned_exact_experiments(None) == {}
    for experiment in planned.values():
        assert count_exact(experiment)["all"][-1] > 0.95 * 300


def test_bits_that_a_kind_cannot_have_are_refused_with_the_configuration() -> None:
    section = {"bits": [4, 7], "kinds": ["uniform", "product"]}
    with pytest.raises(LotteryError, match=r"^config: exactness: product: bits: .* needs a multiple of 2, not 7$"):
        complete({"targets": {}, "approximations": {}, "exactness": section})


def test_every_setting_of_a_measurement_reaches_its_command(workflow: Path, snakemake: Snakemake) -> None:
    section = {"kinds": ["uniform", "product"], "bits": [2, 6], "trials": 123, "seed": 7}
    write_json(workflow / "config/own.json", {"exactness": section})
    done = snakemake(workflow, "exactness", "-n", "-p", "--configfile", "config/demo.yaml", "config/own.json")
    found = re.findall(r"lottery measure-exactness (.*?) 2>&1", done.stdout + done.stderr)
    given = [parse(["measure-exactness", *shlex.split(words)]) for words in found]
    told = {
        str(one.output).removeprefix("results/demo/exactness/").removesuffix(".csv"): ExactExperiment(
            one.kind, one.bits, one.coefficients, one.trials, one.seed
        )
        for one in given
    }
    assert told == planned_exact_experiments(section)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("exactness")
    paths = []
    for kind, bits in product(("uniform", "product"), ("4", "8")):
        paths.append(folder / f"{kind}_{bits}.csv")
        words = ["--kind", kind, "--bits", bits, "--coefficients", "26", "--trials", "1000"]
        assert main(["measure-exactness", *words, "--output", str(paths[-1])]) == 0
    return paths


@pytest.fixture(scope="module")
def table(measured: list[Path]) -> pd.DataFrame:
    return exactness(measured)


def test_a_command_writes_what_was_counted_and_again_the_same_bytes(measured: list[Path], tmp_path: Path) -> None:
    words = "measure-exactness --kind uniform --bits 4 --coefficients 26 --trials 1000 --output"
    assert main([*words.split(), str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_bytes() == measured[0].read_bytes()
    found = pd.read_csv(measured[0]).groupby("targets").successes.apply(list).to_dict()
    assert found == count_exact(ExactExperiment("uniform", 4, 26, 1000))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--kind", "relu"], "kind: 'relu' is not one of uniform, product"),
        (["--bits", "0"], "bits: 0 is not between 1 and 20"),
        (["--kind", "product", "--bits", "5"], "bits: a product of 2 factors needs a multiple of 2, not 5"),
        (["--trials", "0"], "one trial and one coefficient are the least"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    words = f"measure-exactness --kind uniform --bits 4 --coefficients 2 --trials 5 --output {tmp_path / 'x.csv'}"
    assert main([*words.split(), *more]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_thresholds_stand_beside_independent_sums_and_bounds(table: pd.DataFrame) -> None:
    found = exact_thresholds(table).set_index(["kind", "bits", "targets", "share"])
    assert len(found) == 16
    one, every = found.loc[("uniform", 8, "one", 0.5)], found.loc[("uniform", 8, "all", 0.5)]
    assert one.low < one.coefficients < one.high
    assert one.coefficients == pytest.approx(one.poisson, abs=0.4)
    assert one.first_moment == pytest.approx(9.70, abs=0.01)
    assert one.kappa == pytest.approx(8 / one.coefficients, abs=1e-4)
    assert every.coefficients == pytest.approx(every.poisson, abs=0.3)
    assert every.counting == pytest.approx(np.log2(257), abs=1e-5)
    assert np.isnan(one.counting)
    assert np.isnan(every.first_moment)


def test_a_table_without_measurements_is_empty() -> None:
    assert exactness([]).empty
    assert exact_thresholds(exactness([])).empty


def test_figures_are_drawn_from_the_tables_and_twice_the_same(measured: list[Path], tmp_path: Path) -> None:
    assert main(["tabulate-exactness", "--measurements", *map(str, measured), "--output", str(tmp_path)]) == 0
    assert len(read_table(tmp_path / "exactness.csv", EXACTNESS_NUMBERS)) == 4 * 2 * 26
    assert pd.read_csv(tmp_path / "exactness_networks.csv").empty
    for figure, table in (("transition", "exactness"), ("thresholds", "exactness_thresholds")):
        words = ["plot-exactness", "--figure", figure, "--table", str(tmp_path / f"{table}.csv"), "--output"]
        first, second = (tmp_path / f"{name}_{figure}.svg" for name in ("first", "second"))
        assert main([*words, str(first.with_suffix(""))]) == main([*words, str(second.with_suffix(""))]) == 0
        assert first.read_bytes() == second.read_bytes()
        assert first.read_text().count("<path") > 10
    assert "uniform, one target, b = 8: P = 1/2 up to κ = 0.8" in (tmp_path / "first_transition.svg").read_text()
