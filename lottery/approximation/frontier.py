"""A point of the frontier between size and accuracy: approximate a whole network, and evaluate it."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lottery.approximation.assembly import Approximation, approximate_chunk, summary
from lottery.approximation.chunks import Chunk, solve_chunk
from lottery.approximation.evaluation import compare
from lottery.approximation.grid import entropy_bits, rounded
from lottery.approximation.settings import Settings
from lottery.approximation.target import Target
from lottery.data.datasets import Images
from lottery.subset_sum import Solver

SUMMARY = (
    "network", "weights", "coefficients_per_weight", "initial", "remaining", "beyond_epsilon", "largest_error", "median_error",
)  # fmt: skip


def approximate(
    target: Target,
    settings: Settings,
    solver: Solver,
    folder: Path,
    progress: Callable[[int], object] = lambda weights: None,
) -> Approximation:
    """Approximate all layers of `target` by subset sums; finished weights are saved in `folder`, so a killed job can resume.

    progress: called with the number of weights solved.
    """
    layers = []
    for number, layer in enumerate(target.layers):
        chunk = Chunk(number, range(layer.rows))
        partial = folder / f"layer_{number}.partial"
        layers.append(
            approximate_chunk(target, settings, chunk, solve_chunk(target, settings, chunk, solver, partial, progress))
        )
    return Approximation(target, tuple(layers), {solver.name: len(layers)})


def prune_by_magnitude(target: Target, epsilon: float) -> Target:
    """The target pruned by magnitude: weights within epsilon of 0 become 0, all others are unchanged."""
    kept = {name: np.where(np.abs(array) <= epsilon, 0, array) for name, array in target.weights.items()}
    return replace(target, weights=kept)


def measure_point(
    target: Target, settings: Settings, approximation: Approximation, data: Images, device: torch.device
) -> dict[str, Any]:
    """Size and accuracy of an approximation, by name, and of two networks within the same epsilon that need no subset sums.

    These are the target pruned by magnitude, and the target rounded to multiples of 2 epsilon.
    """
    found = summary(approximation, settings)
    small, coarse = prune_by_magnitude(target, settings.epsilon), rounded(target, 2 * settings.epsilon)
    approximated, pruned, on_grid = compare(data, target, [approximation.network(), small, coarse], device)
    return {
        "settings": asdict(settings),
        **{name: found[name] for name in SUMMARY},
        "dataset": data.dataset.name,
        "test_images": data.dataset.test_count,
        "pixels": target.pixels,
        **vars(approximated),
        "magnitude_remaining": int(sum(np.count_nonzero(array) for array in small.weights.values())),
        "magnitude_accuracy": pruned.approximated_accuracy,
        "rounded_bits_per_weight": round(entropy_bits(coarse) / target.size, 6),
        "rounded_accuracy": on_grid.approximated_accuracy,
    }
