"""Test accuracies of a finished run and its controls, from its stored masks: nothing is trained.

Shapes: N test images, B images of a batch, I inputs of the first fully connected layer, C classes.
"""

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.networks import ImageShape
from lottery.pruning.control_networks import MaskedWeights, Matrices, control_networks, draw_weights
from lottery.pruning.controls import LEARNED, ControlSettings
from lottery.pruning.features import Weights, convolution_weights, extract_features
from lottery.pruning.layers import ScoredLayer, ScoredWeight
from lottery.pruning.network import PrunedNetworks
from lottery.pruning.records import read_masks
from lottery.pruning.run import Run, Variant
from lottery.pruning.structures import kept_count, layer_specs, weight1_sparsity
from lottery.records.files import read_json
from lottery.training import EVALUATION_BATCH

ROUNDING = 1e-4  # of a logit, relative to the largest: far more than float32 sums in another order differ by

RENAMED = {"first_sparsity": "weight1_sparsity"}  # settings of variants in runs that were finished before the change


@dataclass(frozen=True)
class FinishedRun:
    """A run as its folder has it: settings, dataset, recorded test accuracy (percent) and masks."""

    run: Run
    dataset: str
    test_accuracy: float
    masks: Matrices


def _read_settings(path: Path) -> tuple[Run, str, float]:
    """The run in a metrics.json, its dataset, and its test accuracy."""
    metrics = read_json(path)
    try:
        own = {field.name: metrics[field.name] for field in fields(Run)}
        variant = Variant(**{RENAMED.get(name, name): value for name, value in own["variant"].items()})
        run = Run(**{**own, "variant": variant})
        return run, str(metrics["dataset"]), float(metrics["test_accuracy"])
    except (AttributeError, KeyError, TypeError, ValueError, LotteryError) as error:
        raise LotteryError(f"{path}: no sound numbers of a run ({error!r}); delete it and run again") from error


def read_finished(folder: Path) -> FinishedRun:
    """The run of a folder by `lottery prune`.  Raises LotteryError if its files are damaged or it has no masks."""
    run, dataset, accuracy = _read_settings(folder / "metrics.json")
    if run.structure == "dense":
        raise LotteryError(f"{folder}: a run of structure dense, whose weights are trained: it has no masks")
    path = folder / "masks.safetensors"
    try:
        return FinishedRun(run, dataset, accuracy, read_masks(path))
    except (KeyError, TypeError, ValueError) as error:  # a sound file, but another one
        raise LotteryError(f"{path}: not the masks of a run; delete it and run again") from error


def _expected_masks(run: Run, image: ImageShape) -> dict[str, tuple[tuple[int, ...], int]]:
    """The shape of each mask of a run, and how many weights it keeps."""
    shapes: dict[str, tuple[tuple[int, ...], float]] = {}
    for spec in layer_specs(run, image):
        if spec.factored:
            shapes[f"{spec.name}.weight1"] = (spec.weight1_shape, weight1_sparsity(run))
        shapes[f"{spec.name}.weight2"] = (spec.weight2_shape, run.sparsity)
    return {
        name: (shape, kept_count(math.prod(shape), sparsity, run.stream)) for name, (shape, sparsity) in shapes.items()
    }


def _check_masks(finished: FinishedRun, image: ImageShape, folder: Path) -> None:
    """Raise LotteryError unless the masks have the shapes and the numbers of kept weights that the run's settings give."""
    found = {name: (mask.shape, int(np.count_nonzero(mask))) for name, mask in finished.masks.items()}
    if found != _expected_masks(finished.run, image):
        raise LotteryError(
            f"{folder / 'masks.safetensors'}: not the masks of the run in metrics.json; delete both and run again"
        )


class _TestAccuracy:
    """The test accuracy of a run's network under any weights and masks; features are computed once."""

    def __init__(self, run: Run, data: Images, convolutions: Weights | None, device: torch.device) -> None:
        weights = convolution_weights(run, data, convolutions)
        self._features, self._labels = extract_features(run, data, weights, "test", device)  # (N, I), (N,)
        self._networks = PrunedNetworks([run], data.dataset.image, device)

    def _scored(self) -> dict[str, ScoredWeight]:
        """The masked matrices by name."""
        return {
            f"{layer.spec.name}.{name}": scored
            for layer in self._networks.layers
            if isinstance(layer, ScoredLayer)
            for name, scored in (("weight1", layer.weight1), ("weight2", layer.weight2))
            if scored is not None
        }

    def logits(self, network: MaskedWeights) -> Tensor:
        """Logits (N, C), by the arithmetic with which training evaluates."""
        for name, scored in self._scored().items():
            scored.weights[0] = torch.from_numpy(network.weights[name])
            scored.mask[0] = torch.from_numpy(network.masks[name])
        weights = [layer.effective_weight() for layer in self._networks.layers]
        batches = self._features.split(EVALUATION_BATCH)
        # (B, I) -> (1, B, I) -> (1, B, C) -> (B, C)
        return torch.cat([self._networks.outputs(batch[None], weights)[0] for batch in batches])

    def accuracy(self, logits: Tensor) -> float:
        """Share of correct predictions, in percent."""
        return 100.0 * int((logits.argmax(dim=1) == self._labels).sum()) / len(self._labels)


def _rounding(logits: Tensor) -> float:
    """The share of images in percent whose class another order of summation can change."""
    first, second = logits.topk(2, dim=1).values.unbind(dim=1)
    margin = first - second  # (N,)
    near = (margin > 0) & (margin < ROUNDING * logits.abs().amax(dim=1))
    return 100.0 * int(near.sum()) / len(logits)


def _check_rebuilt(accuracy: float, recorded: float, logits: Tensor, folder: Path) -> None:
    """Raise LotteryError unless the rebuilt network has its recorded accuracy, or differs by rounding (another device)."""
    if abs(accuracy - recorded) > _rounding(logits) + 1e-9:
        raise LotteryError(
            f"{folder}: its masks and weights give {accuracy:.2f}% instead of the recorded {recorded:.2f}%: not the masks,"
            " dataset or convolutions of this run; give those that it was made with, or run it again"
        )


def measure_controls(
    folder: Path,
    data: Images,
    settings: ControlSettings,
    device: torch.device,
    convolutions: Weights | None = None,
) -> dict[str, Any]:
    """Test accuracies in percent of a finished run and its controls, a list per control, with the run's settings.

    convolutions: those that the run was given; None: drawn from its seed.
    Raises LotteryError if the folder's files are damaged, or do not give the recorded accuracy.
    """
    finished = read_finished(folder)
    run, image = finished.run, data.dataset.image
    if finished.dataset != data.dataset.name:
        raise LotteryError(f"{folder}: a run on {finished.dataset}, but the data are {data.dataset.name}")
    _check_masks(finished, image, folder)
    test = _TestAccuracy(run, data, convolutions, device)
    learned = MaskedWeights(draw_weights(run, image), finished.masks)
    accuracies: dict[str, list[float]] = {}
    for name, network in control_networks(run, learned, settings, image):
        logits = test.logits(network)
        accuracy = test.accuracy(logits)
        if name == LEARNED:
            _check_rebuilt(accuracy, finished.test_accuracy, logits, folder)
        accuracies.setdefault(name, []).append(accuracy)
    return {
        "dataset": finished.dataset,
        "classes": image.classes,
        "run": asdict(run),
        "settings": asdict(settings),
        "recorded_accuracy": finished.test_accuracy,
        "accuracies": accuracies,
    }
