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
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.subset_sum import Objective, check_objective, exact_count, solve
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import MOST_UNITS, LayerMasks, Ticket, check_signs, linear_layers

OnInfeasible = Literal["error", "widen"]


@dataclass(frozen=True)
class Construction:
    """How a ticket is made.

    units_per_input: hidden units for each input of a layer; half of them pass positive inputs, so 42 stand for the published 21.
    distribution, seed: of the random network.  epsilon, objective: see `lottery.subset_sum`.
    signed_inputs: serve both signs of a layer's input, as the theorem does.
    on_infeasible: a weight that no subset serves is an error, or its layer gets a quarter more units (`widen`), of which only
        such weights make use.
    """

    units_per_input: int = 42
    distribution: Distribution = field(default_factory=Distribution)
    epsilon: float = 0.01
    objective: Objective = "min_error"
    seed: int = 1
    signed_inputs: bool = False
    on_infeasible: OnInfeasible = "widen"

    def __post_init__(self) -> None:
        if not 1 <= self.units_per_input <= MOST_UNITS:
            raise LotteryError(f"units_per_input: 1 to {MOST_UNITS} are possible, not {self.units_per_input}")
        if not 0 < self.epsilon < 1:
            raise LotteryError(f"epsilon: a number between 0 and 1 is needed, not {self.epsilon}")
        if not 0 <= self.seed < 2**64:
            raise LotteryError(f"seed: a whole number from 0 to 2^64 - 1 is needed, not {self.seed}")
        check_objective(self.objective)
        if (exact_count(self.objective) or 0) > self.units_per_input:
            raise LotteryError(
                f"objective: {self.objective} keeps more than the {self.units_per_input} units of an input"
            )
        if self.on_infeasible not in get_args(OnInfeasible):
            raise LotteryError(
                f"on_infeasible: {self.on_infeasible!r} is not one of {', '.join(get_args(OnInfeasible))}"
            )
        if self.signed_inputs and self.distribution.name == "uniform" and self.distribution.low >= 0:
            raise LotteryError("signed_inputs: no unit passes a negative input if no random weight is negative")

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
                f"distribution: no sum of {units} products of {construction.distribution} is within {construction.epsilon}"
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
        random = RandomLayer(construction.seed, number, spec.columns, spec.rows, construction.distribution)
        layers.append((spec.name, target.weights[spec.name].astype(np.float64), random))
    for name, weights, random in layers:
        check_reach(weights, random, construction, name)
    masks = {name: build_layer(weights, random, construction, name, progress) for name, weights, random in layers}
    return Ticket(
        target.network,
        target.image,
        construction.seed,
        construction.distribution,
        construction.signed_inputs,
        masks,
        target.pixels,
    )
