"""How many random weights a ticket has initially, how many it keeps, and how many of these are on a path to an output."""

from dataclasses import dataclass

import numpy as np

from lottery.tickets.paths import alive
from lottery.tickets.ticket import Ticket


@dataclass(frozen=True)
class Counts:
    """Weights of all layers built from random ones, and the size of their masks.

    target: weights of the target in these layers.  initial: both random matrices of each layer, whole.
    initial_blocks: the same, but of first matrices only the weight from each input to its own units; the rest is always pruned.
    units: hidden units.  useless_units: hidden units that pass no input of a sign that occurs.  remaining: kept by the masks.
    alive: kept, and on a path from an input to an output.  mask_bits: bits of the masks, which the ticket's file codes.
    entropy_bits: Shannon bound on these, for codes that only use the density of kept weights per layer.
    """

    target: int
    initial: int
    initial_blocks: int
    units: int
    useless_units: int
    remaining: int
    alive: int
    mask_bits: int
    entropy_bits: float


def _entropy(kept: int, places: int) -> float:
    share = kept / places if places else 0.0
    return -places * sum(float(p * np.log2(p)) for p in (share, 1 - share) if p > 0)


def count(ticket: Ticket) -> Counts:
    """The counts of a ticket, computed from its masks and its random network."""
    target = initial = blocks = units = useless = remaining = bits = 0
    entropy = 0.0
    for spec, random, masks in ticket.random_layers():
        own_units, second = masks.units * random.inputs, masks.units * spec.size
        kept_units, kept = int(masks.first.sum()), int(masks.second.sum())
        target += spec.size
        initial += own_units * random.inputs + second
        blocks += own_units + second
        units += own_units
        for unit in range(masks.units):
            weights = random.first_diagonal(unit)
            useless += int(np.count_nonzero(weights == 0 if ticket.signed_inputs else weights <= 0))
        remaining += kept_units + kept
        bits += own_units + kept_units * random.outputs
        entropy += _entropy(kept_units, own_units) + _entropy(kept, kept_units * random.outputs)
    return Counts(target, initial, blocks, units, useless, remaining, alive(ticket), bits, entropy)


def count_weights_beyond_units(ticket: Ticket, units: int) -> int:
    """Number of target weights that use more than the first `units` units of their input."""
    return sum(int(masks.second[units:].any(axis=0).sum()) for masks in ticket.masks.values())
