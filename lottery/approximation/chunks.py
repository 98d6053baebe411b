"""Solve a chunk (some rows of one layer), with regular saves, so that a killed job loses seconds of work.

The result does not depend on the size of chunks, on their order, or on interruptions.
Shapes: W rows of a chunk, T weights per row, n coefficients per set.
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
MAX_REDRAWS = 4


@dataclass(frozen=True)
class Chunk:
    """Rows of a layer, by index."""

    layer: int
    rows: range

    @property
    def file_name(self) -> str:
        """The name of this chunk's file in the workflow; `parse_chunk_name` is the inverse."""
        return f"layer_{self.layer}_rows_{self.rows.start}_to_{self.rows.stop - 1}.safetensors"

    def check(self, target: Target) -> None:
        """Raise LotteryError if the target has no such layer or rows."""
        if not 0 <= self.layer < len(target.layers):
            raise LotteryError(f"layer: got {self.layer}, expected 0 to {len(target.layers) - 1}")
        rows = target.layers[self.layer].rows
        if not 0 <= self.rows.start < self.rows.stop <= rows:
            raise LotteryError(
                f"rows: got {self.rows.start} to {self.rows.stop - 1}, expected rows within 0 to {rows - 1}"
            )


def parse_chunk_name(path: Path) -> Chunk:
    """The chunk in a file, from its name; raises LotteryError for another name."""
    match = re.fullmatch(r"layer_(\d+)_rows_(\d+)_to_(\d+)\.safetensors", path.name)
    if match is None:
        raise LotteryError(f"{path}: expected a file name layer_L_rows_A_to_B.safetensors of a chunk")
    layer, first, last = map(int, match.groups())
    return Chunk(layer, range(first, last + 1))


def split_into_chunks(layers: Sequence[Layer], rows_per_chunk: int) -> list[Chunk]:
    """All chunks of a network, with at most `rows_per_chunk` rows each."""
    return [
        Chunk(index, range(start, min(start + rows_per_chunk, layer.rows)))
        for index, layer in enumerate(layers)
        for start in range(0, layer.rows, rows_per_chunk)
    ]


@dataclass(frozen=True)
class ChunkResult:
    """The solution of the weights of a chunk.  Raises LotteryError if the arrays do not fit each other.

    masks: (W, T) uint64; bits from n on are redrawn coefficients.  status: (W, T) uint8, see `Status`.
    redraws: (W, T) uint8, number of redraws (see `Settings.further`).
    """

    masks: np.ndarray
    status: np.ndarray
    redraws: np.ndarray

    def __post_init__(self) -> None:
        for name, kind in (("masks", np.uint64), ("status", np.uint8), ("redraws", np.uint8)):
            array = getattr(self, name)
            if array.ndim != 2 or array.shape != self.masks.shape or array.dtype != kind:
                raise LotteryError(
                    f"{name}: got shape {array.shape} {array.dtype}, expected {self.masks.shape} {kind.__name__}"
                )
        if self.redraws.max(initial=0) > MAX_REDRAWS:
            raise LotteryError(f"redraws: got {self.redraws.max()}, expected at most {MAX_REDRAWS}")


def problem_id(problem: Problem, solver: str) -> str:
    """A hash of everything that determines the masks; a partial result is only resumed if it has the same."""
    digest = hashlib.sha256(json.dumps([problem.epsilon, problem.objective, solver]).encode())
    digest.update(problem.weights.tobytes())
    digest.update(problem.coefficients.tobytes())
    return digest.hexdigest()


class Partial:
    """The weights of a chunk that are solved so far, in row-major order, and the file where they are saved."""

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
                return  # damaged: solve from the beginning
            # An earlier version saved weights at which a solver had failed as if they were solved.
            if metadata.get("problem") == self.id and Status.FAILED not in arrays["status"]:
                self.masks, self.status, self.done = arrays["masks"], arrays["status"], metadata["done"]

    def save(self) -> None:
        """Write the file, atomically."""
        arrays: dict[str, np.ndarray] = {"masks": self.masks, "status": self.status}
        write_tensors(self.path, arrays, {"problem": self.id, "done": self.done})

    @contextmanager
    def save_on_error(self) -> Iterator[None]:
        """Save if the block raises, so that a failing solver or Ctrl-C loses only the current block."""
        try:
            yield
        except BaseException:
            with suppress(LotteryError):  # report the first error, not that saving failed too
                if self.done:
                    self.save()
            raise


