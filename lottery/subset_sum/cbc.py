"""The free solver: COIN-OR CBC through PuLP, one process a weight."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import psutil
import pulp

from lottery.subset_sum.mip import TOLERANCE, MipSolver, Model, bound, costs, gap
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

# A solver is given this much more than its time limit before it is taken to hang: it looks at the clock now and then only.
GRACE_FACTOR, GRACE_SECONDS = 2, 10


def _command(objective: Objective, time_limit: float | None) -> pulp.LpSolver:
    options = [] if objective == "min_error" else [f"primalTolerance {TOLERANCE}", f"integerTolerance {TOLERANCE}"]
    for solver in (pulp.PULP_CBC_CMD, pulp.COIN_CMD):  # the one inside PuLP, else the system's (conda, Debian)
        # CBC is single-threaded unless told otherwise; being told `1` starts a worker that at times waits ten seconds.
        command = solver(msg=False, timeLimit=time_limit, gapRel=gap(objective), options=options)
        if command.available():
            return command
    raise SubsetSumError("cbc: neither PuLP's own CBC nor a `cbc` command was found; install coin-or-cbc")


@contextmanager
def _ended_after(seconds: float | None) -> Iterator[threading.Event]:
    """Ends the CBC that is started meanwhile if it runs longer: one that hangs keeps no time limit of its own."""
    hung, before = threading.Event(), psutil.Process().children(recursive=True)

    def end() -> None:
        hung.set()
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child not in before and "cbc" in " ".join(child.cmdline()):
                    child.kill()

    if seconds is None:
        yield hung
        return
    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield hung
    finally:
        timer.cancel()


class _CbcModel(Model):
    def __init__(self, command: pulp.LpSolver, coefficients, epsilon, objective) -> None:
        self.command = command
        self.x = [pulp.LpVariable(f"x{k}", cat="Binary") for k in range(coefficients.size)]
        for variable, coefficient in zip(self.x, coefficients, strict=True):
            variable.upBound = int(coefficient != 0)  # a zero fills a place and is never kept
        z = pulp.LpVariable("z", 0, bound(epsilon, objective))
        total = pulp.LpAffineExpression(zip(self.x, map(float, coefficients), strict=True))
        self.problem = pulp.LpProblem("weight", pulp.LpMinimize)
        of_x, of_z = costs(coefficients, epsilon, objective)
        charged = [(variable, float(cost)) for variable, cost in zip([*self.x, z], [*of_x, of_z], strict=True) if cost]
        self.problem += pulp.LpAffineExpression(charged)
        self.below = total + z >= 0.0
        self.above = total - z <= 0.0
        self.problem += self.below, "below"
        self.problem += self.above, "above"
        if (count := exact_count(objective)) is not None:
            self.problem += pulp.lpSum(self.x) == count, "count"

    def solve(self, weight: float) -> tuple[np.ndarray | None, Status]:
        self.below.changeRHS(weight)
        self.above.changeRHS(weight)
        limit = self.command.timeLimit
        with _ended_after(None if limit is None else GRACE_FACTOR * limit + GRACE_SECONDS) as hung:
            try:
                self.problem.solve(self.command)
            except pulp.PulpSolverError:
                return None, Status.TIME_LIMIT if hung.is_set() else Status.FAILED
        found = self.problem.sol_status in (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
        status = {
            pulp.LpSolutionOptimal: Status.SOLVED,
            pulp.LpSolutionInfeasible: Status.INFEASIBLE,
            pulp.LpSolutionIntegerFeasible: Status.TIME_LIMIT,
            pulp.LpSolutionNoSolutionFound: Status.TIME_LIMIT,
        }.get(self.problem.sol_status, Status.FAILED)
        values = [variable.value() for variable in self.x]
        if not found or any(value is None for value in values):
            return None, status
        return np.array(values), status


class CbcSolver(MipSolver):
    """The paper's MIP in CBC; needs no licence."""

    name = "cbc"

    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        return _CbcModel(_command(objective, self.time_limit), coefficients, epsilon, objective)
