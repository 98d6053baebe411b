"""How far the pruned random network is from its target: weight by weight, and what that allows of the outputs."""

from dataclasses import dataclass

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.tickets.ticket import Ticket, effective_weights


@dataclass(frozen=True)
class LayerErrors:
    """A layer of the target, (outputs, inputs) float64, and its distance to what the ticket multiplies an input by.

    distance: (outputs, inputs), the larger one of both signs where both are served.
    """

    name: str
    weights: np.ndarray
    distance: np.ndarray

    @property
    def norm(self) -> float:
        """Spectral norm of the target's weights."""
        return float(np.linalg.norm(self.weights, 2))

    @property
    def distance_norm(self) -> float:
        """At least the spectral norm of the layer's error, for any signs of its inputs (Perron and Frobenius)."""
        return float(np.linalg.norm(self.distance, 2))


def check_same_form(ticket: Ticket, target: Target) -> None:
    """Refuses a target of another network, or for other images."""
    if (ticket.network, ticket.image) != (target.network, target.image):
        raise LotteryError(
            f"the ticket is of {ticket.network} on {ticket.image}, the target {target.network} on {target.image}"
        )


def layer_errors(ticket: Ticket, target: Target) -> list[LayerErrors]:
    """Each layer's errors, from masks and seed.  Raises LotteryError where the target is of another form."""
    check_same_form(ticket, target)
    found = []
    for spec, random, masks in ticket.random_layers():
        weights = target.weights[spec.name].astype(np.float64)
        positive, negative = effective_weights(random, masks)
        distance = np.abs(positive - weights)
        if ticket.signed_inputs:
            distance = np.maximum(distance, np.abs(negative - weights))
        found.append(LayerErrors(spec.name, weights, distance))
    return found


def output_bound(norms: list[float], error_norms: list[float]) -> float:
    """The largest ||f(x) - g(x)|| / ||x|| that is possible: prod(|W| + |E|) - prod(|W|), spectral norms by layer.

    f is a network of linear layers W with ReLUs in between, g the same with W + E.  As a ReLU is 1-Lipschitz and
    keeps 0, the distance after a layer is at most (|W| + |E|) times that before it, plus |E| times the size of f's signal
    there; the product follows by induction.
    """
    whole, exact = 1.0, 1.0
    for norm, error in zip(norms, error_norms, strict=True):
        whole *= norm + error
        exact *= norm
    return whole - exact


def bound_from_epsilon(layers: list[LayerErrors], epsilon: float) -> float:
    """`output_bound` when nothing is known of the errors but that each is at most epsilon: |E| <= epsilon sqrt(in * out)."""
    return output_bound([layer.norm for layer in layers], [epsilon * layer.weights.size**0.5 for layer in layers])


def bound_from_errors(layers: list[LayerErrors]) -> float:
    """`output_bound` from the errors themselves."""
    return output_bound([layer.norm for layer in layers], [layer.distance_norm for layer in layers])
