"""IDX files, the format of MNIST: read and verified, raw or gzipped."""

import gzip
import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lottery.errors import LotteryError

UNSIGNED_BYTE = 0x08


@dataclass(frozen=True)
class IdxFile:
    """What one file must be: its name without `.gz`, the shape of its array, and its published checksums.

    md5 is of the gzipped file as published, sha256 of the content; a file that was gzipped again has another md5.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    sha256: str | None = None


def _found(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.gz", folder / name):
        if candidate.is_file():
            return candidate
    raise LotteryError(
        f"{folder}: neither {name}.gz nor {name} is there; `source` must be the folder with the IDX files"
    )


def _content(path: Path) -> bytes:
    try:
        stored = path.read_bytes()
        return gzip.decompress(stored) if path.suffix == ".gz" else stored
    except (OSError, EOFError, zlib.error) as error:
        raise LotteryError(f"{path}: damaged or truncated ({error}); fetch it again") from error


def _parsed(path: Path, content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    header = 4 + 4 * len(shape)
    if len(content) < header:
        raise LotteryError(f"{path}: truncated, {len(content)} bytes are fewer than its header of {header}")
    zeros, kind, dimensions = struct.unpack(">HBB", content[:4])
    if (zeros, kind, dimensions) != (0, UNSIGNED_BYTE, len(shape)):
        raise LotteryError(
            f"{path}: magic number 0x{content[:4].hex()} where 0x0000{UNSIGNED_BYTE:02x}{len(shape):02x} is expected; "
            f"this is not {'an image' if len(shape) == 3 else 'a label'} file"
        )
    stated = struct.unpack(f">{dimensions}I", content[4:header])
    if stated != shape:
        raise LotteryError(f"{path}: states {stated}, where {shape} is expected; is it the file of another set?")
    if len(content) != header + math.prod(shape):
        raise LotteryError(
            f"{path}: holds {len(content) - header} bytes of data where {math.prod(shape)} are stated; truncated or damaged"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_idx(folder: Path, expected: IdxFile) -> np.ndarray:
    """The uint8 array of one file of `folder`, gzipped or raw, refused by name where it is not what it must be.

    Checked: the gzip checksum, magic number, stated and actual size, and a published checksum.  Where only the
    checksum of the published gzip is known, a raw file is checked by its form alone.
    """
    path = _found(folder, expected.name)
    content = _content(path)
    array = _parsed(path, content, expected.shape)
    if expected.sha256 is not None:
        matches = hashlib.sha256(content).hexdigest() == expected.sha256
    else:
        matches = path.suffix != ".gz" or hashlib.md5(path.read_bytes()).hexdigest() == expected.md5
    if not matches:
        raise LotteryError(f"{path}: has the right form but the wrong checksum; it is damaged or another dataset's")
    return array
