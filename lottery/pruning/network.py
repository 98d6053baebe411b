"""Stacked networks of one structure: forward pass, training step, state, and counts of kept weights.

Shapes: M models, B images of a batch, I and O inputs and outputs of a layer, C classes, P parts (see `layers`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lottery.networks import ImageShape
from lottery.pruning.counts import Counts, count
from lottery.pruning.layers import DenseLayer, Layer, PerModel, ScoredLayer, make_layers
from lottery.pruning.run import Run


class PrunedNetworks:
    """One network per run: fully connected layers with a ReLU between each two.

    Inputs are features (M, B, I), or (1, B, I) if all models see the same.  Models share no arithmetic, so what one learns does not
    depend on the others.  Raises ValueError if the runs have layers of different sizes.
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
        self.layers: list[Layer] = make_layers(runs, image, device, dtype, compiled)

    def forward(self, features: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """Logits (M, B, C) for features (M or 1, B, I) and the effective weight of each layer, (M, O, P*I)."""
        values = features
        for number, (layer, weight) in enumerate(zip(self.layers, weights, strict=True)):
            if number:
                values = functional.relu(values)
            if weight.shape[2] != layer.spec.inputs:  # (M, B, I) -> (M, B, 2I): positive parts, then negative parts
                values = torch.cat([values.clamp(min=0), (-values).clamp(min=0)], dim=2)
            values = _linear(values, weight, layer.bias)
        return values

    @torch.no_grad()
    def outputs(self, features: Tensor, weights: Sequence[Tensor] | None = None) -> Tensor:
        """Logits (M, B, C) without gradients; `weights` are the effective weights of all layers if known already."""
        return self.forward(
            features, [layer.effective_weight() for layer in self.layers] if weights is None else weights
        )

    def step(self, features: Tensor, labels: Tensor, learning_rate: PerModel) -> Tensor:
        """One SGD step per model on a batch; returns the mean losses (M,), on the device.

        features: (M, B, I), or (1, B, I) if all models see the same.  labels: (M, B), or (1, B).
        """
        weights = [layer.effective_weight().detach().requires_grad_() for layer in self.layers]
        with_bias = [layer for layer in self.layers if isinstance(layer, DenseLayer) and layer.bias is not None]
        biases = [layer.bias.requires_grad_() for layer in with_bias if layer.bias is not None]
        losses = _losses(self.forward(features, weights), labels)
        gradients = torch.autograd.grad(losses.sum(), [*weights, *biases])
        for layer, gradient in zip(self.layers, gradients, strict=False):
            layer.apply_gradient(gradient, learning_rate)
        for dense, gradient in zip(with_bias, gradients[len(weights) :], strict=True):
            dense.apply_bias_gradient(gradient, learning_rate)
        return losses.detach()

    def finite(self) -> list[bool]:
        """Per model, whether all numbers that training changes are finite."""
        found = [torch.isfinite(value).flatten(start_dim=1).all(dim=1) for value in self._state().values()]  # each (M,)
        return torch.stack(found).all(dim=0).tolist()

    def _state(self) -> dict[str, Tensor]:
        return {f"{layer.spec.name}.{name}": value for layer in self.layers for name, value in layer.state().items()}

    def state(self, model: int) -> dict[str, Tensor]:
        """Views of all tensors of a model that training changes, by `LAYER.NAME`."""
        return {name: value[model] for name, value in self._state().items()}

    def restore(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Set each model to its `state`, and compute the masks again."""
        for model, state in enumerate(states):
            for name, value in self.state(model).items():
                value.copy_(state[name])
        for layer in self.layers:
            layer.refresh_masks()

    def masks(self, model: int) -> dict[str, np.ndarray]:
        """Copies of a model's bool masks by `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I); empty for `dense`."""
        return {f"{layer.spec.name}.{name}": mask for layer in self.layers for name, mask in layer.masks(model).items()}

    def counts(self, model: int) -> Counts:
        """Weights of a model: initial, remaining, paired and alive."""
        negative = {
            layer.spec.name: (layer.weight1.weights[model] < 0).cpu().numpy()
            for layer in self.layers
            if isinstance(layer, ScoredLayer) and layer.weight1 is not None
        }
        return count([layer.spec for layer in self.layers], self.masks(model), negative)


def _linear(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """values (M or 1, B, I) times weight (M, O, I) plus bias (M, O) -> (M, B, O)."""
    if len(weight) == 1:  # the same numbers as below, but faster: the gradient needs no copy
        return functional.linear(values[0], weight[0], None if bias is None else bias[0])[None]
    values = values.expand(len(weight), -1, -1)
    return torch.bmm(values, weight.mT) if bias is None else torch.baddbmm(bias[:, None], values, weight.mT)


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy per model, (M,), for logits (M, B, C) and labels (M or 1, B)."""
    if len(logits) == 1:
        return functional.cross_entropy(logits[0], labels[0])[None]
    expanded = labels.expand(len(logits), -1)
    # (M, B, C) -> (M*B, C) and (M, B) -> (M*B,)
    losses = functional.cross_entropy(logits.flatten(0, 1), expanded.flatten(), reduction="none")
    return losses.view(expanded.shape).mean(dim=1)  # (M*B,) -> (M, B) -> (M,)
