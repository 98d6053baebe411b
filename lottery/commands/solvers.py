"""To look and check."""

from lottery.records.provenance import ProvenanceTracker
from lottery.subset_sum import CHOICES, SOLVERS, SubsetSumError, choose


def solvers(provenance: ProvenanceTracker, /, *, coefficients: int = 21) -> None:
    """Which solvers run here, and which Gurobi licence there is.

    Each MIP solver has to solve a small problem.
    """
    notes = {"exact": "the true optimum"}
    for name in (*SOLVERS, *CHOICES):
        try:
            choice = choose(name, coefficients, 784)
        except SubsetSumError as error:
            print(f"{name:<7} cannot be used: {error}")
            continue
        reason = notes.get(name) or choice.reason.removeprefix("asked for").lstrip("; ") or "solves a small problem"
        print(f"{name:<7} {reason}" if choice.solver == name else f"{name:<7} takes {choice.solver}: {reason}")
