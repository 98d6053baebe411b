"""The pruned random network as a network that runs: no weight of it was ever trained."""

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
    """Two masked random matrices with a ReLU in between, (count, inputs) -> (count, outputs).

    Hidden units that the masks prune altogether are left out.  A row of the first matrix keeps one weight, so its product
    with an input is that weight times the input that its unit sees.
    """

    first: Tensor
    second: Tensor
    sees: Tensor

    def __init__(self, random: RandomLayer, masks: LayerMasks) -> None:
        super().__init__()
        first, second, sees = [], [], []
        for unit in range(masks.units):
            kept = masks.first[unit]
            first.append(random.first_blocks(unit)[kept])
            second.append((random.second(unit) * masks.second[unit])[:, kept])
            sees.append(np.flatnonzero(kept))
        self.register_buffer("first", torch.from_numpy(np.concatenate(first)))
        self.register_buffer("second", torch.from_numpy(np.concatenate(second, axis=1)))
        self.register_buffer("sees", torch.from_numpy(np.concatenate(sees)))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(inputs[:, self.sees] * self.first)
        return hidden @ self.second.T


def pruned_network(ticket: Ticket) -> nn.Sequential:
    """The linear part of `ticket` as a network of twice the depth; in between its layers are the target's ReLUs."""
    modules: list[nn.Module] = []
    for _, random, masks in ticket.random_layers():
        modules += [PrunedRandomLayer(random, masks), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def split(target: Target) -> tuple[nn.Sequential, nn.Sequential]:
    """The target as two networks: convolutions, up to and with the flattening, and the linear part that a ticket stands for."""
    model = build(target.network, target.image)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in target.weights.items()})
    modules = list(model.children())
    at = next(place for place, module in enumerate(modules) if isinstance(module, nn.Flatten)) + 1
    return nn.Sequential(*modules[:at]), nn.Sequential(*modules[at:])


def before_linear(ticket: Ticket, target: Target | None) -> nn.Sequential:
    """What turns images into the inputs of a ticket's first layer: convolutions of the target, if the network has any."""
    if target is not None:
        return split(target)[0]
    if any(isinstance(module, nn.Conv2d) for module in build(ticket.network, ticket.image).children()):
        raise LotteryError(f"{ticket.network} has convolutions, which a ticket takes from its target: give --target")
    return nn.Sequential(nn.Flatten())


@torch.no_grad()
def outputs(network: nn.Module, inputs: Tensor, batch: int = 500) -> Iterator[Tensor]:
    """What a network gives for inputs, batch by batch, so that hidden units of some images only are in memory."""
    for part in inputs.split(batch):
        yield network(part)
