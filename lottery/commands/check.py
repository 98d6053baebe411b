"""To look and check."""

import json
import os
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Annotated, Literal

import shtab

from lottery.commands.parser import parse, parser
from lottery.errors import LotteryError
from lottery.records import audit as records
from lottery.records.files import write_text
from lottery.records.provenance import ProvenanceTracker


def audit(
    provenance: ProvenanceTracker,
    targets: Annotated[Sequence[str], "as for snakemake: experiment_1, pruning, ...; default: all"] = (),
    /,
    *,
    snakefile: Annotated[Path | None, "as for snakemake: of an installation elsewhere", "-s"] = None,
    directory: Annotated[Path | None, "as for snakemake: the folder to work in", "-d"] = None,
    configfile: Annotated[Sequence[Path], "as for snakemake"] = (),
    config: Annotated[Sequence[str], "KEY=VALUE, as for snakemake"] = (),
    remove: Annotated[bool, "delete results with a fault, so that the next run makes them again"] = False,
) -> None:
    """Is every result still what the config asks for, made by today's code, and undamaged?

    Reads the record (.provenance.json) beside each result, so that it also works for results that were copied from
    another machine, or where .snakemake/ is gone.  Names each result with a fault and what the fault is; status 1 if
    there is any.  Run it where snakemake was run, with the options that the results were made with:

        lottery audit --configfile config/demo.yaml
        lottery audit --snakefile /path/to/Snakefile --directory study
    """
    if missing := [path for path in configfile if not path.is_file()]:
        raise LotteryError(f"--configfile {missing[0]}: there is no such file")
    options = []
    if snakefile:
        options += ["--snakefile", str(snakefile)]
    if directory:
        options += ["--directory", str(directory)]
    if configfile:
        options += ["--configfile", *map(str, configfile)]
    if config:
        options += ["--config", *config]
    commands = records.planned_commands(options, parse, targets or ("all",))
    with chdir(directory or "."):  # which paths in commands and records are relative to
        folder = Path(os.path.commonpath([command.output for command in commands]))
        findings, others = records.audit(commands, folder)
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
        if remove:
            for found in faulty:
                records.remove(found)
            faulty = [found for found in faulty if Path(found.result).exists()]
        if faulty:
            raise LotteryError(
                f"{len(faulty)} of {len(findings)} results are not what the config asks for;"
                " delete them (--remove does it where a record names the files) and run snakemake again"
            )


def crate(provenance: ProvenanceTracker, results: Annotated[Path, "the folder that the workflow wrote"], /) -> None:
    """Describe a folder of results as an RO-Crate: every file, and the command that made it.

    Writes ro-crate-metadata.json (Provenance Run Crate) and a copy of the workflow into the folder.  Needs the package
    rocrate.  Example:

        lottery crate results
    """
    try:
        from lottery.results.crate import build_crate, copy_workflow
    except ModuleNotFoundError as error:
        raise LotteryError("crate: needs the package rocrate; run `pip install rocrate`") from error
    metadata = build_crate(results).metadata.generate()
    copy_workflow(Path(__file__).parents[2], results)
    write_text(results / "ro-crate-metadata.json", json.dumps(metadata, indent=1) + "\n")
    print(f"{results / 'ro-crate-metadata.json'}: {len(metadata['@graph'])} entities")


def completion(provenance: ProvenanceTracker, shell: Literal["bash", "zsh", "tcsh"], /) -> None:
    """Print what makes a shell complete `lottery` commands.

    For bash, once:

        mkdir -p ~/.local/share/bash-completion/completions
        lottery completion bash > ~/.local/share/bash-completion/completions/lottery
    """
    print(shtab.complete(parser(), shell=shell))
