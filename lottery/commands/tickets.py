"""Tickets: random networks pruned until they compute a target."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def _construction(arguments: argparse.Namespace) -> Any:
    from lottery.tickets.construction import Construction
    from lottery.tickets.random_network import Distribution

    names = set(Construction.__dataclass_fields__) - {"distribution"}
    return Construction(
        distribution=Distribution.from_words(arguments.distribution),
        **{name: getattr(arguments, name) for name in names},
    )


def build_ticket(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Build the pruned random network that computes a target, and write its seed and masks.

    Every weight becomes a subset sum of products of random weights, as in the theorem's proof; the network is run on the
    test images, and what may be said of it goes into the file as claims.  Example:

        lottery build-ticket --target fc2.safetensors --data mnist.safetensors --counts counts.json --output ticket.safetensors
    """
    from dataclasses import asdict

    from tqdm import tqdm

    from lottery.approximation.target import read_target
    from lottery.data.datasets import load
    from lottery.devices import leased_device
    from lottery.records.files import write_json
    from lottery.tickets.certificate import measure_claims
    from lottery.tickets.construction import build
    from lottery.tickets.counts import count, count_weights_beyond_units
    from lottery.tickets.file import write_ticket
    from lottery.tickets.ticket import linear_layers

    construction = _construction(arguments)
    inputs = provenance.add_input(arguments.target), provenance.add_input(arguments.data)
    provenance.check_outputs(arguments.output, arguments.counts)
    target, data = read_target(inputs[0]), load(inputs[1])
    size = sum(layer.size for layer in linear_layers(target.network, target.image))
    with tqdm(total=size, desc="subset sums", unit=" weights", unit_scale=True, disable=None) as bar:
        ticket = build(target, construction, bar.update)
    with provenance.computing_on(leased_device(arguments.device)) as device:
        claims = measure_claims(ticket, target, construction.epsilon, data, device)
    counts = count(ticket)
    provenance.add_outputs(arguments.output, arguments.counts)
    write_ticket(arguments.output, ticket, claims)
    write_json(
        arguments.counts,
        {
            "construction": asdict(construction),
            "widened": count_weights_beyond_units(ticket, construction.units_per_input),
            "counts": asdict(counts),
        },
    )
    print(
        f"{counts.remaining:,} of {counts.initial:,} random weights kept ({counts.remaining / counts.target:.2f} a weight of"
        f" the target), largest error {claims.largest_error:.3g}; {claims.accuracy:.2f}% on {claims.dataset}"
    )


def verify(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Is a ticket what it says?

    Draws the random network again from the seed, applies the masks, and holds what comes out against the claims in the
    file: the random weights that are kept, with --target every weight within epsilon, with --data the accuracy.  A file in
    which a bit was changed fails.  Example:

        lottery verify --target fc2.safetensors --data mnist.safetensors ticket.safetensors
    """
    from dataclasses import asdict

    from lottery.approximation.target import read_target
    from lottery.data.datasets import load
    from lottery.devices import leased_device
    from lottery.errors import LotteryError
    from lottery.records.files import write_json
    from lottery.tickets.certificate import certify
    from lottery.tickets.counts import count
    from lottery.tickets.file import read_ticket

    path = arguments.ticket
    for read in (path, arguments.target, arguments.data):
        if read:
            provenance.add_input(read)
    if arguments.output:
        provenance.check_outputs(arguments.output)
    ticket, claims = read_ticket(path)
    target = read_target(arguments.target) if arguments.target else None
    data = load(arguments.data) if arguments.data else None
    try:
        with provenance.computing_on(leased_device(arguments.device)) as device:
            found = certify(ticket, claims, target, data, device)
    except LotteryError as error:
        raise LotteryError(f"{path}: {error}") from error
    counts = count(ticket)
    print(f"{path}: {ticket.network}, seed {ticket.seed}, {ticket.distribution}")
    print(f"random network  {counts.remaining:,} weights kept of {counts.initial:,}, the ones that it was made from")
    if target is None:
        print("weights         not checked, as there is no --target")
    else:
        print(
            f"weights         {counts.target:,} within {claims.epsilon} of the target's, at most {claims.largest_error:.3g} off"
        )
    if data is None:
        print("accuracy        not checked, as there is no --data")
    else:
        print(
            f"accuracy        {claims.accuracy:.2f}% on {claims.test_images:,} test images of {claims.dataset}, as claimed"
        )
    if arguments.output:
        settings = {"network": ticket.network, "distribution": str(ticket.distribution), "seed": ticket.seed}
        content = {
            **settings,
            "signed_inputs": ticket.signed_inputs,
            "pixels": ticket.pixels,
            "epsilon": claims.epsilon,
            "file_bytes": path.stat().st_size,
            **asdict(counts),
            **found,
        }
        write_json(provenance.add_outputs(arguments.output), content)


def tabulate_tickets(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """A table of tickets beside the published counts.

    Reads certificate.json and counts.json in the folder of each ticket; writes tickets.csv and tickets.md.
    """
    from lottery.records.files import write_text
    from lottery.results.tables.experiment_1 import markdown
    from lottery.results.tables.tickets import tickets, tickets_for_people

    for folder in arguments.tickets:
        for name in ("certificate.json", "counts.json"):
            provenance.add_input(folder / name)
    table = tickets({folder.name: folder for folder in arguments.tickets})
    write_text(provenance.add_outputs(arguments.output / "tickets.csv"), table.to_csv(index=False))
    write_text(provenance.add_outputs(arguments.output / "tickets.md"), markdown(tickets_for_people(table)))
