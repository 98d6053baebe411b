"""Arrays on the disk: safetensors, which hold no code, with metadata and a checksum."""

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
from lottery.records.files import replaced

# All metadata in one entry: safetensors does not promise an order for several, and equal results shall be equal bytes.
METADATA_KEY = "lottery"
STATE_KEYS = ("state_dict", "model_state_dict", "model")  # of checkpoints, where the weights are
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")


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


def described(arrays: Mapping[str, Any], most: int = 8) -> str:
    """Names with shapes, or with types where they have none: `fc1.weight (500, 784), epoch int`."""
    listed = [f"{name} {tuple(v.shape) if hasattr(v, 'shape') else type(v).__name__}" for name, v in arrays.items()]
    more = [f"and {len(listed) - most} more"] if len(listed) > most else []
    return ", ".join([*listed[:most], *more]) or "nothing"


def _loaded(path: Path) -> Any:
    """What is in a file of safetensors or of PyTorch's; weights_only, so that no code runs."""
    import torch
    from safetensors.torch import load_file

    with path.open("rb") as file:
        safetensors = file.read(9)[8:] == b"{"  # after the length of its JSON header
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error is one line
            return load_file(path) if safetensors else torch.load(path, "cpu", weights_only=True)
    except Exception as error:  # bytes that are no state dict can raise anything in the unpickler
        text = str(error)
        if found := re.search(r"Unsupported global: GLOBAL (\S+)", text):
            raise LotteryError(
                f"weights: {path} holds {found[1]} besides tensors, which is not loaded as it could run code; save"
                " model.state_dict() alone"
            ) from error
        reason = text.strip().splitlines()[0].partition(". ")[0] if text.strip() else type(error).__name__
        raise LotteryError(f"weights: {path} is damaged, or no state dict of tensors ({shortened(reason)})") from error


def _state_in(loaded: Any, path: Path) -> dict[str, Any]:
    """The tensors by name in what was loaded, also where a checkpoint has them beside other things."""
    import torch

    if not isinstance(loaded, Mapping):
        raise LotteryError(
            f"weights: {path} is no state dict: it holds a {type(loaded).__name__}; save model.state_dict()"
        )
    named = {str(name): value for name, value in loaded.items()}
    if named and all(isinstance(value, torch.Tensor) for value in named.values()):
        return named
    inside = [value for key in STATE_KEYS if isinstance(value := named.get(key), Mapping)]
    if len(inside) != 1:
        raise LotteryError(
            f"weights: {path} is no state dict of tensors: it holds {shortened(described(named))}; save"
            f" model.state_dict(), alone or as one of {', '.join(STATE_KEYS)}"
        )
    return _state_in(inside[0], path)


def _without_prefix(state: dict[str, Any]) -> dict[str, Any]:
    for prefix in WRAPPERS:
        if all(name.startswith(prefix) for name in state):
            return _without_prefix({name.removeprefix(prefix): value for name, value in state.items()})
    return state


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """A user's own weights by name, float32: safetensors, or what torch.save made of a state dict or a checkpoint.

    What wraps a whole network (DataParallel, torch.compile, Lightning) and so begins every name is left out.
    """
    if not path.is_file():
        raise LotteryError(f"weights: the file {path} does not exist")
    state = _without_prefix(_state_in(_loaded(path), path))
    try:
        return {name: tensor.detach().float().numpy() for name, tensor in state.items()}
    except (RuntimeError, TypeError) as error:  # sparse, quantised, on no device
        raise LotteryError(f"weights: {path} holds tensors that are no plain numbers ({shortened(error)})") from error
