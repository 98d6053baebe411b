"""Read and write arrays as safetensors, which contain no code, with metadata and a checksum."""

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from lottery.errors import LotteryError, shortened
from lottery.records.files import atomic_write

# All metadata is in one entry: safetensors does not fix the order of several, and equal results must be equal bytes.
METADATA_KEY = "lottery"
STATE_KEYS = ("state_dict", "model_state_dict", "model")  # of weights in a checkpoint
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")  # prefixes by DataParallel, torch.compile, Lightning


def _checksum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, array in sorted(tensors.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def tensors_bytes(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """Arrays and `metadata` (JSON types) as the bytes of a safetensors file; equal content gives equal bytes.

    A checksum of both is included, so that reading detects any flipped bit.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    entry = {"metadata": metadata, "sha256": _checksum(contiguous, metadata)}
    return save(contiguous, {METADATA_KEY: json.dumps(entry, sort_keys=True)})


def write_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write `tensors_bytes` to a file, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(tensors_bytes(tensors, metadata))


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and metadata of a file by `write_tensors`; raises LotteryError if it is missing, damaged or another file."""
    try:
        with safe_open(path, framework="numpy") as file:
            entry = json.loads((file.metadata() or {})[METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (safe_open is not a dict)
            metadata, checksum = entry["metadata"], entry["sha256"]
    except KeyError as error:
        raise LotteryError(f"{path}: not a file of this program; delete it and run again") from error
    except (OSError, SafetensorError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise LotteryError(
            f"{path}: cannot be read as safetensors of NumPy types ({shortened(error)}); if the workflow wrote it, delete it and run again"
        ) from error
    if _checksum(tensors, metadata) != checksum:
        raise LotteryError(f"{path}: damaged: its content does not match its checksum; delete it and run again")
    return tensors, metadata


def describe_tensors(arrays: Mapping[str, Any], limit: int = 8) -> str:
    """Names of at most `limit` values with their shapes or types: `fc1.weight (500, 784), epoch int`."""
    listed = [f"{name} {tuple(v.shape) if hasattr(v, 'shape') else type(v).__name__}" for name, v in arrays.items()]
    more = [f"and {len(listed) - limit} more"] if len(listed) > limit else []
    return ", ".join([*listed[:limit], *more]) or "nothing"


def _loaded(path: Path) -> Any:
    """The content of a safetensors or PyTorch file; loaded with weights_only, so that no code runs."""
    import torch
    from safetensors.torch import load_file

    with path.open("rb") as file:
        safetensors = file.read(9)[8:] == b"{"  # its JSON header follows 8 bytes of length
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # errors are reported in one line
            return load_file(path) if safetensors else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # the unpickler can raise anything for other bytes
        text = str(error)
        if found := re.search(r"Unsupported global: GLOBAL (\S+)", text):
            raise LotteryError(
                f"weights: {path} contains {found[1]} besides tensors, which could run code; save only"
                " model.state_dict()"
            ) from error
        reason = text.strip().splitlines()[0].partition(". ")[0] if text.strip() else type(error).__name__
        raise LotteryError(
            f"weights: {path} is damaged, or not a state dict of tensors ({shortened(reason)}); save model.state_dict()"
        ) from error


def _state_in(loaded: Any, path: Path) -> dict[str, Any]:
    """The tensors by name in a loaded state dict, or in a checkpoint that has one under one of `STATE_KEYS`."""
    import torch

    if not isinstance(loaded, Mapping):
        raise LotteryError(
            f"weights: {path} is not a state dict: it contains a {type(loaded).__name__}; save model.state_dict()"
        )
    named = {str(name): value for name, value in loaded.items()}
    if named and all(isinstance(value, torch.Tensor) for value in named.values()):
        return named
    inside = [value for key in STATE_KEYS if isinstance(value := named.get(key), Mapping)]
    if len(inside) != 1:
        raise LotteryError(
            f"weights: {path} is not a state dict of tensors: it contains {shortened(describe_tensors(named))}; save"
            f" model.state_dict(), alone or as one of {', '.join(STATE_KEYS)}"
        )
    return _state_in(inside[0], path)


def _without_prefix(state: dict[str, Any]) -> dict[str, Any]:
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            return _without_prefix({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Your own weights by name, float32: from safetensors, or from a state dict or checkpoint of torch.save.

    Prefixes of wrappers around a whole network (`WRAPPERS`) are removed from the names.
    Raises LotteryError if the file is missing, damaged, or contains anything but plain tensors.
    """
    if not path.is_file():
        raise LotteryError(f"weights: the file {path} does not exist")
    state = _without_prefix(_state_in(_loaded(path), path))
    try:
        return {name: tensor.detach().float().numpy() for name, tensor in state.items()}
    except (RuntimeError, TypeError) as error:  # sparse, quantised, on no device
        raise LotteryError(
            f"weights: {path} contains tensors that are not plain numbers ({shortened(error)}); convert them to dense float"
        ) from error
