"""The target network as a file of weights: written by training or imported, read by everything after."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.data.datasets import PIXELS, Pixels
from lottery.errors import LotteryError, shortened
from lottery.networks import NETWORKS, ImageShape, Layer, NetworkName, layers
from lottery.recipe import Recipe
from lottery.records.tensors import described, read_state_dict, read_tensors, write_tensors


@dataclass(frozen=True)
class Target:
    """A network's weights (float32, by layer name, in order from input to output); refuses what does not fit.

    pixels: what it was trained on.    recipe: how it was trained; None of imported weights.
    """

    network: NetworkName
    image: ImageShape
    pixels: Pixels
    weights: dict[str, np.ndarray]
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        if self.pixels not in PIXELS:
            raise LotteryError(f"pixels: {self.pixels!r} is not one of {', '.join(PIXELS)}")
        NETWORKS.named(self.network)
        expected = {layer.name: layer.shape for layer in self.layers}
        found = {name: array.shape for name, array in self.weights.items()}
        if found.keys() != expected.keys():
            missing, surplus = expected.keys() - found.keys(), found.keys() - expected.keys()
            raise LotteryError(
                f"{self.network}: weights "
                + "; ".join(
                    f"{what}: {', '.join(sorted(map(str, names)))}"
                    for what, names in (("missing", missing), ("not of this network", surplus))
                    if names
                )
            )
        for name, shape in expected.items():
            if found[name] != shape:
                raise LotteryError(f"{self.network}: {name} has shape {found[name]}, {shape} is expected")
        with np.errstate(over="ignore"):
            ordered = {name: np.asarray(self.weights[name], np.float32) for name in expected}
        for name, array in ordered.items():
            bad = np.count_nonzero(~np.isfinite(array))
            if bad:
                raise LotteryError(f"{self.network}: {name} has {bad} weights that are NaN or infinite in float32")
        object.__setattr__(self, "weights", ordered)

    @property
    def layers(self) -> tuple[Layer, ...]:
        return layers(self.network, self.image)

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(layer.size for layer in self.layers)

    def matrix(self, layer: int) -> np.ndarray:
        """Weights of a layer as float64 (rows, columns), a row an output unit."""
        return self.weights[self.layers[layer].name].reshape(self.layers[layer].rows, -1).astype(np.float64)

    def range(self) -> tuple[float, float]:
        """Smallest and largest weight of the whole network, 0 included (as the released code has it)."""
        return (
            min(0.0, *(float(array.min()) for array in self.weights.values())),
            max(0.0, *(float(array.max()) for array in self.weights.values())),
        )

    def metadata(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "image": {"channels": self.image.channels, "size": self.image.size, "classes": self.image.classes},
            "pixels": self.pixels,
            "recipe": None if self.recipe is None else asdict(self.recipe),
        }


def write_target(path: Path, target: Target) -> None:
    """Write the weights with what network they are of."""
    write_tensors(path, target.weights, target.metadata())


def read_target(path: Path) -> Target:
    """The target (or an approximated network: the same form) in `path`."""
    weights, metadata = read_tensors(path)
    try:
        recipe = None if metadata["recipe"] is None else Recipe(**metadata["recipe"])
        return Target(metadata["network"], ImageShape(**metadata["image"]), metadata["pixels"], weights, recipe)
    except (KeyError, TypeError, LotteryError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else shortened(error)
        raise LotteryError(f"{path}: holds no network ({reason}); import it with `lottery import-weights`") from error


def import_weights(source: Path, network: NetworkName, image: ImageShape, pixels: Pixels) -> Target:
    """A user's own weights: safetensors, or a PyTorch state dict or checkpoint."""
    state = read_state_dict(source)
    try:
        return Target(network, image, pixels, state)
    except LotteryError as error:
        if network not in NETWORKS:
            raise
        expected = ", ".join(f"{layer.name} {layer.shape}" for layer in layers(network, image))
        raise LotteryError(f"{source}: {error}; it holds {described(state)}; {network} has {expected}") from error
