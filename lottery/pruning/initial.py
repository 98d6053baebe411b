"""What a layer starts with, and the noise by which a run can be parted from itself."""

from dataclasses import dataclass, replace

import numpy as np

PERTURBATION = 1e-7  # relative; neighbouring numbers in float32 are 0.6e-7 to 1.2e-7 apart


@dataclass(frozen=True)
class LayerInit:
    """A layer's random numbers: weights (frozen, but for `dense`) and the scores that start to rank them.

    weight2, scores2 (r, out, in); weight1, scores1 (r, in); bias (out,).  None where the structure has none.
    """

    weight2: np.ndarray
    scores2: np.ndarray | None = None
    weight1: np.ndarray | None = None
    scores1: np.ndarray | None = None
    bias: np.ndarray | None = None


def perturbed(start: LayerInit, seed: int, layer: int) -> LayerInit:
    """The same start but for rounding: what is learned (scores; weights of `dense`) times 1 + 1e-7 N(0, 1).

    seed: of the noise.  layer: its number, from 1.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, layer]))
    learned = [name for name in ("scores1", "scores2") if getattr(start, name) is not None] or ["weight2"]
    return replace(
        start,
        **{
            name: value * (1 + PERTURBATION * generator.standard_normal(value.shape))
            for name in learned
            if (value := getattr(start, name)) is not None
        },
    )
