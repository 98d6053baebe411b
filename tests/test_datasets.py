"""Datasets: what is right is read, what is damaged or mislabelled is refused by name."""

import dataclasses
import gzip
import hashlib
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lottery.data import datasets
from lottery.data.datasets import load
from lottery.data.idx import IdxFile, read_idx
from lottery.data.sources import fetch
from lottery.data.vision import torchvision
from lottery.errors import LotteryError
from lottery.registry import Registry

IMAGES = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
EXPECTED = IdxFile("images", (2, 3, 3), md5="of no gzip")


def idx_bytes(array: np.ndarray, magic: int | None = None) -> bytes:
    magic = 0x0800 | array.ndim if magic is None else magic
    return struct.pack(f">I{array.ndim}I", magic, *array.shape) + array.tobytes()


def test_a_raw_idx_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(idx_bytes(IMAGES))
    np.testing.assert_array_equal(read_idx([tmp_path], EXPECTED), IMAGES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: 0 bytes"),
        (idx_bytes(IMAGES)[:-1], "got 17 bytes of data, expected 18"),
        (idx_bytes(IMAGES) + b"x", "got 19 bytes of data, expected 18"),
        (idx_bytes(IMAGES[0, 0]).ljust(40, b"\0"), "magic number 0x00000801, expected 0x00000803"),
        (idx_bytes(IMAGES, magic=0x0D03), "magic number 0x00000d03"),
        (idx_bytes(IMAGES[:1]), r"got shape \(1, 3, 3\), expected \(2, 3, 3\)"),
    ],
    ids=["empty", "truncated", "too long", "labels for images", "floats", "wrong count"],
)
def test_damaged_or_mislabelled_idx_file_raises_with_its_name(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(LotteryError, match=message) as raised:
        read_idx([tmp_path], EXPECTED)
    assert str(tmp_path / "images") in str(raised.value)


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:20] + b"zz" + b[22:]])
def test_damaged_gzip_file_raises_with_its_name(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    (tmp_path / "images.gz").write_bytes(damage(gzip.compress(idx_bytes(IMAGES))))
    with pytest.raises(LotteryError, match="images.gz: damaged or truncated"):
        read_idx([tmp_path], EXPECTED)


def test_other_content_of_the_right_shape_raises_by_checksum(tmp_path: Path) -> None:
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx_bytes(IMAGES)))
    with pytest.raises(LotteryError, match="wrong checksum"):
        read_idx([tmp_path], EXPECTED)


def test_missing_file_raises_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(LotteryError, match=r"neither images\.gz nor images"):
        read_idx([tmp_path], EXPECTED)


def test_the_embedded_digits_are_balanced_and_split(tmp_path: Path) -> None:
    fetch("mnist5k", "download", tmp_path / "data.safetensors")
    data = load(tmp_path / "data.safetensors")
    assert data.train_images.shape == (4000, 1, 28, 28)
    assert np.bincount(data.train_labels).tolist() == [400] * 10
    assert np.bincount(data.test_labels).tolist() == [100] * 10
    train = {image.tobytes() for image in data.train_images}
    assert not any(image.tobytes() in train for image in data.test_images), "a test image is among the training images"


def test_the_real_mnist_is_read_and_verified_gzipped_or_raw(tmp_path: Path, mnist_folder: Path) -> None:
    fetch("mnist", str(mnist_folder), tmp_path / "gzipped.safetensors")
    raw = tmp_path / "raw"
    raw.mkdir()
    for path in mnist_folder.glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    fetch("mnist", str(raw), tmp_path / "raw.safetensors")
    assert (tmp_path / "gzipped.safetensors").read_bytes() == (tmp_path / "raw.safetensors").read_bytes()
    assert load(tmp_path / "raw.safetensors").train_images.shape == (60000, 1, 28, 28)


