"""The initial tensors of a layer, and noise that perturbs them as rounding would."""

from dataclasses import dataclass, replace

import numpy as np

PERTURBATION = 1e-7  # relative; adjacent float32 numbers are 0.6e-7 to 1.2e-7 apart


@dataclass(frozen=True)
class LayerInit:
    """A layer's initial weights (frozen, except for `dense`) and the initial scores that rank them.

    weight2, scores2 (R, O, I); weight1, scores1 (R, I); bias (O,), for redundancy R, O outputs and I inputs.  None if the structure
    does not have it.
    """

    weight2: np.ndarray
    scores2: np.ndarray | None = None
    weight1: np.ndarray | None = None
    scores1: np.ndarray | None = None
    bias: np.ndarray | None = None


def perturb(init: LayerInit, seed: int, layer: int) -> LayerInit:
    """A copy with learned tensors (scores; weights of `dense`) multiplied by 1 + 1e-7 N(0, 1): noise of the size of rounding.

    seed: of the noise.  layer: number of the layer, from 1.
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, layer]))
    learned = [name for name in ("scores1", "scores2") if getattr(init, name) is not None] or ["weight2"]
    return replace(
        init,
        **{
            name: value * (1 + PERTURBATION * generator.standard_normal(value.shape))
            for name in learned
            if (value := getattr(init, name)) is not None
        },
    )
