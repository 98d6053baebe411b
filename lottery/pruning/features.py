"""What the fully connected layers of some networks see: computed once, as what comes before them is frozen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.networks import build
from lottery.pruning.run import Run
from lottery.pruning.streams import init_convolutions
from lottery.pruning.structures import convolutions
from lottery.records.tensors import described
from lottery.training import EVALUATION_BATCH, resident

SPLIT_SEED = 0  # which training images are held out is the same for every run

Weights = Mapping[str, np.ndarray]


def convolution_weights(run: Run, data: Images, given: Weights | None) -> dict[str, np.ndarray]:
    """The frozen convolutions: those given (by `conv1.weight`, ...), else random by the run's seed; none for fc2, fc4."""
    needed = {layer.name: layer.shape for layer in convolutions(run.network, data.dataset.image)}
    if given is not None and not needed:
        raise LotteryError(f"convolutions: {run.network} has none; leave the file out")
    if given is None:
        return init_convolutions(run, data.dataset.image)
    for name, shape in needed.items():
        if name not in given or given[name].shape != shape:
            raise LotteryError(f"convolutions: {name} {shape} is needed, the file holds {described(given)}")
    for name in needed:
        if not np.isfinite(given[name]).all():
            raise LotteryError(f"convolutions: {name} has weights that are NaN or infinite")
    return {name: np.asarray(given[name], np.float32) for name in needed}


@dataclass(frozen=True)
class Part:
    """Some images, on the device: features (sources, count, in), labels (count,)."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def chosen(self, images: Tensor) -> "Part":
        return Part(self.features[:, images], self.labels[images])


@dataclass(frozen=True)
class Features:
    """The parts of a dataset as each model sees them.

    Models with the same frozen convolutions, or none, have one source; source (models,) says which one is whose.
    """

    train: Part
    validation: Part | None
    test: Part
    source: Tensor

    def batch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (models, count, in) and labels (models, count) of training images (models, count).

        Where all models see the same, in the same order (1, count), both come with one model, for all.
        """
        features = self.train.features
        if len(features) > 1:
            return features[self.source[:, None], images], self.train.labels[images].expand(len(self.source), -1)
        return features[0][images], self.train.labels[images]

    def batches(self, part: Part) -> Iterator[tuple[Tensor, Tensor]]:
        """A part in order, in batches that fit: features (models or 1, count, in) and labels (count,)."""
        size = max(EVALUATION_BATCH // len(self.source), 100)
        for start in range(0, len(part), size):
            features = part.features[:, start : start + size]
            yield features if len(features) == 1 else features[self.source], part.labels[start : start + size]


def frozen_part(run: Run, data: Images, weights: Weights, device: torch.device) -> nn.Module:
    """From normalised images (count, channels, size, size) to features (count, in): frozen convolutions, or nothing."""
    if not weights:
        return nn.Flatten()
    network = build(run.network, data.dataset.image).to(device)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    names = [name for name, _ in network.named_children()]
    part: nn.Module = network[: names.index("flatten") + 1]  # type: ignore[index]
    return part


@torch.no_grad()
def extract(run: Run, data: Images, weights: Weights, part: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Normalised pixels, or what frozen convolutions make of them, (count, in); and labels."""
    images, labels = resident(data, part, "normalised", device)
    frozen = frozen_part(run, data, weights, device)
    batches = images.split(EVALUATION_BATCH if weights else len(images))
    return torch.cat([frozen(batch) for batch in batches]), labels


def features_of(runs: Sequence[Run], data: Images, weights: Sequence[Weights], device: torch.device) -> Features:
    """What the networks of some runs see, with the frozen convolutions of each.

    Runs side by side have one protocol, and hold out the same images.
    """
    run = runs[0]
    total, held_out = len(data.train_labels), run.validation_images
    if held_out is not None and held_out >= total:
        raise LotteryError(f"validation_images: {held_out} of {total} training images leave none to learn from")
    keys = [tuple(array.tobytes() for array in part.values()) for part in weights]
    distinct = dict(zip(keys, weights, strict=True))
    train, test = (_part(run, data, list(distinct.values()), name, device) for name in ("train", "test"))
    source = torch.tensor([list(distinct).index(key) for key in keys], device=device)
    if held_out is None:
        return Features(train, None, test, source)
    order = torch.randperm(total, generator=torch.Generator().manual_seed(SPLIT_SEED)).to(device)
    return Features(train.chosen(order[held_out:]), train.chosen(order[:held_out]), test, source)


def _part(run: Run, data: Images, weights: Sequence[Weights], name: str, device: torch.device) -> Part:
    found = [extract(run, data, part, name, device) for part in weights]
    features = [features for features, _ in found]
    return Part(torch.stack(features) if len(features) > 1 else features[0][None], found[0][1])
