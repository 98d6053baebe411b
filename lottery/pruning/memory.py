"""An estimate of how many models fit into a GPU's memory; if it is too high, `stacking.prune_all` splits the group."""

import math

import torch

from lottery.data.datasets import Images
from lottery.networks import ImageShape
from lottery.pruning.run import Run
from lottery.pruning.structures import layer_specs

SHARE_OF_FREE_MEMORY = 0.8
BYTES_PER_WEIGHT = 13  # the weight, its score and its velocity in float32, and its byte of a mask
SCRATCH_BYTES_PER_WEIGHT = 96  # of the largest layer: a step allocates 45, once when launched and once when captured


def model_bytes(run: Run, image: ImageShape) -> int:
    """GPU memory per stacked model in bytes, estimated, without its features."""
    specs = layer_specs(run, image)
    largest = max(math.prod(spec.weight2_shape) for spec in specs)
    return sum(spec.size for spec in specs) * BYTES_PER_WEIGHT + largest * SCRATCH_BYTES_PER_WEIGHT


def features_bytes(run: Run, data: Images) -> int:
    """Bytes of the inputs of the first fully connected layer, for all images.

    All models of fc2 and fc4 share them; each model of lenet5 with convolutions of its own has its own.
    """
    return (len(data.train_labels) + len(data.test_labels)) * layer_specs(run, data.dataset.image)[0].inputs * 4


def max_models_in_memory(run: Run, data: Images, free: int) -> int:
    """How many models like this one fit into `free` bytes; at least one, which is tried in any case."""
    own_features = run.network == "lenet5"
    model = model_bytes(run, data.dataset.image) + features_bytes(run, data) * own_features
    return max(1, int(free * SHARE_OF_FREE_MEMORY - features_bytes(run, data)) // model)


def stack_size(run: Run, data: Images, device: torch.device, requested: int | None, jobs: int) -> int:
    """How many models to stack on a device that `jobs` jobs share: at most `requested`, or as many as fit if None.

    Always 1 on a CPU, where compiled steps of single models are faster (benchmarks/README.md).
    """
    if device.type == "cpu":
        return 1
    free, total = torch.cuda.mem_get_info(device)
    fit = max_models_in_memory(run, data, min(free, total // jobs))
    if requested is not None and requested > fit:
        print(f"{requested} stacked runs are requested, but about {fit} fit into this GPU's memory", flush=True)
    return fit if requested is None else min(requested, fit)
