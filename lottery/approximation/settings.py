"""What an approximation is: how coefficients are drawn and what is asked of each weight."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lottery.approximation.target import Target
from lottery.errors import LotteryError
from lottery.subset_sum import (
    MAX_COEFFICIENTS,
    SHARINGS,
    STREAMS,
    Objective,
    Sharing,
    Stream,
    check_objective,
    draw_coefficients,
    exact_count,
    number_of_coefficients,
    redraw_coefficients,
)

OnInfeasible = Literal["error", "redraw", "nearest"]


@dataclass(frozen=True)
class Settings:
    """An approximation, but for the solver that finds it and how the work is cut into chunks.

    epsilon: largest |sum - weight|.    coefficients_per_bit: the paper's c; see `number_of_coefficients`.
    objective, sharing, stream: see `lottery.subset_sum`.    seed: of the coefficients.
    low, high: range of the coefficients; None: the target's own range, 0 included, as in the released code.
    zero_small_weights: weights within epsilon of 0 become 0 with no solve (the released `check_w_lt_eps`).
    on_infeasible: a weight that no subset serves is an error, gets further coefficients (`redraw`), or the best sum that the
        solver knows, though beyond epsilon (`nearest`; 0 by a MIP solver).
    """

    epsilon: float = 0.01
    coefficients_per_bit: float = 3
    objective: Objective = "min_error"
    sharing: Sharing = "row"
    stream: Stream = "keyed"
    seed: int = 1
    low: float | None = None
    high: float | None = None
    zero_small_weights: bool = False
    on_infeasible: OnInfeasible = "redraw"

    def __post_init__(self) -> None:
        if str(self.stream) == "official":  # as the released stream was called here at first
            object.__setattr__(self, "stream", "released")
        check_objective(self.objective)
        for name, allowed in (
            ("sharing", SHARINGS),
            ("stream", STREAMS),
            ("on_infeasible", get_args(OnInfeasible)),
        ):
            if getattr(self, name) not in allowed:
                raise LotteryError(f"{name}: {getattr(self, name)!r} is not one of {', '.join(allowed)}")
        if self.stream == "released" and self.sharing != "row":
            raise LotteryError("stream: released draws one set a row; take sharing: row, or stream: keyed")
        if (self.low is None) != (self.high is None):
            raise LotteryError("coefficient range: give both ends, or neither for the target's own range")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise LotteryError(f"coefficient range: low < high is needed, not [{self.low}, {self.high}]")
        if self.zero_small_weights and exact_count(self.objective):
            raise LotteryError(
                f"zero_small_weights: leaves small weights no coefficients, {self.objective} asks for some"
            )
        if (exact_count(self.objective) or 0) > self.n:
            raise LotteryError(f"objective: {self.objective} keeps more than the {self.n} coefficients of a weight")
        if not 1 <= self.n <= MAX_COEFFICIENTS:
            raise LotteryError(
                f"coefficients_per_bit: {self.coefficients_per_bit} at epsilon {self.epsilon} gives {self.n} coefficients"
                f" a weight, 1 to {MAX_COEFFICIENTS} are possible (a mask has {MAX_COEFFICIENTS} bits)"
            )

    @property
    def n(self) -> int:
        """Coefficients a weight."""
        return number_of_coefficients(self.epsilon, self.coefficients_per_bit)

    def coefficient_range(self, target: Target) -> tuple[float, float]:
        if self.low is None or self.high is None:
            low, high = target.range()
            if low == high:
                raise LotteryError("coefficient range: all weights of the target are 0; give the range")
            return low, high
        return self.low, self.high

    def draw(self, target: Target, layer: int, rows: range) -> np.ndarray:
        """Coefficients of some rows of a layer, (R, n) or (R, T, n)."""
        low, high = self.coefficient_range(target)
        return draw_coefficients(
            seed=self.seed,
            layer=layer,
            rows=rows,
            n=self.n,
            low=low,
            high=high,
            weights=target.layers[layer].columns if self.sharing == "weight" else None,
            stream=self.stream,
            rows_before=sum(before.rows for before in target.layers[:layer]),
        )

    @property
    def further_per_redraw(self) -> int:
        """Each redraw adds a quarter more coefficients: with c = 3 that is about two more bits of precision."""
        return -(-self.n // 4)

    def further(self, target: Target, layer: int, row: int, column: int, redraws: int) -> np.ndarray:
        """The further coefficients of one weight after so many redraws."""
        low, high = self.coefficient_range(target)
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
