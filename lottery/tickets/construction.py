"""The construction of the theorem (Pensia et al. 2020, Theorem 1, its proof) for a real target, by exact subset sum.

A weight w of the target, from input j to output i, is replaced by the hidden units of input j: unit k has a random weight u_jk
from the input and a random weight v_ijk to the output, and a ReLU in between.  For positive inputs, units with u_jk > 0
pass; those kept must have products v_ijk u_jk that add up to w within epsilon.  For negative inputs, the same holds of units with
u_jk < 0.  Where a layer's input is never negative (pixels, or what comes out of a ReLU), only the first half is needed,
and units with u_jk < 0 are useless.

The units of an input are shared by all outputs, as in the theorem, while v is drawn anew for each weight; so each weight has a
coefficient set of its own, and all weights of an input have sets of the same size.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from lottery.approximation.settings import Epsilon, Objective
from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.settings import settings
from lottery.subset_sum import EPSILON, exact_count, solve
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import MOST_UNITS, LayerMasks, Ticket, check_signs, linear_layers


@settings
class Construction:
    """How a ticket is made."""

    units_per_input: int = Field(
        default=42,
        ge=1,
        le=MOST_UNITS,
        description="Hidden units per input of a layer; half of them pass a positive input, so that 42 correspond to the"
        " published 21 coefficients.",
    )
    distribution: Literal["uniform", "normal"] | tuple[float, float] = Field(
        default="uniform",
        description="Distribution of the random weights: uniform (on -1 to 1), normal (mean 0, standard deviation 1), or two"
        " numbers (uniform between them).",
    )
    epsilon: Epsilon = Field(default=EPSILON, description="The largest error of a weight.")
    objective: Objective = Field(default="min_error", description="As for an approximation.")
    seed: int = Field(
        default=1, ge=0, lt=2**64, description="Seed of the random network; with the masks, it is the ticket."
    )
    signed_inputs: bool = Field(
        default=False,
        description="Approximate for negative inputs of every layer as well, as the theorem does; pixels and ReLUs give none.",
    )
    on_infeasible: Literal["error", "widen"] = Field(
        default="widen",
        description="If no subset is within epsilon of a weight: error stops; widen gives its layer a quarter more units, which"
        " only such weights use.",
    )

    def __post_init__(self) -> None:
        random = self.random
        if (exact_count(self.objective) or 0) > self.units_per_input:
            raise LotteryError(
                f"objective: {self.objective} keeps more than the {self.units_per_input} units of an input"
            )
        if self.signed_inputs and random.name == "uniform" and random.low >= 0:
            raise LotteryError("signed_inputs: no unit passes a negative input if no random weight is negative")

    @property
    def random(self) -> Distribution:
        """The distribution of the random weights.  Raises LotteryError where no unit could pass a positive input."""
        if isinstance(self.distribution, str):
            return Distribution(self.distribution)
        return Distribution("uniform", *self.distribution)

    @property
    def widths(self) -> list[int]:
        """Units for each input, to be tried one after the other."""
        if self.on_infeasible == "error":
            return [self.units_per_input]
        step = -(-self.units_per_input // 4)
        return [*range(self.units_per_input, MOST_UNITS, step), MOST_UNITS]


def _products(random: RandomLayer, units: range) -> tuple[np.ndarray, np.ndarray]:
    """u (units, inputs) and v (inputs, outputs, units) as float64."""
    first = np.array([random.first_blocks(unit) for unit in units], np.float64)
    second = np.array([random.second(unit) for unit in units])
    return first, np.ascontiguousarray(second.transpose(2, 1, 0), np.float64)


def _bits(masks: np.ndarray, units: int) -> np.ndarray:
    """(outputs,) uint64 -> (units, outputs) bool"""
    return (masks >> np.arange(units, dtype=np.uint64)[:, None] & np.uint64(1)).astype(bool)


def build_layer(
    weights: np.ndarray,
    random: RandomLayer,
    construction: Construction,
    name: str,
    progress: Callable[[int], object] = lambda weights: None,
) -> LayerMasks:
    """The masks of one layer for target weights (outputs, inputs).

    Raises LotteryError where a weight stays beyond epsilon at every width.
    """
    second = np.zeros((0, *weights.shape), bool)
    todo = np.ones(weights.shape, bool)
    for width in construction.widths:
        second = np.concatenate([second, np.zeros((width - len(second), *weights.shape), bool)])
        first, products = _products(random, range(width))
        for j in np.flatnonzero(todo.any(axis=0)):
            rows = np.flatnonzero(todo[:, j])
            kept = np.zeros(rows.size, np.uint64)
            served = np.ones(rows.size, bool)
            for sign in _sides(construction):
                passing = np.maximum(sign * first[:, j], 0)
                found = solve(
                    sign * weights[rows, j][None],
                    (products[j, rows] * passing)[None],
                    construction.epsilon,
                    construction.objective,
                )
                kept |= found.masks[0]
                served &= found.feasible[0]
            second[:, rows, j] = _bits(kept, width)
            todo[rows, j] = ~served
            progress(int(served.sum()))
        if not todo.any():
            return LayerMasks(np.asarray(second.any(axis=1)), second)
    row, column = np.argwhere(todo)[0]
    raise LotteryError(
        f"{name}: {np.count_nonzero(todo)} weights have no subset within {construction.epsilon} of {width} units an input,"
        f" the first {weights[row, column]:.6g} in row {row}, column {column}; raise units_per_input or epsilon"
    )


def _sides(construction: Construction) -> tuple[int, ...]:
    """The signs of inputs that are served."""
    return (1, -1) if construction.signed_inputs else (1,)


def _reach(random: RandomLayer, units: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest sum of products that each weight (outputs, inputs) could have, for inputs of a sign."""
    least, most = (np.zeros((random.outputs, random.inputs)) for _ in range(2))
    for unit in range(units):
        products = random.second(unit) * (sign * np.maximum(sign * random.first_blocks(unit).astype(np.float64), 0))
        least += np.minimum(products, 0)
        most += np.maximum(products, 0)
    return least, most


