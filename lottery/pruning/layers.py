"""Layers with frozen random weights and learned scores, of several networks at once.

Every tensor has a leading dimension of *models*: networks of one shape that are trained side by side and share nothing.

Every structure is used as ordinary matrices.  A redundant layer is, for any input x, exactly

    linear:  y_o = sum_i x_i  * (sum_k weight2[k, o, i] weight1[k, i])
    relu:    y_o = sum_i x_i+ * (sum_k weight2[k, o, i] weight1[k, i]+)  +  x_i- * (sum_k weight2[k, o, i] weight1[k, i]-)

(z+ and z- are the positive and negative parts: relu(w x) = w+ x+ + w- x-), so that its r * in units need never be
computed: one (out, in) matrix, or two side by side where inputs can be negative, r times less arithmetic.  The factors
of weight2 in these sums are called *gates*: weight1 under its mask, or the two parts of it.  Gradients
of the matrix give those of both masked weights by the chain rule; a pruned unit of `relu` gets none, as ReLU has slope 0 at 0.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from lottery.networks import ImageShape
from lottery.pruning import kernels
from lottery.pruning.initial import LayerInit
from lottery.pruning.masks import Selector, top_masks
from lottery.pruning.run import Run
from lottery.pruning.streams import init_layers
from lottery.pruning.structures import Block, blocks_of, first_sparsity, kept_count

CANDIDATES = 1 << 16  # room for scores in the band of a Selector; more means a full selection

PerModel = float | Tensor  # one number for all models, or one each, (models,)


def per_model(values: Sequence[float], device: torch.device, dtype: torch.dtype) -> PerModel:
    """One number where all models have the same, which is faster, else a tensor."""
    return float(values[0]) if len(set(values)) == 1 else torch.tensor(values, device=device, dtype=dtype)


def _beside(values: Tensor, parameter: Tensor) -> Tensor:
    """(models,) as (models, 1, ..., 1), to go with a parameter."""
    return values.view(-1, *(1,) * (parameter.dim() - 1))


@dataclass(frozen=True)
class Descent:
    """SGD as PyTorch does it: v = momentum v + (gradient + decay p), p = p - rate v."""

    momentum: PerModel
    decay: PerModel

    @classmethod
    def of(cls, runs: Sequence[Run], device: torch.device, dtype: torch.dtype) -> "Descent":
        momenta, decays = [run.variant.momentum for run in runs], [run.decay for run in runs]
        return cls(per_model(momenta, device, dtype), per_model(decays, device, dtype))

    def step(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, rate: PerModel) -> None:
        velocity.mul_(self.momentum if isinstance(self.momentum, float) else _beside(self.momentum, parameter))
        if isinstance(self.decay, float):
            velocity.add_(gradient.add(parameter, alpha=self.decay))
        else:
            velocity.add_(gradient.addcmul(parameter, _beside(self.decay, parameter)))
        if isinstance(rate, float):
            parameter.sub_(velocity, alpha=rate)
        else:
            parameter.addcmul_(velocity, _beside(rate, parameter), value=-1)


Drawn = Mapping[str, Tensor | None]  # the parts of a `LayerInit` by name, (models, ...)


def _drawn(
    runs: Sequence[Run], image: ImageShape, count: int, device: torch.device, dtype: torch.dtype
) -> Iterator[Drawn]:
    """What all models start with on the device, layer by layer; the host holds one layer of one model at a time."""
    layers: list[dict[str, list[Tensor]]] = [{field.name: [] for field in fields(LayerInit)} for _ in range(count)]
    for run in runs:
        for parts, init in zip(layers, init_layers(run, image), strict=True):
            for name, array in vars(init).items():
                if array is not None:
                    parts[name].append(torch.from_numpy(array).to(device, dtype))
    while layers:
        yield {name: torch.stack(tensors) if tensors else None for name, tensors in layers.pop(0).items()}


class DenseLayer:
    """The trained baseline's layer: its weights, and its biases if it has any, are what is learned."""

    def __init__(self, block: Block, drawn: Drawn, descent: Descent) -> None:
        self.block, self.descent = block, descent
        assert drawn["weight2"] is not None
        self.weight = drawn["weight2"][:, 0]
        self.velocity = torch.zeros_like(self.weight)
        self.bias = drawn["bias"]
        self._bias_velocity = None if self.bias is None else torch.zeros_like(self.bias)

    def matrix(self) -> Tensor:
        return self.weight

    def learn(self, gradient: Tensor, rate: PerModel) -> None:
        self.descent.step(self.weight, self.velocity, gradient, rate)

    def learn_bias(self, gradient: Tensor, rate: PerModel) -> None:
        assert self.bias is not None
        assert self._bias_velocity is not None
        with torch.no_grad():
            self.descent.step(self.bias, self._bias_velocity, gradient, rate)

    def state(self) -> dict[str, Tensor]:
        found = {"weight": self.weight, "velocity": self.velocity}
        if self.bias is not None and self._bias_velocity is not None:
            found |= {"bias": self.bias.detach(), "bias_velocity": self._bias_velocity}
        return found

    def restored(self) -> None:
        """Nothing follows from the state but the state."""

    def masks(self, model: int) -> dict[str, np.ndarray]:
        return {}


