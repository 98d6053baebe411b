"""The files of a run: results (equal bytes for equal runs), and measured times.

Shapes: R redundancy, O outputs, I inputs.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lottery.pruning.run import Run
from lottery.pruning.training_loop import PruningResult
from lottery.records.files import write_json, write_text
from lottery.records.tensors import read_tensors, write_tensors

RUN_FILES = ("metrics.json", "history.csv", "masks.safetensors", "cost.json")


def pack_masks(masks: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Masks as bits, eight per byte, and their shapes, both by name."""
    return {name: np.packbits(mask) for name, mask in masks.items()}, {n: list(m.shape) for n, m in masks.items()}


def unpack_masks(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, list[int]]) -> dict[str, np.ndarray]:
    """The bool masks that `pack_masks` packed."""
    return {
        name: np.unpackbits(arrays[name], count=int(np.prod(shape))).astype(bool).reshape(shape)
        for name, shape in shapes.items()
    }


def read_masks(path: Path) -> dict[str, np.ndarray]:
    """The bool masks in a masks.safetensors, by `LAYER.weight1` (R, I) and `LAYER.weight2` (R, O, I).

    Raises LotteryError if the file is missing or damaged.
    """
    arrays, metadata = read_tensors(path)
    return unpack_masks(arrays, metadata["shapes"])


def _history_csv(result: PruningResult) -> str:
    text = io.StringIO()
    columns = ["epoch", "loss", "validation_accuracy", "test_accuracy"]
    lines = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    lines.writeheader()
    lines.writerows(asdict(epoch) for epoch in result.history)
    return text.getvalue()


def write_run(folder: Path, run: Run, dataset: str, result: PruningResult) -> None:
    """Write `RUN_FILES` into `folder`: metrics.json (settings, counts, accuracies in percent), history.csv (one row per epoch),
    masks.safetensors, and cost.json (seconds per epoch)."""
    last = result.history[-1]
    bits, shapes = pack_masks(result.masks)
    write_tensors(folder / "masks.safetensors", bits, {"shapes": shapes})
    write_text(folder / "history.csv", _history_csv(result))
    write_json(folder / "cost.json", {"epoch_seconds": [round(epoch.seconds, 4) for epoch in result.history]})
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset,
            **asdict(run),
            **asdict(result.counts),
            "convolution_parameters": result.convolution_parameters,
            "loss": last.loss,
            "validation_accuracy": last.validation_accuracy,
            "test_accuracy": last.test_accuracy,
        },
    )
