"""The first screen of a run that cannot be compared with the paper: what happened, and whether it worked."""

from dataclasses import dataclass

import pandas as pd

from lottery.results.page.first_screen import Tile, network_seconds, paper_seconds
from lottery.results.page.inputs import Tables
from lottery.results.page.numbers import core_time, fixed, plural, rounded, sampling, seconds
from lottery.results.page.words import dataset
from lottery.results.tables.claims import CHANCE

NEAR_FIRST_MOMENT = 0.15  # relative: of a small measurement of the theory
_NO_NEARER = -1e-12  # rounding of float64 sums


@dataclass(frozen=True)
class Check:
    """Whether something that must be true is, with its number; ok: None of what is no fault but worth knowing."""

    ok: bool | None
    text: str


def title(tables: Tables) -> str:
    run = "demo" if tables.datasets == ["mnist5k"] else "run"
    return f"Your {run} ran: {plural(tables.results, 'result')} in {core_time(tables.core_seconds)}"


def _on(row: pd.Series, name: str) -> float:
    """A number of table 1 on the pixels that the target was trained on."""
    return float(row[f"{name}_{row.pixels}"])


def _read_otherwise(differ: float, images: float) -> str:
    return f"{int(differ):,} of {int(images):,} test digits {'is' if differ == 1 else 'are'} read otherwise"


def story(tables: Tables) -> str:
    """What was done, in two sentences."""
    main = tables.main
    if main is None:
        return "No weights were replaced by sums in this run."
    lost = _on(main, "target_accuracy") - _on(main, "accuracy")
    end = (
        "no accuracy was lost"
        if abs(lost) < 0.005
        else f"{fixed(abs(lost), 2)} points were {'lost' if lost > 0 else 'won'}"
    )
    return (
        f"A network was trained to {fixed(_on(main, 'target_accuracy'), 1)}%. Then each of its {main.weights:,} weights was "
        f"replaced by a few of {main.coefficients} random numbers that add up to it. No weight was trained again, and {end}."
    )


def _accuracy_tile(main: pd.Series) -> Tile:
    before, after = (_on(main, name) for name in ("target_accuracy", "accuracy"))
    known = sampling(after, int(main.test_images))
    text = f"{_read_otherwise(_on(main, 'differ'), main.test_images)}. So few images measure an accuracy to ±{fixed(known, 1)} points."
    return Tile("Accuracy: trained → random sums", f"{fixed(before, 1)} → {fixed(after, 1)}%", text)


def _distance_tile(main: pd.Series) -> Tile:
    ratio = float(main.epsilon / main.largest_error) if main.largest_error else 0.0
    place = (
        f"{rounded(ratio)} times nearer than"
        if ratio >= 1
        else f"{rounded(1 / ratio)} times farther than"
        if ratio
        else "nearer than"
    )
    text = f"{place} ε = {main.epsilon:g} asks for; half are within {rounded(main.median_error)}."
    return Tile("Farthest sum from its weight", rounded(main.largest_error), text)


def _fewest_tile(tables: Tables, main: pd.Series) -> Tile | None:
    others = tables.approximations[tables.approximations.objective == "min_cardinality"]
    if others.empty:
        return None
    fewest = others.iloc[0]
    text = (
        f"instead of {fixed(main.relative_size, 2)}, if anything within ε = {fewest.epsilon:g} will do: "
        f"{fixed(_on(fewest, 'accuracy'), 1)}%, {_read_otherwise(_on(fewest, 'differ'), fewest.test_images)}."
    )
    return Tile("Fewest random numbers", f"{fixed(fewest.relative_size, 2)} per weight", text)


def _time_tile(tables: Tables, main: pd.Series) -> Tile:
    text = f"The paper reports {core_time(paper_seconds())} for the weights of its network."
    return Tile("Time, all weights, one core", seconds(network_seconds(tables, str(main["row"]))), text)