class ScoredMatrix:
    """Frozen random weights, the scores that rank them, and the mask of those that are kept; each (models, ...)."""

    def __init__(self, weights: Tensor, scores: Tensor, kept: Sequence[int], descent: Descent) -> None:
        self.weights, self.scores, self.descent = weights, scores, descent
        self.velocity = torch.zeros_like(scores)
        self.kept = torch.tensor(kept, device=scores.device)
        self.mask = top_masks(scores.abs(), self.kept)

    def masked(self) -> Tensor:
        return self.weights * self.mask

    def learn(self, gradient: Tensor, rate: PerModel) -> None:
        """Straight-through: the gradient of the masked weights goes to the scores as if they multiplied the weights."""
        self.descent.step(self.scores, self.velocity, gradient * self.weights * self.scores.sign(), rate)
        self.select()

    def select(self) -> None:
        self.mask.copy_(top_masks(self.scores.abs(), self.kept))

    def state(self, name: str) -> dict[str, Tensor]:
        return {f"scores{name}": self.scores, f"velocity{name}": self.velocity}


class ScoredLayer:
    """A layer of `wide`, `linear` or `relu`, on any device.  matrix() is (models, out, in), or 2 in where it is split."""

    def __init__(self, block: Block, drawn: Drawn, runs: Sequence[Run], descent: Descent) -> None:
        self.block, self.bias = block, drawn["bias"]
        assert drawn["weight2"] is not None
        assert drawn["scores2"] is not None
        size1, size2 = math.prod(block.first_shape), math.prod(block.second_shape)
        kept = [kept_count(size2, run.sparsity, run.stream) for run in runs]
        self.second = ScoredMatrix(drawn["weight2"], drawn["scores2"], kept, descent)
        self.first: ScoredMatrix | None = None
        if drawn["weight1"] is not None and drawn["scores1"] is not None:
            kept = [kept_count(size1, first_sparsity(run), run.stream) for run in runs]
            self.first = ScoredMatrix(drawn["weight1"], drawn["scores1"], kept, descent)

    def gates(self) -> Tensor:
        """What multiplies weight2 in the matrix, (models, channels, r, in)."""
        if self.first is None:
            models, redundancy, _, inputs = self.second.weights.shape
            return self.second.weights.new_ones((models, 1, redundancy, inputs))
        weight1 = self.first.masked()
        if self.block.structure == "linear":
            return weight1[:, None]
        parts = [weight1.clamp(min=0)] + ([(-weight1).clamp(min=0)] if self.block.signed else [])
        return torch.stack(parts, dim=1)

    def matrix(self) -> Tensor:
        masked = self.second.masked()
        if self.first is None:
            return masked[:, 0]
        return torch.cat([(gate[:, :, None] * masked).sum(dim=1) for gate in self.gates().unbind(dim=1)], dim=2)

    def learn(self, gradient: Tensor, rate: PerModel) -> None:
        """A step of all scores, from the gradient of the matrix."""
        if self.first is None:
            self.second.learn(gradient[:, None], rate)
            return
        gates, masked = self.gates(), self.second.masked()
        shape = (len(gradient), self.block.outputs, gates.shape[1], self.block.inputs)
        channels = gradient.reshape(shape).unbind(dim=2)
        of_gates = torch.stack([(channel[:, None] * masked).sum(dim=2) for channel in channels], dim=1)
        parts = [
            channel[:, None] * gate[:, :, None] for channel, gate in zip(channels, gates.unbind(dim=1), strict=True)
        ]
        self.second.learn(sum(parts[1:], parts[0]), rate)
        self._learn_first(of_gates, rate)

    def _learn_first(self, of_gates: Tensor, rate: PerModel) -> None:
        if self.first is None:
            return
        gradient = of_gates[:, 0]
        if self.block.structure == "relu":
            weight1 = self.first.masked()
            falling = -of_gates[:, 1] if self.block.signed else torch.zeros_like(gradient)
            gradient = torch.where(weight1 > 0, gradient, torch.where(weight1 < 0, falling, 0))
        self.first.learn(gradient, rate)

    def state(self) -> dict[str, Tensor]:
        """All that a step changes, to go on from."""
        return self.second.state("2") | (self.first.state("1") if self.first is not None else {})

    def restored(self) -> None:
        """Masks follow from a state that was put back."""
        for matrix in (self.first, self.second):
            if matrix is not None:
                matrix.select()

    def masks(self, model: int) -> dict[str, np.ndarray]:
        """A model's masks as they are now, by name: weight1 (r, in) where there is one, weight2 (r, out, in)."""
        found = {} if self.first is None else {"weight1": self.first.mask[model].cpu().numpy().copy()}
        return found | {"weight2": self.second.mask[model].cpu().numpy().copy()}


