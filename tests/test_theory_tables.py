"""Thresholds, slopes and bounds of random subset sums: their tables, figures and commands."""

import math
import re
import shlex
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Snakemake
from matplotlib.figure import Figure
from test_theory import EPSILONS, all_sums

from lottery.cli import main, parser
from lottery.errors import LotteryError
from lottery.records.files import read_table, write_json
from lottery.results.figures import theory as theory_figures
from lottery.results.tables.theory import THRESHOLD_NUMBERS
from lottery.theory.bounds import (
    binary_entropy,
    counting_bound,
    parameters_per_weight,
    remaining_per_weight,
    single_best_threshold,
)
from lottery.theory.coefficients import KINDS, draw_sides, draw_targets
from lottery.theory.first_moment import (
    expected_hits,
    expected_hits_of_cardinality,
    first_moment_threshold,
)
from lottery.theory.plan import Measurement, cardinality_grid, planned_measurements
from lottery.theory.success import Experiment, trial_errors
from lottery.theory.thresholds import crossing, fit, threshold, wilson


def test_wilson_intervals_are_the_known_ones() -> None:
    low, high = wilson(np.array([0, 10, 81, 5]), np.array([10, 10, 263, 10]))
    assert low == pytest.approx([0, 0.7225, 0.2553, 0.2366], abs=2e-4)  # 81 of 263: Newcombe, Stat. Med. 17 (1998)
    assert high == pytest.approx([0.2775, 1, 0.3662, 0.7634], abs=2e-4)


def test_a_threshold_lies_between_numbers_of_coefficients() -> None:
    n = np.array([4, 5, 6])
    assert crossing(n, np.array([0.1, 0.4, 0.6]), 0.5) == pytest.approx(5.5)
    assert math.isnan(crossing(n, np.array([0.6, 0.7, 0.8]), 0.5))
    assert math.isnan(crossing(n, np.array([0.1, 0.2, 0.3]), 0.5))
    found = threshold(n, np.array([100, 400, 600]), np.full(3, 1000), 0.5)
    assert found.coefficients == pytest.approx(5.5)
    assert 5.3 < found.low < 5.5 < found.high < 5.7
    assert math.isnan(threshold(n, np.array([100, 400, 510]), np.full(3, 1000), 0.5).high), "its bound is beyond 6"


def test_a_line_is_fitted_with_its_standard_error() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    exact = fit(x, 1.5 * x + 2)
    assert (exact.slope, exact.intercept) == pytest.approx((1.5, 2))
    assert exact.standard_error == pytest.approx(0, abs=1e-12)
    scattered = fit(x, np.array([1.0, 3.0, 2.0, 4.0]))
    assert (scattered.slope, scattered.standard_error) == pytest.approx((0.8, 0.42426), abs=1e-4)
    assert math.isnan(fit(x[:2], x[:2]).slope)


