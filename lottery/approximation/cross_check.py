"""Solve a random sample of weights with another solver, to compare error, cardinality and time with the exact solver."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.subset_sum import Problem, Solution, Status, create, warm_up


@dataclass(frozen=True)
class CheckedWeight:
    """A sampled weight, and the results of both solvers; errors are |sum - weight|."""

    layer: str
    row: int
    column: int
    weight: float
    exact_error: float
    solver_error: float
    exact_cardinality: int
    solver_cardinality: int
    solver_status: str


@dataclass(frozen=True)
class CrossCheck:
    """The sample, and seconds per weight of both solvers, with one thread each.

    exact_seconds: mean over all weights in the rows of sampled weights, because all weights of a row share work; without
    compilation.  solver_seconds: per sampled weight.
    """

    solver: str
    weights: tuple[CheckedWeight, ...]
    exact_seconds: float
    solver_seconds: tuple[float, ...]


def sample_weights(target: Target, sample: int, seed: int) -> list[tuple[int, int, int]]:
    """(layer, row, column) of `sample` different weights of the network, all equally likely.

    Raises LotteryError if the network has fewer weights.
    """
    if not 1 <= sample <= target.size:
        raise LotteryError(f"sample: got {sample}, expected 1 to {target.size}, the weights of the network")
    chosen = np.sort(np.random.default_rng(seed).choice(target.size, sample, replace=False))
    places = []
    for position in chosen:
        layer = 0
        while position >= target.layers[layer].size:
            position -= target.layers[layer].size
            layer += 1
        row, column = divmod(int(position), target.layers[layer].columns)
        places.append((layer, row, column))
    return places


def cross_check(
    target: Target,
    settings: Settings,
    solver_name: str,
    sample: int,
    seed: int,
    time_limit: float | None = None,
    progress: Callable[[int], object] = lambda weights: None,
) -> CrossCheck:
    """Solve a random sample of weights with `solver_name` (`gurobi`, `cbc` or a plugin), and their rows with `exact`.

    time_limit: seconds per weight.  progress: called with 1 per sampled weight.
    """
    exact, solver = create("exact"), create(solver_name, time_limit)
    for each in (exact, solver):
        warm_up(each, settings.n, settings.objective)
    rows: dict[tuple[int, int], list[int]] = {}
    for layer, row, column in sample_weights(target, sample, seed):
        rows.setdefault((layer, row), []).append(column)
    checked = []
    exact_seconds, exact_weights = 0.0, 0
    solver_seconds = []
    for (layer, row), columns in rows.items():
        weights = target.matrix(layer)[row : row + 1]
        coefficients = settings.draw(target, layer, range(row, row + 1))
        problem = Problem(weights, coefficients, settings.epsilon, settings.objective)
        start = time.perf_counter()
        masks, status = exact.solve_row(weights[0], coefficients[0], settings.epsilon, settings.objective)
        exact_seconds += time.perf_counter() - start
        exact_weights += weights.shape[1]
        best = Solution.from_masks(problem, masks[None], status[None], "exact")
        for column in columns:
            one = weights[:, column : column + 1]
            own = coefficients if coefficients.ndim == 2 else coefficients[:, column]
            start = time.perf_counter()
            masks, status = solver.solve_row(one[0], own[0], settings.epsilon, settings.objective)
            solver_seconds.append(time.perf_counter() - start)
            found = Solution.from_masks(
                Problem(one, own, settings.epsilon, settings.objective), masks[None], status[None], solver_name
            )
            checked.append(
                CheckedWeight(
                    target.layers[layer].name,
                    row,
                    column,
                    float(one[0, 0]),
                    float(best.errors[0, column]),
                    float(found.errors[0, 0]),
                    int(best.cardinality[0, column]),
                    int(found.cardinality[0, 0]),
                    Status(status[0]).name.lower(),
                )
            )
            progress(1)
    return CrossCheck(solver_name, tuple(checked), exact_seconds / exact_weights, tuple(solver_seconds))
