"""To look and check."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from lottery.approximation.target import read_target
from lottery.data.datasets import load
from lottery.devices import leased_device
from lottery.errors import LotteryError
from lottery.records.files import write_json
from lottery.records.provenance import ProvenanceTracker
from lottery.tickets.certificate import certify
from lottery.tickets.counts import count
from lottery.tickets.file import read_ticket


def verify(
    provenance: ProvenanceTracker,
    ticket: Annotated[Path, "a file by `lottery build-ticket`"],
    /,
    *,
    target: Annotated[Path | None, "compare every weight with these"] = None,
    data: Annotated[Path | None, "a file by `lottery fetch`: run the network on its test images"] = None,
    device: Annotated[str, "auto, cpu or cuda"] = "auto",
    output: Annotated[Path | None, "JSON of what was found"] = None,
) -> None:
    """Is a ticket what it says?

    Draws the random network again from the seed, applies the masks, and holds what comes out against the claims in the
    file: the random weights that are kept, with --target every weight within epsilon, with --data the accuracy.  A file in
    which a bit was changed fails.  Example:

        lottery verify --target fc2.safetensors --data mnist.safetensors ticket.safetensors
    """
    for read in (ticket, target, data):
        if read:
            provenance.add_input(read)
    if output:
        provenance.check_outputs(output)
    found, claims = read_ticket(ticket)
    network = read_target(target) if target else None
    images = load(data) if data else None
    try:
        with provenance.computing_on(leased_device(device)) as chosen:
            checked = certify(found, claims, network, images, chosen)
    except LotteryError as error:
        raise LotteryError(f"{ticket}: {error}") from error
    counts = count(found)
    print(f"{ticket}: {found.network}, seed {found.seed}, {found.distribution}")
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
    if output:
        settings = {"network": found.network, "distribution": str(found.distribution), "seed": found.seed}
        content = {
            **settings,
            "signed_inputs": found.signed_inputs,
            "pixels": found.pixels,
            "epsilon": claims.epsilon,
            "file_bytes": ticket.stat().st_size,
            **asdict(counts),
            **checked,
        }
        write_json(provenance.add_outputs(output), content)
