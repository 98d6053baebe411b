"""The solvers by name, and the choice among them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lottery.registry import Registry
from lottery.subset_sum.problem import EPSILON, Objective, Problem, Solution, SubsetSumError

SolverName = str  # one of SOLVERS, or of CHOICES
CHOICES = ("mip", "auto")  # names that stand for one of the solvers: see `choose`
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


@dataclass(frozen=True)
class SolverKind:
    """How a solver is made, and whether it can be used.

    create: from seconds per weight (None: no limit), which only solvers of integer programs look at.
    why: from the number of coefficients and the objective, why it runs; SubsetSumError where it does not.  None: a solver
        that has `prove`, as those of integer programs have, solves a small problem.
    """

    create: Callable[[float | None], Solver]
    why: Callable[[int, Objective], str] | None = None

    def reason(self, n: int, objective: Objective) -> str:
        """Why it runs; SubsetSumError where it does not."""
        if self.why is not None:
            return self.why(n, objective)
        if prove := getattr(self.create(None), "prove", None):
            prove()
        return "asked for"


def _exact(time_limit: float | None) -> Solver:
    from lottery.subset_sum.exact import ExactSolver

    return ExactSolver()


def _why_exact(n: int, objective: Objective) -> str:
    from lottery.subset_sum.exact import check

    check(objective)
    return "asked for"


def _gurobi(time_limit: float | None) -> Solver:
    from lottery.subset_sum.gurobi import GurobiSolver

    return GurobiSolver(time_limit)


def _gurobi_licence(n: int) -> str:
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


def _why_gurobi(n: int, objective: Objective) -> str:
    try:
        return f"asked for; licence {_gurobi_licence(n)}"
    except SubsetSumError as error:
        raise SubsetSumError(
            f"gurobi: {error}; get a licence (gurobi.com/academia), point GRB_LICENSE_FILE at it,"
            " or take solver: exact, cbc or mip"
        ) from error


def _cbc(time_limit: float | None) -> Solver:
    from lottery.subset_sum.cbc import CbcSolver

    return CbcSolver(time_limit)


def _why_cbc(n: int, objective: Objective) -> str:
    from lottery.subset_sum.cbc import working_cbc

    return f"asked for; it runs as {working_cbc()}"


# Each imports its library only when it is asked for, so that nobody pays for another's.
SOLVERS = Registry(
    "solver",
    {
        "exact": SolverKind(_exact, _why_exact),
        "gurobi": SolverKind(_gurobi, _why_gurobi),
        "cbc": SolverKind(_cbc, _why_cbc),
    },
    SubsetSumError,
)


def solver_names() -> list[str]:
    """Every name that `choose` knows."""
    return [*SOLVERS, *CHOICES]


def _choose_mip(requested: str, n: int) -> Choice:
    try:
        return Choice(requested, "gurobi", f"Gurobi's licence is {_gurobi_licence(n)}")
    except SubsetSumError as error:
        from lottery.subset_sum.cbc import working_cbc

        return Choice(requested, "cbc", f"{error}; CBC needs none, it runs as {working_cbc()}")


def _choose_auto(requested: str, n: int, weights_per_set: int, objective: Objective) -> Choice:
    from lottery.subset_sum.exact import check, plan

    try:
        check(objective)
        seconds = plan(n, weights_per_set).nanoseconds * 1e-9 / max(weights_per_set, 1)
    except SubsetSumError:
        return _choose_mip(requested, n)
    if seconds > LONGEST_EXACT_SECONDS:
        return _choose_mip(requested, n)
    return Choice(requested, "exact", f"{n} coefficients are tractable: about {seconds:.1e} s a weight")


def choose(requested: SolverName, n: int, weights_per_set: int, objective: Objective = "min_error") -> Choice:
    """Resolve `mip` and `auto` for sets of n coefficients that serve `weights_per_set` weights each.

    `gurobi` without a licence that fits, and `exact` for an objective it has not, are refused here, before any work; so
    is a MIP solver that does not solve a small problem.
    """
    if requested == "mip":
        return _choose_mip(requested, n)
    if requested == "auto":
        return _choose_auto(requested, n, weights_per_set, objective)
    if requested not in SOLVERS:
        raise SubsetSumError(f"solver: {requested!r} is not one of {', '.join(solver_names())}")
    return Choice(requested, requested, SOLVERS[requested].reason(n, objective))


def create(name: str, time_limit: float | None = None) -> Solver:
    """The solver called `name`, never `mip` or `auto`; time_limit: seconds a weight, for the MIP solvers."""
    if name not in SOLVERS:
        raise SubsetSumError(f"solver: {name!r} is no solver by itself; `choose` says which one it stands for")
    return SOLVERS[name].create(time_limit)


def warm_up(solver: Solver, n: int, objective: Objective) -> None:
    """Solve a trivial weight, so that what comes next can be timed without compiling or starting anything."""
    solver.solve_row(np.zeros(1), np.ones(n), 0.5, objective)


def solve(
    weights: np.ndarray,
    coefficients: np.ndarray,
    epsilon: float = EPSILON,
    objective: Objective = "min_error",
    solver: SolverName | Solver = "exact",
    time_limit: float | None = None,
) -> Solution:
    """For each weight, the coefficients to keep; shapes and objectives are those of `Problem`.

    solver: a name, or a solver of your own, as in `solve(..., solver=MySolver(tolerance=1e-9))`.    Infeasible weights are not an error: `feasible` is False there, and with solver `exact` the mask is the nearest.
    """
    problem = Problem(weights, coefficients, epsilon, objective)
    shared = problem.coefficients.ndim == 2
    if isinstance(solver, str):
        choice = choose(solver, problem.n, problem.weights.shape[1] if shared else 1, problem.objective)
        solver = create(choice.solver, time_limit)
    masks = np.zeros(problem.weights.shape, np.uint64)
    status = np.zeros(problem.weights.shape, np.uint8)
    for row in range(problem.weights.shape[0]):
        masks[row], status[row] = solver.solve_row(
            problem.weights[row], problem.coefficients[row], problem.epsilon, problem.objective
        )
    return Solution.of(problem, masks, status, solver.name)
