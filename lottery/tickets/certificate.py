"""Is a ticket what it says?  Everything is computed again from masks, seed, target and dataset, and held against the claims."""

from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from lottery.approximation.target import Target
from lottery.data.datasets import Images
from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape
from lottery.tickets.claims import Claims, random_weights_digest, target_digest
from lottery.tickets.errors import LayerErrors, bound_from_epsilon, bound_from_errors, check_same_form, layer_errors
from lottery.tickets.network import before_linear, outputs, pruned_network, split
from lottery.tickets.ticket import Ticket
from lottery.training import accuracy, to_device


@dataclass(frozen=True)
class Measured:
    """The pruned random network on the test images, in float64; None where there was no target to compare it with.

    target_accuracy, accuracy: percent.   largest_difference: the largest ||f(x) - g(x)||, f the target, g the ticket.
    bound, bound_from_errors: what that can be at most, for the longest input, from epsilon alone and from the actual errors.
    """

    dataset: str
    test_images: int
    accuracy: float
    target_accuracy: float | None = None
    predictions_that_differ: int | None = None
    largest_difference: float | None = None
    bound: float | None = None
    bound_from_errors: float | None = None


def _check_image(image: ImageShape, data: Images) -> None:
    if image != data.dataset.image:
        raise LotteryError(f"the ticket is for images {image}, {data.dataset.name} has {data.dataset.image}")


def measure(
    ticket: Ticket,
    target: Target | None,
    layers: list[LayerErrors],
    epsilon: float,
    data: Images,
    device: torch.device,
) -> Measured:
    """Run the pruned random network, and the target beside it, on all test images."""
    _check_image(ticket.image, data)
    images, labels = to_device(data, "test", ticket.pixels, device)
    features = before_linear(ticket, target).double().to(device)
    inputs = torch.cat(list(outputs(features, images.double())))
    found = torch.cat(list(outputs(pruned_network(ticket).double().to(device), inputs)))
    predicted = found.argmax(dim=1)
    alone = Measured(data.dataset.name, len(labels), accuracy(predicted, labels))
    if target is None:
        return alone
    expected = torch.cat(list(outputs(split(target)[1].double().to(device), inputs)))
    longest = float(inputs.norm(dim=1).max())
    return replace(
        alone,
        target_accuracy=accuracy(expected.argmax(dim=1), labels),
        predictions_that_differ=int((predicted != expected.argmax(dim=1)).sum()),
        largest_difference=float((found - expected).norm(dim=1).max()),
        bound=longest * bound_from_epsilon(layers, epsilon),
        bound_from_errors=longest * bound_from_errors(layers),
    )


def claim(ticket: Ticket, target: Target, epsilon: float, data: Images, device: torch.device) -> Claims:
    """What may be said of a ticket, found out."""
    layers = layer_errors(ticket, target)
    measured = measure(ticket, target, layers, epsilon, data, device)
    return Claims(
        random_weights_digest(ticket),
        target_digest(target),
        epsilon,
        float(max(layer.distance.max() for layer in layers)),
        measured.dataset,
        measured.test_images,
        measured.accuracy,
    )


def check_random_network(ticket: Ticket, claims: Claims) -> None:
    """Raises LotteryError where seed and masks do not give the random weights that the ticket was made from."""
    if random_weights_digest(ticket) != claims.random_weights:
        raise LotteryError(
            f"seed {ticket.seed} and these masks do not keep the random weights that the ticket was made from;"
            " masks, seed or distribution were changed"
        )


def check_weights(layers: list[LayerErrors], target: Target, claims: Claims) -> dict[str, float]:
    """Errors of all weights; raises LotteryError where one is beyond epsilon, or they are not as claimed."""
    if target_digest(target) != claims.target:
        raise LotteryError("the target is another one than the ticket was made for")
    for layer in layers:
        beyond = np.argwhere(layer.distance > claims.epsilon)
        if len(beyond):
            row, column = beyond[0]
            raise LotteryError(
                f"{layer.name}: {len(beyond)} weights are beyond epsilon {claims.epsilon}, the first in row {row},"
                f" column {column}: {layer.distance[row, column]:.6g}"
            )
    errors = np.concatenate([layer.distance.ravel() for layer in layers])
    largest = float(errors.max())
    if largest != claims.largest_error:
        raise LotteryError(f"the largest error is {largest!r}, the ticket claims {claims.largest_error!r}")
    return {"largest_error": largest, "median_error": float(np.median(errors))}


def check_accuracy(measured: Measured, claims: Claims) -> None:
    """Raises LotteryError where the accuracy is not as claimed (on the dataset that the claim is about)."""
    if (measured.dataset, measured.test_images) != (claims.dataset, claims.test_images):
        raise LotteryError(
            f"the claim is about {claims.test_images:,} images of {shortened(claims.dataset)},"
            f" not {measured.test_images:,} of {measured.dataset}"
        )
    if measured.accuracy != claims.accuracy:
        raise LotteryError(f"the accuracy is {measured.accuracy:.2f}%, the ticket claims {claims.accuracy:.2f}%")


def certify(
    ticket: Ticket, claims: Claims, target: Target | None, data: Images | None, device: torch.device
) -> dict[str, object]:
    """All checks, in turn; what was found as a flat table row.  Raises LotteryError at the first that fails."""
    if target is not None:
        check_same_form(ticket, target)
    if data is not None:
        _check_image(ticket.image, data)
    check_random_network(ticket, claims)
    found: dict[str, object] = {}
    layers: list[LayerErrors] = []
    if target is not None:
        layers = layer_errors(ticket, target)
        found |= check_weights(layers, target, claims)
    if data is not None:
        measured = measure(ticket, target, layers, claims.epsilon, data, device)
        check_accuracy(measured, claims)
        found |= asdict(measured)
    return found
