"""Layers with frozen random weights and learned scores, for several networks at once.

Shapes: M models, R redundancy, O outputs, I inputs, P parts of weight1 (1 or 2).

*Models* are networks of one shape that are trained as stacked tensors and share no arithmetic; M is the first dimension of every
tensor.

Every structure is computed with ordinary matrices.  A redundant layer is, for any input x, exactly

    linear:  y_o = sum_i x_i  * (sum_k weight2[k, o, i] weight1[k, i])
    relu:    y_o = sum_i x_i+ * (sum_k weight2[k, o, i] weight1[k, i]+)  +  x_i- * (sum_k weight2[k, o, i] weight1[k, i]-)

z+ and z- are the positive and negative parts: relu(w x) = w+ x+ + w- x-.  So the R * I hidden units are never computed: the
layer multiplies its input by one *effective weight* (O, I), or by one (O, 2I) where inputs can be negative, with R times
less arithmetic.  *Parts* are the factors of weight2 in these sums: weight1 under its mask (P = 1), or its positive and negative
parts (P = 2).  The chain rule gives the gradients of both masked weights from the gradient of the effective weight.  A pruned
unit of `relu` gets no gradient, because ReLU has slope 0 at 0.
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
from lottery.pruning.masks import IncrementalTopK, topk_masks
from lottery.pruning.run import Run
from lottery.pruning.streams import init_layers
from lottery.pruning.structures import LayerSpec, kept_count, layer_specs, weight1_sparsity

MAX_CANDIDATES = 1 << 16  # scores in the band of an IncrementalTopK; with more, the mask is selected from all scores

PerModel = float | Tensor  # one number for all models, or one per model, (M,)


def per_model(values: Sequence[float], device: torch.device, dtype: torch.dtype) -> PerModel:
    """One float if all models have the same value, which is faster; else a tensor (M,)."""
    return float(values[0]) if len(set(values)) == 1 else torch.tensor(values, device=device, dtype=dtype)


def _broadcast_per_model(values: Tensor, parameter: Tensor) -> Tensor:
    """(M,) -> (M, 1, ..., 1), with as many dimensions as `parameter`."""
    return values.view(-1, *(1,) * (parameter.dim() - 1))


@dataclass(frozen=True)
class SgdUpdate:
    """SGD as in PyTorch: v = momentum v + (gradient + decay p), p = p - learning_rate v."""

    momentum: PerModel
    decay: PerModel

    @classmethod
    def from_runs(cls, runs: Sequence[Run], device: torch.device, dtype: torch.dtype) -> "SgdUpdate":
        """The update with the momentum and weight decay of each run."""
        momenta, decays = [run.variant.momentum for run in runs], [run.decay for run in runs]
        return cls(per_model(momenta, device, dtype), per_model(decays, device, dtype))

    def apply(self, parameter: Tensor, velocity: Tensor, gradient: Tensor, learning_rate: PerModel) -> None:
        """Update `parameter` and `velocity` in place; they and `gradient` have one shape (M, ...)."""
        velocity.mul_(
            self.momentum if isinstance(self.momentum, float) else _broadcast_per_model(self.momentum, parameter)
        )
        if isinstance(self.decay, float):
            velocity.add_(gradient.add(parameter, alpha=self.decay))
        else:
            velocity.add_(gradient.addcmul(parameter, _broadcast_per_model(self.decay, parameter)))
        if isinstance(learning_rate, float):
            parameter.sub_(velocity, alpha=learning_rate)
        else:
            parameter.addcmul_(velocity, _broadcast_per_model(learning_rate, parameter), value=-1)


StackedInit = Mapping[str, Tensor | None]  # the fields of a `LayerInit` by name, stacked: (M, ...)


def _stacked_inits(
    runs: Sequence[Run], image: ImageShape, count: int, device: torch.device, dtype: torch.dtype
) -> Iterator[StackedInit]:
    """Initial tensors of all models on the device, layer by layer; the host holds one layer of one model at a time."""
    layers: list[dict[str, list[Tensor]]] = [{field.name: [] for field in fields(LayerInit)} for _ in range(count)]
    for run in runs:
        for collected, init in zip(layers, init_layers(run, image), strict=True):
            for name, array in vars(init).items():
                if array is not None:
                    collected[name].append(torch.from_numpy(array).to(device, dtype))
    while layers:
        yield {name: torch.stack(tensors) if tensors else None for name, tensors in layers.pop(0).items()}


class DenseLayer:
    """A layer of the trained baseline: it learns its weights (M, O, I), and its biases (M, O) if it has any."""

    def __init__(self, spec: LayerSpec, init: StackedInit, update: SgdUpdate) -> None:
        self.spec, self.update = spec, update
        assert init["weight2"] is not None
        self.weight = init["weight2"][:, 0]  # (M, 1, O, I) -> (M, O, I)
        self.velocity = torch.zeros_like(self.weight)
        self.bias = init["bias"]
        self._bias_velocity = None if self.bias is None else torch.zeros_like(self.bias)

    def effective_weight(self) -> Tensor:
        """The weights (M, O, I)."""
        return self.weight

    def apply_gradient(self, gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of the weights; gradient (M, O, I)."""
        self.update.apply(self.weight, self.velocity, gradient, learning_rate)

    def apply_bias_gradient(self, gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of the biases; gradient (M, O)."""
        assert self.bias is not None
        assert self._bias_velocity is not None
        with torch.no_grad():
            self.update.apply(self.bias, self._bias_velocity, gradient, learning_rate)

    def state(self) -> dict[str, Tensor]:
        """All tensors that a step changes, by name, (M, ...)."""
        found = {"weight": self.weight, "velocity": self.velocity}
        if self.bias is not None and self._bias_velocity is not None:
            found |= {"bias": self.bias.detach(), "bias_velocity": self._bias_velocity}
        return found

    def refresh_masks(self) -> None:
        """Do nothing: a dense layer has no masks to refresh."""

    def masks(self, model: int) -> dict[str, np.ndarray]:
        """No masks: an empty dictionary."""
        return {}


class ScoredWeight:
    """Frozen random weights, the scores that rank them, and the mask of the weights kept; each (M, R, I) or (M, R, O, I).

    kept_counts: how many weights each model keeps.
    """

    def __init__(self, weights: Tensor, scores: Tensor, kept_counts: Sequence[int], update: SgdUpdate) -> None:
        self.weights, self.scores, self.update = weights, scores, update
        self.velocity = torch.zeros_like(scores)
        self.kept_counts = tuple(kept_counts)
        self.mask = topk_masks(scores.abs(), self.kept_counts)

    def masked(self) -> Tensor:
        """The weights, with zeros where they are pruned."""
        return self.weights * self.mask

    def apply_gradient(self, gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of the scores, from the gradient of the masked weights; then the new mask.

        Straight-through estimator: grad(score) = grad(masked weight) * weight * sign(score).
        """
        self.update.apply(self.scores, self.velocity, gradient * self.weights * self.scores.sign(), learning_rate)
        self.refresh_mask()

    def refresh_mask(self) -> None:
        """Compute the mask again from the scores, in place."""
        self.mask.copy_(topk_masks(self.scores.abs(), self.kept_counts))

    def state(self, suffix: str) -> dict[str, Tensor]:
        """Scores and velocities, by name with `suffix`."""
        return {f"scores{suffix}": self.scores, f"velocity{suffix}": self.velocity}


class ScoredLayer:
    """A layer of `wide`, `linear` or `relu`, on any device; weight1 is None for `wide`."""

    def __init__(self, spec: LayerSpec, init: StackedInit, runs: Sequence[Run], update: SgdUpdate) -> None:
        self.spec, self.bias = spec, init["bias"]
        assert init["weight2"] is not None
        assert init["scores2"] is not None
        size1, size2 = math.prod(spec.weight1_shape), math.prod(spec.weight2_shape)
        kept = [kept_count(size2, run.sparsity, run.stream) for run in runs]
        self.weight2 = ScoredWeight(init["weight2"], init["scores2"], kept, update)
        self.weight1: ScoredWeight | None = None
        if init["weight1"] is not None and init["scores1"] is not None:
            kept = [kept_count(size1, weight1_sparsity(run), run.stream) for run in runs]
            self.weight1 = ScoredWeight(init["weight1"], init["scores1"], kept, update)

    def weight1_parts(self) -> Tensor:
        """The factors of weight2 in the effective weight, (M, P, R, I)."""
        if self.weight1 is None:
            models, redundancy, _, inputs = self.weight2.weights.shape
            return self.weight2.weights.new_ones((models, 1, redundancy, inputs))
        weight1 = self.weight1.masked()  # (M, R, I)
        if self.spec.structure == "linear":
            return weight1[:, None]  # (M, R, I) -> (M, 1, R, I)
        parts = [weight1.clamp(min=0)] + ([(-weight1).clamp(min=0)] if self.spec.signed else [])
        return torch.stack(parts, dim=1)  # P x (M, R, I) -> (M, P, R, I)

    def effective_weight(self) -> Tensor:
        """The weight that multiplies the layer's input, (M, O, P*I)."""
        masked = self.weight2.masked()  # (M, R, O, I)
        if self.weight1 is None:
            return masked.sum(dim=1)  # (M, R, O, I) -> (M, O, I)
        # einsum("mpri,mroi->mopi"), part by part: sum over R of (M, R, 1, I) * (M, R, O, I), then P x (M, O, I) -> (M, O, P*I)
        parts = self.weight1_parts().unbind(dim=1)
        return torch.cat([(part[:, :, None] * masked).sum(dim=1) for part in parts], dim=2)

    def apply_gradient(self, gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of all scores, from the gradient of the effective weight (M, O, P*I)."""
        if self.weight1 is None:
            self.weight2.apply_gradient(
                gradient[:, None], learning_rate
            )  # (M, O, I) -> (M, 1, O, I), the same for all R
            return
        parts, masked = self.weight1_parts(), self.weight2.masked()  # (M, P, R, I), (M, R, O, I)
        shape = (len(gradient), self.spec.outputs, parts.shape[1], self.spec.inputs)
        gradients = gradient.reshape(shape).unbind(dim=2)  # (M, O, P*I) -> (M, O, P, I) -> P x (M, O, I)
        # einsum("mopi,mroi->mpri"): sum over O of (M, 1, O, I) * (M, R, O, I), stacked to (M, P, R, I)
        parts_gradient = torch.stack([(of_part[:, None] * masked).sum(dim=2) for of_part in gradients], dim=1)
        # einsum("mopi,mpri->mroi"): sum over P of (M, 1, O, I) * (M, R, 1, I)
        terms = [
            of_part[:, None] * part[:, :, None] for of_part, part in zip(gradients, parts.unbind(dim=1), strict=True)
        ]
        self.weight2.apply_gradient(sum(terms[1:], terms[0]), learning_rate)
        self._apply_weight1_gradient(parts_gradient, learning_rate)

    def _apply_weight1_gradient(self, parts_gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of the scores of weight1, from the gradient of its parts (M, P, R, I)."""
        if self.weight1 is None:
            return
        gradient = parts_gradient[:, 0]  # (M, R, I)
        if self.spec.structure == "relu":
            weight1 = self.weight1.masked()
            # The second part is max(-weight1, 0): its slope in weight1 is -1 where weight1 is negative.
            negative = -parts_gradient[:, 1] if self.spec.signed else torch.zeros_like(gradient)
            gradient = torch.where(weight1 > 0, gradient, torch.where(weight1 < 0, negative, 0))
        self.weight1.apply_gradient(gradient, learning_rate)

    def state(self) -> dict[str, Tensor]:
        """All tensors that a step changes, but for masks, by name, (M, ...)."""
        return self.weight2.state("2") | (self.weight1.state("1") if self.weight1 is not None else {})

    def refresh_masks(self) -> None:
        """Compute the masks again, after a state was restored."""
        for scored in (self.weight1, self.weight2):
            if scored is not None:
                scored.refresh_mask()

    def masks(self, model: int) -> dict[str, np.ndarray]:
        """Copies of one model's bool masks by name: weight1 (R, I) unless the structure is `wide`, and weight2 (R, O, I)."""
        found = {} if self.weight1 is None else {"weight1": self.weight1.mask[model].cpu().numpy().copy()}
        return found | {"weight2": self.weight2.mask[model].cpu().numpy().copy()}


class CompiledLayer(ScoredLayer):
    """`ScoredLayer` for one model on a CPU: compiled passes over weight2, which also keep its mask up to date."""

    def __init__(self, spec: LayerSpec, init: StackedInit, runs: Sequence[Run], update: SgdUpdate) -> None:
        super().__init__(spec, init, runs, update)
        self._number = self.weight2.scores.numpy().dtype.type
        self._topk = IncrementalTopK(self.weight2.kept_counts[0], self.weight2.scores.numel())
        self._candidates = np.empty(MAX_CANDIDATES, np.int64)

    def effective_weight(self) -> Tensor:
        """The weight that multiplies the layer's input, (1, O, P*I)."""
        parts = self.weight1_parts()[0].numpy()  # (P, R, I)
        effective = np.empty((self.spec.outputs, len(parts), self.spec.inputs), self._number)  # (O, P, I)
        kernels.effective_weight(self.weight2.weights[0].numpy(), self.weight2.mask[0].numpy(), parts, effective)
        return torch.from_numpy(effective.reshape(1, self.spec.outputs, -1))  # (O, P, I) -> (1, O, P*I)

    def apply_gradient(self, gradient: Tensor, learning_rate: PerModel) -> None:
        """One SGD step of all scores, from the gradient of the effective weight (1, O, P*I)."""
        parts, scored, update = self.weight1_parts()[0].numpy(), self.weight2, self.weight2.update
        parts_gradient = np.empty_like(parts)  # (P, R, I)
        scores, mask = scored.scores[0].numpy(), scored.mask[0].numpy()
        above, found = kernels.update_scores(
            scores,
            scored.velocity[0].numpy(),
            mask,
            scored.weights[0].numpy(),
            parts,
            # (1, O, P*I) -> (O, P, I)
            gradient[0].contiguous().numpy().reshape(self.spec.outputs, len(parts), self.spec.inputs),
            parts_gradient,
            self._number(learning_rate),
            self._number(update.momentum),
            self._number(update.decay),
            *map(self._number, self._topk.band()),
            self._candidates,
        )
        self._topk.update(scores, mask, above, self._candidates, found)
        self._apply_weight1_gradient(torch.from_numpy(parts_gradient)[None], learning_rate)  # (P, R, I) -> (1, P, R, I)


Layer = DenseLayer | ScoredLayer


def make_layers(
    runs: Sequence[Run],
    image: ImageShape,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    compiled: bool | None = None,
) -> list[Layer]:
    """The layers of `runs` with their initial weights and scores, from input to output.

    compiled: use `CompiledLayer`; None (all callers but tests) picks the faster class, compiled for one model on a CPU.
    Raises ValueError if the runs have layers of different sizes.
    """
    if len({layer_specs(run, image) for run in runs}) != 1:
        raise ValueError("stacked runs must have layers of the same sizes")
    specs, update = layer_specs(runs[0], image), SgdUpdate.from_runs(runs, device, dtype)
    fast = device.type == "cpu" and len(runs) == 1 if compiled is None else compiled
    scored = CompiledLayer if fast else ScoredLayer
    return [
        DenseLayer(spec, init, update) if spec.structure == "dense" else scored(spec, init, runs, update)
        for spec, init in zip(specs, _stacked_inits(runs, image, len(specs), device, dtype), strict=True)
    ]
