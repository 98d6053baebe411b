"""What is no step of the workflow: is everything as it should be, and comfort."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lottery.records.provenance import ProvenanceTracker


def audit(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Is every result still what the config asks for, made by today's code, and undamaged?

    Reads the record (.provenance.json) beside each result, so that it also works for results that were copied from
    another machine, or where .snakemake/ is gone.  Names each result with a fault and what the fault is; status 1 if
    there is any.  Run it where snakemake was run, with the options that the results were made with:

        lottery audit --configfile config/demo.yaml
        lottery audit --snakefile /path/to/Snakefile --directory study
    """
    import os
    from contextlib import chdir

    from lottery.errors import LotteryError
    from lottery.records.audit import audit, planned_commands, remove

    if missing := [path for path in arguments.configfile if not path.is_file()]:
        raise LotteryError(f"--configfile {missing[0]}: there is no such file")
    options = []
    if arguments.snakefile:
        options += ["--snakefile", str(arguments.snakefile)]
    if arguments.directory:
        options += ["--directory", str(arguments.directory)]
    if arguments.configfile:
        options += ["--configfile", *map(str, arguments.configfile)]
    if arguments.config:
        options += ["--config", *arguments.config]
    commands = planned_commands(options, arguments.parser.parse_args, arguments.targets)
    with chdir(arguments.directory or "."):  # which paths in commands and records are relative to
        folder = Path(os.path.commonpath([command.output for command in commands]))
        findings, others = audit(commands, folder)
        faulty = [found for found in findings if found.faults]
        if not any(Path(found.result).exists() for found in findings):
            raise LotteryError(
                f"none of {len(findings)} results is there (looked in {folder}); give --configfile as to snakemake, or run it first"
            )
        for found in faulty:
            print(f"{found.result}: {'; '.join(found.faults)}")
        print(
            f"{len(findings)} results in {folder}: {len(findings) - len(faulty)} as the config asks, {len(faulty)} not"
        )
        if others:
            print(f"{len(others)} more there that this config does not ask for, left alone")
        if arguments.remove:
            for found in faulty:
                remove(found)
            faulty = [found for found in faulty if Path(found.result).exists()]
        if faulty:
            raise LotteryError(
                f"{len(faulty)} of {len(findings)} results are not what the config asks for;"
                " delete them (--remove does it where a record names the files) and run snakemake again"
            )


def completion(arguments: argparse.Namespace, provenance: ProvenanceTracker) -> None:
    """Print what makes a shell complete `lottery` commands.

    For bash, in ~/.bashrc:

        eval "$(lottery completion bash)"
    """
    import shtab

    print(shtab.complete(arguments.parser, shell=arguments.shell))
