"""A ticket as a file: safetensors with the masks bit by bit, and metadata that a person can read.

For each layer, `NAME.first` has a bit for each hidden unit (slab by slab), `NAME.second` a bit for each pair of a kept unit and
an output.  What else stands in the file says which random network the masks are for, and what its maker claims of it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape
from lottery.records.tensors import read_tensors, tensors_bytes, write_tensors
from lottery.tickets.claims import Claims
from lottery.tickets.random_network import GENERATOR, Distribution
from lottery.tickets.ticket import MOST_UNITS, LayerMasks, Ticket, linear_layers

MOST_RANDOM_WEIGHTS = 2**28  # of a matrix: more than networks here have, and what a small file cannot ask for


def _packed(ticket: Ticket) -> dict[str, np.ndarray]:
    arrays = {}
    for name, masks in ticket.masks.items():
        arrays[f"{name}.first"] = np.packbits(masks.first)
        arrays[f"{name}.second"] = np.packbits(masks.second.transpose(0, 2, 1)[masks.first])
    return arrays


def _bits(array: np.ndarray, count: int, name: str) -> np.ndarray:
    """`count` bits of a packed array; refuses another length, and bits that stand for nothing."""
    if array.dtype != np.uint8 or array.shape != (-(-count // 8),):
        raise LotteryError(f"{name}: {array.size} bytes ({array.dtype}) where {count} bits are due")
    bits = np.unpackbits(array)
    if bits[count:].any():
        raise LotteryError(f"{name}: bits are set that stand for nothing")
    return bits[:count].astype(bool)


def _metadata(ticket: Ticket, claims: Claims) -> dict[str, Any]:
    return {
        "format": "lottery ticket",
        "generator": GENERATOR,
        "network": ticket.network,
        "image": asdict(ticket.image),
        "seed": ticket.seed,
        "distribution": asdict(ticket.distribution),
        "signed_inputs": ticket.signed_inputs,
        "units_per_input": {name: masks.units for name, masks in ticket.masks.items()},
        "claims": asdict(claims),
    } | ({} if ticket.pixels == "raw" else {"pixels": ticket.pixels})  # files before 2026-12 say nothing of pixels


def write_ticket(path: Path, ticket: Ticket, claims: Claims) -> None:
    """Write a ticket, atomically; equal tickets give equal bytes."""
    write_tensors(path, _packed(ticket), _metadata(ticket, claims))


def _parsed(arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> tuple[Ticket, Claims]:
    if metadata["format"] != "lottery ticket":
        raise LotteryError(f"format is {metadata['format']!r}, not that of a ticket")
    if metadata["generator"] != GENERATOR:
        raise LotteryError(f"made with generator {metadata['generator']!r}, this version has {GENERATOR}")
    sizes = [*metadata["image"].values(), *metadata["units_per_input"].values()]
    if any(type(size) is not int or size < 1 for size in sizes):
        raise LotteryError(f"sizes of image and units are {sizes}, not whole numbers from 1")
    network, image = metadata["network"], ImageShape(**metadata["image"])
    masks = {}
    for spec in linear_layers(network, image):
        units = metadata["units_per_input"][spec.name]
        if units > MOST_UNITS or max(units * spec.size, spec.columns**2) > MOST_RANDOM_WEIGHTS:
            raise LotteryError(f"{spec.name}: {units} units for {spec.columns} inputs, {spec.rows} outputs: too many")
        first = _bits(arrays[f"{spec.name}.first"], units * spec.columns, f"{spec.name}.first")
        first = first.reshape(units, spec.columns)
        kept = _bits(arrays[f"{spec.name}.second"], int(first.sum()) * spec.rows, f"{spec.name}.second")
        second = np.zeros((units, spec.columns, spec.rows), bool)
        second[first] = kept.reshape(-1, spec.rows)
        masks[spec.name] = LayerMasks(first, second.transpose(0, 2, 1))
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
    """A ticket and its maker's claims; a damaged file, or one with anything more or less in it, is a LotteryError."""
    arrays, metadata = read_tensors(path)
    try:
        ticket, claims = _parsed(arrays, metadata)
        same = tensors_bytes(_packed(ticket), _metadata(ticket, claims)) == path.read_bytes()
    except LotteryError as error:
        raise LotteryError(f"{path}: {shortened(error)}") from error
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise LotteryError(f"{path}: no ticket of this version ({shortened(error)})") from error
    if not same:
        raise LotteryError(f"{path}: is not byte for byte the file that a ticket of its content has")
    return ticket, claims
