"""The free solver: COIN-OR CBC with models by PuLP, one process per weight."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import numpy as np
import pulp

from lottery.subset_sum.mip import TOLERANCE, MipSolver, Model, bound, costs, gap
from lottery.subset_sum.problem import Objective, Status, SubsetSumError, exact_count

# A process is killed only after this much more than its time limit, because CBC checks the clock rarely.
GRACE_FACTOR, GRACE_SECONDS = 2, 10
SELF_TEST_SECONDS = 10.0
ADVICE = "run it by hand to see why, install coin-or-cbc, or use solver: exact"


def _options(objective: Objective, time_limit: float | None) -> list[str]:
    # CBC is single-threaded by default; with `threads 1` it starts a worker that sometimes waits ten seconds.
    limit = [] if time_limit is None else ["-sec", f"{time_limit}"]
    tolerances = ["-primalTolerance", f"{TOLERANCE}", "-integerTolerance", f"{TOLERANCE}"]
    return [
        *limit, *([] if objective == "min_error" else tolerances), "-ratio", f"{gap(objective)}",
        "-timeMode", "elapsed", "-solve", "-printingOptions", "all",
    ]  # fmt: skip


def _last_line(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    return next((f": {line.strip()[:200]}" for line in reversed(lines) if line.strip()), "")


def _run(path: str, options: list[str], model: IO[bytes], solution: IO[bytes], seconds: float | None) -> bool:
    """Solve `model` with the CBC at `path`; False if it exceeded `seconds` and was killed.

    Raises SubsetSumError if the program does not start or fails.  It gets open files without names: so folders with spaces are no
    problem, and a killed job leaves no files behind.
    """
    model.seek(0)
    command = [path, "-import", "stdin", *options, "-solution", f"/dev/fd/{solution.fileno()}"]
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                command, stdin=model, stdout=output, stderr=output, pass_fds=[solution.fileno()], timeout=seconds
            )
        except subprocess.TimeoutExpired:
            return False
        except OSError as error:
            raise SubsetSumError(f"cbc: {path} cannot be started ({error.strerror or error}); {ADVICE}") from error
        solution.seek(0)
        if done.returncode or not solution.read(1):
            without = "" if done.returncode else " and no solution file"
            raise SubsetSumError(
                f"cbc: {path} ended with exit status {done.returncode}{without}{_last_line(output)}; {ADVICE}"
            )
    return True


def _read(solution: IO[bytes]) -> tuple[Status, dict[str, float] | None]:
    """The status in a solution file, and the value by column name, or None if it has no subset."""
    solution.seek(0)
    first, *lines = solution.read().decode(errors="replace").splitlines()
    words = first.split()
    # `Stopped on time - objective value 0.1` has a subset, `Stopped on time (no integer solution ...)` has none.
    found = words[:1] == ["Optimal"] or (words[:1] == ["Stopped"] and words[4:5] == ["objective"])
    status = {
        "Optimal": Status.SOLVED,
        "Infeasible": Status.INFEASIBLE,
        "Integer": Status.INFEASIBLE,  # `Integer infeasible`
        "Stopped": Status.TIME_LIMIT,
    }.get(words[0] if words else "", Status.FAILED)
    rows = [line.removeprefix("**").split() for line in lines]
    return status, {name: float(value) for _, name, value, _ in rows} if found else None


class _CbcModel(Model):
    def __init__(
        self, path: str, coefficients: np.ndarray, epsilon: float, objective: Objective, time_limit: float | None
    ) -> None:
        self.path, self.options = path, _options(objective, time_limit)
        self.seconds = None if time_limit is None else GRACE_FACTOR * time_limit + GRACE_SECONDS
        self.x = [pulp.LpVariable(f"x{k}", cat="Binary") for k in range(coefficients.size)]
        for variable, coefficient in zip(self.x, coefficients, strict=True):
            variable.upBound = int(coefficient != 0)  # a zero is padding and never kept
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
        with tempfile.TemporaryFile() as model, tempfile.TemporaryFile() as solution:
            try:
                _, columns, *_ = self.problem.writeMPS(f"/dev/fd/{model.fileno()}", rename=True)
            except OSError as error:
                folder = tempfile.gettempdir()
                raise SubsetSumError(
                    f"cbc: cannot write a model in {folder} ({error.strerror}); set TMPDIR to a writable folder"
                ) from error
            if not _run(self.path, self.options, model, solution, self.seconds):
                return None, Status.TIME_LIMIT
            try:
                status, values = _read(solution)
                chosen = None if values is None else np.array([values[columns[variable.name]] for variable in self.x])
            except (ValueError, KeyError) as error:
                raise SubsetSumError(f"cbc: {self.path} wrote a damaged solution ({error}); {ADVICE}") from error
        return chosen, status


def find_working_cbc() -> str:
    """The path of the first CBC that solves a small problem: PuLP's own, or the one on PATH (conda, Debian).

    Raises SubsetSumError with the faults of both if there is none.
    """
    own = Path(pulp.PULP_CBC_CMD.pulp_cbc_path).resolve()
    system = shutil.which("cbc")
    faults = []
    for path in ([str(own)] if own.is_file() else []) + ([system] if system else []):
        try:
            CbcSolver(SELF_TEST_SECONDS, path).self_test()
        except SubsetSumError as error:
            faults.append(str(error).removeprefix("cbc: ").removesuffix(f"; {ADVICE}"))
        else:
            return path
    found = "; ".join(faults) or "found neither PuLP's own CBC nor a `cbc` on PATH"
    raise SubsetSumError(f"cbc: {found}; {ADVICE}")


class CbcSolver(MipSolver):
    """The paper's MIP (Pensia et al., section 4) in CBC, which needs no licence.  path: of the program; None: the first that works."""

    name = "cbc"

    def __init__(self, time_limit: float | None = None, path: str | None = None) -> None:
        super().__init__(time_limit)
        self.path = find_working_cbc() if path is None else path

    def build(self, coefficients: np.ndarray, epsilon: float, objective: Objective) -> Model:
        return _CbcModel(self.path, coefficients, epsilon, objective, self.time_limit)