def test_the_first_moment_of_uniform_coefficients_is_near_seven_at_a_hundredth() -> None:
    assert first_moment_threshold("uniform", 0.01) == pytest.approx(7.1, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_moment_is_the_mean_number_of_subsets_that_hit(kind: str) -> None:
    n, epsilon, trials = 10, 0.05, range(4000)
    sides, targets = draw_sides(kind, n, trials, 5), draw_targets(kind, trials, 5)
    hits = np.ones(len(trials))
    for sign, sets in zip((1, -1), sides, strict=False):
        for at, target in enumerate(targets):
            useful = sets[at][sets[at] != 0]
            hits[at] *= (np.abs(all_sums(useful) - sign * target) <= epsilon).sum()
    assert hits.mean() == pytest.approx(expected_hits(kind, n, epsilon), rel=0.35), "sums are only nearly normal"


def test_the_first_moment_of_one_size_counts_subsets() -> None:
    draws, targets = draw_sides("uniform", 9, range(4000), 5)[0], draw_targets("uniform", range(4000), 5)
    sums = np.stack([draws[:, list(subset)].sum(axis=1) for subset in combinations(range(9), 4)], axis=1)
    mean = (np.abs(sums - targets[:, None]) <= 0.05).sum(axis=1).mean()
    assert mean == pytest.approx(expected_hits_of_cardinality("uniform", 9, 4, 0.05), rel=0.05)


def test_no_set_beats_the_counting_bound() -> None:
    for n in (4, 6):
        [errors] = [trial_errors(Experiment("uniform", "all", n, 500), range(500))]
        assert errors.min() >= 2.0**-n / 2
    assert counting_bound(2.0**-7) == parameters_per_weight(2.0**-7) == 6


def test_the_smallest_share_that_can_be_kept_solves_its_equation() -> None:
    kept = remaining_per_weight(21, 0.01)
    share = kept / 21
    assert share * 21 * math.log2(math.e / share) == pytest.approx(math.log2(50), abs=1e-9)
    assert kept < parameters_per_weight(0.01)
    assert remaining_per_weight(1000, 0.01) < kept, "more to choose from: fewer need to be kept"
    with pytest.raises(LotteryError, match="too few for epsilon"):
        remaining_per_weight(1, 0.01)
    with pytest.raises(LotteryError, match="between 0 and 1/2"):
        counting_bound(0.5)


def test_entropy_counts_the_subsets_of_one_size() -> None:
    assert binary_entropy(0.5) == 1
    assert 400 * binary_entropy(0.25) == pytest.approx(math.log2(math.comb(400, 100)), rel=0.02)


SECTION = {
    "kinds": ["uniform", "relu"], "max_coefficients": 18, "trials": 100, "trials_above_16": 50, "seed": 1,
    "epsilons": EPSILONS, "cardinalities": [1, 3], "cardinality_kinds": ["uniform"], "cardinality_trials": 20,
}  # fmt: skip


def test_one_more_coefficient_or_kind_is_only_that_much_more_work() -> None:
    planned = planned_measurements(SECTION)
    larger = planned_measurements({**SECTION, "max_coefficients": 19, "kinds": ["uniform", "relu", "product"]})
    assert planned.items() <= larger.items()
    added = larger.keys() - planned.keys()
    assert {path for path in added if "product" not in path} == {
        "uniform/any/coefficients_19",
        "relu/any/coefficients_38",
    }
    assert planned["uniform/any/coefficients_17"].trials == 50
    assert planned["relu/any/coefficients_2_to_16"].coefficients == (2, 4, 6, 8, 10, 12, 14, 16)
    assert planned_measurements(None) == {}


def test_grids_of_one_size_reach_beyond_the_threshold() -> None:
    assert cardinality_grid("uniform", 1, 0.01)[-1] > single_best_threshold(0.01, 0.9)
    assert cardinality_grid("uniform", 3, 0.01)[0] == 3


def test_every_setting_of_a_measurement_reaches_its_command(workflow: Path, snakemake: Snakemake) -> None:
    section = {
        **SECTION,
        "trials": 123,
        "trials_above_16": 45,
        "cardinality_trials": 6,
        "seed": 7,
        "epsilons": [0.2, 0.004],
    }
    write_json(workflow / "config/own.json", {"theory": section})
    done = snakemake(workflow, "theory", "-n", "-p", "--configfile", "config/demo.yaml", "config/own.json")
    found = re.findall(r"lottery measure-success (.*?) 2>&1", done.stdout + done.stderr)
    commands = [parser().parse_args(["measure-success", *shlex.split(words)]) for words in found]
    told = {
        str(given.output).removeprefix("results/demo/theory/").removesuffix(".csv"): Measurement(
            given.kind, tuple(given.targets), tuple(given.coefficients), given.trials, given.seed, given.cardinality
        )
        for given in commands
    }
    assert told == planned_measurements(section)
    assert {tuple(given.epsilons) for given in commands} == {(0.2, 0.004)}
    nothing = snakemake(workflow, "theory", "-n", "--configfile", "config/demo.yaml", "--config", "theory=null")
    assert nothing.returncode == 0
    assert "measure_success" not in nothing.stdout + nothing.stderr


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands make of a small study."""
    folder = tmp_path_factory.mktemp("theory")
    words = ("--trials", "2000", "--epsilons", "0.1", "0.03", "0.01", "--output")
    files = [str(folder / name) for name in ("any.csv", "single.csv", "triples.csv")]
    plans = (
        ["--targets", "one", "all", "--coefficients", *map(str, range(2, 13))],
        ["--coefficients", *map(str, (1, 3, 6, 12, 30, 60, 90, 150, 300)), "--cardinality", "1"],
        ["--coefficients", *map(str, range(3, 14)), "--cardinality", "3"],
    )
    for plan, file in zip(plans, files, strict=True):
        assert main(["measure-success", "--kind", "uniform", *plan, *words, file]) == 0
    assert main(["tabulate-theory", "--measurements", *files, "--output", str(folder)]) == 0
    return folder


def test_tables_have_thresholds_beside_their_bounds(tables: Path) -> None:
    found = pd.read_csv(tables / "theory_thresholds.csv")
    half = found[found.share == 0.5].set_index(["targets", "cardinality", "epsilon"])
    one = half.loc[("one", np.nan, 0.01)]
    assert one.low < one.coefficients < one.high
    assert one.coefficients == pytest.approx(6.6, abs=0.4)
    assert one.first_moment == pytest.approx(7.14, abs=0.05)
    assert half.loc[("all", np.nan, 0.01)].counting == pytest.approx(5.644, abs=0.001)
    single = half.loc[("one", 1, 0.01)]
    assert single.coefficients == pytest.approx(single.exact, rel=0.1)
    assert half.loc[("one", 3, 0.1)].natale_bits == pytest.approx(math.log2(30))
    slopes = pd.read_csv(tables / "theory_slopes.csv").set_index(["targets", "share"])
    assert slopes.loc[("one", 0.5)].slope == pytest.approx(1.15, abs=0.2)
    assert (pd.read_csv(tables / "theory_cost.csv").trials_per_second > 0).all()


@pytest.mark.parametrize("figure", ["success", "thresholds", "single", "cardinality"])
def test_figures_are_drawn_from_the_tables_and_twice_the_same(tables: Path, tmp_path: Path, figure: str) -> None:
    table = tables / f"theory_{'success' if figure == 'success' else 'thresholds'}.csv"
    for name in ("first", "second"):
        assert main(["plot-theory", "--figure", figure, "--table", str(table), "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    assert (tmp_path / "first.svg").read_text().count("<path") > 10


def test_a_slope_that_two_thresholds_do_not_give_is_not_in_the_figure(tables: Path, tmp_path: Path) -> None:
    whole = read_table(tables / "theory_thresholds.csv", THRESHOLD_NUMBERS)
    for table, told in ((whole, True), (whole[whole.epsilon > 0.01], False)):
        text = theory_figures.plot_thresholds(table, tmp_path / "figure")[0].read_text()
        assert (">uniform 1." in text) == told
        assert ("per bit<" in text) == told
        assert ">uniform" in text
        assert "nan ±" not in text


def test_thresholds_of_one_size_are_drawn_with_their_intervals(
    tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(theory_figures, "save", lambda figure, *_: drawn.append(figure))
    table = read_table(tables / "theory_thresholds.csv", THRESHOLD_NUMBERS)
    table.loc[(table.cardinality == 3) & (table.epsilon == 0.1), "high"] = math.nan  # as where it was not bracketed
    theory_figures.plot_cardinality(table, tmp_path)
    [axes] = drawn[0].axes
    bars = {
        (members, round(float(x), 4)): (low, high)
        for members, collection in zip((1, 3), axes.collections, strict=True)
        for (x, low), (_, high) in collection.get_segments()
    }
    half = table[(table.share == 0.5) & table.cardinality.notna()]
    assert len(bars) == len(half) == 6
    for row in half.itertuples():
        low, high = (end * row.natale_bits for end in bars[row.cardinality, round(float(row.bits), 4)])
        assert low == pytest.approx(row.low * binary_entropy(row.cardinality / row.low))
        assert low < row.entropy_bits
        if pd.isna(row.high):
            assert high == pytest.approx(row.entropy_bits, abs=1e-4)
        else:
            assert high == pytest.approx(row.high * binary_entropy(row.cardinality / row.high))
            assert high > row.entropy_bits


def test_the_same_measurement_is_the_same_bytes(tables: Path, tmp_path: Path) -> None:
    words = (
        "--kind uniform --coefficients 3 4 5 6 7 8 9 10 11 12 13 --cardinality 3 --trials 2000 --epsilons 0.1 0.03 0.01"
    )
    assert main(["measure-success", *words.split(), "--output", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_bytes() == (tables / "triples.csv").read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--kind", "normal"], "kind: 'normal' is not one of uniform, product"),
        (["--targets", "some"], "targets: 'some' is not one of one, all"),
        (["--targets", "all", "--cardinality", "2"], "are tried for one target only"),
        (["--trials", "0"], "one trial and one coefficient are the least"),
        (["--coefficients", "0"], "one trial and one coefficient are the least"),
        (["--epsilons", "0"], "epsilons: positive numbers are needed"),
        (["--epsilons", "nan"], "epsilons: positive numbers are needed"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    words = f"measure-success --kind uniform --coefficients 2 --trials 5 --epsilons 0.1 --output {tmp_path / 'x.csv'}"
    assert main([*words.split(), *more]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_experiments_refuse_what_cannot_be() -> None:
    with pytest.raises(LotteryError, match="seeds are not negative"):
        replace(Experiment("uniform", "one", 2, 5), seed=-1)