class CompiledLayer(ScoredLayer):
    """The same layer of one model on a CPU: both passes over weight2 compiled and the selection kept up to date in them."""

    def __init__(self, block: Block, drawn: Drawn, runs: Sequence[Run], descent: Descent) -> None:
        super().__init__(block, drawn, runs, descent)
        self._number = self.second.scores.numpy().dtype.type
        self._selector = Selector(int(self.second.kept[0]), self.second.scores.numel())
        self._candidates = np.empty(CANDIDATES, np.int64)

    def matrix(self) -> Tensor:
        gates = self.gates()[0].numpy()
        matrix = np.empty((self.block.outputs, len(gates), self.block.inputs), self._number)
        kernels.combine(self.second.weights[0].numpy(), self.second.mask[0].numpy(), gates, matrix)
        return torch.from_numpy(matrix.reshape(1, self.block.outputs, -1))

    def learn(self, gradient: Tensor, rate: PerModel) -> None:
        gates, second, descent = self.gates()[0].numpy(), self.second, self.second.descent
        of_gates = np.empty_like(gates)
        scores, mask = second.scores[0].numpy(), second.mask[0].numpy()
        above, found = kernels.learn(
            scores,
            second.velocity[0].numpy(),
            mask,
            second.weights[0].numpy(),
            gates,
            gradient[0].contiguous().numpy().reshape(self.block.outputs, len(gates), self.block.inputs),
            of_gates,
            self._number(rate),
            self._number(descent.momentum),
            self._number(descent.decay),
            *map(self._number, self._selector.band()),
            self._candidates,
        )
        self._selector.settle(scores, mask, above, self._candidates, found)
        self._learn_first(torch.from_numpy(of_gates)[None], rate)


Layer = DenseLayer | ScoredLayer


def layers_of(
    runs: Sequence[Run],
    image: ImageShape,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    compiled: bool | None = None,
) -> list[Layer]:
    """The layers of runs of one shape as drawn; `compiled` is for tests, by default it is what is fast: one model on a CPU.

    Raises ValueError where the runs have layers of other sizes.
    """
    if len({blocks_of(run, image) for run in runs}) != 1:
        raise ValueError("networks side by side have layers of the same sizes")
    blocks, descent = blocks_of(runs[0], image), Descent.of(runs, device, dtype)
    fast = device.type == "cpu" and len(runs) == 1 if compiled is None else compiled
    scored = CompiledLayer if fast else ScoredLayer
    return [
        DenseLayer(block, drawn, descent) if block.structure == "dense" else scored(block, drawn, runs, descent)
        for block, drawn in zip(blocks, _drawn(runs, image, len(blocks), device, dtype), strict=True)
    ]
