"""The pruned random network as torch modules; none of its weights was ever trained.

Shapes: N inputs in a batch, K units that are kept, I inputs, O outputs; of a convolution, I and O are channels, P x Q is the kernel,
and H x W the size of the maps.
"""

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.networks import Layer, build
from lottery.tickets.matrices import from_matrix
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


class PrunedRandomConvolution(PrunedRandomLayer):
    """A masked random 1 x 1 convolution, a ReLU and a masked random convolution, (N, I, H, W) -> (N, O, H', W').

    Padding surrounds the hidden units; they are 0 where the input is.

    kernel: (O, K, P, Q), from the units to the output channels.
    """

    kernel: Tensor

    def __init__(self, random: RandomLayer, masks: LayerMasks, layer: Layer, replaced: nn.Conv2d) -> None:
        super().__init__(random, masks)
        kernel = from_matrix(self.second.numpy(), layer)  # (O * P * Q, K) -> (O, K, P, Q)
        if not masks.first.any():  # torch has no convolution of 0 channels: one of weight 0 stands for them
            self.first, self.input_index = torch.zeros(1), torch.zeros(1, dtype=torch.int64)
            kernel = np.zeros((kernel.shape[0], 1, *kernel.shape[2:]), np.float32)
        self.register_buffer("kernel", torch.from_numpy(np.ascontiguousarray(kernel)))
        self.padding = replaced.padding

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(inputs[:, self.input_index] * self.first[:, None, None])  # (N, K, H, W)
        return functional.conv2d(hidden, self.kernel, padding=self.padding)


def split(ticket: Ticket, target: Target | None = None) -> tuple[nn.Sequential, nn.Sequential]:
    """The ticket's network in two parts, before and from the first layer that `ticket` replaces; weights are the target's, if given."""
    model = build(ticket.network, ticket.image)
    if target is not None:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in target.weights.items()})
    modules = list(model.named_children())
    at = [name for name, _ in modules].index(_module_name(ticket.specs[0]))
    return nn.Sequential(OrderedDict(modules[:at])), nn.Sequential(OrderedDict(modules[at:]))


def _module_name(layer: Layer) -> str:
    return layer.name.removesuffix(".weight")


def pruned_network(ticket: Ticket) -> nn.Sequential:
    """The layers that `ticket` replaces as a network of twice the depth, with the target's ReLUs and pooling between them."""
    _, network = split(ticket)
    for layer, random, masks in ticket.random_layers():
        name = _module_name(layer)
        replaced = network.get_submodule(name)
        if isinstance(replaced, nn.Conv2d):
            network.set_submodule(name, PrunedRandomConvolution(random, masks, layer, replaced))
        else:
            network.set_submodule(name, PrunedRandomLayer(random, masks))
    return network


def feature_extractor(ticket: Ticket, target: Target | None) -> nn.Sequential:
    """The module from images to the inputs of the first layer that `ticket` replaces.

    Raises LotteryError if it has convolutions and there is no target to take them from.
    """
    before, _ = split(ticket, target)
    if target is None and any(isinstance(module, nn.Conv2d) for module in before):
        raise LotteryError(f"{ticket.network} has convolutions, which this ticket takes from its target; give --target")
    return before


def padded_sizes(ticket: Ticket) -> dict[str, int]:
    """Height and width of the padded input of each convolution, by layer name."""
    values = torch.zeros(1, ticket.image.channels, ticket.image.size, ticket.image.size)
    sizes = {}
    for name, module in build(ticket.network, ticket.image).named_children():
        values = module(values)
        if isinstance(module, nn.Conv2d):
            sizes[f"{name}.weight"] = values.shape[-1] + module.kernel_size[-1] - 1
    return sizes


@torch.no_grad()
def outputs(network: nn.Module, inputs: Tensor) -> Tensor:
    """The outputs of a network, computed batch by batch, so that only the hidden units of one batch are in memory.

    Images come in small batches: on a CPU, a convolution in float64 copies the window of each pixel, K * P * Q numbers.  Outputs go to
    one tensor, since many small ones between large temporary ones would fragment the memory.
    """
    batch = 500 if inputs.ndim == 2 else 8
    found = inputs.new_empty(len(inputs), *network(inputs[:1]).shape[1:])
    for place, part in zip(found.split(batch), inputs.split(batch), strict=True):
        place.copy_(network(part))
    return found