def check_reach(weights: np.ndarray, random: RandomLayer, construction: Construction, name: str) -> None:
    """Raises LotteryError where a weight is beyond all sums of its products, so that no search would find a subset.

    U[0, 1) has no negative product, so it serves no negative weight, and U[-0.5, 2) leaves some without one.  Most units of
    such distributions are of use: their sets are large, and a search in vain is a long one.
    """
    units = construction.widths[-1]
    for sign in _sides(construction):
        least, most = _reach(random, units, sign)
        slack = construction.epsilon * (1 + 1e-9)  # sums are rounded
        beyond = np.argwhere((weights < least - slack) | (weights > most + slack))
        if len(beyond):
            row, column = beyond[0]
            raise LotteryError(
                f"distribution: no sum of {units} products of {construction.random} is within {construction.epsilon}"
                f" of {len(beyond):,} weights of {name}, the first {weights[row, column]:.6g} in row {row}, column {column},"
                f" which has sums from {least[row, column]:.4g} to {most[row, column]:.4g}; take one that is wide enough on both sides of 0"
            )


def build(
    target: Target, construction: Construction, progress: Callable[[int], object] = lambda weights: None
) -> Ticket:
    """The ticket that computes `target` within epsilon a weight; `progress` is told how many weights were served."""
    check_signs(target.network, target.image, target.pixels, construction.signed_inputs)
    layers = []
    for number, spec in enumerate(linear_layers(target.network, target.image)):
        random = RandomLayer(construction.seed, number, spec.columns, spec.rows, construction.random)
        layers.append((spec.name, target.weights[spec.name].astype(np.float64), random))
    for name, weights, random in layers:
        check_reach(weights, random, construction, name)
    masks = {name: build_layer(weights, random, construction, name, progress) for name, weights, random in layers}
    return Ticket(
        target.network,
        target.image,
        construction.seed,
        construction.random,
        construction.signed_inputs,
        masks,
        target.pixels,
    )
