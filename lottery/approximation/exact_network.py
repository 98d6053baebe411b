"""A network of which every weight is an exact sum: what differs (nothing), and what it took beside sums off the grid."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from lottery.approximation.assembly import Approximation, summary
from lottery.approximation.evaluation import compare
from lottery.approximation.grid import GridSettings
from lottery.approximation.target import Target
from lottery.data.datasets import Images

COSTS = ("initial", "remaining", "redrawn", "beyond_epsilon", "largest_error")


def inexact_weights(approximation: Approximation) -> int:
    """Weights that their sums do not equal, be it in float64 or as the network holds them in float32."""
    network, target = approximation.network(), approximation.target
    differ = [
        (layer.sums != target.matrix(number)) | (network.matrix(number) != target.matrix(number))
        for number, layer in enumerate(approximation.layers)
    ]
    return int(sum(np.count_nonzero(layer) for layer in differ))


def exact_point(
    target: Target,
    settings: GridSettings,
    on_grid: Approximation,
    off_grid: Approximation,
    data: Images,
    device: torch.device,
) -> dict[str, Any]:
    """What exact sums take (`on_grid`, of the quantised target) beside sums within half a step (`off_grid`, of the target).

    inexact: weights of the quantised target that their sums do not equal; predictions are compared with those of that target.
    """
    [rounded] = compare(data, target, [on_grid.target], device)
    [ticket] = compare(data, on_grid.target, [on_grid.network()], device)
    on, off = summary(on_grid, settings.on_grid()), summary(off_grid, settings.off_grid())
    return {
        "settings": asdict(settings),
        "network": target.network,
        "dataset": data.dataset.name,
        "test_images": data.dataset.test_count,
        "pixels": target.pixels,
        "bits": settings.bits,
        "coefficients": settings.off_grid().n,
        "weights": target.size,
        "weights_not_zero": int(sum(np.count_nonzero(array) for array in on_grid.target.weights.values())),
        "values": round((on_grid.target.range()[1] - on_grid.target.range()[0]) / settings.step) + 1,
        "inexact": inexact_weights(on_grid),
        "on_grid": {name: on[name] for name in COSTS},
        "off_grid": {name: off[name] for name in COSTS},
        "target_accuracy": rounded.target_accuracy,
        "quantised_accuracy": ticket.target_accuracy,
        "ticket_accuracy": ticket.approximated_accuracy,
        "predictions_that_differ": ticket.predictions_that_differ,
    }
