"""Read and verify IDX files, the format of MNIST, raw or gzipped."""

import gzip
import hashlib
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lottery.errors import LotteryError

UNSIGNED_BYTE = 0x08
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class IdxFile:
    """The expected name (without `.gz`), array shape and published checksums of a file.

    md5: of the gzipped file as published; a file that was gzipped again has another.  sha256: of the content.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    sha256: str | None = None


class ChecksumError(LotteryError):
    """A file with the right shape whose checksum is not the published one."""


def _copies(folders: Sequence[Path], name: str) -> list[Path]:
    """Existing files that may be the file `name`: gzipped or not, with `.idx3` for `-idx3`, or in a folder of the same name
    (as in Kaggle's archive)."""
    names = [f"{known}{suffix}" for known in (name, name.replace("-idx", ".idx")) for suffix in (".gz", "")]
    places = [place for folder in folders for known in names for place in (folder / known, folder / known / known)]
    return [path for path in dict.fromkeys(places) if path.is_file()]


def _content(path: Path, stored: bytes) -> bytes:
    try:
        return (
            gzip.decompress(stored) if stored.startswith(GZIP) else stored
        )  # by content, because the name may be wrong
    except (OSError, EOFError, zlib.error) as error:
        raise LotteryError(f"{path}: damaged or truncated ({error}); download it again") from error


def _parsed(path: Path, content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    header = 4 + 4 * len(shape)
    if len(content) < header:
        raise LotteryError(
            f"{path}: truncated: {len(content)} bytes, fewer than the {header} of its header; download it again"
        )
    zeros, kind, dimensions = struct.unpack(">HBB", content[:4])
    if (zeros, kind, dimensions) != (0, UNSIGNED_BYTE, len(shape)):
        raise LotteryError(
            f"{path}: got magic number 0x{content[:4].hex()}, expected 0x0000{UNSIGNED_BYTE:02x}{len(shape):02x}; "
            f"this is not {'an image' if len(shape) == 3 else 'a label'} file"
        )
    stated = struct.unpack(f">{dimensions}I", content[4:header])
    if stated != shape:
        raise LotteryError(f"{path}: got shape {stated}, expected {shape}; it may belong to another dataset or split")
    if len(content) != header + math.prod(shape):
        raise LotteryError(
            f"{path}: got {len(content) - header} bytes of data, expected {math.prod(shape)}; truncated or damaged:"
            " download it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _verified(path: Path, expected: IdxFile) -> np.ndarray:
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise LotteryError(f"{path}: cannot be read ({error.strerror})") from error
    content = _content(path, stored)
    array = _parsed(path, content, expected.shape)
    if expected.sha256 is not None:
        matches = hashlib.sha256(content).hexdigest() == expected.sha256
    else:
        matches = stored is content or hashlib.md5(stored, usedforsecurity=False).hexdigest() == expected.md5
    if not matches:
        raise ChecksumError(f"{path}: right shape but wrong checksum; it is damaged or from another dataset")
    return array


def read_idx(folders: Sequence[Path], expected: IdxFile) -> np.ndarray:
    """The uint8 array of a file, gzipped or raw, from the first of `folders` that has it intact.

    Checks the gzip checksum, magic number, shape, size, and a published checksum.  If only the checksum of the published gzip is
    known, a raw file is checked by shape and size only.
    Raises LotteryError if no folder has the file, or all copies are damaged.
    """
    copies = _copies(folders, expected.name)
    if not copies:
        raise LotteryError(
            f"{folders[0]}: contains neither {expected.name}.gz nor {expected.name} (nor does"
            f" {', '.join(str(folder.relative_to(folders[0])) for folder in folders[1:])}); `source` must be the folder"
            " with the IDX files"
        )
    faults: list[LotteryError] = []
    for path in copies:
        try:
            array = _verified(path, expected)
        except LotteryError as error:
            if isinstance(error, ChecksumError) and expected.sha256 is None:
                raise  # a raw copy may be from the other dataset too, and its shape would not show that
            faults.append(error)
            continue
        for fault in faults:
            print(f"{fault}; using {path} instead")
        return array
    raise faults[0]
