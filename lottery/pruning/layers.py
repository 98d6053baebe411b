"""Layers with frozen random weights and learned scores.

Every structure is used as ordinary matrices.  A redundant layer is, for any input x, exactly

    linear:  y_o = sum_i x_i  * (sum_k weight2[k, o, i] weight1[k, i])
    relu:    y_o = sum_i x_i+ * (sum_k weight2[k, o, i] weight1[k, i]+)  +  x_i- * (sum_k weight2[k, o, i] weight1[k, i]-)

(z+ and z- are the positive and negative parts: relu(w x) = w+ x+ + w- x-), so that its r * in units need never be
computed: one (out, in) matrix, or two side by side where inputs can be negative, r times less arithmetic.  The factors
of weight2 in these sums are called *gates*: weight1 under its mask, or the two parts of it.  Gradients
of the matrix give those of both masked weights by the chain rule; a pruned unit of `relu` gets none, as ReLU has slope 0 at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lottery.pruning import kernels
from lottery.pruning.masks import Selector, top_mask
from lottery.pruning.run import Run
from lottery.pruning.structures import Block, Draw, draw, first_sparsity, kept_count

CANDIDATES = 1 << 16  # room for scores in the band of a Selector; more means a full selection


@dataclass(frozen=True)
class Descent:
    """SGD as PyTorch does it: v = momentum v + (gradient + decay p), p = p - rate v."""

    momentum: float
    decay: float

    def step(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: float) -> None:
        velocity.mul_(self.momentum).add_(gradient.add(parameter, alpha=self.decay))
        parameter.sub_(velocity, alpha=rate)


class DenseLayer:
    """The trained baseline's layer: its weights, and its biases if it has any, are what is learned."""

    def __init__(self, block: Block, drawn: Draw, descent: Descent, device: torch.device, dtype: torch.dtype) -> None:
        self.block, self.descent = block, descent
        self.weight = torch.from_numpy(drawn.weight2[0]).to(device, dtype)
        self.velocity = torch.zeros_like(self.weight)
        self.bias = _bias(drawn, device, dtype)
        self._bias_velocity = None if self.bias is None else torch.zeros_like(self.bias)

    def matrix(self) -> Tensor:
        return self.weight

    def learn(self, gradient: Tensor, rate: float) -> None:
        self.descent.step(self.weight, self.velocity, gradient, rate)

    def learn_bias(self, gradient: Tensor, rate: float) -> None:
        assert self.bias is not None
        assert self._bias_velocity is not None
        with torch.no_grad():
            self.descent.step(self.bias, self._bias_velocity, gradient, rate)

    def state(self) -> dict[str, Tensor]:
        found = {"weight": self.weight, "velocity": self.velocity}
        if self.bias is not None and self._bias_velocity is not None:
            found |= {"bias": self.bias.detach(), "bias_velocity": self._bias_velocity}
        return found

    def restore(self, state: Mapping[str, Tensor]) -> None:
        for name, value in self.state().items():
            value.copy_(state[name])

    def masks(self) -> dict[str, np.ndarray]:
        return {}


