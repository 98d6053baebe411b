"""The least magnitude: of all subsets within epsilon the one with the smallest sum of |coefficient|.

If every coefficient is off by a relative error d (low precision, analogue hardware), its sum is off by at most d times that;
the nearest sum is often a difference of large numbers.
"""

import numpy as np

from lottery.subset_sum import OBJECTIVES, MipObjective


def magnitudes(coefficients: np.ndarray, epsilon: float) -> tuple[np.ndarray, float]:
    """Costs of x (n,), and of the error z: |error| <= epsilon is a constraint of the model already."""
    return np.abs(coefficients), 0.0


OBJECTIVES.register("min_magnitude", MipObjective(magnitudes, gap=1e-4))
