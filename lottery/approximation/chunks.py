"""Solve a chunk (some rows of one layer), saving on the way, so that a killed job loses seconds.

The result does not depend on how a layer is cut, on the order, or on where a job was killed.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.errors import LotteryError, shortened
from lottery.networks import Layer
from lottery.records.tensors import read_tensors, write_tensors
from lottery.subset_sum import (
    MAX_COEFFICIENTS,
    Problem,
    Solution,
    Solver,
    Status,
)

SECONDS_BETWEEN_SAVES = 15.0
MOST_REDRAWS = 4


@dataclass(frozen=True)
class Chunk:
    """Rows of a layer, by index."""

    layer: int
    rows: range

    @property
    def file_name(self) -> str:
        """What the workflow calls the file of this chunk; `chunk_of` reads it back."""
        return f"layer_{self.layer}_rows_{self.rows.start}_to_{self.rows.stop - 1}.safetensors"

    def check(self, target: Target) -> None:
        if not 0 <= self.layer < len(target.layers):
            raise LotteryError(f"layer: {self.layer} is not one of the {len(target.layers)} layers")
        rows = target.layers[self.layer].rows
        if not 0 <= self.rows.start < self.rows.stop <= rows:
            raise LotteryError(f"rows: {self.rows.start} to {self.rows.stop} are not within 0 to {rows}")


def chunk_of(path: Path) -> Chunk:
    """The chunk that a file is of, by its name."""
    match = re.fullmatch(r"layer_(\d+)_rows_(\d+)_to_(\d+)\.safetensors", path.name)
    if match is None:
        raise LotteryError(f"{path}: a chunk's file is called layer_L_rows_A_to_B.safetensors")
    layer, first, last = map(int, match.groups())
    return Chunk(layer, range(first, last + 1))


def cut(layers: Sequence[Layer], rows_per_chunk: int) -> list[Chunk]:
    """All chunks of a network, of at most `rows_per_chunk` rows each."""
    return [
        Chunk(index, range(start, min(start + rows_per_chunk, layer.rows)))
        for index, layer in enumerate(layers)
        for start in range(0, layer.rows, rows_per_chunk)
    ]


@dataclass(frozen=True)
class ChunkResult:
    """What was found for the weights of a chunk; refuses arrays that do not fit each other.

    masks: (R, T) uint64; bits from n on stand for further coefficients.    status: (R, T) uint8, see `Status`.
    redraws: (R, T) uint8, how often further coefficients were drawn (see `Settings.further`).
    """

    masks: np.ndarray
    status: np.ndarray
    redraws: np.ndarray

    def __post_init__(self) -> None:
        for name, kind in (("masks", np.uint64), ("status", np.uint8), ("redraws", np.uint8)):
            array = getattr(self, name)
            if array.ndim != 2 or array.shape != self.masks.shape or array.dtype != kind:
                raise LotteryError(
                    f"{name}: shape {array.shape} {array.dtype}, where {self.masks.shape} {kind.__name__} is due"
                )
        if self.redraws.max(initial=0) > MOST_REDRAWS:
            raise LotteryError(f"redraws: {self.redraws.max()} is more than {MOST_REDRAWS}")


def problem_id(problem: Problem, solver: str) -> str:
    """A hash of what decides the masks; a partial result with another one is not continued."""
    digest = hashlib.sha256(json.dumps([problem.epsilon, problem.objective, solver]).encode())
    digest.update(problem.weights.tobytes())
    digest.update(problem.coefficients.tobytes())
    return digest.hexdigest()


class Partial:
    """The weights of a chunk solved so far, in row-major order, kept in a file beside the result."""

    def __init__(self, path: Path, problem: Problem, solver: str) -> None:
        self.path = path
        self.id = problem_id(problem, solver)
        self.masks = np.zeros(problem.weights.shape, np.uint64)
        self.status = np.zeros(problem.weights.shape, np.uint8)
        self.done = 0
        if path.exists():
            try:
                arrays, metadata = read_tensors(path)
            except LotteryError:
                return  # damaged: solving again is always right
            # An earlier version kept weights at which a solver had failed as if they were solved.
            if metadata.get("problem") == self.id and Status.FAILED not in arrays["status"]:
                self.masks, self.status, self.done = arrays["masks"], arrays["status"], metadata["done"]

    def save(self) -> None:
        arrays: dict[str, np.ndarray] = {"masks": self.masks, "status": self.status}
        write_tensors(self.path, arrays, {"problem": self.id, "done": self.done})

    @contextmanager
    def saved_whatever_happens(self) -> Iterator[None]:
        """A solver that breaks, or Ctrl-C, costs the block at hand and no more."""
        try:
            yield
        except BaseException:
            with suppress(LotteryError):  # what broke is said, not that it could not be saved either
                if self.done:
                    self.save()
            raise


def _blocks(shape: tuple[int, int], block: int | None, done: int) -> Iterator[tuple[int, slice]]:
    """Parts of rows that are still to solve; the same cuts whether or not a part was done before."""
    rows, columns = shape
    step = columns if block is None else block
    for row in range(rows):
        for start in range(0, columns, step):
            stop = min(start + step, columns)
            if row * columns + stop > done:
                yield row, slice(start, stop)


def solve_masks(
    problem: Problem,
    solver: Solver,
    partial_path: Path,
    zero_small_weights: bool,
    progress: Callable[[int], None],
) -> Partial:
    """All weights of `problem` solved, continued from the file at `partial_path` where it is of this problem."""
    limit = getattr(solver, "time_limit", None)  # of the MIP solvers
    partial = Partial(partial_path, problem, f"{solver.name}, limit {limit}, zeros {zero_small_weights}")
    progress(partial.done)
    columns = problem.weights.shape[1]
    saved = time.monotonic()
    with partial.saved_whatever_happens():
        for row, part in _blocks(problem.weights.shape, solver.block, partial.done):
            weights = problem.weights[row, part]
            coefficients = (
                problem.coefficients[row] if problem.coefficients.ndim == 2 else problem.coefficients[row, part]
            )
            masks, status = np.zeros(weights.shape, np.uint64), np.full(weights.shape, Status.SOLVED, np.uint8)
            wanted = np.abs(weights) > problem.epsilon if zero_small_weights else np.ones(weights.shape, bool)
            if wanted.any():
                own = coefficients if coefficients.ndim == 1 else coefficients[wanted]
                masks[wanted], status[wanted] = solver.solve_row(
                    weights[wanted], own, problem.epsilon, problem.objective
                )
            partial.masks[row, part], partial.status[row, part] = masks, status
            partial.done = row * columns + part.stop
            progress(len(weights))
            if time.monotonic() - saved > SECONDS_BETWEEN_SAVES:
                partial.save()
                saved = time.monotonic()
    return partial


def _redraw(
    target: Target, settings: Settings, chunk: Chunk, solver: Solver, problem: Problem, row: int, column: int
) -> tuple[int, int, int]:
    """(mask, status, redraws) for one weight: further coefficients are drawn until a subset lies within epsilon."""
    own = problem.coefficients[row] if problem.coefficients.ndim == 2 else problem.coefficients[row, column]
    weight = problem.weights[row, column].reshape(1, 1)
    most = min(MOST_REDRAWS, (MAX_COEFFICIENTS - settings.n) // settings.further_per_redraw)
    for redraws in range(1, most + 1):
        further = settings.further(target, chunk.layer, chunk.rows.start + row, column, redraws)
        single = Problem(weight, np.concatenate([own, further])[None], problem.epsilon, problem.objective)
        masks, status = solver.solve_row(single.weights[0], single.coefficients[0], single.epsilon, single.objective)
        if Solution.from_masks(single, masks[None], status[None], solver.name).feasible.all():
            return int(masks[0]), int(status[0]), redraws
    raise LotteryError(
        f"{target.layers[chunk.layer].name}, row {chunk.rows.start + row}, column {column}: no subset within"
        f" {problem.epsilon} of {weight[0, 0]:.6g} even with {most * settings.further_per_redraw} further coefficients;"
        " raise coefficients_per_bit, or widen the coefficient range"
    )


def solve_chunk(
    target: Target,
    settings: Settings,
    chunk: Chunk,
    solver: Solver,
    partial_path: Path,
    progress: Callable[[int], None] = lambda weights: None,
) -> ChunkResult:
    """Solve every weight of a chunk; on the way, finished weights are saved at `partial_path`.

    Raises LotteryError where a weight stays infeasible (with `on_infeasible: redraw`: after several redraws);
    the work done is kept at `partial_path` even then.
    """
    chunk.check(target)
    weights = target.matrix(chunk.layer)[chunk.rows.start : chunk.rows.stop]
    coefficients = settings.draw(target, chunk.layer, chunk.rows)
    problem = Problem(weights, coefficients, settings.epsilon, settings.objective)
    partial = solve_masks(problem, solver, partial_path, settings.zero_small_weights, progress)
    masks, status = partial.masks, partial.status
    infeasible = np.argwhere(~Solution.from_masks(problem, masks, status, solver.name).feasible)
    if len(infeasible) and settings.on_infeasible == "error":
        partial.save()
        named = ", ".join(
            f"row {chunk.rows.start + row} column {column} ({Status(status[row, column]).name.lower()})"
            for row, column in infeasible[:3]
        )
        raise LotteryError(
            f"{target.layers[chunk.layer].name}: {len(infeasible)} of {weights.size} weights have no subset within"
            f" {settings.epsilon}: {named}{', ...' if len(infeasible) > 3 else ''}; set on_infeasible: redraw, or raise"
            f" coefficients_per_bit (what was solved is kept in {partial_path})"
        )
    redraws = np.zeros(weights.shape, np.uint8)
    with partial.saved_whatever_happens():
        redrawn = {
            (row, column): _redraw(target, settings, chunk, solver, problem, int(row), int(column))
            for row, column in (infeasible if settings.on_infeasible == "redraw" else ())
        }
    for place, found in redrawn.items():
        masks[place], status[place], redraws[place] = found
    return ChunkResult(masks, status, redraws)


def write_chunk(path: Path, result: ChunkResult, solver: str) -> None:
    """Write a chunk with the solver that made it."""
    write_tensors(path, vars(result), {"solver": solver})


def read_chunk(path: Path) -> tuple[ChunkResult, str]:
    """A chunk and the solver that made it."""
    arrays, metadata = read_tensors(path)
    try:
        return ChunkResult(**arrays), metadata["solver"]
    except (KeyError, TypeError, LotteryError) as error:
        raise LotteryError(f"{path}: not a solved chunk ({shortened(error)}); delete it and run again") from error