class ScoredMatrix:
    """Frozen random weights, the scores that rank them, and the mask of those that are kept."""

    def __init__(
        self,
        weights: np.ndarray,
        scores: np.ndarray,
        sparsity: float,
        descent: Descent,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.weights = torch.from_numpy(weights).to(device, dtype)
        self.scores = torch.from_numpy(scores).to(device, dtype)
        self.velocity = torch.zeros_like(self.scores)
        self.kept = kept_count(self.scores.numel(), sparsity)
        self.descent = descent
        self.mask = top_mask(self.scores.abs(), self.kept)

    def masked(self) -> Tensor:
        return self.weights * self.mask

    def learn(self, gradient: Tensor, rate: float) -> None:
        """Straight-through: the gradient of the masked weights goes to the scores as if they multiplied the weights."""
        self.descent.step(self.scores, self.velocity, gradient * self.weights * self.scores.sign(), rate)
        self.mask = top_mask(self.scores.abs(), self.kept)

    def state(self, name: str) -> dict[str, Tensor]:
        return {f"scores{name}": self.scores, f"velocity{name}": self.velocity}

    def restore(self, name: str, state: Mapping[str, Tensor]) -> None:
        self.scores.copy_(state[f"scores{name}"])
        self.velocity.copy_(state[f"velocity{name}"])
        self.mask = top_mask(self.scores.abs(), self.kept)


class ScoredLayer:
    """A layer of `wide`, `linear` or `relu`, on any device.  matrix() is (out, in), or (out, 2 in) where it is split."""

    def __init__(
        self, block: Block, drawn: Draw, run: Run, descent: Descent, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.block = block
        assert drawn.scores2 is not None
        self.second = ScoredMatrix(drawn.weight2, drawn.scores2, run.sparsity, descent, device, dtype)
        self.first: ScoredMatrix | None = None
        if drawn.weight1 is not None and drawn.scores1 is not None:
            self.first = ScoredMatrix(drawn.weight1, drawn.scores1, first_sparsity(run), descent, device, dtype)
        self.bias = _bias(drawn, device, dtype)
        self._ones = torch.ones((1, block.redundancy, block.inputs), device=device, dtype=dtype)

    def gates(self) -> Tensor:
        """What multiplies weight2 in the matrix, (channels, r, in)."""
        if self.first is None:
            return self._ones
        weight1 = self.first.masked()
        if self.block.structure == "linear":
            return weight1[None]
        parts = [weight1.clamp(min=0)] + ([(-weight1).clamp(min=0)] if self.block.signed else [])
        return torch.stack(parts)

    def matrix(self) -> Tensor:
        masked = self.second.masked()
        return torch.cat([(gate[:, None, :] * masked).sum(dim=0) for gate in self.gates()], dim=1)

    def learn(self, gradient: Tensor, rate: float) -> None:
        """A step of all scores, from the gradient of the matrix."""
        gates, masked = self.gates(), self.second.masked()
        channels = gradient.view(self.block.outputs, len(gates), self.block.inputs).unbind(dim=1)
        of_gates = torch.stack([(channel * masked).sum(dim=1) for channel in channels])
        of_second = sum(channel * gate[:, None, :] for channel, gate in zip(channels, gates, strict=True))
        self.second.learn(of_second, rate)
        self._learn_first(of_gates, rate)

    def _learn_first(self, of_gates: Tensor, rate: float) -> None:
        if self.first is None:
            return
        gradient = of_gates[0]
        if self.block.structure == "relu":
            weight1 = self.first.masked()
            falling = -of_gates[1] if self.block.signed else torch.zeros_like(gradient)
            gradient = torch.where(weight1 > 0, gradient, torch.where(weight1 < 0, falling, 0))
        self.first.learn(gradient, rate)

    def state(self) -> dict[str, Tensor]:
        """All that a step changes, to go on from."""
        return self.second.state("2") | (self.first.state("1") if self.first is not None else {})

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.second.restore("2", state)
        if self.first is not None:
            self.first.restore("1", state)

    def masks(self) -> dict[str, np.ndarray]:
        """Masks as they are now, by name: weight1 (r, in) where there is one, weight2 (r, out, in)."""
        found = {} if self.first is None else {"weight1": self.first.mask.cpu().numpy().copy()}
        return found | {"weight2": self.second.mask.cpu().numpy().copy()}


class CompiledLayer(ScoredLayer):
    """The same layer on a CPU, with both passes over weight2 compiled and the selection kept up to date in them."""

    def __init__(
        self, block: Block, drawn: Draw, run: Run, descent: Descent, device: torch.device, dtype: torch.dtype
    ) -> None:
        super().__init__(block, drawn, run, descent, device, dtype)
        self._number = self.second.scores.numpy().dtype.type
        self._selector = Selector(self.second.kept, self.second.scores.numel())
        self._candidates = np.empty(CANDIDATES, np.int64)

    def matrix(self) -> Tensor:
        gates = self.gates().numpy()
        matrix = np.empty((self.block.outputs, len(gates), self.block.inputs), self._number)
        kernels.combine(self.second.weights.numpy(), self.second.mask.numpy(), gates, matrix)
        return torch.from_numpy(matrix.reshape(self.block.outputs, -1))

    def learn(self, gradient: Tensor, rate: float) -> None:
        gates, second, descent = self.gates().numpy(), self.second, self.second.descent
        of_gates = np.empty_like(gates)
        scores, mask = second.scores.numpy(), second.mask.numpy()
        above, found = kernels.learn(
            scores,
            second.velocity.numpy(),
            mask,
            second.weights.numpy(),
            gates,
            gradient.contiguous().numpy().reshape(self.block.outputs, len(gates), self.block.inputs),
            of_gates,
            self._number(rate),
            self._number(descent.momentum),
            self._number(descent.decay),
            *map(self._number, self._selector.band()),
            self._candidates,
        )
        self._selector.settle(scores, mask, above, self._candidates, found)
        self._learn_first(torch.from_numpy(of_gates), rate)


Layer = DenseLayer | ScoredLayer


def _bias(drawn: Draw, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    return None if drawn.bias is None else torch.from_numpy(drawn.bias).to(device, dtype)


def layer(
    block: Block, run: Run, device: torch.device, dtype: torch.dtype = torch.float32, compiled: bool | None = None
) -> Layer:
    """A layer as drawn; `compiled` is for tests, by default it is what is fast on the device."""
    descent = Descent(run.variant.momentum, run.decay)
    drawn = draw(block, run)
    if block.structure == "dense":
        return DenseLayer(block, drawn, descent, device, dtype)
    fast = device.type == "cpu" if compiled is None else compiled
    return (CompiledLayer if fast else ScoredLayer)(block, drawn, run, descent, device, dtype)
