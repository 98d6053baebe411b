"""How many models fit into a GPU's memory.  An estimate: should it be wrong, `batches.prune_all` goes on in halves."""

import math

import torch

from lottery.data.datasets import Images
from lottery.networks import ImageShape
from lottery.pruning.run import Run
from lottery.pruning.structures import blocks_of

SHARE_OF_FREE_MEMORY = 0.8
BYTES_A_WEIGHT = 13  # it, its score and its velocity in float32, and its place in a mask
SCRATCH_A_WEIGHT = 96  # of the largest layer: 45 that a step allocates on the way, once launched and once recorded


def model_bytes(run: Run, image: ImageShape) -> int:
    """About how much memory of a GPU one of several models takes."""
    blocks = blocks_of(run, image)
    largest = max(math.prod(block.second_shape) for block in blocks)
    return sum(block.size for block in blocks) * BYTES_A_WEIGHT + largest * SCRATCH_A_WEIGHT


def features_bytes(run: Run, data: Images) -> int:
    """What the layers see: of fc2 and fc4 once for all models, of lenet5 for each that has convolutions of its own."""
    return (len(data.train_labels) + len(data.test_labels)) * blocks_of(run, data.dataset.image)[0].inputs * 4


def how_many_fit(run: Run, data: Images, free: int) -> int:
    """How many models like this one fit into so many free bytes; at least one, which is tried in any case."""
    own_features = run.network == "lenet5"
    model = model_bytes(run, data.dataset.image) + features_bytes(run, data) * own_features
    return max(1, int(free * SHARE_OF_FREE_MEMORY - features_bytes(run, data)) // model)


def at_once(run: Run, data: Images, device: torch.device, asked: int | None, jobs: int) -> int:
    """How many models are trained side by side on a device that so many jobs share: `asked`, None for as many as fit.

    On a CPU one after another, whatever is asked: compiled steps of single models are faster there (benchmarks/README.md).
    """
    if device.type == "cpu":
        return 1
    free, total = torch.cuda.mem_get_info(device)
    fit = how_many_fit(run, data, min(free, total // jobs))
    if asked is not None and asked > fit:
        print(f"{asked} runs at once are asked for, but about {fit} fit into this GPU's memory", flush=True)
    return fit if asked is None else min(asked, fit)
