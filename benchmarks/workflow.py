"""What the workflow itself costs: planning the paper's full grid, and the overhead of a job.

    python -m benchmarks.workflow --output results/benchmarks

Planning is a dry run of both grids together (every published run of experiment 2, every chunk of experiment 1 by MIP).  The
overhead of a job is measured by jobs that do nothing, side by side with the same commands in a plain shell loop.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from lottery.records.files import write_text
from lottery.results.tables.experiment_1 import markdown

ROOT = Path(__file__).resolve().parent.parent
BY_MIP = "approximations={min_error: {solver: mip, rows_per_chunk: 1}, min_cardinality: null}"
JOBS = 100

NOTHING = f"""
rule all:
    input: expand("done/{{number}}", number=range({JOBS}))

rule nothing:
    output: "done/{{number}}"
    shell: "{{COMMAND}} && touch {{output}}"
"""


def _seconds(command: list[str], folder: Path) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return time.perf_counter() - started, done.stdout + done.stderr


def _snakemake(*options: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *options]


def planning(rounds: int) -> dict[str, object]:
    """A dry run of the full grid: sweeps of `paper.yaml`, and every row of experiment 1 a chunk, as in `paper_mip.yaml`."""
    nowhere = "pathvars={results: results/never}"  # else only what is left to do would be planned
    command = _snakemake("-n", "all", "--configfile", "config/paper.yaml", "--config", BY_MIP, nowhere)
    found = sorted(_seconds(command, ROOT) for _ in range(rounds))
    jobs = {rule: int(count) for rule, count in re.findall(r"^(solve|prune|total) +(\d+)$", found[0][1], re.MULTILINE)}
    what = f"dry run: {jobs['prune']} runs and {jobs['solve']} chunks, {jobs['total']} jobs in all"
    return _row(what, [seconds for seconds, _ in found])


def overhead(rounds: int) -> list[dict[str, object]]:
    """Seconds a job takes beyond its command, on one core."""
    rows = []
    for what, word in (
        ("an empty command", "true"),
        ("`lottery --version`", f"{sys.executable} -m lottery.cli --version"),
    ):
        found = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "Snakefile").write_text(NOTHING.replace("{COMMAND}", f"{word} > /dev/null"))
                plan, _ = _seconds(_snakemake("-n", "--quiet", "all"), folder)
                by_snakemake, _ = _seconds(_snakemake("--cores", "1", "--quiet", "all"), folder)
                by_shell, _ = _seconds(["bash", "-c", f"for i in $(seq {JOBS}); do {word} > x; done"], folder)
                found.append((by_snakemake - plan - by_shell) / JOBS)
        rows.append(_row(f"a job beyond its command, {what}", found))
    return rows


def _row(what: str, seconds: list[float]) -> dict[str, object]:
    ordered = sorted(seconds)
    return {"what": what, "seconds": ordered[len(ordered) // 2], "low": ordered[0], "high": ordered[-1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a folder")
    parser.add_argument("--rounds", type=int, default=3, help="the median, lowest and highest of so many are given")
    arguments = parser.parse_args()
    table = pd.DataFrame([planning(arguments.rounds), *overhead(arguments.rounds)]).round(4)
    write_text(arguments.output / "workflow.csv", table.to_csv(index=False))
    print(markdown(table.set_index("what")))


if __name__ == "__main__":
    main()
