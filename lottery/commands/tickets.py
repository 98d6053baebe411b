"""The network of the proof."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from tqdm import tqdm

from lottery.approximation.target import read_target
from lottery.data.datasets import load
from lottery.devices import leased_device
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.tickets.certificate import measure_claims
from lottery.tickets.construction import Construction, build
from lottery.tickets.counts import count, count_weights_beyond_units
from lottery.tickets.file import write_ticket


def build_ticket(
    provenance: ProvenanceTracker,
    /,
    construction: Construction,
    *,
    target: Annotated[Path, "weights by `train` or `import-weights`"],
    data: Annotated[Path, "a file by `lottery fetch`, for the claimed accuracy"],
    device: Annotated[str, "auto, cpu or cuda"] = "auto",
    counts: Annotated[Path, "JSON of what was requested and counted"],
    output: Annotated[Path, "the ticket: seed and masks"],
) -> None:
    """Build the pruned random network that computes a target, and write its seed and masks.

    Every weight becomes a subset sum of products of random weights, as in the theorem's proof; the network is run on the
    test images, and what may be said of it goes into the file as claims.  Example:

        lottery build-ticket --target fc2.safetensors --data mnist.safetensors --counts counts.json --output ticket.safetensors
    """
    inputs = provenance.add_input(target), provenance.add_input(data)
    provenance.check_outputs(output, counts)
    network, images = read_target(inputs[0]), load(inputs[1])
    with tqdm(total=network.size, desc="subset sums", unit=" weights", unit_scale=True, disable=None) as bar:
        ticket = build(network, construction, bar.update)
    with provenance.computing_on(leased_device(device)) as chosen:
        claims = measure_claims(ticket, network, construction.epsilon, images, chosen)
    found = count(ticket)
    provenance.add_outputs(output, counts)
    write_ticket(output, ticket, claims)
    write_json(
        counts,
        {
            "construction": asdict(construction),
            "widened": count_weights_beyond_units(ticket, construction.units_per_input),
            "counts": asdict(found),
        },
    )
    print(
        f"{found.remaining:,} of {found.initial:,} random weights kept ({found.remaining / found.target:.2f} per weight of"
        f" the target), largest error {claims.largest_error:.3g}; {claims.accuracy:.2f}% on {claims.dataset}"
    )
