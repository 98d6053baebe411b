"""How a target network is trained."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from lottery.data.datasets import PIXELS, Pixels
from lottery.errors import LotteryError

Stream = Literal["keyed", "released"]


@dataclass(frozen=True)
class Recipe:
    """How a target is trained: SGD with momentum, cosine learning rate over the epochs, no augmentation.

    The defaults are those of the released fc2, which is the trained baseline of the published figures after 10 epochs.

    stream: `released`, one generator for weights and orders of images, as in the paper's runs; or `keyed`, a generator for
        either, so that neither moves the other.
    pixels: what it is trained on, and made for.
    """

    epochs: int = 10
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 64
    seed: int = 1
    stream: Stream = "released"
    pixels: Pixels = "normalised"

    def __post_init__(self) -> None:
        for name, known in (("stream", get_args(Stream)), ("pixels", PIXELS)):
            if getattr(self, name) not in known:
                raise LotteryError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(known)}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise LotteryError(f"{name}: at least 1 is needed, not {getattr(self, name)}")
        for name, allowed, needed in (
            ("learning_rate", 0 < self.learning_rate < math.inf, "a number above 0"),
            ("momentum", 0 <= self.momentum < 1, "a number from 0 to below 1"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "a number from 0"),
            ("seed", self.seed >= 0, "a whole number from 0"),
        ):
            if not allowed:
                raise LotteryError(f"{name}: {needed} is needed, not {getattr(self, name)}")
