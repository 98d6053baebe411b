"""Subset sum for the weights of a network: draw coefficients, choose which to keep, and check the sums.

    from lottery import subset_sum
    solution = subset_sum.solve(weights, coefficients, epsilon=0.01, objective="min_error", solver="exact")

NumPy in, NumPy out.  This package does not import torch, and of `lottery` only `lottery.compiled` and `lottery.registry`.
"""

from lottery.subset_sum.coefficients import (
    SHARINGS,
    STREAMS,
    Sharing,
    Stream,
    draw_coefficients,
    number_of_coefficients,
    redraw_coefficients,
)
from lottery.subset_sum.problem import (
    EPSILON,
    MAX_COEFFICIENTS,
    OBJECTIVES,
    MipObjective,
    Objective,
    Problem,
    Solution,
    Status,
    SubsetSumError,
    approximations,
    check_objective,
    exact_count,
)
from lottery.subset_sum.solvers import (
    CHOICES,
    SOLVERS,
    Choice,
    Solver,
    SolverKind,
    SolverName,
    choose,
    create,
    solve,
    solver_names,
    warm_up,
)

__all__ = [
    "CHOICES",
    "EPSILON",
    "MAX_COEFFICIENTS",
    "OBJECTIVES",
    "SHARINGS",
    "SOLVERS",
    "STREAMS",
    "Choice",
    "MipObjective",
    "Objective",
    "Problem",
    "Sharing",
    "Solution",
    "Solver",
    "SolverKind",
    "SolverName",
    "Status",
    "Stream",
    "SubsetSumError",
    "approximations",
    "check_objective",
    "choose",
    "create",
    "draw_coefficients",
    "exact_count",
    "number_of_coefficients",
    "redraw_coefficients",
    "solve",
    "solver_names",
    "warm_up",
]
