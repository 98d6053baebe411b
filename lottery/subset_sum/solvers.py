"""The solvers by name, and how `auto` and `mip` choose one.

Shapes: W rows, T weights per row, n coefficients per set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from lottery.registry import Registry
from lottery.subset_sum.exact import ExactSolver, check_supported, plan
from lottery.subset_sum.problem import EPSILON, Objective, Problem, Solution, SubsetSumError

SolverName = str  # one of SOLVERS, or of CHOICES
CHOICES = ("mip", "auto")  # names that stand for one of the solvers: see `choose`
# `auto` uses a MIP solver if the exact solver would take longer than this per weight, which is typical of MIP solvers.
MAX_EXACT_SECONDS = 0.5


class Solver(Protocol):
    """The interface of a solver."""

    @property
    def name(self) -> str:
        """Its name in results."""

    @property
    def block(self) -> int | None:
        """How many weights of a row to pass per call, so that work can be saved in between; None: whole rows."""

    def solve_row(
        self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: Objective
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks (T,) uint64 and `Status` (T,) uint8 for weights (T,) and coefficients (n,) or (T, n).

        If no subset within epsilon is found, the mask is the best one known, or 0; the caller checks masks.
        """


@dataclass(frozen=True)
class Choice:
    """The solver that was requested, the one that runs, and the reason."""

    requested: str
    solver: str
    reason: str


@dataclass(frozen=True)
class SolverKind:
    """How to create a solver, and how to find out whether it can be used.

    create: function of the time limit in seconds per weight (None: no limit), which only MIP solvers use.
    why: function of the number of coefficients and the objective that returns the reason why the solver can run, or raises
        SubsetSumError.  None: run the solver's `self_test`, which every `MipSolver` has, if it has one.
    """

    create: Callable[[float | None], Solver]
    why: Callable[[int, Objective], str] | None = None

    def reason(self, n: int, objective: Objective) -> str:
        """Why the solver can run for n coefficients; raises SubsetSumError if it cannot."""
        if self.why is not None:
            return self.why(n, objective)
        if self_test := getattr(self.create(None), "self_test", None):
            self_test()
        return "asked for"


def _exact(time_limit: float | None) -> Solver:
    return ExactSolver()


def _why_exact(n: int, objective: Objective) -> str:
    check_supported(objective)
    return "asked for"


def _gurobi(time_limit: float | None) -> Solver:
    from lottery.subset_sum.gurobi import GurobiSolver

    return GurobiSolver(time_limit)


def _gurobi_licence(n: int) -> str:
    """The licence in words; raises SubsetSumError if it does not allow n coefficients, or Gurobi does not work."""
    try:
        from lottery.subset_sum import gurobi
    except ImportError as error:
        raise SubsetSumError(f"Gurobi cannot be imported ({error})") from error
    licence = gurobi.licence()
    if not licence.fits(n):
        raise SubsetSumError(f"Gurobi's licence is {licence.kind} ({licence.detail})")
    gurobi.GurobiSolver().self_test()
    return f"{licence.kind} ({licence.detail})"


def _why_gurobi(n: int, objective: Objective) -> str:
    try:
        return f"asked for; licence {_gurobi_licence(n)}"
    except SubsetSumError as error:
        raise SubsetSumError(
            f"gurobi: {error}; get a licence (gurobi.com/academia) and set GRB_LICENSE_FILE to it,"
            " or use solver: exact, cbc or mip"
        ) from error


def _cbc(time_limit: float | None) -> Solver:
    from lottery.subset_sum.cbc import CbcSolver

    return CbcSolver(time_limit)


def _working_cbc() -> str:
    """The command of a CBC that works; raises SubsetSumError if there is none."""
    from lottery.subset_sum.cbc import find_working_cbc

    return find_working_cbc()


def _why_cbc(n: int, objective: Objective) -> str:
    return f"asked for; it runs as {_working_cbc()}"


# Each imports its library only when it is used, so that no solver depends on the library of another.
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
    """All names that `choose` accepts."""
    return [*SOLVERS, *CHOICES]


def _choose_mip(requested: str, n: int) -> Choice:
    try:
        return Choice(requested, "gurobi", f"Gurobi's licence is {_gurobi_licence(n)}")
    except SubsetSumError as error:
        return Choice(requested, "cbc", f"{error}; CBC needs none, it runs as {_working_cbc()}")


def _choose_auto(requested: str, n: int, weights_per_set: int, objective: Objective) -> Choice:
    try:
        check_supported(objective)
        seconds = plan(n, weights_per_set).nanoseconds * 1e-9 / max(weights_per_set, 1)
    except SubsetSumError:
        return _choose_mip(requested, n)
    if seconds > MAX_EXACT_SECONDS:
        return _choose_mip(requested, n)
    return Choice(requested, "exact", f"{n} coefficients are tractable: about {seconds:.1e} s a weight")


def choose(requested: SolverName, n: int, weights_per_set: int, objective: Objective = "min_error") -> Choice:
    """Choose the solver for sets of n coefficients, each used by `weights_per_set` weights; resolves `mip` and `auto`.

    Raises SubsetSumError, before any work, for `gurobi` without a sufficient licence, for `exact` with an unsupported objective,
    for a MIP solver that fails its self-test, and for an unknown name.
    """
    if requested == "mip":
        return _choose_mip(requested, n)
    if requested == "auto":
        return _choose_auto(requested, n, weights_per_set, objective)
    if requested not in SOLVERS:
        raise SubsetSumError(f"solver: {requested!r} is not one of {', '.join(solver_names())}")
    return Choice(requested, requested, SOLVERS[requested].reason(n, objective))


def create(name: str, time_limit: float | None = None) -> Solver:
    """The solver `name`, which is not `mip` or `auto`; time_limit: seconds per weight, for the MIP solvers.

    Raises SubsetSumError for an unknown name.
    """
    if name not in SOLVERS:
        raise SubsetSumError(f"solver: {name!r} is not the name of a single solver; resolve it with `choose` first")
    return SOLVERS[name].create(time_limit)


def warm_up(solver: Solver, n: int, objective: Objective) -> None:
    """Solve a trivial weight, so that later timings include no compilation and no start-up."""
    solver.solve_row(np.zeros(1), np.ones(n), 0.5, objective)


def solve(
    weights: np.ndarray,
    coefficients: np.ndarray,
    epsilon: float = EPSILON,
    objective: Objective = "min_error",
    solver: SolverName | Solver = "exact",
    time_limit: float | None = None,
) -> Solution:
    """Choose the coefficients to keep for each of weights (W, T); shapes and objectives: see `Problem`.

    solver: a name, or a solver of your own, as in `solve(..., solver=MySolver(tolerance=1e-9))`.
    time_limit: seconds per weight, for the MIP solvers.

    Infeasible weights are not an error: their `feasible` is False, and the exact solver gives them the nearest subset.
    Raises SubsetSumError for an invalid problem, or a solver that cannot be used.
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
    return Solution.from_masks(problem, masks, status, solver.name)
