"""Arrays on the disk: safetensors, which hold no code, with metadata and a checksum."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lottery.errors import LotteryError, shortened
from lottery.files import replaced

# All metadata in one entry: safetensors does not promise an order for several, and equal results shall be equal bytes.
METADATA_KEY = "lottery"


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
