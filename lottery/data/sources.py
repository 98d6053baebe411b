"""Where datasets come from: mirrors, a folder with the published files, or an installed package.

Only `lottery fetch` imports this module, so that another mirror makes no result stale but the dataset's own file, whose bytes
are verified.
"""

from pathlib import Path

import numpy as np

from lottery.data.datasets import DOWNLOAD, Dataset, Images, check_source, get_dataset
from lottery.data.download import download
from lottery.data.idx import read_idx
from lottery.data.vision import torchvision
from lottery.errors import LotteryError
from lottery.records.tensors import write_tensors


def _from_idx(dataset: Dataset, folder: Path) -> Images:
    places = [folder, folder / "raw", folder / str(dataset.torchvision_class) / "raw"]  # torchvision uses the last two
    arrays = [read_idx(places, file) for file in dataset.idx_files]
    # images (N, size, size) -> (N, 1, size, size)
    return Images(dataset, arrays[0][:, None], arrays[1], arrays[2][:, None], arrays[3])


def _from_cifar(dataset: Dataset, folder: Path, unpack: bool = False) -> Images:
    """CIFAR-10 from the batches in `folder`, or in its cifar-10-batches-py.

    unpack: unpack the published archive in `folder` first.  Raises RuntimeError if the batches are not intact.
    """

    class Batches(torchvision().datasets.CIFAR10):  # type: ignore[misc]
        base_folder = "" if (folder / "data_batch_1").is_file() else torchvision().datasets.CIFAR10.base_folder

    # If the archive is there and intact, torchvision's `download` only unpacks it.
    parts = [Batches(folder, train=train, download=unpack) for train in (True, False)]
    # images (N, size, size, channels) -> (N, channels, size, size)
    arrays = [(part.data.transpose(0, 3, 1, 2), np.array(part.targets, np.uint8)) for part in parts]
    return Images(dataset, *arrays[0], *arrays[1])


def _downloaded(dataset: Dataset, folder: Path) -> Images:
    """Download from torchvision's mirrors and check its checksums; complete files in `folder` are reused."""
    if dataset.torchvision_class is None:
        raise LotteryError(f"{dataset.name}: no download is known; set `source` to the folder with its files")
    known = getattr(torchvision().datasets, dataset.torchvision_class)
    raw = folder / dataset.torchvision_class / "raw"
    try:
        for file in dataset.idx_files:
            download([f"{mirror}{file.name}.gz" for mirror in known.mirrors], raw / f"{file.name}.gz", file.md5)
        if not dataset.idx_files:
            download([known.url], folder / known.filename, known.tgz_md5)
    except LotteryError as error:
        raise LotteryError(
            f"{dataset.name}: download failed ({error}); without network put the dataset's files in a folder and set"
            " `source: FOLDER` in the config, or set `dataset: mnist5k`, which needs none"
        ) from error
    return _from_idx(dataset, raw) if dataset.idx_files else _from_cifar(dataset, folder, unpack=True)


def fetch(name: str, source: str, output: Path) -> Dataset:
    """Write the dataset `name` to `output`, from `source`: `download`, `embedded`, or a folder with its published files.

    A dataset in an installed package has source `embedded` (or `download`, which means the same).  Downloads are saved in a folder
    beside `output`, so an interrupted download resumes with the next file.
    Raises LotteryError if the source does not have the dataset, or its files are damaged.
    """
    dataset = get_dataset(name)
    check_source(dataset, source)
    if dataset.embedded is not None:
        images = dataset.embedded(dataset)
    elif source == DOWNLOAD:
        images = _downloaded(dataset, output.parent / "downloads")
    elif not Path(source).is_dir():
        raise LotteryError(f"source: the folder {source} does not exist")
    elif dataset.idx_files:
        images = _from_idx(dataset, Path(source))
    else:
        try:
            images = _from_cifar(dataset, Path(source))
        except RuntimeError as error:
            raise LotteryError(
                f"{source}: expected an intact folder cifar-10-batches-py in it ({error}); unpack the published archive again"
            ) from error
    arrays = {part: getattr(images, part) for part in ("train_images", "train_labels", "test_images", "test_labels")}
    write_tensors(output, arrays, {"dataset": name})
    return dataset
