"""A network of one structure: its forward pass, one step of learning, its accuracy."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lottery.networks import ImageShape
from lottery.pruning.counts import Counts, count
from lottery.pruning.layers import DenseLayer, Layer, ScoredLayer, layer
from lottery.pruning.run import Run
from lottery.pruning.structures import blocks_of
from lottery.training import EVALUATION_BATCH


class PrunedNetwork:
    """Fully connected layers with a ReLU between each two; its inputs are features (count, in)."""

    def __init__(
        self,
        run: Run,
        image: ImageShape,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        compiled: bool | None = None,
    ) -> None:
        self.layers: list[Layer] = [layer(block, run, device, dtype, compiled) for block in blocks_of(run, image)]

    def forward(self, features: Tensor, matrices: Sequence[Tensor]) -> Tensor:
        """Logits (count, classes) of the layers as these matrices."""
        values = features
        for number, (part, matrix) in enumerate(zip(self.layers, matrices, strict=True)):
            if number:
                values = functional.relu(values)
            if matrix.shape[1] != part.block.inputs:  # positive and negative parts, side by side
                values = torch.cat([values.clamp(min=0), (-values).clamp(min=0)], dim=1)
            values = functional.linear(values, matrix, part.bias)
        return values

    @torch.no_grad()
    def outputs(self, features: Tensor) -> Tensor:
        """Logits (count, classes)."""
        matrices = [part.matrix() for part in self.layers]
        return torch.cat([self.forward(batch, matrices) for batch in features.split(EVALUATION_BATCH)])

    def step(self, features: Tensor, labels: Tensor, rate: float) -> Tensor:
        """One step on a batch; its mean loss, left on the device."""
        matrices = [part.matrix().detach().requires_grad_() for part in self.layers]
        learned = [part for part in self.layers if isinstance(part, DenseLayer) and part.bias is not None]
        biases = [part.bias.requires_grad_() for part in learned if part.bias is not None]
        loss = functional.cross_entropy(self.forward(features, matrices), labels)
        gradients = torch.autograd.grad(loss, [*matrices, *biases])
        for part, gradient in zip(self.layers, gradients, strict=False):
            part.learn(gradient, rate)
        for dense, gradient in zip(learned, gradients[len(matrices) :], strict=True):
            dense.learn_bias(gradient, rate)
        return loss.detach()

    def finite(self) -> bool:
        """Whether all that learning changes is finite still."""
        return all(bool(torch.isfinite(value).all()) for value in self.state().values())

    def state(self) -> dict[str, Tensor]:
        """What learning changes, by layer and name."""
        return {f"{p.block.name}.{name}": value for p in self.layers for name, value in p.state().items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state`."""
        for part in self.layers:
            part.restore({name: state[f"{part.block.name}.{name}"] for name in part.state()})

    def masks(self) -> dict[str, np.ndarray]:
        """Masks by layer and name; none for `dense`."""
        return {f"{p.block.name}.{name}": mask for p in self.layers for name, mask in p.masks().items()}

    def counts(self) -> Counts:
        """Weights initial, remaining, paired and alive."""
        negative = {
            part.block.name: (part.first.weights < 0).cpu().numpy()
            for part in self.layers
            if isinstance(part, ScoredLayer) and part.first is not None
        }
        return count([part.block for part in self.layers], self.masks(), negative)
