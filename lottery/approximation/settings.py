"""Settings of an approximation: how coefficients are drawn, and what is requested for each weight."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.settings import NameIn, one_of, settings
from lottery.subset_sum import (
    EPSILON,
    MAX_COEFFICIENTS,
    OBJECTIVES,
    check_objective,
    draw_coefficients,
    exact_count,
    number_of_coefficients,
    redraw_coefficients,
    solver_names,
)


def _objectives() -> dict[str, Any]:
    exactly = {"title": "exactly_K", "type": "string", "pattern": "^exactly_[0-9]{1,2}$"}
    return {"anyOf": [{"enum": [*OBJECTIVES]}, exactly]}


Epsilon = Annotated[float, Field(gt=0, lt=1)]
CoefficientsPerBit = Annotated[float, Field(gt=0)]
Objective = Annotated[str, NameIn(check_objective, _objectives)]
OnInfeasible = Literal["error", "redraw", "nearest"]


@settings
class WeightSettings:
    """What is requested for each weight."""

    epsilon: Epsilon = Field(default=EPSILON, description="The largest error of a weight.")
    coefficients_per_bit: CoefficientsPerBit = Field(
        default=3,
        description="The paper's c: each weight gets int(c * round(log2(1 / epsilon))) coefficients, 21 by default.",
    )
    objective: Objective = Field(
        default="min_error",
        description="min_error (the nearest sum, as published), min_cardinality (the fewest coefficients within epsilon),"
        " first_feasible (any subset within epsilon) or exactly_K (the nearest sum of exactly K coefficients, as exactly_4).",
    )

    @property
    def n(self) -> int:
        """Coefficients per weight."""
        return number_of_coefficients(self.epsilon, self.coefficients_per_bit)


@settings
class SolverSettings:
    """Which solver finds the subsets."""

    solver: Annotated[str, one_of("solver", solver_names)] = Field(
        default="auto",
        description="exact (our own, the true optimum), gurobi, cbc, mip (gurobi if a licence fits the model, else cbc) or"
        " auto (exact where it is tractable, else mip).",
    )
    time_limit: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Seconds that a MIP solver may take for one weight (a CBC that hangs is stopped soon after);"
        " null for no limit.",
    )


@settings
class Settings(WeightSettings):
    """An approximation, except for the solver that finds it and the way the work is split into chunks."""

    sharing: Literal["row", "weight"] = Field(
        default="row",
        description="row (one coefficient set for all weights of an output row, as published) or weight (one set per weight).",
    )
    stream: Literal["keyed", "released", "official"] = Field(
        default="keyed",
        description="keyed (a draw depends only on seed, layer, row and weight) or released (the draws of the released code;"
        " official is its old name).",
    )
    seed: int = Field(default=1, ge=0, description="Seed of the coefficients.")
    coefficient_range: Literal["target"] | tuple[float, float] = Field(
        default="target",
        description="target (from the smallest to the largest weight of the target, 0 included, as published), or two numbers.",
    )
    zero_small_weights: bool = Field(
        default=False,
        description="Set weights within epsilon of 0 to 0 without solving (check_w_lt_eps in the released code).",
    )
    on_infeasible: OnInfeasible = Field(
        default="redraw",
        description="If no subset is within epsilon of a weight: error stops; redraw draws more coefficients and counts them;"
        " nearest keeps the best sum that the solver knows (0 by a MIP solver) and counts a violation.",
    )

    def __post_init__(self) -> None:
        if self.stream == "official":
            object.__setattr__(self, "stream", "released")
        if self.stream == "released" and self.sharing != "row":
            raise LotteryError("stream: released draws one set per row; take sharing: row, or stream: keyed")
        if self.coefficient_range != "target" and not self.coefficient_range[0] < self.coefficient_range[1]:
            raise LotteryError(f"coefficient_range: low < high is needed, not {list(self.coefficient_range)}")
        if self.zero_small_weights and exact_count(self.objective):
            raise LotteryError(
                f"zero_small_weights: leaves small weights no coefficients, {self.objective} asks for some"
            )
        if (exact_count(self.objective) or 0) > self.n:
            raise LotteryError(f"objective: {self.objective} keeps more than the {self.n} coefficients of a weight")
        if not 1 <= self.n <= MAX_COEFFICIENTS:
            raise LotteryError(
                f"coefficients_per_bit: {self.coefficients_per_bit:g} at epsilon {self.epsilon} gives {self.n} coefficients"
                f" a weight, 1 to {MAX_COEFFICIENTS} are possible (a mask has {MAX_COEFFICIENTS} bits)"
            )

    def ends(self, target: Target) -> tuple[float, float]:
        """The range that coefficients are drawn from.  Raises LotteryError where that of the target is a point."""
        if self.coefficient_range != "target":
            return self.coefficient_range
        low, high = target.range()
        if low == high:
            raise LotteryError("coefficient_range: all weights of the target are 0; give two numbers")
        return low, high

    def draw(self, target: Target, layer: int, rows: range) -> np.ndarray:
        """Coefficients of some rows of a layer, (R, n) or (R, T, n)."""
        low, high = self.ends(target)
        return draw_coefficients(
            seed=self.seed,
            layer=layer,
            rows=rows,
            n=self.n,
            low=low,
            high=high,
            weights=target.layers[layer].columns if self.sharing == "weight" else None,
            stream="keyed" if self.stream == "keyed" else "released",
            rows_before=sum(before.rows for before in target.layers[:layer]),
        )

    @property
    def further_per_redraw(self) -> int:
        """Each redraw adds a quarter more coefficients: with c = 3 that is about two more bits of precision."""
        return -(-self.n // 4)

    def further(self, target: Target, layer: int, row: int, column: int, redraws: int) -> np.ndarray:
        """The further coefficients of one weight after so many redraws."""
        low, high = self.ends(target)
        rounds = [
            redraw_coefficients(
                seed=self.seed,
                layer=layer,
                row=row,
                weight=column,
                round_=round_,
                count=self.further_per_redraw,
                low=low,
                high=high,
            )
            for round_ in range(1, redraws + 1)
        ]
        return np.concatenate([np.empty(0), *rounds])
