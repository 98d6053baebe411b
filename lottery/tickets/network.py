"""The pruned random network as torch modules; none of its weights was ever trained.

Shapes: N inputs in a batch, K units that are kept, I inputs, O outputs.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.networks import build
from lottery.tickets.random_network import RandomLayer
from lottery.tickets.ticket import LayerMasks, Ticket


class PrunedRandomLayer(nn.Module):
    """Two masked random matrices with a ReLU in between, (N, I) -> (N, O).

    Pruned hidden units are left out.  Each row of the first matrix keeps one weight, so its product with an input is that weight times
    one number of the input.

    first: (K,), the kept weight per unit.  input_index: (K,), the input of each unit.  second: (O, K).
    """

    first: Tensor
    second: Tensor
    input_index: Tensor

    def __init__(self, random: RandomLayer, masks: LayerMasks) -> None:
        super().__init__()
        first, second, input_index = [], [], []
        for unit in range(masks.units):
            kept = masks.first[unit]  # (I,)
            first.append(random.first_diagonal(unit)[kept])
            second.append((random.second(unit) * masks.second[unit])[:, kept])  # (O, I) -> (O, kept units)
            input_index.append(np.flatnonzero(kept))
        self.register_buffer("first", torch.from_numpy(np.concatenate(first)))
        self.register_buffer("second", torch.from_numpy(np.concatenate(second, axis=1)))
        self.register_buffer("input_index", torch.from_numpy(np.concatenate(input_index)))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(inputs[:, self.input_index] * self.first)  # (N, K)
        return hidden @ self.second.T


def pruned_network(ticket: Ticket) -> nn.Sequential:
    """The linear part of `ticket` as a network of twice the depth, with the target's ReLUs between its layers."""
    modules: list[nn.Module] = []
    for _, random, masks in ticket.random_layers():
        modules += [PrunedRandomLayer(random, masks), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def split_at_flatten(target: Target) -> tuple[nn.Sequential, nn.Sequential]:
    """The target as two networks: convolutions up to and including the flattening, and the linear part that a ticket replaces."""
    model = build(target.network, target.image)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in target.weights.items()})
    modules = list(model.children())
    at = next(place for place, module in enumerate(modules) if isinstance(module, nn.Flatten)) + 1
    return nn.Sequential(*modules[:at]), nn.Sequential(*modules[at:])


def feature_extractor(ticket: Ticket, target: Target | None) -> nn.Sequential:
    """The module from images to the inputs of a ticket's first layer: the target's convolutions, if any, and flattening.

    Raises LotteryError if the network has convolutions and there is no target to take them from.
    """
    if target is not None:
        return split_at_flatten(target)[0]
    if any(isinstance(module, nn.Conv2d) for module in build(ticket.network, ticket.image).children()):
        raise LotteryError(f"{ticket.network} has convolutions, which a ticket takes from its target; give --target")
    return nn.Sequential(nn.Flatten())


@torch.no_grad()
def outputs(network: nn.Module, inputs: Tensor, batch: int = 500) -> Iterator[Tensor]:
    """The outputs of a network, batch by batch, so that only the hidden units of one batch are in memory."""
    for part in inputs.split(batch):
        yield network(part)
