"""The target network as a file of weights, written by training or import, and read by all later steps."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lottery.data.datasets import PIXELS, Pixels
from lottery.errors import LotteryError, shortened
from lottery.networks import NETWORKS, ImageShape, Layer, NetworkName, layers
from lottery.recipe import Recipe
from lottery.records.tensors import describe_tensors, read_state_dict, read_tensors, write_tensors


@dataclass(frozen=True)
class Target:
    """A network's weights, float32 by layer name, from input to output.

    pixels: the pixels that it was trained on.  recipe: settings of its training; None for imported weights.
    Raises LotteryError if weights are missing, have another shape, or are not finite.
    """

    network: NetworkName
    image: ImageShape
    pixels: Pixels
    weights: dict[str, np.ndarray]
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        if self.pixels not in PIXELS:
            raise LotteryError(f"pixels: {self.pixels!r} is not one of {', '.join(PIXELS)}")
        NETWORKS.lookup(self.network)
        expected = {layer.name: layer.shape for layer in self.layers}
        found = {name: array.shape for name, array in self.weights.items()}
        if found.keys() != expected.keys():
            missing, surplus = expected.keys() - found.keys(), found.keys() - expected.keys()
            raise LotteryError(
                f"{self.network}: weights "
                + "; ".join(
                    f"{fault}: {', '.join(sorted(map(str, names)))}"
                    for fault, names in (("missing", missing), ("not of this network", surplus))
                    if names
                )
            )
        for name, shape in expected.items():
            if found[name] != shape:
                raise LotteryError(f"{self.network}: got {name} with shape {found[name]}, expected {shape}")
        with np.errstate(over="ignore"):
            ordered = {name: np.asarray(self.weights[name], np.float32) for name in expected}
        for name, array in ordered.items():
            bad = np.count_nonzero(~np.isfinite(array))
            if bad:
                raise LotteryError(f"{self.network}: {name} has {bad} weights that are NaN or infinite in float32")
        object.__setattr__(self, "weights", ordered)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of the network, from input to output."""
        return layers(self.network, self.image)

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(layer.size for layer in self.layers)

    def matrix(self, layer: int) -> np.ndarray:
        """Weights of a layer as float64 (rows, columns), one row per output unit."""
        # (out, in) stays, (out, in, height, width) -> (out, in * height * width)
        return self.weights[self.layers[layer].name].reshape(self.layers[layer].rows, -1).astype(np.float64)

    def range(self) -> tuple[float, float]:
        """Smallest and largest weight of the whole network, at most and at least 0 (as in the released code)."""
        return (
            min(0.0, *(float(array.min()) for array in self.weights.values())),
            max(0.0, *(float(array.max()) for array in self.weights.values())),
        )

    def metadata(self) -> dict[str, Any]:
        """The metadata of its file: network, image shape, pixels and recipe."""
        return {
            "network": self.network,
            "image": {"channels": self.image.channels, "size": self.image.size, "classes": self.image.classes},
            "pixels": self.pixels,
            "recipe": None if self.recipe is None else asdict(self.recipe),
        }


def write_target(path: Path, target: Target) -> None:
    """Write the weights and the metadata of a network."""
    write_tensors(path, target.weights, target.metadata())


def read_target(path: Path) -> Target:
    """The target, or an approximated network, in a file of `write_target`; raises LotteryError if it is damaged or another file."""
    weights, metadata = read_tensors(path)
    try:
        recipe = None if metadata["recipe"] is None else Recipe(**metadata["recipe"])
        return Target(metadata["network"], ImageShape(**metadata["image"]), metadata["pixels"], weights, recipe)
    except (KeyError, TypeError, LotteryError) as error:
        reason = f"no entry {error}" if isinstance(error, KeyError) else shortened(error)
        raise LotteryError(
            f"{path}: not a network file ({reason}); import weights with `lottery import-weights`"
        ) from error


def import_weights(source: Path, network: NetworkName, image: ImageShape, pixels: Pixels) -> Target:
    """A target with your own weights: safetensors, or a PyTorch state dict or checkpoint.

    Raises LotteryError if the file is damaged, or its weights do not fit the network.
    """
    state = read_state_dict(source)
    try:
        return Target(network, image, pixels, state)
    except LotteryError as error:
        if network not in NETWORKS:
            raise
        expected = ", ".join(f"{layer.name} {layer.shape}" for layer in layers(network, image))
        raise LotteryError(
            f"{source}: {error}; the file contains {describe_tensors(state)}; {network} has {expected}"
        ) from error