def _raw(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


# How the four files lie around: where the file called `name` goes, and what of the published `.gz` is in it.
LAYOUTS: dict[str, tuple[Callable[[str], str], Callable[[Path], bytes]]] = {
    "dots": (lambda name: name.replace("-idx", ".idx"), _raw),
    "dots, gzipped": (lambda name: f"{name.replace('-idx', '.idx')}.gz", Path.read_bytes),
    "Kaggle's archive": (lambda name: f"{name.replace('-idx', '.idx')}/{name.replace('-idx', '.idx')}", _raw),
    "a folder around each": (lambda name: f"{name}/{name}", _raw),
    "torchvision's": (lambda name: f"MNIST/raw/{name}", _raw),
    "in torchvision's": (lambda name: f"raw/{name}.gz", Path.read_bytes),
    "gz that is not gzipped": (lambda name: f"{name}.gz", _raw),
    "gzipped without a suffix": (lambda name: name, Path.read_bytes),
}


@pytest.fixture(scope="module")
def mnist_bytes(mnist_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("mnist") / "data.safetensors"
    fetch("mnist", str(mnist_folder), path)
    return path.read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_mnist_is_taken_as_it_lies_around(tmp_path: Path, mnist_folder: Path, mnist_bytes: bytes, layout: str) -> None:
    place, content = LAYOUTS[layout]
    for path in mnist_folder.glob("*.gz"):
        copy = tmp_path / "files" / place(path.stem)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content(path))
    fetch("mnist", str(tmp_path / "files"), tmp_path / "data.safetensors")
    assert (tmp_path / "data.safetensors").read_bytes() == mnist_bytes


def test_a_broken_copy_beside_a_good_one_is_named_and_passed_over(
    tmp_path: Path, mnist_folder: Path, mnist_bytes: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "files"
    shutil.copytree(mnist_folder, folder)
    broken = folder / "train-images-idx3-ubyte.gz"
    (folder / broken.stem).write_bytes(_raw(broken))
    broken.write_bytes(broken.read_bytes()[:1000])
    fetch("mnist", str(folder), tmp_path / "data.safetensors")
    assert (tmp_path / "data.safetensors").read_bytes() == mnist_bytes
    said = capsys.readouterr().out
    assert f"{broken}: damaged or truncated" in said
    assert f"using {folder / broken.stem} instead" in said


def test_a_raw_file_beside_one_of_another_dataset_is_not_taken_by_its_form(tmp_path: Path, mnist_folder: Path) -> None:
    folder = tmp_path / "files"
    shutil.copytree(mnist_folder, folder)
    for path in mnist_folder.glob("*.gz"):
        (folder / path.stem).write_bytes(_raw(path))
    with pytest.raises(LotteryError, match="wrong checksum"):
        fetch("fashion_mnist", str(folder), tmp_path / "data.safetensors")


@pytest.mark.parametrize("inside", [True, False])
def test_cifar_is_taken_from_its_folder_or_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    """Two tiny batches, and their checksums in place of the published ones."""
    known = torchvision().datasets.CIFAR10
    folder = tmp_path / known.base_folder
    folder.mkdir()
    contents = {
        "data_batch_1": {"data": np.arange(6144, dtype=np.uint8).reshape(2, 3072), "labels": [3, 4]},
        "test_batch": {"data": np.zeros((1, 3072), np.uint8), "labels": [5]},
        "batches.meta": {"label_names": [str(number) for number in range(10)]},
    }
    for name, content in contents.items():
        (folder / name).write_bytes(pickle.dumps(content))
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in contents}
    monkeypatch.setattr(known, "train_list", [["data_batch_1", md5["data_batch_1"]]])
    monkeypatch.setattr(known, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(known, "meta", {**known.meta, "md5": md5["batches.meta"]})
    tiny = dataclasses.replace(datasets.DATASETS["cifar10"], train_count=2, test_count=1)
    monkeypatch.setattr(datasets, "DATASETS", Registry("dataset", {"cifar10": tiny}))
    fetch("cifar10", str(folder if inside else tmp_path), tmp_path / "data.safetensors")
    assert load(tmp_path / "data.safetensors").train_labels.tolist() == [3, 4]


def test_mnist_is_not_taken_for_fashion_mnist(tmp_path: Path, mnist_folder: Path) -> None:
    with pytest.raises(LotteryError, match="train-images-idx3-ubyte.gz: right shape but wrong checksum"):
        fetch("fashion_mnist", str(mnist_folder), tmp_path / "data.safetensors")
    assert not list(tmp_path.iterdir()), "nothing may be left of a refused dataset"


def test_one_changed_pixel_in_mnist_is_found(tmp_path: Path, mnist_folder: Path) -> None:
    folder = tmp_path / "files"
    shutil.copytree(mnist_folder, folder)
    path = folder / "t10k-images-idx3-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[5000] ^= 1
    path.unlink()
    path.with_suffix("").write_bytes(content)
    with pytest.raises(LotteryError, match="t10k-images-idx3-ubyte: right shape but wrong checksum"):
        fetch("mnist", str(folder), tmp_path / "data.safetensors")


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("mnist9", "download", "'mnist9' is not one of mnist, fashion_mnist"),
        ("mnist", "/nowhere/at/all", "the folder /nowhere/at/all does not exist"),
        ("mnist", "embedded", "not embedded .only mnist5k"),
        ("mnist5k", "/tmp", "mnist5k is embedded"),
        ("cifar10", "/tmp", "expected an intact folder cifar-10-batches-py"),
    ],
)
def test_invalid_source_raises_one_line(tmp_path: Path, name: str, source: str, message: str) -> None:
    with pytest.raises(LotteryError, match=message):
        fetch(name, source, tmp_path / "data.safetensors")


def test_download_without_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that refuses connections stands for a machine without network."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setattr("lottery.data.download.ATTEMPTS", 1)
    with pytest.raises(
        LotteryError, match="download failed .*set `source: FOLDER`.*or set `dataset: mnist5k`"
    ) as raised:
        fetch("kmnist", "download", tmp_path / "data.safetensors")
    assert "\n" not in str(raised.value)


def test_truncated_dataset_file_raises_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "data.safetensors"
    fetch("mnist5k", "embedded", path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(LotteryError, match="data.safetensors: cannot be read"):
        load(path)


def test_torchvision_can_be_imported_whatever_its_build() -> None:
    vision = torchvision()
    assert vision.datasets.MNIST.resources
    assert torchvision() is vision
    code = "from lottery.data.vision import torchvision; print(torchvision().transforms.ToTensor().__class__.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ToTensor"


def test_flipped_bit_in_a_dataset_file_raises(tmp_path: Path) -> None:
    path = tmp_path / "mnist5k.safetensors"
    fetch("mnist5k", "embedded", path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(LotteryError, match="mnist5k.safetensors: damaged: its content does not match its checksum"):
        load(path)
