"""IDX files, the format of MNIST: read and verified, raw or gzipped."""

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
    """What one file must be: its name without `.gz`, the shape of its array, and its published checksums.

    md5 is of the gzipped file as published, sha256 of the content; a file that was gzipped again has another md5.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    sha256: str | None = None


class ChecksumError(LotteryError):
    """A file of the right form that is not the published one."""


def _copies(folders: Sequence[Path], name: str) -> list[Path]:
    """Files that may be the one called `name`, as archives and people leave them: `.idx3` for `-idx3`, gzipped or not,
    or in a folder of the same name (as Kaggle's archive has it)."""
    names = [f"{known}{suffix}" for known in (name, name.replace("-idx", ".idx")) for suffix in (".gz", "")]
    places = [place for folder in folders for known in names for place in (folder / known, folder / known / known)]
    return [path for path in dict.fromkeys(places) if path.is_file()]


def _content(path: Path, stored: bytes) -> bytes:
    try:
        return gzip.decompress(stored) if stored.startswith(GZIP) else stored  # whatever its name says
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
        raise ChecksumError(f"{path}: has the right form but the wrong checksum; it is damaged or another dataset's")
    return array


def read_idx(folders: Sequence[Path], expected: IdxFile) -> np.ndarray:
    """The uint8 array of one file, gzipped or raw, of the first of `folders` that has it intact.

    Checked: the gzip checksum, magic number, stated and actual size, and a published checksum.  Where only the
    checksum of the published gzip is known, a raw file is checked by its form alone.
    """
    copies = _copies(folders, expected.name)
    if not copies:
        raise LotteryError(
            f"{folders[0]}: neither {expected.name}.gz nor {expected.name} is there (nor in"
            f" {', '.join(str(folder.relative_to(folders[0])) for folder in folders[1:])}); `source` must be the folder"
            " with the IDX files"
        )
    faults: list[LotteryError] = []
    for path in copies:
        try:
            array = _verified(path, expected)
        except LotteryError as error:
            if isinstance(error, ChecksumError) and expected.sha256 is None:
                raise  # a raw file beside it may be of that other dataset as well, and its form would not tell
            faults.append(error)
            continue
        for fault in faults:
            print(f"{fault}; {path} is taken instead")
        return array
    raise faults[0]
