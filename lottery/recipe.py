"""How a target network is trained."""

from typing import Literal

from pydantic import Field

from lottery.data.datasets import Pixels
from lottery.settings import settings

Stream = Literal["keyed", "released"]


@settings
class Recipe:
    """How a target is trained: SGD with momentum, cosine learning rate over the epochs, no augmentation.

    The defaults are those of the released fc2, which is the trained baseline of the published figures after 10 epochs.
    """

    epochs: int = Field(default=10, ge=1, description="Passes over the training images.")
    learning_rate: float = Field(default=0.1, gt=0, description="Learning rate at the start; it follows a cosine to 0.")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD.")
    weight_decay: float = Field(default=5e-4, ge=0, description="L2 penalty on the weights.")
    batch_size: int = Field(default=64, ge=1, description="Images per step.")
    seed: int = Field(default=1, ge=0, description="Seed of initialisation and data order.")
    stream: Stream = Field(
        default="released",
        description="released (one generator for initialisation and data order, as in the paper's runs) or keyed (one each).",
    )
    pixels: Pixels = Field(
        default="normalised",
        description="Pixels that it is trained on: normalised (minus the mean, divided by the deviation) or raw (0 to 1).",
    )
