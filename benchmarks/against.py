"""A part of the workflow by this code and by that of another commit, one after the other.

    python -m benchmarks.against --commit 0d15d71 --cores 2 -- all --configfile config/demo.yaml
    python -m benchmarks.against --commit 0d15d71 --cores 2 --before targets -- frontier --config source=FOLDER

Either runs in a fresh copy of its own sources, with nothing made before but what Numba has compiled (in a round that does not count); what stands behind `--`
are a target and options for Snakemake.  A round is both, in turn; the ratios are of the medians.  Nothing else should run.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from lottery.records.files import write_text

ROOT = Path(__file__).resolve().parent.parent


def _checked_out(commit: str, folder: Path) -> Path:
    """The files of a commit, without a repository."""
    folder.mkdir()
    archive = subprocess.run(["git", "-C", str(ROOT), "archive", commit], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def _seconds(folder: Path, cores: int, options: list[str]) -> tuple[float, float]:
    """Seconds until it is done, and core seconds of all its processes."""
    command = [sys.executable, "-m", "snakemake", *options, "--cores", str(cores), "--quiet", "all"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{folder}: {done.stdout}{done.stderr}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commit", required=True, help="whose code is held against this one")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--before", help="a target that is made before, and not measured, with the same options")
    parser.add_argument("--output", type=Path, help="a text file")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="for Snakemake, after --")
    arguments = parser.parse_args()
    options = [option for option in arguments.options if option != "--"]
    found: dict[str, list[tuple[float, float]]] = {"then": [], "now": []}
    with tempfile.TemporaryDirectory() as name:
        trees = {
            "then": _checked_out(arguments.commit, Path(name) / "then"),
            "now": _checked_out("HEAD", Path(name) / "now"),
        }
        for number in range(1 + arguments.rounds):  # the first compiles
            for which, tree in trees.items():
                for made in ("results", ".snakemake"):
                    shutil.rmtree(tree / made, ignore_errors=True)
                if arguments.before:
                    _seconds(tree, arguments.cores, [arguments.before, *options[1:]])
                seconds = _seconds(tree, arguments.cores, options)
                if number:
                    found[which].append(seconds)
    lines = [f"{' '.join(options)}, {arguments.cores} cores, {arguments.rounds} rounds, {arguments.commit} and HEAD"]
    for index, what in enumerate(("seconds", "core seconds")):
        then, now = (median(times[index] for times in found[which]) for which in ("then", "now"))
        lines.append(f"{what}: {then:.0f} then, {now:.0f} now, ratio {now / then:.2f}")
    print("\n".join(lines))
    if arguments.output:
        write_text(arguments.output, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
