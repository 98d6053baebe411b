"""Resources that a job asks for: minutes, memory, GPUs and licences."""

from collections.abc import Callable
from typing import Any


def scale_by_attempt(first: int | Callable[[Any], int]) -> Callable[[Any, int], int]:
    """A resource that is `first` at the first attempt, twice that at the second, and so on.

    first: a number, or a function of the job's wildcards.
    """

    def scaled(wildcards: Any, attempt: int) -> int:  # Snakemake passes arguments by these names
        return attempt * (first(wildcards) if callable(first) else first)

    return scaled


def solve_minutes(solver: str) -> int:
    """Minutes for a chunk: `exact` takes seconds; a MIP solver resumes from `.partial` if it needs more."""
    return 10 if solver in ("exact", "auto") else 60


def prune_minutes(epochs: int) -> int:
    """A minute per epoch, 1.5 times what the slowest network takes on one core, and five to start."""
    return 5 + epochs


def gurobi_licences(solver: str) -> int:
    """Gurobi licences that a job may take; Snakemake starts no more jobs than `--resources gurobi=N` allows."""
    return int(solver in ("gurobi", "mip"))


def gpus_per_job(device: str) -> int:
    """GPUs of a job that computes with PyTorch: `auto` asks a cluster for none."""
    return int(device == "cuda")
