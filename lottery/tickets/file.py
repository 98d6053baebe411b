"""The file format of tickets: safetensors with coded masks, and readable metadata.

Shapes: U units per input, I inputs, O outputs, K units that are kept; inputs and outputs of a convolution are the columns and rows
of its matrix (see `matrices`).

For each layer, `NAME.first` has one bit per hidden unit, slab by slab, and `NAME.second` one bit per pair of a kept unit and an
output, coded as the format says (see `coding`).  The metadata identifies the random network, and contains the claims.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape
from lottery.records.files import atomic_write
from lottery.records.tensors import read_tensors, tensors_bytes
from lottery.tickets.claims import Claims
from lottery.tickets.coding import decode, encode, unpack
from lottery.tickets.matrices import matrix_shape
from lottery.tickets.random_network import GENERATOR, Distribution
from lottery.tickets.ticket import MAX_UNITS, LayerMasks, Ticket, replaced_layers

FORMAT = "lottery ticket 2"
CODINGS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Callable[[np.ndarray, int, str], np.ndarray]]] = {
    "lottery ticket": (np.packbits, unpack),  # files before 2026-12
    FORMAT: (encode, decode),
}
MAX_RANDOM_WEIGHTS = 2**28  # per matrix: more than any network here, but a small file cannot make us allocate more


def _arrays(ticket: Ticket, file_format: str) -> dict[str, np.ndarray]:
    """The coded masks by name; the inverse of `_parsed`."""
    code, _ = CODINGS[file_format]
    arrays = {}
    for name, masks in ticket.masks.items():
        arrays[f"{name}.first"] = code(masks.first.ravel())
        # (U, O, I) -> (U, I, O), at first (U, I) -> (K, O): bits ordered by unit, input, output; none for pruned units
        arrays[f"{name}.second"] = code(masks.second.transpose(0, 2, 1)[masks.first].ravel())
    return arrays


def _metadata(ticket: Ticket, claims: Claims, file_format: str) -> dict[str, Any]:
    return {
        "format": file_format,
        "generator": GENERATOR,
        "network": ticket.network,
        "image": asdict(ticket.image),
        "seed": ticket.seed,
        "distribution": asdict(ticket.distribution),
        "signed_inputs": ticket.signed_inputs,
        "units_per_input": {name: masks.units for name, masks in ticket.masks.items()},
        "claims": asdict(claims),
    } | ({} if ticket.pixels == "raw" else {"pixels": ticket.pixels})  # files before 2026-12 have no entry `pixels`


def ticket_bytes(ticket: Ticket, claims: Claims, file_format: str = FORMAT) -> bytes:
    """The file of a ticket and its claims, in one of the formats in `CODINGS`; equal content gives equal bytes."""
    return tensors_bytes(_arrays(ticket, file_format), _metadata(ticket, claims, file_format))


def write_ticket(path: Path, ticket: Ticket, claims: Claims) -> None:
    """Write a ticket and its claims, atomically; equal content gives equal bytes."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(ticket_bytes(ticket, claims))


def _parsed(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> tuple[Ticket, Claims]:
    """The ticket and claims of a file; raises LotteryError, KeyError, TypeError, ValueError or the like if invalid."""
    if metadata["format"] not in CODINGS:
        raise LotteryError(f"got format {metadata['format']!r}, expected one of {', '.join(CODINGS)}")
    _, bits = CODINGS[metadata["format"]]
    if metadata["generator"] != GENERATOR:
        raise LotteryError(f"got generator {metadata['generator']!r}, this version has {GENERATOR}")
    sizes = [*metadata["image"].values(), *metadata["units_per_input"].values()]
    if any(type(size) is not int or size < 1 for size in sizes):
        raise LotteryError(f"got sizes {sizes} of image and units, expected whole numbers from 1")
    network, image = metadata["network"], ImageShape(**metadata["image"])
    masks = {}
    for spec in replaced_layers(network, image, metadata["units_per_input"]):
        units = metadata["units_per_input"][spec.name]
        outputs, inputs = matrix_shape(spec)
        if units > MAX_UNITS or max(units * spec.size, inputs**2) > MAX_RANDOM_WEIGHTS:
            raise LotteryError(f"{spec.name}: {units} units for {inputs} inputs and {outputs} outputs are too many")
        first = bits(arrays[f"{spec.name}.first"], units * inputs, f"{spec.name}.first")
        first = first.reshape(units, inputs)  # (U * I,) -> (U, I)
        kept = bits(arrays[f"{spec.name}.second"], int(first.sum()) * outputs, f"{spec.name}.second")
        second = np.zeros((units, inputs, outputs), bool)
        second[first] = kept.reshape(-1, outputs)  # (K * O,) -> (K, O), into (U, I, O) at first (U, I)
        masks[spec.name] = LayerMasks(first, second.transpose(0, 2, 1))  # (U, I, O) -> (U, O, I)
    ticket = Ticket(
        network,
        image,
        metadata["seed"],
        Distribution(**metadata["distribution"]),
        metadata["signed_inputs"],
        masks,
        metadata.get("pixels", "raw"),
    )
    return ticket, Claims(**metadata["claims"])


def read_ticket(path: Path) -> tuple[Ticket, Claims]:
    """The ticket and the claims in a file.

    Raises LotteryError if it is damaged, or is not exactly the file of its format, `ticket_bytes`, for its content.
    """
    arrays, metadata = read_tensors(path)
    try:
        ticket, claims = _parsed(arrays, metadata)
        same = ticket_bytes(ticket, claims, metadata["format"]) == path.read_bytes()
    except LotteryError as error:
        raise LotteryError(f"{path}: {shortened(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LotteryError(f"{path}: not a ticket of this version ({shortened(error)})") from error
    if not same:
        raise LotteryError(
            f"{path}: not in canonical form (re-encoding gives different bytes): edited or corrupted; rebuild it with"
            " `lottery build-ticket`"
        )
    return ticket, claims
