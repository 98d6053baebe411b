"""Networks of one structure, side by side: their forward pass, one step of learning, their accuracy."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lottery.networks import ImageShape
from lottery.pruning.counts import Counts, count
from lottery.pruning.layers import DenseLayer, Layer, PerModel, ScoredLayer, layers_of
from lottery.pruning.run import Run


class PrunedNetworks:
    """A network for each of some runs of one shape: fully connected layers with a ReLU between each two.

    Their inputs are features (models, count, in), or (1, count, in) where all see the same.  No arithmetic is shared
    between models: what one learns depends on no other.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        image: ImageShape,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        compiled: bool | None = None,
    ) -> None:
        self.runs = tuple(runs)
        self.layers: list[Layer] = layers_of(runs, image, device, dtype, compiled)

    def forward(self, features: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        """Logits (models, count, classes) of the layers as these matrices."""
        values = features
        for number, (part, matrix) in enumerate(zip(self.layers, matrices, strict=True)):
            if number:
                values = functional.relu(values)
            if matrix.shape[2] != part.block.inputs:  # positive and negative parts, side by side
                values = torch.cat([values.clamp(min=0), (-values).clamp(min=0)], dim=2)
            values = _product(values, matrix, part.bias)
        return values

    @torch.no_grad()
    def outputs(self, features: Tensor, matrices: Sequence[Tensor] | None = None) -> Tensor:
        """Logits (models, count, classes); `matrices` where they are known already."""
        return self.forward(features, [part.matrix() for part in self.layers] if matrices is None else matrices)

    def step(self, features: Tensor, labels: Tensor, rate: PerModel) -> Tensor:
        """One step on a batch for each model; its mean losses (models,), left on the device.

        labels: (models, count), or (1, count) where all models see the same images.
        """
        matrices = [part.matrix().detach().requires_grad_() for part in self.layers]
        learned = [part for part in self.layers if isinstance(part, DenseLayer) and part.bias is not None]
        biases = [part.bias.requires_grad_() for part in learned if part.bias is not None]
        losses = _losses(self.forward(features, matrices), labels)
        gradients = torch.autograd.grad(losses.sum(), [*matrices, *biases])
        for part, gradient in zip(self.layers, gradients, strict=False):
            part.learn(gradient, rate)
        for dense, gradient in zip(learned, gradients[len(matrices) :], strict=True):
            dense.learn_bias(gradient, rate)
        return losses.detach()

    def finite(self) -> list[bool]:
        """For each model, whether all that learning changes is finite still."""
        found = [torch.isfinite(value).flatten(start_dim=1).all(dim=1) for value in self._state().values()]
        return torch.stack(found).all(dim=0).tolist()

    def _state(self) -> dict[str, Tensor]:
        return {f"{p.block.name}.{name}": value for p in self.layers for name, value in p.state().items()}

    def state(self, model: int) -> dict[str, Tensor]:
        """What learning changes in a model, by layer and name."""
        return {name: value[model] for name, value in self._state().items()}

    def restore(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Go on from a `state` of each model."""
        for model, state in enumerate(states):
            for name, value in self.state(model).items():
                value.copy_(state[name])
        for part in self.layers:
            part.restored()

    def masks(self, model: int) -> dict[str, np.ndarray]:
        """A model's masks by layer and name; none for `dense`."""
        return {f"{p.block.name}.{name}": mask for p in self.layers for name, mask in p.masks(model).items()}

    def counts(self, model: int) -> Counts:
        """Weights of a model: initial, remaining, paired and alive."""
        negative = {
            part.block.name: (part.first.weights[model] < 0).cpu().numpy()
            for part in self.layers
            if isinstance(part, ScoredLayer) and part.first is not None
        }
        return count([part.block for part in self.layers], self.masks(model), negative)


def _product(values: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """values (models, count, in) through (models, out, in) and bias (models, out)."""
    if len(matrix) == 1:  # the same numbers as below, sooner: the gradient needs no copy
        return functional.linear(values[0], matrix[0], None if bias is None else bias[0])[None]
    values = values.expand(len(matrix), -1, -1)
    return torch.bmm(values, matrix.mT) if bias is None else torch.baddbmm(bias[:, None], values, matrix.mT)


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy of each model, (models,)."""
    if len(logits) == 1:
        return functional.cross_entropy(logits[0], labels[0])[None]
    expanded = labels.expand(len(logits), -1)
    losses = functional.cross_entropy(logits.flatten(0, 1), expanded.flatten(), reduction="none")
    return losses.view(expanded.shape).mean(dim=1)
