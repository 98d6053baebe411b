"""Experiment 1, weights as subset sums."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm

from lottery.approximation import assembly
from lottery.approximation import cross_check as checks
from lottery.approximation.chunks import Chunk, parse_chunk_name, solve_chunk, write_chunk
from lottery.approximation.settings import Settings, SolverSettings, WeightSettings
from lottery.approximation.target import read_target, write_target
from lottery.records.files import read_json, write_json, write_text
from lottery.records.provenance import ProvenanceTracker, provenance_path
from lottery.records.result_cache import clear_cache
from lottery.records.tensors import write_tensors
from lottery.subset_sum import choose, create, warm_up

TargetFile = Annotated[Path, "weights by `train` or `import-weights`"]
DataFile = Annotated[Path, "a file by `lottery fetch`"]
Device = Annotated[str, "auto, cpu or cuda"]


def _progress(total: int, what: str) -> Any:
    """A bar with an estimate; silent where stderr is not a terminal."""
    return tqdm(total=total, desc=what, unit=" weights", unit_scale=True, disable=None)


def choose_solver(
    provenance: ProvenanceTracker,
    /,
    request: WeightSettings,
    solver: SolverSettings,
    *,
    weights_per_set: Annotated[int, "how many weights share a coefficient set"],
    output: Path,
) -> None:
    """Settle which solver runs, once for a whole network.

    Asks for the Gurobi licence that is really there, and lets a MIP solver solve a small problem; the choice and its
    reason are the result.  Example:

        lottery choose-solver --solver mip --weights-per-set 784 --output solver.json
    """
    choice = choose(solver.solver, request.n, weights_per_set, request.objective)
    write_json(provenance.add_outputs(output), asdict(choice))
    print(f"solver: {choice.solver} ({choice.reason})")


def solve(
    provenance: ProvenanceTracker,
    /,
    settings: Settings,
    solver: SolverSettings,
    *,
    target: TargetFile,
    layer: Annotated[int, "from 0, input first"],
    first_row: Annotated[int, "from 0"],
    last_row: Annotated[int, "included"],
    solver_choice: Annotated[Path | None, "a file by `choose-solver`, instead of --solver"] = None,
    output: Path,
) -> None:
    """Solve subset sum for some rows of a layer.

    The result does not depend on how a layer is cut; a killed MIP chunk goes on from OUTPUT.partial.  Example, the first
    ten rows of the first layer:

        lottery solve --target fc2.safetensors --layer 0 --first-row 0 --last-row 9 --output rows.safetensors
    """
    network, chunk = read_target(provenance.add_input(target)), Chunk(layer, range(first_row, last_row + 1))
    chunk.check(network)
    provenance.check_outputs(output)
    columns = network.layers[chunk.layer].columns
    if solver_choice is None:
        choice = choose(solver.solver, settings.n, columns if settings.sharing == "row" else 1, settings.objective)
        print(f"solver: {choice.solver} ({choice.reason})")
        name = choice.solver
    else:
        name = str(read_json(provenance.add_input(solver_choice))["solver"])
    chosen = create(name, solver.time_limit)
    warm_up(chosen, settings.n, settings.objective)
    partial = output.with_name(f"{output.name}.partial")
    started = time.monotonic()
    with _progress(len(chunk.rows) * columns, f"{network.layers[chunk.layer].name}, {name}") as bar:
        result = solve_chunk(network, settings, chunk, chosen, partial, bar.update)
    seconds = time.monotonic() - started
    write_chunk(provenance.add_outputs(provenance.output_path(output)), result, name)
    partial.unlink(missing_ok=True)
    weights = result.masks.size
    print(f"{weights:,} weights by {name} in {seconds:.2f} s ({seconds / weights * 1e6:,.3g} µs each)")
    provenance.add_metadata(solver=name, solve_seconds=seconds, weights=weights)


def assemble(
    provenance: ProvenanceTracker,
    /,
    settings: Settings,
    *,
    target: TargetFile,
    chunks: Annotated[list[Path], "files by `solve`, in any order"],
    output: Annotated[Path, "a folder"],
) -> None:
    """Put chunks together to the approximated network, checking every weight against epsilon.

    Writes network, masks, numbers and cost into the folder OUTPUT.  Example:

        lottery assemble --target fc2.safetensors --chunks layer_*.safetensors --output approximation
    """
    network = read_target(provenance.add_input(target))
    approximation = assembly.assemble(
        network, settings, [(parse_chunk_name(path), provenance.add_input(path)) for path in chunks]
    )
    numbers = assembly.summary(approximation, settings)
    seconds = [read_json(provenance_path(path)).get("solve_seconds", 0.0) for path in chunks]
    provenance.add_outputs(
        *(output / name for name in ("network.safetensors", "solution.safetensors", "assembly.json", "cost.json"))
    )
    write_tensors(output / "solution.safetensors", approximation.arrays(), network.metadata())
    write_json(output / "assembly.json", {**numbers, "settings": asdict(settings)})
    write_json(output / "cost.json", {"chunks": len(seconds), "seconds": sum(seconds)})
    write_target(output / "network.safetensors", approximation.network())
    provenance.add_metadata(solvers=numbers["solvers"])
    for folder in {path.parent for path in chunks}:
        clear_cache(folder)
    print(
        f"{numbers['remaining']:,} of {numbers['initial']:,} coefficients kept for {network.size:,} weights;"
        f" largest error {numbers['largest_error']:.3g}, every one within {settings.epsilon}"
    )


def cross_check(
    provenance: ProvenanceTracker,
    /,
    settings: Settings,
    solver: SolverSettings,
    *,
    target: TargetFile,
    name: Annotated[str, "of the approximation, for the table"],
    sample: Annotated[int, "how many weights"] = 64,
    sample_seed: int = 1,
    timings: Annotated[Path, "JSON of seconds per weight"],
    output: Annotated[Path, "CSV, a line per weight"],
) -> None:
    r"""Solve a random sample of weights by another solver and by exact.

    Example, 16 weights by CBC:

        lottery cross-check --target fc2.safetensors --name fc2 --solver cbc --sample 16 \
            --timings timings.json --output check.csv
    """
    import pandas as pd  # half a second

    network = read_target(provenance.add_input(target))
    choice = choose(solver.solver, settings.n, network.layers[0].columns, settings.objective)
    provenance.check_outputs(output, timings)
    with _progress(sample, f"cross-check, {choice.solver}") as bar:
        check = checks.cross_check(network, settings, choice.solver, sample, sample_seed, solver.time_limit, bar.update)
    frame = pd.DataFrame([{"solver": check.solver, **vars(weight)} for weight in check.weights])
    write_text(provenance.add_outputs(output, timings), frame.to_csv(index=False))
    measured = {
        "approximation": name,
        "solver": check.solver,
        "sample": len(check.weights),
        "network_weights": network.size,
        "exact_seconds": check.exact_seconds,
        "solver_seconds": check.solver_seconds,
    }
    write_json(timings, measured)
    mean = sum(check.solver_seconds) / len(check.solver_seconds)
    print(
        f"{choice.solver} ({choice.reason}): {mean:.3g} s per weight, exact {check.exact_seconds:.3g} s;"
        f" all {network.size:,} weights would take {mean * network.size / 3600:,.1f} core hours"
    )
    provenance.add_metadata(solver=choice.solver, reason=choice.reason)
