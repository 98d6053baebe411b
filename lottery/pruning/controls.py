"""The controls of a pruned network: what its accuracy is compared with, and how often each control is drawn.

A mask that is shuffled within its matrix is no control of its own: a random order of k ones and n - k zeros is a random choice of
k out of n weights, which is `random_mask`.
"""

from typing import Annotated

from pydantic import Field

from lottery.pruning.run import Seed
from lottery.settings import settings

LEARNED, RANDOM_MASK, FRESH_WEIGHTS, SHUFFLED_WEIGHTS, LARGEST_WEIGHTS = CONTROLS = (
    "learned",  # the learned masks on their own weights: the pruned network itself
    "random_mask",  # as many weights of each matrix, chosen at random
    "fresh_weights",  # the learned masks on weights of another seed
    "shuffled_weights",  # the learned masks on the same weights in random order, matrix by matrix
    "largest_weights",  # as many weights of each matrix, those of the largest magnitude
)


@settings
class ControlSettings:
    """How often the controls with random numbers are drawn."""

    draws: Annotated[int, Field(ge=1, le=10**6)] = Field(
        default=5, description="Draws of each control that has random numbers; mean and interval are over them."
    )
    seed: Seed = Field(
        default=1, description="Seed of the controls; runs of different seeds have different draws in any case."
    )
