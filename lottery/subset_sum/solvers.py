"""The solvers by name, and the choice among them."""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np

from lottery.subset_sum.problem import Objective, Problem, Solution, SubsetSumError

SolverName = Literal["exact", "gurobi", "cbc", "mip", "auto"]
SOLVERS: tuple[str, ...] = get_args(SolverName)
# `auto` leaves the exact solver where one weight would take it longer than a MIP solver typically takes.
LONGEST_EXACT_SECONDS = 0.5


class Solver(Protocol):
    """What a solver is: a name, and a way from one row of weights to masks."""

    @property
    def name(self) -> str: ...

    @property
    def block(self) -> int | None:
        """How many weights of a row to pass at a time, so that work can be saved in between; None: all."""

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and `Status` (T,) uint8 for weights (T,) and coefficients (n,) or (T, n).

        Where nothing within epsilon is found the mask is the best known, or 0; the caller checks masks.
        """


@dataclass(frozen=True)
class Choice:
    """Which solver runs, and why."""

    requested: str
    solver: str
    reason: str


def _gurobi(n: int) -> str:
    """The licence in words.  SubsetSumError where it does not fit n coefficients, or nothing can be solved with it."""
    try:
        from lottery.subset_sum import gurobi
    except ImportError as error:
        raise SubsetSumError(f"Gurobi cannot be imported ({error})") from error
    licence = gurobi.licence()
    if not licence.fits(n):
        raise SubsetSumError(f"Gurobi's licence is {licence.kind} ({licence.detail})")
    gurobi.GurobiSolver().prove()
    return f"{licence.kind} ({licence.detail})"


def _choose_mip(requested: str, n: int) -> Choice:
    try:
        return Choice(requested, "gurobi", f"Gurobi's licence is {_gurobi(n)}")
    except SubsetSumError as error:
        from lottery.subset_sum.cbc import working_cbc

        return Choice(requested, "cbc", f"{error}; CBC needs none, it runs as {working_cbc()}")


def choose(requested: SolverName, n: int, weights_per_set: int, objective: Objective = "min_error") -> Choice:
    """Resolve `mip` and `auto` for sets of n coefficients that serve `weights_per_set` weights each.

    `gurobi` without a licence that fits, and `exact` for an objective it has not, are refused here, before any work; so
    is a MIP solver that does not solve a small problem.
    """
    if requested not in SOLVERS:
        raise SubsetSumError(f"solver: {requested!r} is not one of {', '.join(SOLVERS)}")
    if requested == "mip":
        return _choose_mip(requested, n)
    if requested == "auto":
        from lottery.subset_sum.exact import check, plan

        try:
            check(objective)
        except SubsetSumError:
            return _choose_mip(requested, n)
        try:
            seconds = plan(n, weights_per_set).nanoseconds * 1e-9 / max(weights_per_set, 1)
        except SubsetSumError:
            return _choose_mip(requested, n)
        if seconds > LONGEST_EXACT_SECONDS:
            return _choose_mip(requested, n)
        return Choice(requested, "exact", f"{n} coefficients are tractable: about {seconds:.1e} s a weight")
    if requested == "gurobi":
        try:
            return Choice(requested, "gurobi", f"asked for; licence {_gurobi(n)}")
        except SubsetSumError as error:
            raise SubsetSumError(
                f"gurobi: {error}; get a licence (gurobi.com/academia), point GRB_LICENSE_FILE at it,"
                " or take solver: exact, cbc or mip"
            ) from error
    if requested == "cbc":
        from lottery.subset_sum.cbc import working_cbc

        return Choice(requested, "cbc", f"asked for; it runs as {working_cbc()}")
    if requested == "exact":
        from lottery.subset_sum.exact import check

        check(objective)
    return Choice(requested, requested, "asked for")


def create(name: str, time_limit: float | None = None) -> Solver:
    """The solver called `name`, never `mip` or `auto`; time_limit: seconds a weight, for the MIP solvers."""
    if name == "exact":
        from lottery.subset_sum.exact import ExactSolver

        return ExactSolver()
    if name == "gurobi":
        from lottery.subset_sum.gurobi import GurobiSolver

        return GurobiSolver(time_limit)
    if name == "cbc":
        from lottery.subset_sum.cbc import CbcSolver

        return CbcSolver(time_limit)
    raise SubsetSumError(f"solver: {name!r} is no solver by itself; `choose` says which one it stands for")


def warm_up(solver: Solver, n: int, objective: Objective) -> None:
    """Solve a trivial weight, so that what comes next can be timed without compiling or starting anything."""
    solver.solve_row(np.zeros(1), np.ones(n), 0.5, objective)


def solve(
    weights: np.ndarray,
    coefficients: np.ndarray,
    epsilon: float = 0.01,
    objective: Objective = "min_error",
    solver: SolverName = "exact",
    time_limit: float | None = None,
) -> Solution:
    """For each weight, the coefficients to keep; shapes and objectives are those of `Problem`.

    Infeasible weights are not an error: `feasible` is False there, and with solver `exact` the mask is the nearest.
    """
    problem = Problem(weights, coefficients, epsilon, objective)
    shared = problem.coefficients.ndim == 2
    choice = choose(solver, problem.n, problem.weights.shape[1] if shared else 1, problem.objective)
    engine = create(choice.solver, time_limit)
    masks = np.zeros(problem.weights.shape, np.uint64)
    status = np.zeros(problem.weights.shape, np.uint8)
    for row in range(problem.weights.shape[0]):
        masks[row], status[row] = engine.solve_row(
            problem.weights[row], problem.coefficients[row], problem.epsilon, problem.objective
        )
    return Solution.of(problem, masks, status, choice.solver)
