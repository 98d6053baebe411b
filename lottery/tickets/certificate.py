"""Verify a ticket: recompute everything from masks, seed, target and dataset, and compare it with the claims.

Shapes: N test images, I inputs of a linear layer, C channels of H x W pixels, K classes.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from lottery.approximation.target import Target
from lottery.data.datasets import Images
from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape
from lottery.tickets.claims import Claims, random_weights_digest, target_digest
from lottery.tickets.errors import LayerErrors, bound_from_epsilon, bound_from_errors, check_same_network, layer_errors
from lottery.tickets.network import feature_extractor, outputs, pruned_network, split
from lottery.tickets.ticket import Ticket
from lottery.training import accuracy, to_device


@dataclass(frozen=True)
class Measured:
    """Results of the pruned random network on the test images, in float64; fields about the target are None without one.

    target_accuracy, accuracy: percent.  largest_difference: the largest ||f(x) - g(x)|| for target f and ticket g.
    bound, bound_from_errors: upper bounds of it for the longest input, from epsilon alone and from the measured errors.
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
        raise LotteryError(f"--data: the ticket is for images {image}, {data.dataset.name} has {data.dataset.image}")


def measure(
    ticket: Ticket,
    target: Target | None,
    layers: list[LayerErrors],
    epsilon: float,
    data: Images,
    device: torch.device,
) -> Measured:
    """Run the pruned random network, and the target if given, on all test images.

    Raises LotteryError if the images have another shape, or the target's convolutions are needed and it is not given.
    """
    _check_image(ticket.image, data)
    images, labels = to_device(data, "test", ticket.pixels, device)
    features = feature_extractor(ticket, target).double().to(device)
    inputs = outputs(features, images.double())  # (N, I), or images (N, C, H, W)
    found = outputs(pruned_network(ticket).double().to(device), inputs)  # (N, K)
    predicted = found.argmax(dim=1)
    alone = Measured(data.dataset.name, len(labels), accuracy(predicted, labels))
    if target is None:
        return alone
    expected = outputs(split(ticket, target)[1].double().to(device), inputs)
    longest = float(inputs.flatten(1).norm(dim=1).max())  # (N, I) stays, (N, C, H, W) -> (N, C * H * W)
    return replace(
        alone,
        target_accuracy=accuracy(expected.argmax(dim=1), labels),
        predictions_that_differ=int((predicted != expected.argmax(dim=1)).sum()),
        largest_difference=float((found - expected).norm(dim=1).max()),
        bound=longest * bound_from_epsilon(layers, epsilon),
        bound_from_errors=longest * bound_from_errors(layers),
    )


def measure_claims(ticket: Ticket, target: Target, epsilon: float, data: Images, device: torch.device) -> Claims:
    """The claims that hold for a ticket, measured."""
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
    """Raise LotteryError if seed and masks do not reproduce the random weights from which the ticket was built."""
    if random_weights_digest(ticket) != claims.random_weights:
        raise LotteryError(
            f"seed {ticket.seed} and these masks do not keep the random weights that the ticket was built from:"
            " masks, seed or distribution were changed; rebuild it with `lottery build-ticket`"
        )


def check_weights(layers: list[LayerErrors], target: Target, claims: Claims) -> dict[str, float | list[float]]:
    """The largest and the median error of all weights, and the spectral norms of the target's layers (of convolutions, bounds).

    Raises LotteryError if the target is another one, an error exceeds epsilon, or the largest differs from the claim.
    """
    if target_digest(target) != claims.target:
        raise LotteryError("--target is not the network this ticket was built for (SHA-256 of its weights differs)")
    for layer in layers:
        beyond = np.argwhere(layer.distance > claims.epsilon)
        if len(beyond):
            axes = ("row", "column", "kernel row", "kernel column")  # the last two of a convolution only
            place = ", ".join(f"{axis} {index}" for axis, index in zip(axes, beyond[0], strict=False))
            raise LotteryError(
                f"{layer.name}: {len(beyond)} weights are beyond epsilon {claims.epsilon}, the first in {place}:"
                f" {layer.distance[tuple(beyond[0])]:.6g}"
            )
    errors = np.concatenate([layer.distance.ravel() for layer in layers])
    largest = float(errors.max())
    if largest != claims.largest_error:
        raise LotteryError(f"the largest error is {largest!r}, the ticket claims {claims.largest_error!r}")
    norms = [round(layer.norm, 6) for layer in layers]  # LAPACK's last digits differ from machine to machine
    return {"largest_error": largest, "median_error": float(np.median(errors)), "norms": norms}


def check_accuracy(measured: Measured, claims: Claims) -> None:
    """Raise LotteryError if the accuracy differs from the claim, or was measured on other images."""
    if (measured.dataset, measured.test_images) != (claims.dataset, claims.test_images):
        raise LotteryError(
            f"--data: the claim is about {claims.test_images:,} images of {shortened(claims.dataset)},"
            f" not {measured.test_images:,} of {measured.dataset}"
        )
    if measured.accuracy != claims.accuracy:
        raise LotteryError(f"the accuracy is {measured.accuracy:.2f}%, the ticket claims {claims.accuracy:.2f}%")


def certify(
    ticket: Ticket, claims: Claims, target: Target | None, data: Images | None, device: torch.device
) -> dict[str, object]:
    """Run all checks that target and data allow; returns the measured numbers by name.

    Raises LotteryError at the first check that fails.
    """
    if target is not None:
        check_same_network(ticket, target)
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