def tiles(tables: Tables) -> list[Tile]:
    main = tables.main
    if main is None:
        return []
    every = (_accuracy_tile(main), _distance_tile(main), _fewest_tile(tables, main), _time_tile(tables, main))
    return [tile for tile in every if tile is not None]


def _sums_check(tables: Tables) -> Check | None:
    ours = tables.approximations
    if ours.empty:
        return None
    beyond, weights = int(ours[["beyond_epsilon", "beyond_epsilon_float32"]].max(axis=1).sum()), int(ours.weights.sum())
    return Check(
        beyond == 0, f"Sums within ε of their weight, in float64 and float32: {weights - beyond:,} of {weights:,}"
    )


def _solver_check(tables: Tables) -> Check | None:
    checked = tables.cross_check
    if checked.empty:
        return None
    nearer = int((checked.solver_error - checked.exact_error < _NO_NEARER).sum())
    names = " and ".join(str(name).capitalize() if name != "cbc" else "CBC" for name in checked.solver.unique())
    found = "no nearer sum" if nearer == 0 else plural(nearer, "nearer sum")
    return Check(nearer == 0, f"{names} solved {plural(len(checked), 'weight')} again and found {found}")


def _ticket_check(tables: Tables) -> Check | None:
    if tables.tickets.empty:
        return None
    smallest = tables.tickets.loc[tables.tickets.remaining.astype(float).idxmin()]
    as_promised = bool((tables.tickets.largest_error <= tables.tickets.epsilon).all())
    text = (
        f"The theorem's network, redrawn from its seed: {fixed(smallest.accuracy, 1)}% with {smallest.remaining:,} random "
        f"weights; its target has {fixed(smallest.target_accuracy, 1)}% (ε = {smallest.epsilon:g})"
    )
    return Check(as_promised, text)


def _pruning_check(tables: Tables) -> Check | None:
    if tables.pruned.empty:
        return None
    best = tables.pruned.loc[tables.pruned.accuracy.astype(float).idxmax()]
    text = f"Pruned random networks learn: up to {fixed(best.accuracy, 1)}% after {plural(int(best.epochs), 'epoch')} (untrained: below {CHANCE:g}%)"
    return Check(float(best.accuracy) > CHANCE, text)


def _theory_check(tables: Tables) -> Check | None:
    slopes = tables.theory_slopes
    found = slopes[(slopes.kind == "uniform") & (slopes.targets == "one") & (slopes.share == 0.5)].dropna(subset=["slope", "first_moment_slope"])  # fmt: skip
    if found.empty:
        return None
    slope, expected = float(found.slope.iloc[0]), float(found.first_moment_slope.iloc[0])
    near = abs(slope - expected) <= NEAR_FIRST_MOMENT * expected
    return Check(
        near,
        f"Random numbers for each bit of precision: {fixed(slope, 2)} measured, {fixed(expected, 2)} predicted by theory",
    )


def _origin_check(tables: Tables) -> Check | None:
    if tables.origins.empty:
        return None
    results = tables.origins.groupby("commit").results.sum()
    text = f"Results made by the same version of the code: {int(results.max()):,} of {int(results.sum()):,}"
    return Check(True, text) if len(results) == 1 else Check(None, f"{text}; lottery audit tells which are up to date")


def checks(tables: Tables) -> list[Check]:
    """Those that this run has the numbers for."""
    asked = (_sums_check, _solver_check, _ticket_check, _pruning_check, _theory_check, _origin_check)
    return [check for check in (ask(tables) for ask in asked) if check is not None]


def why(tables: Tables) -> str:
    """In what these runs differ from the paper's."""
    differing = [name for row in tables.approximations.unlike_published.dropna() for name in str(row).split(", ") if name] if "unlike_published" in tables.table1 else []  # fmt: skip
    named = ", ".join(dataset(name) for name in tables.datasets)
    if "dataset" in differing or (tables.datasets and "mnist" not in tables.datasets):
        return f"The paper's numbers are about all of MNIST and these results about {named}"
    return f"These results have other settings than the paper's ({', '.join(dict.fromkeys(differing)) or named})"