def _blocks(shape: tuple[int, int], block: int | None, done: int) -> Iterator[tuple[int, slice]]:
    """(row, columns) of blocks that are still to solve; blocks are the same whether or not a run was interrupted."""
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
    progress: Callable[[int], object],
) -> Partial:
    """Solve all weights of `problem`, resuming from the file at `partial_path` if it belongs to this problem.

    zero_small_weights: weights within epsilon of 0 get an empty mask without solving.  progress: called with the number of weights
    solved.  Raises SubsetSumError if the solver fails; finished blocks are saved then.
    """
    limit = getattr(solver, "time_limit", None)  # only MIP solvers have one
    partial = Partial(partial_path, problem, f"{solver.name}, limit {limit}, zeros {zero_small_weights}")
    progress(partial.done)
    columns = problem.weights.shape[1]
    last_save = time.monotonic()
    with partial.save_on_error():
        for row, part in _blocks(problem.weights.shape, solver.block, partial.done):
            weights = problem.weights[row, part]
            coefficients = (
                problem.coefficients[row] if problem.coefficients.ndim == 2 else problem.coefficients[row, part]
            )
            # weights (B,) of a block, coefficients (n,) or (B, n)
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
            if time.monotonic() - last_save > SECONDS_BETWEEN_SAVES:
                partial.save()
                last_save = time.monotonic()
    return partial


def _redraw(
    target: Target, settings: Settings, chunk: Chunk, solver: Solver, problem: Problem, row: int, column: int
) -> tuple[int, int, int]:
    """(mask, status, redraws) of one weight: draw further coefficients until a subset is within epsilon.

    Raises LotteryError if `MAX_REDRAWS` redraws, or as many as fit into a mask, do not suffice.
    """
    own = problem.coefficients[row] if problem.coefficients.ndim == 2 else problem.coefficients[row, column]
    weight = problem.weights[row, column].reshape(1, 1)  # () -> (1, 1)
    max_redraws = min(MAX_REDRAWS, (MAX_COEFFICIENTS - settings.n) // settings.further_per_redraw)
    for redraws in range(1, max_redraws + 1):
        further = settings.further(target, chunk.layer, chunk.rows.start + row, column, redraws)
        single = Problem(weight, np.concatenate([own, further])[None], problem.epsilon, problem.objective)
        masks, status = solver.solve_row(single.weights[0], single.coefficients[0], single.epsilon, single.objective)
        if Solution.from_masks(single, masks[None], status[None], solver.name).feasible.all():
            return int(masks[0]), int(status[0]), redraws
    raise LotteryError(
        f"{target.layers[chunk.layer].name}, row {chunk.rows.start + row}, column {column}: no subset within"
        f" {problem.epsilon} of {weight[0, 0]:.6g} even with {max_redraws * settings.further_per_redraw} further coefficients;"
        " raise coefficients_per_bit, or widen the coefficient range"
    )


def solve_chunk(
    target: Target,
    settings: Settings,
    chunk: Chunk,
    solver: Solver,
    partial_path: Path,
    progress: Callable[[int], object] = lambda weights: None,
) -> ChunkResult:
    """Solve every weight of a chunk; finished weights are saved at `partial_path` regularly.

    progress: called with the number of weights solved.
    Raises LotteryError if a weight has no subset within epsilon (with `on_infeasible: redraw`, after several redraws); finished
    weights are saved then as well.
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
        first = ", ".join(
            f"row {chunk.rows.start + row} column {column} ({Status(status[row, column]).name.lower()})"
            for row, column in infeasible[:3]
        )
        raise LotteryError(
            f"{target.layers[chunk.layer].name}: {len(infeasible)} of {weights.size} weights have no subset within"
            f" {settings.epsilon}: {first}{', ...' if len(infeasible) > 3 else ''}; set on_infeasible: redraw, or raise"
            f" coefficients_per_bit (finished weights are saved in {partial_path})"
        )
    redraws = np.zeros(weights.shape, np.uint8)
    with partial.save_on_error():
        redrawn = {
            (row, column): _redraw(target, settings, chunk, solver, problem, int(row), int(column))
            for row, column in (infeasible if settings.on_infeasible == "redraw" else ())
        }
    for place, found in redrawn.items():
        masks[place], status[place], redraws[place] = found
    return ChunkResult(masks, status, redraws)


def write_chunk(path: Path, result: ChunkResult, solver: str) -> None:
    """Write a solved chunk and the name of its solver."""
    write_tensors(path, vars(result), {"solver": solver})


def read_chunk(path: Path) -> tuple[ChunkResult, str]:
    """A solved chunk and the name of its solver; raises LotteryError if the file is damaged or something else."""
    arrays, metadata = read_tensors(path)
    try:
        return ChunkResult(**arrays), metadata["solver"]
    except (KeyError, TypeError, LotteryError) as error:
        raise LotteryError(f"{path}: not a solved chunk ({shortened(error)}); delete it and run again") from error
