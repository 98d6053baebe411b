"""What a ticket's maker says of it, and the fingerprints that tie a ticket to its random network and its target."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import get_type_hints

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.tickets.ticket import Ticket


@dataclass(frozen=True)
class Claims:
    """Stands in the ticket's file; `lottery verify` finds out whether it is so.

    random_weights: SHA-256 of the kept random weights and their places.   target: SHA-256 of the target's weights.
    epsilon: within which every weight of the target is met.   largest_error: the largest distance to a weight.
    dataset, test_images, accuracy (percent): what the pruned random network classifies.
    """

    random_weights: str
    target: str
    epsilon: float
    largest_error: float
    dataset: str
    test_images: int
    accuracy: float

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Claims).items():
            if type(getattr(self, name)) is not kind:
                raise LotteryError(f"claims: {name} is {getattr(self, name)!r}, not of type {kind.__name__}")
        for name, most in (("epsilon", 1.0), ("largest_error", self.epsilon), ("accuracy", 100.0)):
            if not 0 <= getattr(self, name) <= most:  # NaN is not either
                raise LotteryError(f"claims: {name} is {getattr(self, name)}, a number from 0 to {most} is possible")


def random_weights_digest(ticket: Ticket) -> str:
    """SHA-256 of which random weights a ticket keeps and what they are (float32, little endian), layer by layer, slab by slab.

    Where they lie is in it too, as equal weights occur, and the settings, so that none can be changed alone.
    """
    settings = [ticket.network, asdict(ticket.image), ticket.seed, asdict(ticket.distribution), ticket.signed_inputs]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for spec, random, masks in ticket.random_layers():
        digest.update(f"{spec.name} {masks.second.shape}".encode())
        digest.update(np.packbits(masks.first).data)
        digest.update(np.packbits(masks.second).data)
        for unit in range(masks.units):
            digest.update(random.first_blocks(unit)[masks.first[unit]].astype("<f4").tobytes())
            digest.update(random.second(unit)[masks.second[unit]].astype("<f4").tobytes())
    return digest.hexdigest()


def target_digest(target: Target) -> str:
    """SHA-256 of a target's weights (float32, little endian), layer by layer."""
    digest = hashlib.sha256()
    for layer in target.layers:
        digest.update(target.weights[layer.name].astype("<f4").tobytes())
    return digest.hexdigest()
