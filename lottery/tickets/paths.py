"""Which kept random weights lie on a path from an input of a ticket's first layer to an output.

Shapes: U units per input, I inputs, O outputs; those of a convolution are the columns and rows of its matrix (see `matrices`).
"""

import numpy as np
import torch
from torch import nn

from lottery.tickets.matrices import from_matrix, to_matrix
from lottery.tickets.network import split
from lottery.tickets.ticket import Ticket


def on_paths(ticket: Ticket) -> dict[str, np.ndarray]:
    """For each layer, (O, I) bool: does a path pass from this input to this output, through any kept unit?

    Let weights be 1 where a unit is kept and 0 elsewhere, inputs 1, and pooling take means.  Then the outputs are sums over paths, and
    the derivative of their total with respect to a weight is positive if a path passes there, and 0 elsewhere.
    """
    before, network = split(ticket)
    image = ticket.image
    inputs = before(torch.zeros(1, image.channels, image.size, image.size))
    weights = dict(network.named_parameters())
    for layer in ticket.specs:
        kept = np.asarray(ticket.masks[layer.name].second.any(axis=0), np.float64)  # any over U of (U, O, I)
        weights[layer.name].data = torch.from_numpy(from_matrix(kept, layer))
    means = [nn.AvgPool2d(module.kernel_size) if isinstance(module, nn.MaxPool2d) else module for module in network]
    nn.Sequential(*means)(torch.ones(inputs.shape, dtype=torch.float64)).sum().backward()
    return {name: to_matrix(weight.grad.numpy()) > 0 for name, weight in weights.items() if weight.grad is not None}


def alive(ticket: Ticket) -> int:
    """Number of kept weights on a path from an input to an output."""
    passed = on_paths(ticket)
    total = 0
    for name, masks in ticket.masks.items():
        second = masks.second & passed[name]  # (U, O, I) & (O, I)
        total += int(second.sum()) + int(second.any(axis=1).sum())  # any over O -> (U, I), units on a path
    return total
