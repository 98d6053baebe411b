"""The error of the pruned random network, weight by weight, and the bound on its outputs that follows.

Shapes: O outputs and I inputs of a layer.
"""

from dataclasses import dataclass

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.tickets.ticket import Ticket, effective_weights


@dataclass(frozen=True)
class LayerErrors:
    """The weights of a target layer, (O, I) float64, and their distance to the effective weights of the ticket.

    distance: (O, I); with signed inputs, the larger distance of the two signs.
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
        """An upper bound of the spectral norm of the layer's error, for any signs of its inputs (Perron-Frobenius)."""
        return float(np.linalg.norm(self.distance, 2))


def check_same_network(ticket: Ticket, target: Target) -> None:
    """Raise LotteryError if the target is of another network, or for other images."""
    if (ticket.network, ticket.image) != (target.network, target.image):
        raise LotteryError(
            f"--target: the ticket is of {ticket.network} on {ticket.image}, the target {target.network} on {target.image}"
        )


def layer_errors(ticket: Ticket, target: Target) -> list[LayerErrors]:
    """The errors of each layer, computed from masks and seed.  Raises LotteryError if the target is of another network."""
    check_same_network(ticket, target)
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
    """An upper bound of ||f(x) - g(x)|| / ||x||: prod(|W| + |E|) - prod(|W|), with spectral norms per layer.

    f is a network of linear layers W with ReLUs in between, and g the same with W + E.  A ReLU is 1-Lipschitz and maps 0 to 0.  So
    the distance after a layer is at most (|W| + |E|) times the distance before it, plus |E| times the norm of f's signal
    there; the product follows by induction.
    """
    whole, exact = 1.0, 1.0
    for norm, error in zip(norms, error_norms, strict=True):
        whole *= norm + error
        exact *= norm
    return whole - exact


def bound_from_epsilon(layers: list[LayerErrors], epsilon: float) -> float:
    """`output_bound` if each error is at most epsilon, and nothing else is known: |E| <= epsilon sqrt(I * O)."""
    return output_bound([layer.norm for layer in layers], [epsilon * layer.weights.size**0.5 for layer in layers])


def bound_from_errors(layers: list[LayerErrors]) -> float:
    """`output_bound` from the measured errors."""
    return output_bound([layer.norm for layer in layers], [layer.distance_norm for layer in layers])
