"""The construction in the proof of Theorem 1 (Pensia et al. 2020) for a trained target, by exact subset sum.

Shapes: U units per input, I inputs, O outputs; those of a convolution are the columns and rows of its matrix (see `matrices`).

A weight w of the target, from input j to output i, is replaced by the hidden units of input j: unit k has a random weight u_jk
from the input, a ReLU, and a random weight v_ijk to the output.  Units with u_jk > 0 pass positive inputs; the products
v_ijk u_jk of those kept must add up to w within epsilon.  Units with u_jk < 0 do the same for negative inputs.  If a layer's
input is never negative (raw pixels, or outputs of a ReLU), only the first kind is needed, and units with u_jk < 0 are useless.

All outputs share the units of an input, as in the theorem, while each weight has its own v.  So each weight has its own coefficient
set, and all weights of an input have sets of the same size.

A convolution becomes a random 1 x 1 convolution, a ReLU, and a random convolution with its kernel size (da Cunha, Natale and Viennot,
ICLR 2022).  An input is then a channel, whose pixels come from the image, or from a ReLU and a max pooling: none is negative either.
Units of padding are 0, as there is no bias.
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
from lottery.tickets.matrices import to_matrix
from lottery.tickets.random_network import Distribution, RandomLayer
from lottery.tickets.ticket import MAX_UNITS, LayerMasks, Ticket, check_signs


@settings
class Construction:
    """How a ticket is made."""

    units_per_input: int = Field(
        default=42,
        ge=1,
        le=MAX_UNITS,
        description="Hidden units per input of a layer, or per channel of a convolution; half of them pass a positive input, so"
        " that 42 correspond to the published 21 coefficients.",
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
        return [*range(self.units_per_input, MAX_UNITS, step), MAX_UNITS]


def _products(random: RandomLayer, units: range) -> tuple[np.ndarray, np.ndarray]:
    """u (U, I) and v (I, O, U) as float64."""
    first = np.array([random.first_diagonal(unit) for unit in units], np.float64)
    second = np.array([random.second(unit) for unit in units])  # (U, O, I)
    return first, np.ascontiguousarray(second.transpose(2, 1, 0), np.float64)  # (U, O, I) -> (I, O, U)


def _bits(masks: np.ndarray, units: int) -> np.ndarray:
    """Bit masks (O,) uint64 -> (U, O) bool, U = `units`."""
    return (masks >> np.arange(units, dtype=np.uint64)[:, None] & np.uint64(1)).astype(bool)


def build_layer(
    weights: np.ndarray,
    random: RandomLayer,
    construction: Construction,
    name: str,
    progress: Callable[[int], object] = lambda weights: None,
) -> LayerMasks:
    """The masks of one layer for target weights (O, I).

    progress: called with the number of weights that got a subset.
    Raises LotteryError if a weight has no subset within epsilon at any width.
    """
    second = np.zeros((0, *weights.shape), bool)
    todo = np.ones(weights.shape, bool)
    for width in construction.widths:
        second = np.concatenate([second, np.zeros((width - len(second), *weights.shape), bool)])
        first, products = _products(random, range(width))
        for j in np.flatnonzero(todo.any(axis=0)):
            rows = np.flatnonzero(todo[:, j])
            kept = np.zeros(rows.size, np.uint64)
            feasible = np.ones(rows.size, bool)
            for sign in _input_signs(construction):
                passing = np.maximum(sign * first[:, j], 0)  # (U,)
                found = solve(
                    sign * weights[rows, j][None],
                    (products[j, rows] * passing)[None],  # (rows, U) * (U,) -> (1, rows, U): one set per weight
                    construction.epsilon,
                    construction.objective,
                )
                kept |= found.masks[0]
                feasible &= found.feasible[0]
            second[:, rows, j] = _bits(kept, width)
            todo[rows, j] = ~feasible
            progress(int(feasible.sum()))
        if not todo.any():
            return LayerMasks(np.asarray(second.any(axis=1)), second)  # any over O of (U, O, I) -> (U, I)
    row, column = np.argwhere(todo)[0]
    raise LotteryError(
        f"{name}: {np.count_nonzero(todo)} weights have no subset within {construction.epsilon} of {width} units per input,"
        f" the first {weights[row, column]:.6g} in row {row}, column {column}; raise units_per_input or epsilon"
    )


def _input_signs(construction: Construction) -> tuple[int, ...]:
    """The signs of inputs that a layer approximates."""
    return (1, -1) if construction.signed_inputs else (1,)


def _sum_range(random: RandomLayer, units: int, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest sum of products per weight, two arrays (O, I), for inputs of one sign."""
    lowest, highest = (np.zeros((random.outputs, random.inputs)) for _ in range(2))
    for unit in range(units):
        # (O, I) * (I,)
        products = random.second(unit) * (sign * np.maximum(sign * random.first_diagonal(unit).astype(np.float64), 0))
        lowest += np.minimum(products, 0)
        highest += np.maximum(products, 0)
    return lowest, highest


def check_attainable(weights: np.ndarray, random: RandomLayer, construction: Construction, name: str) -> None:
    """Raise LotteryError if a weight (O, I) is out of range of all sums of its products, so that it has no subset.

    For example, U[0, 1) has no negative product, and so no subset for a negative weight.  Most units of such a distribution are
    useful, so coefficient sets are large and a futile search would take long.
    """
    units = construction.widths[-1]
    for sign in _input_signs(construction):
        lowest, highest = _sum_range(random, units, sign)
        slack = construction.epsilon * (1 + 1e-9)  # sums are rounded
        beyond = np.argwhere((weights < lowest - slack) | (weights > highest + slack))
        if len(beyond):
            row, column = beyond[0]
            raise LotteryError(
                f"distribution: no sum of {units} products of {construction.random} is within {construction.epsilon}"
                f" of {len(beyond):,} weights of {name}, the first {weights[row, column]:.6g} in row {row}, column {column},"
                f" which has sums from {lowest[row, column]:.4g} to {highest[row, column]:.4g}; choose a distribution that is wide enough"
                " on both sides of 0"
            )


def build(
    target: Target, construction: Construction, progress: Callable[[int], object] = lambda weights: None
) -> Ticket:
    """The ticket that approximates every weight of `target` within epsilon.

    progress: called with the number of weights that got a subset.
    Raises LotteryError if a weight has no subset, or the target's inputs have a sign that is not approximated.
    """
    check_signs(target.network, target.pixels, construction.signed_inputs)
    layers = []
    for number, (name, array) in enumerate(target.weights.items()):
        weights = to_matrix(array).astype(np.float64)
        outputs, inputs = weights.shape
        layers.append((name, weights, RandomLayer(construction.seed, number, inputs, outputs, construction.random)))
    for name, weights, random in layers:
        check_attainable(weights, random, construction, name)
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
