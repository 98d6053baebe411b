"""The inputs of the first fully connected layer of each network, computed once, because the layers before it are frozen.

Shapes: M models, S sources (distinct frozen convolutions), N images, B images of a batch, I inputs.
"""

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
from lottery.records.tensors import describe_tensors
from lottery.training import EVALUATION_BATCH, to_device

SPLIT_SEED = 0  # every run holds out the same training images

Weights = Mapping[str, np.ndarray]


def convolution_weights(run: Run, data: Images, given: Weights | None) -> dict[str, np.ndarray]:
    """The frozen convolutions of a run by name (float32): those given, else drawn from its seed; empty for fc2 and fc4.

    Raises LotteryError if the given ones do not fit the network or are not finite.
    """
    needed = {layer.name: layer.shape for layer in convolutions(run.network, data.dataset.image)}
    if given is not None and not needed:
        raise LotteryError(f"convolutions: {run.network} has none; omit the file")
    if given is None:
        return init_convolutions(run, data.dataset.image)
    for name, shape in needed.items():
        if name not in given or given[name].shape != shape:
            raise LotteryError(
                f"convolutions: expected {name} {shape}, the file contains {describe_tensors(given)}; give the weights of a {run.network}"
            )
    for name in needed:
        if not np.isfinite(given[name]).all():
            raise LotteryError(f"convolutions: {name} has weights that are NaN or infinite; give finite ones")
    return {name: np.asarray(given[name], np.float32) for name in needed}


@dataclass(frozen=True)
class Split:
    """Train, validation or test images on the device: features (S, N, I) and labels (N,)."""

    features: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, images: Tensor) -> "Split":
        """The images at these indices."""
        return Split(self.features[:, images], self.labels[images])


@dataclass(frozen=True)
class Features:
    """The splits of a dataset as each model sees them.

    Models with the same frozen convolutions, or none, share one source.  source: (M,), the index of each model's source.
    validation: None without held-out images.
    """

    train: Split
    validation: Split | None
    test: Split
    source: Tensor

    def batch(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features (M, B, I) and labels (M, B) of the training images at indices (M, B).

        If all models see the same images in the same order, indices (1, B), both have first dimension 1.
        """
        features = self.train.features
        if len(features) > 1:
            # (S, N, I) at sources (M, 1) and images (M or 1, B) -> (M, B, I)
            return features[self.source[:, None], images], self.train.labels[images].expand(len(self.source), -1)
        return features[0][images], self.train.labels[images]

    def batches(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        """A split in order, in evaluation batches: features (M or 1, B, I) and labels (B,)."""
        size = max(EVALUATION_BATCH // len(self.source), 100)
        for start in range(0, len(split), size):
            features = split.features[:, start : start + size]  # (S, B, I)
            yield features if len(features) == 1 else features[self.source], split.labels[start : start + size]


def feature_extractor(run: Run, data: Images, weights: Weights, device: torch.device) -> nn.Module:
    """A module from normalised images (N, channels, size, size) to features (N, I): frozen convolutions, if any, and flatten."""
    if not weights:
        return nn.Flatten()
    network = build(run.network, data.dataset.image).to(device)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()}, strict=False)
    names = [name for name, _ in network.named_children()]
    extractor: nn.Module = network[: names.index("flatten") + 1]  # type: ignore[index]
    return extractor


@torch.no_grad()
def extract_features(
    run: Run, data: Images, weights: Weights, split: str, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Features (N, I) and labels (N,) of the `train` or `test` images: normalised pixels, or outputs of convolutions."""
    images, labels = to_device(data, split, "normalised", device)
    extractor = feature_extractor(run, data, weights, device)
    batches = images.split(EVALUATION_BATCH if weights else len(images))
    return torch.cat([extractor(batch) for batch in batches]), labels


def compute_features(runs: Sequence[Run], data: Images, weights: Sequence[Weights], device: torch.device) -> Features:
    """The features of stacked runs, given the frozen convolutions of each.

    The runs share one protocol and hold out the same images.  Raises LotteryError if no training images are left.
    """
    run = runs[0]
    total, held_out = len(data.train_labels), run.validation_images
    if held_out is not None and held_out >= total:
        raise LotteryError(
            f"validation_images: {held_out} of {total} training images leave none to train on; hold out fewer"
        )
    keys = [tuple(array.tobytes() for array in own.values()) for own in weights]
    distinct = dict(zip(keys, weights, strict=True))
    train, test = (_load_split(run, data, list(distinct.values()), name, device) for name in ("train", "test"))
    source = torch.tensor([list(distinct).index(key) for key in keys], device=device)
    if held_out is None:
        return Features(train, None, test, source)
    order = torch.randperm(total, generator=torch.Generator().manual_seed(SPLIT_SEED)).to(device)
    return Features(train.subset(order[held_out:]), train.subset(order[:held_out]), test, source)


def _load_split(run: Run, data: Images, weights: Sequence[Weights], name: str, device: torch.device) -> Split:
    found = [extract_features(run, data, own, name, device) for own in weights]
    features = [features for features, _ in found]  # S x (N, I) -> (S, N, I)
    return Split(torch.stack(features) if len(features) > 1 else features[0][None], found[0][1])
