"""Published points beside runs: replays judged by the spread of rounding, other runs by the spread over seeds."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, row

from lottery.errors import LotteryError
from lottery.published import figures
from lottery.results.figures.replays import plot_replays
from lottery.results.tables.replays import (
    ROUNDING,
    SEED,
    Spread,
    compare_points,
    level,
    measured_levels,
    spread,
    spread_levels,
)


def replay(accuracy: float, perturbation: int | None = None, **more: Any) -> dict[str, Any]:
    """fc2 linear at s = 0.05, published 37.40 after 10 epochs."""
    return row("published", 10, 1, accuracy, perturbation=perturbation, sparsity=0.05, **more)


def held_out(accuracy: float, seed: int, **more: Any) -> dict[str, Any]:
    return row("held_out", 10, seed, accuracy, accuracy, sparsity=0.05, **more)


def judged(runs: list[dict[str, Any]]) -> pd.DataFrame:
    """The published points of which these runs have something to say."""
    return compare_points(pd.DataFrame(runs)).query("verdict != 'not run'")


AGAIN = [replay(39.0), *(replay(accuracy, seed) for seed, accuracy in enumerate((35.7, 39.3, 40.7, 38.0, 37.0), 1))]


def published_as_runs() -> pd.DataFrame:
    points = figures()
    return pd.DataFrame(
        row("published", p.epochs, 1, p.accuracy, network=p.network, structure=p.structure, sparsity=p.sparsity)
        | {"redundancy": 1 if p.structure == "dense" else 5}
        for p in points.itertuples()
    )


def test_the_published_points_reproduce_themselves() -> None:
    compared = compare_points(published_as_runs())
    assert len(compared) == 129
    assert set(compared.verdict) == {"reproduced"}
    assert set(compared.difference) == {0.0}


def test_every_level_of_accuracy_has_a_measured_spread() -> None:
    """What is shipped, for tables of runs in which nothing was repeated."""
    table = measured_levels()
    found = set(zip(table.source, table.lowest_accuracy, strict=True))
    assert found == {(source, floor) for source in (ROUNDING, SEED) for floor in (0.0, 20.0, 80.0, 95.0, 97.5)}
    assert (ROOT / "lottery/results/tables/spread_levels.csv").read_text() == (
        ROOT / "results/reference/tables/spread_levels.csv"
    ).read_text()
    assert (table.deviation > 0).all()
    assert (table.freedom > 0).all()


def test_two_runs_differ_by_less_than_the_half_width_in_95_of_100_cases() -> None:
    """Drawn: a deviation is estimated from six runs, and two further ones are held against each other."""
    random = np.random.default_rng(0)
    inside = []
    for _ in range(4000):
        values = 2.0 * random.standard_normal(8)
        inside.append(abs(values[6] - values[7]) <= Spread(values[:6].std(ddof=1), 5, "").half_width)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("accuracy", "floor"),
    [(0, 0), (19.99, 0), (20, 20), (80, 80), (94.99, 80), (95, 95), (97.49, 95), (97.5, 97.5), (100, 97.5)],
)
def test_levels_of_accuracy(accuracy: float, floor: float) -> None:
    assert level(accuracy) == floor


def test_a_replay_is_held_against_the_spread_of_its_own_repetitions() -> None:
    [point] = judged(AGAIN).itertuples()
    deviation = np.std([39.0, 35.7, 39.3, 40.7, 38.0, 37.0], ddof=1)
    assert (point.published, point.ours, point.difference) == (37.40, 39.0, 1.6)
    assert point.spread == pytest.approx(2.5706 * np.sqrt(2) * deviation, abs=1e-3)
    assert point.verdict == "reproduced"
    assert point.why == "a replay; spread of 6 runs of this point"
    far = judged([replay(39.0 + 20), *AGAIN[1:]]).iloc[0]
    assert far.spread > 20, "a wide spread forgives much, and says so"
    narrow = [replay(39.0), *(replay(39.0 + seed / 100, seed) for seed in range(1, 6))]
    assert judged(narrow).verdict.tolist() == ["differs"]


def test_a_point_that_was_not_repeated_takes_the_spread_of_its_level() -> None:
    other = row("published", 10, 1, 67.0, structure="relu", sparsity=0.05)  # published 66.38
    compared = judged([*AGAIN, other]).set_index("structure").loc["relu"]
    [known] = spread_levels(pd.DataFrame(AGAIN)).itertuples()
    assert (known.source, known.lowest_accuracy, known.freedom, known.points) == (ROUNDING, 20.0, 5, 1)
    assert compared.spread == pytest.approx(Spread(known.deviation, 5, "").half_width, abs=1e-3)
    assert compared.why == "a replay; spread of 1 repeated point of similar accuracy"


def test_a_run_with_other_random_numbers_is_held_against_the_spread_over_seeds() -> None:
    ours = replay(60.0, stream="keyed")
    seeds = [held_out(accuracy, seed) for seed, accuracy in enumerate((20.0, 50.0, 30.0), 1)]
    [point] = judged([ours, *seeds]).itertuples()
    assert point.stream == "keyed"
    assert point.why == "another random network; spread of 3 runs of this point"
    assert point.spread == pytest.approx(4.3027 * np.sqrt(2) * np.std([20, 50, 30], ddof=1), abs=1e-2)


def test_points_that_were_not_run_are_listed_as_such() -> None:
    compared = compare_points(pd.DataFrame(AGAIN))
    assert len(compared) == 129
    assert compared.verdict.value_counts().to_dict() == {"not run": 128, "reproduced": 1}


def test_without_its_own_length_a_point_is_not_comparable_however_near_it_is() -> None:
    [point] = judged([replay(37.4) | {"epochs": 20}]).itertuples()
    assert (point.verdict, point.why) == ("not comparable", "run here: 20 epochs")
    assert np.isnan(point.ours)


def test_with_all_weights_kept_a_replay_is_equal_but_for_an_image_or_differs() -> None:
    for accuracy, verdict in ((9.12, "reproduced"), (9.13, "reproduced"), (9.14, "differs")):
        found = judged([row("published", 10, 1, accuracy, sparsity=0.0)])
        assert found.verdict.tolist() == [verdict]


def test_other_settings_than_published_are_not_compared() -> None:
    for change in ({"dataset": "mnist5k"}, {"variant": "no_decay"}, {"redundancy": 3}):
        assert compare_points(pd.DataFrame([replay(39.0, **change)])).empty


def test_the_table_of_spreads_has_rounding_and_seeds_beside_the_published_point() -> None:
    seeds = [held_out(accuracy, seed) for seed, accuracy in enumerate((20.0, 50.0, 30.0), 1)]
    far = [row("held_out", 50, 1, 99.0, 99.0, sparsity=0.05)]  # of another length, not the nearest
    [point] = spread(pd.DataFrame([*AGAIN, *seeds, *far])).itertuples()
    assert (point.published, point.replay, point.replays) == (37.40, 39.0, 6)
    assert (point.rounding_lowest, point.rounding_highest) == (35.7, 40.7)
    assert point.rounding_deviation == pytest.approx(np.std([39.0, 35.7, 39.3, 40.7, 38.0, 37.0], ddof=1), abs=1e-4)
    assert (point.seeds, point.seed_epochs) == (3, 10)
    assert point.seed_mean == pytest.approx(33.3333)
    assert point.seed_deviation == pytest.approx(15.2753)


def test_levels_pool_what_was_measured_and_leave_out_what_cannot_spread() -> None:
    flat = [row("published", 10, 1, accuracy, perturbation=p) for p, accuracy in ((None, 98.0), (1, 98.2))]
    flatter = [row("published", 10, 1, 98.0, perturbation=p, sparsity=0.6) for p in (None, 1)]
    fixed = [row("published", 10, 1, 9.12, perturbation=p, sparsity=0.0) for p in (None, 1)]
    [known] = spread_levels(pd.DataFrame([*flat, *flatter, *fixed])).itertuples()
    assert (known.lowest_accuracy, known.freedom, known.points) == (97.5, 2, 2)
    assert known.deviation == pytest.approx(np.sqrt((0.1414**2 + 0) / 2), abs=1e-3)


def test_the_figure_of_replays_has_a_panel_for_each_network_that_was_run(tmp_path: Path) -> None:
    compared = compare_points(published_as_runs().query("network != 'fc4'"))
    svg, png = plot_replays(compared, tmp_path / "replays")
    text = svg.read_text()
    assert text.count("43 of 43 points reproduced") == 4, "two titles, two sentences"
    assert ">fc2 · 397,000 weights<" in text
    assert ">lenet5 · 61,470 weights<" in text
    assert "fc4" not in text
    assert "differs by more" not in text
    assert png.stat().st_size > 20_000
    with pytest.raises(LotteryError, match="no published point has a run of its own length"):
        plot_replays(compared.assign(ours=np.nan), tmp_path / "none")


def test_titles_of_replays_count_what_differs_and_what_was_not_run(tmp_path: Path) -> None:
    compared = compare_points(published_as_runs().query("network == 'fc2'"))
    compared = compared[compared.network == "fc2"].reset_index(drop=True)
    compared.loc[[5, 6], "verdict"] = ["differs", "not comparable"]
    compared.loc[7, ["verdict", "ours", "difference"]] = ["not run", np.nan, np.nan]
    text = plot_replays(compared, tmp_path / "replays")[0].read_text()
    assert ">40 of 42 points reproduced, 1 differs, 1 not comparable, 1 not run<" in text
    assert ">differs by more<" in text
    assert ">not comparable<" in text


def test_lines_break_where_points_were_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("lottery.results.figures.replays.save", lambda figure, *_: drawn.append(figure))
    compared = compare_points(published_as_runs().query("network == 'fc2' and structure == 'linear'"))
    compared.loc[(compared.structure == "linear") & (compared.sparsity == 0.5), "ours"] = np.nan
    plot_replays(compared, tmp_path / "replays")
    [line] = [
        line
        for line in drawn[0].axes[0].lines
        if line.get_color() == "#0072B2" and line.get_linewidth() == 0.9 and len(line.get_xdata()) > 10
    ]
    x, y = line.get_data()
    assert np.isnan(y[np.abs(x) < 1e-9]).all(), "half of the weights kept"
    assert np.isnan(y[1]), "between all kept and one percent pruned"


def test_other_random_numbers_have_no_spread_at_sparsity_0() -> None:
    found = judged([row("published", 10, 1, 9.46, sparsity=0.0, stream="keyed")])
    assert found.verdict.tolist() == ["not comparable"]


def test_the_released_stream_of_another_seed_is_no_replay() -> None:
    runs = [replay(60.0) | {"seed": 2}, *(held_out(a, s) for s, a in enumerate((20.0, 50.0, 30.0), 1))]
    assert judged(runs).why.tolist() == ["another random network; spread of 3 runs of this point"]
    assert spread(pd.DataFrame([one | {"seed": 2} for one in AGAIN])).empty


def test_a_point_of_several_runs_is_held_against_the_replay() -> None:
    runs = [replay(23.2, stream="keyed"), *AGAIN, replay(50.0) | {"seed": 2}]
    [point] = judged(runs).itertuples()
    assert (point.ours, point.stream) == (39.0, "released")


def test_one_pair_of_runs_is_no_spread_of_a_level() -> None:
    pair = [row("published", 10, 1, accuracy, perturbation=p) for p, accuracy in ((None, 98.0), (1, 98.0))]
    other = row("published", 10, 1, 97.0, structure="wide", sparsity=0.1)
    found = judged([*pair, other]).set_index("structure")
    assert "results/reference" in found.loc["wide"].why
