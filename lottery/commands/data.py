"""Datasets."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def fetch(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Download a dataset or read its published files, verify it, and write one file of arrays.

    Of an interrupted download, whole files are kept.  Example, with no network:

        lottery fetch --dataset mnist5k --source embedded --output mnist5k.safetensors
    """
    from lottery.data.datasets import fetch

    dataset = fetch(arguments.dataset, arguments.source, provenance.add_outputs(arguments.output))
    print(f"{dataset.name}: {dataset.train_count:,} training and {dataset.test_count:,} test images, verified")
