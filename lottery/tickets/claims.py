"""The claims in a ticket file, and the checksums that identify its random network and its target."""

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
    """Statements about a ticket, stored in its file; `lottery verify` checks them.

    random_weights: SHA-256 of the kept random weights and their places.  target: SHA-256 of the target's weights.
    epsilon: upper bound of the error of every target weight.  largest_error: the largest such error.
    dataset, test_images, accuracy: accuracy of the pruned random network in percent, and the test images it was measured on.
    Raises LotteryError if a value has another type or is out of range.
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
                raise LotteryError(f"claims: {name} is {getattr(self, name)!r}, expected type {kind.__name__}")
        for name, highest in (("epsilon", 1.0), ("largest_error", self.epsilon), ("accuracy", 100.0)):
            if not 0 <= getattr(self, name) <= highest:  # false for NaN as well
                raise LotteryError(f"claims: {name} is {getattr(self, name)}, expected a number from 0 to {highest}")


def random_weights_digest(ticket: Ticket) -> str:
    """SHA-256 of the random weights that a ticket keeps (float32, little endian), layer by layer, slab by slab.

    It includes the masks, since equal weights occur, and the settings, so that none of these can be changed alone.
    """
    settings = [ticket.network, asdict(ticket.image), ticket.seed, asdict(ticket.distribution), ticket.signed_inputs]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for spec, random, masks in ticket.random_layers():
        digest.update(f"{spec.name} {masks.second.shape}".encode())
        digest.update(np.packbits(masks.first).data)
        digest.update(np.packbits(masks.second).data)
        for unit in range(masks.units):
            digest.update(random.first_diagonal(unit)[masks.first[unit]].astype("<f4").tobytes())
            digest.update(random.second(unit)[masks.second[unit]].astype("<f4").tobytes())
    return digest.hexdigest()


def target_digest(target: Target) -> str:
    """SHA-256 of a target's weights (float32, little endian), layer by layer."""
    digest = hashlib.sha256()
    for layer in target.layers:
        digest.update(target.weights[layer.name].astype("<f4").tobytes())
    return digest.hexdigest()
