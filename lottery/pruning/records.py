"""A run's files: what it found (the same bytes for the same run), and what it cost."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lottery.pruning.learning import Pruned
from lottery.pruning.run import Run
from lottery.records.files import write_json, write_text
from lottery.records.tensors import read_tensors, write_tensors

RUN_FILES = ("metrics.json", "history.csv", "masks.safetensors", "cost.json")


def packed(masks: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, list[int]]]:
    """Masks as bits, eight to a byte, and their shapes."""
    return {name: np.packbits(mask) for name, mask in masks.items()}, {n: list(m.shape) for n, m in masks.items()}


def unpacked(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, list[int]]) -> dict[str, np.ndarray]:
    """The bool masks of `packed`."""
    return {
        name: np.unpackbits(arrays[name], count=int(np.prod(shape))).astype(bool).reshape(shape)
        for name, shape in shapes.items()
    }


def read_masks(path: Path) -> dict[str, np.ndarray]:
    """The bool masks of a run, from its masks.safetensors: by `LAYER.weight1` (r, in) and `LAYER.weight2` (r, out, in)."""
    arrays, metadata = read_tensors(path)
    return unpacked(arrays, metadata["shapes"])


def _history_csv(pruned: Pruned) -> str:
    text = io.StringIO()
    columns = ["epoch", "loss", "validation_accuracy", "test_accuracy"]
    lines = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    lines.writeheader()
    lines.writerows(asdict(epoch) for epoch in pruned.history)
    return text.getvalue()


def write_run(folder: Path, run: Run, dataset: str, pruned: Pruned) -> None:
    """metrics.json (settings, counts, accuracy), history.csv, masks.safetensors, and seconds in cost.json: `RUN_FILES`."""
    last = pruned.history[-1]
    bits, shapes = packed(pruned.masks)
    write_tensors(folder / "masks.safetensors", bits, {"shapes": shapes})
    write_text(folder / "history.csv", _history_csv(pruned))
    write_json(folder / "cost.json", {"epoch_seconds": [round(epoch.seconds, 4) for epoch in pruned.history]})
    write_json(
        folder / "metrics.json",
        {
            "dataset": dataset,
            **asdict(run),
            **asdict(pruned.counts),
            "convolution_parameters": pruned.convolution_parameters,
            "loss": last.loss,
            "validation_accuracy": last.validation_accuracy,
            "test_accuracy": last.test_accuracy,
        },
    )
