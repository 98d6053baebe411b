"""Assemble the approximated network from solved chunks; all sums are recomputed from the masks and checked.

Shapes: W rows of a chunk, T weights per row, n coefficients per set.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lottery.approximation.chunks import Chunk, ChunkResult, read_chunk
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.subset_sum import MAX_COEFFICIENTS, approximations, exact_count


@dataclass(frozen=True)
class LayerApproximation:
    """A layer of subset sums.  All arrays are (rows, columns); see `subset_sum.Solution`.

    drawn: number of coefficients per weight, including redraws.
    """

    masks: np.ndarray
    sums: np.ndarray
    errors: np.ndarray
    cardinality: np.ndarray
    drawn: np.ndarray
    status: np.ndarray


@dataclass(frozen=True)
class Approximation:
    """A whole approximated network, and the number of chunks per solver."""

    target: Target
    layers: tuple[LayerApproximation, ...]
    solvers: dict[str, int]

    def network(self) -> Target:
        """The approximated network: the sums in float32, with the layers and settings of the target."""
        weights = {
            # (rows, columns) -> the shape of the layer
            spec.name: layer.sums.astype(np.float32).reshape(spec.shape)
            for spec, layer in zip(self.target.layers, self.layers, strict=True)
        }
        return replace(self.target, weights=weights)

    def errors(self) -> np.ndarray:
        """|sum - weight| of every weight, (weights,) float64."""
        return np.concatenate([layer.errors.ravel() for layer in self.layers])

    def errors_float32(self) -> np.ndarray:
        """The same, with sums rounded to float32 as in the network that is evaluated."""
        network = self.network()
        return np.concatenate(
            [np.abs(network.matrix(index) - self.target.matrix(index)).ravel() for index in range(len(self.layers))]
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of solution.safetensors: masks, errors and cardinalities by layer."""
        return {
            f"{spec.name}.{part}": getattr(layer, part).astype(kind)
            for spec, layer in zip(self.target.layers, self.layers, strict=True)
            for part, kind in (("masks", np.uint64), ("errors", np.float64), ("cardinality", np.uint8))
        }


def approximate_chunk(target: Target, settings: Settings, chunk: Chunk, result: ChunkResult) -> LayerApproximation:
    """Sums and errors of a chunk, recomputed from its masks and newly drawn coefficients.

    Raises LotteryError if masks do not fit the chunk, keep coefficients that were not drawn, or leave a weight beyond epsilon
    (which `on_infeasible: nearest` allows).
    """
    chunk.check(target)
    weights = target.matrix(chunk.layer)[chunk.rows.start : chunk.rows.stop]
    if result.masks.shape != weights.shape:
        raise LotteryError(f"got masks of shape {result.masks.shape}, expected {weights.shape}")
    coefficients = settings.draw(target, chunk.layer, chunk.rows)
    drawn = settings.n + result.redraws.astype(np.int64) * settings.further_per_redraw
    # Bits 0 to n - 1 of a mask are the first draw.  Higher bits are redraws, `further_per_redraw` per redraw.
    sums = approximations(result.masks & np.uint64(2**settings.n - 1), coefficients)
    for row, column in np.argwhere(result.redraws):
        redraws = int(result.redraws[row, column])
        further = settings.further(target, chunk.layer, chunk.rows.start + int(row), int(column), redraws)
        own = coefficients[row] if coefficients.ndim == 2 else coefficients[row, column]
        mask = result.masks[row : row + 1, column : column + 1]
        sums[row, column] = approximations(mask, np.concatenate([own, further])[None])[0, 0]  # mask (1, 1), set (1, n)
    # No bit at or above `drawn` may be set.  Masks of 64 drawn coefficients have no such bits.
    if (drawn < MAX_COEFFICIENTS).any() and np.any(
        (result.masks >> np.minimum(drawn, MAX_COEFFICIENTS - 1).astype(np.uint64))[drawn < MAX_COEFFICIENTS]
    ):
        raise LotteryError("masks keep coefficients that were never drawn")
    cardinality = np.bitwise_count(result.masks).astype(np.int64)
    if settings.on_infeasible == "nearest":
        return LayerApproximation(result.masks, sums, np.abs(sums - weights), cardinality, drawn, result.status)
    if (count := exact_count(settings.objective)) is not None and (cardinality != count).any():
        raise LotteryError(f"{np.count_nonzero(cardinality != count)} weights do not keep exactly {count} coefficients")
    errors = np.abs(sums - weights)
    beyond = np.argwhere(errors > settings.epsilon)
    if len(beyond):
        row, column = beyond[0]
        raise LotteryError(
            f"{len(beyond)} weights are beyond epsilon {settings.epsilon}, the first in row {chunk.rows.start + row},"
            f" column {column}: {errors[row, column]:.6g}"
        )
    return LayerApproximation(result.masks, sums, errors, cardinality, drawn, result.status)


def assemble(target: Target, settings: Settings, paths: Sequence[tuple[Chunk, Path]]) -> Approximation:
    """The approximated network from all its chunks, in any order.

    Raises LotteryError, with the name of the file or layer, if chunks are damaged, missing or overlap.
    """
    solvers: Counter[str] = Counter()
    parts: dict[int, list[tuple[range, LayerApproximation]]] = {index: [] for index in range(len(target.layers))}
    for chunk, path in sorted(paths, key=lambda item: (item[0].layer, item[0].rows.start)):
        result, solver = read_chunk(path)
        try:
            part = approximate_chunk(target, settings, chunk, result)
        except LotteryError as error:
            raise LotteryError(f"{path}: {error}; delete it and run again") from error
        parts[chunk.layer].append((chunk.rows, part))
        solvers[solver] += 1
    layers = []
    for spec, chunks in zip(target.layers, parts.values(), strict=True):
        covered = [row for rows, _ in chunks for row in rows]
        if covered != list(range(spec.rows)):
            raise LotteryError(
                f"{spec.name}: the chunks cover {len(covered)} rows, expected each of {spec.rows} rows once; give all chunks"
            )
        layers.append(
            LayerApproximation(
                **{
                    name: np.concatenate([getattr(part, name) for _, part in chunks])
                    for name in LayerApproximation.__dataclass_fields__
                }
            )
        )
    return Approximation(target, tuple(layers), dict(solvers))


def summary(approximation: Approximation, settings: Settings) -> dict[str, object]:
    """The numbers of table 1 that need no dataset, by name; all counts are taken from the masks."""
    errors, cast = approximation.errors(), approximation.errors_float32()
    cardinality = np.concatenate([layer.cardinality.ravel() for layer in approximation.layers])
    count = exact_count(settings.objective)
    miscounted = cardinality != (cardinality if count is None else count)
    statuses = np.concatenate([layer.status.ravel() for layer in approximation.layers])
    return {
        "network": approximation.target.network,
        "solvers": approximation.solvers,
        "weights": approximation.target.size,
        "coefficients_per_weight": settings.n,
        "initial": int(sum(layer.drawn.sum() for layer in approximation.layers)),
        "remaining": int(cardinality.sum()),
        "largest_error": float(errors.max()),
        "median_error": float(np.median(errors)),
        "largest_error_float32": float(cast.max()),
        "beyond_epsilon": int(((errors > settings.epsilon) | miscounted).sum()),
        "beyond_epsilon_float32": int((cast > settings.epsilon).sum()),
        "redrawn": int(sum((layer.drawn > settings.n).sum() for layer in approximation.layers)),
        "not_proved": int((statuses != 0).sum()),
        "cardinality_histogram": np.bincount(cardinality).tolist(),
    }
