"""The error of the pruned random network, weight by weight, and the bound on its outputs that follows.

Shapes: O outputs and I inputs of a linear layer, or channels of a convolution, whose kernel is P x Q.
"""

from dataclasses import dataclass

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.tickets.matrices import from_matrix
from lottery.tickets.network import padded_sizes
from lottery.tickets.ticket import Ticket, effective_weights


@dataclass(frozen=True)
class LayerErrors:
    """The weights of a target layer, (O, I) or (O, I, P, Q) float64, and their distance to the effective weights of the ticket.

    distance: as weights; with signed inputs, the larger distance of the two signs.
    padded: height and width of a convolution's padded input.

    A convolution is part of the one that wraps around its padded input, which the Fourier transform takes apart: for each frequency
    an (O, I) matrix of its own.  So the largest spectral norm of these is an upper bound of the convolution's.
    """

    name: str
    weights: np.ndarray
    distance: np.ndarray
    padded: int = 1

    @property
    def norm(self) -> float:
        """Spectral norm of the target's weights; an upper bound of it for a convolution."""
        if self.weights.ndim == 2:
            return float(np.linalg.norm(self.weights, 2))
        frequencies = np.fft.fft2(self.weights, (self.padded, self.padded))  # (O, I, P, Q) -> (O, I, padded, padded)
        return float(np.linalg.norm(frequencies, 2, axis=(0, 1)).max())

    @property
    def distance_norm(self) -> float:
        """An upper bound of the spectral norm of the layer's error, for any signs of its inputs (Perron-Frobenius).

        As no distance is negative, frequency 0 has the largest matrix: the sum over the kernel.
        """
        return float(np.linalg.norm(self._over_kernel(self.distance).sum(axis=2), 2))

    def distance_norm_within(self, epsilon: float) -> float:
        """The largest `distance_norm` if no distance exceeds epsilon: epsilon P Q sqrt(O * I)."""
        return float(epsilon * (self.weights.size * self._over_kernel(self.weights).shape[2]) ** 0.5)

    @staticmethod
    def _over_kernel(array: np.ndarray) -> np.ndarray:
        outputs, inputs = array.shape[:2]
        return array.reshape(outputs, inputs, -1)  # (O, I) -> (O, I, 1), (O, I, P, Q) -> (O, I, P * Q)


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
    padded = padded_sizes(ticket)
    for spec, random, masks in ticket.random_layers():
        weights = target.weights[spec.name].astype(np.float64)
        positive, negative = (from_matrix(matrix, spec) for matrix in effective_weights(random, masks))
        distance = np.abs(positive - weights)
        if ticket.signed_inputs:
            distance = np.maximum(distance, np.abs(negative - weights))
        found.append(LayerErrors(spec.name, weights, distance, padded.get(spec.name, 1)))
    return found


def output_bound(norms: list[float], error_norms: list[float]) -> float:
    """An upper bound of ||f(x) - g(x)|| / ||x||: prod(|W| + |E|) - prod(|W|), with spectral norms per layer.

    f is a network of linear layers and convolutions W with ReLUs and max pooling in between, and g the same with W + E.  A ReLU is
    1-Lipschitz and maps 0 to 0, and so does max pooling over windows that do not overlap, since a maximum moves by no more than the
    furthest of its window.  So the distance after a layer is at most (|W| + |E|) times the distance before it, plus |E| times the norm of f's signal
    there; the product follows by induction.
    """
    whole, exact = 1.0, 1.0
    for norm, error in zip(norms, error_norms, strict=True):
        whole *= norm + error
        exact *= norm
    return whole - exact


def bound_from_epsilon(layers: list[LayerErrors], epsilon: float) -> float:
    """`output_bound` if each error is at most epsilon, and nothing else is known."""
    return output_bound([layer.norm for layer in layers], [layer.distance_norm_within(epsilon) for layer in layers])


def bound_from_errors(layers: list[LayerErrors]) -> float:
    """`output_bound` from the measured errors."""
    return output_bound([layer.norm for layer in layers], [layer.distance_norm for layer in layers])
