"""How many random weights a ticket started from, how many it keeps, and how many of those carry anything."""

from dataclasses import dataclass

import numpy as np

from lottery.tickets.ticket import LayerMasks, Ticket


@dataclass(frozen=True)
class Counts:
    """Numbers of weights of all layers built from random ones, and the bits that their masks need.

    target: of the target.   initial: both random matrices of each layer, whole.   initial_blocks: the first matrices counted
    by their blocks only (a unit and its one input), the rest being pruned whatever the target.
    useless_units: hidden units that pass no input of a sign that occurs.   remaining: kept by the masks.
    alive: kept and on a way from an input to an output.   mask_bits: of the ticket's file.   entropy_bits: what a code of the
    same density of kept weights needs, layer by layer (Shannon).
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


def _passed(masks: LayerMasks, reached: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units (units, inputs) and outputs (outputs,) that inputs which are `reached` lead to."""
    units = masks.first & reached
    return units, (masks.second & units[:, None, :]).any(axis=(0, 2))


def alive(layers: list[LayerMasks]) -> int:
    """Kept weights on a way from an input of the first layer to an output of the last, through every matrix."""
    reached = np.ones(layers[0].first.shape[1], bool)
    ways = []
    for masks in layers:
        units, reached = _passed(masks, reached)
        ways.append(units)
    wanted = np.ones(layers[-1].second.shape[1], bool)
    total = 0
    for masks, units in zip(reversed(layers), reversed(ways), strict=True):
        second = masks.second & units[:, None, :] & wanted[:, None]
        first = units & second.any(axis=1)
        total += int(second.sum()) + int(first.sum())
        wanted = first.any(axis=0)
    return total


def count(ticket: Ticket) -> Counts:
    """The counts of a ticket, every one from its masks and its random network."""
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
            weights = random.first_blocks(unit)
            useless += int(np.count_nonzero(weights == 0 if ticket.signed_inputs else weights <= 0))
        remaining += kept_units + kept
        bits += own_units + kept_units * spec.rows
        entropy += _entropy(kept_units, own_units) + _entropy(kept, kept_units * spec.rows)
    layers = [masks for _, _, masks in ticket.random_layers()]
    return Counts(target, initial, blocks, units, useless, remaining, alive(layers), bits, entropy)


def widened(ticket: Ticket, units: int) -> int:
    """Weights that make use of more than the first `units` units of their input."""
    return sum(int(masks.second[units:].any(axis=0).sum()) for masks in ticket.masks.values())
