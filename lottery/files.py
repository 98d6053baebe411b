"""How results reach the disk: atomically, in formats that hold no code (safetensors, JSON, text)."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lottery.errors import LotteryError, shortened

if TYPE_CHECKING:
    import pandas as pd

# All metadata in one entry: safetensors does not promise an order for several, and equal results shall be equal bytes.
METADATA_KEY = "lottery"


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` only if the block ends well.

    So a killed job, a full disk or a second writer leaves the old file or the new one, never a part.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> LotteryError:
    return LotteryError(f"{path}: cannot be written ({error.strerror or error}); mend that and run again")


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before long work is done for it."""
    trial = folder / f".writable.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch()
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(content: Any) -> str:
    """JSON as our files have it: indented, keys in the given order."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically."""
    write_text(path, json_text(content))


def read_json(path: Path) -> Any:
    """Read JSON; a missing or damaged file is a LotteryError that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LotteryError(f"{path}: cannot be read as JSON ({error}); delete it and run again") from error


def read_table(path: Path, numbers: Sequence[str] = (), words: Sequence[str] = ()) -> pd.DataFrame:
    """Read CSV, counts as whole numbers also where some are missing; a damaged file is a LotteryError that names it.

    numbers: columns that must be there and hold numbers, or nothing.  words: further columns that must be there.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path).convert_dtypes()
        for column in numbers:
            table[column] = pd.to_numeric(table[column])
        if missing := set(words) - set(table.columns):
            raise KeyError(min(missing))
        return table
    except (OSError, ValueError, TypeError) as error:
        raise LotteryError(f"{path}: cannot be read as CSV ({shortened(error)}); delete it and run again") from error
    except KeyError as error:
        raise LotteryError(f"{path}: has no column {error}; delete it and run again") from error


def _checksum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def tensors_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """Arrays and a JSON-able `metadata` as the bytes of a safetensors file; equal content gives equal bytes.

    A checksum of both is written along, so that a flipped bit is found when the file is read.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    entry = {"metadata": metadata, "sha256": _checksum(contiguous, metadata)}
    return save(contiguous, {METADATA_KEY: json.dumps(entry, sort_keys=True)})


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write `tensors_bytes`, atomically."""
    with replaced(path) as temporary:
        temporary.write_bytes(tensors_bytes(tensors, metadata))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and metadata of a file by `write_tensors`; a missing, damaged or foreign file is a LotteryError."""
    try:
        with safe_open(path, framework="numpy") as file:
            entry = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is no dict)
            metadata, checksum = entry["metadata"], entry["sha256"]
    except KeyError as error:
        raise LotteryError(f"{path}: not a file of this program's; delete it and run again") from error
    except (OSError, SafetensorError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise LotteryError(
            f"{path}: cannot be read as safetensors of NumPy types ({shortened(error)}); if the workflow wrote it, delete it and run again"
        ) from error
    if _checksum(tensors, metadata) != checksum:
        raise LotteryError(f"{path}: damaged, its content does not match its checksum; delete it and run again")
    return tensors, metadata


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """A user's own weights by name, float32: safetensors, or a PyTorch state dict (weights_only, so no code runs)."""
    if not path.is_file():
        raise LotteryError(f"weights: the file {path} does not exist")
    import torch
    from safetensors.torch import load_file

    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        return {name: tensor.detach().float().numpy() for name, tensor in state.items()}
    except Exception as error:  # bytes that are no state dict can raise anything in the unpickler
        reason = str(error).strip().splitlines()[0].partition(". ")[0] if str(error).strip() else type(error).__name__
        raise LotteryError(f"weights: {path} is damaged, or no state dict of tensors ({shortened(reason)})") from error


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
