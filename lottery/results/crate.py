"""Results as an RO-Crate: what every file is, which command made it from what, in the terms of the Provenance Run Crate.

https://www.researchobject.org/workflow-run-crate/profiles/provenance_run_crate
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from lottery import __version__
from lottery.errors import LotteryError
from lottery.records.provenance import SUFFIX, read_record

PROFILES = ("process", "workflow", "provenance")
PROFILE_VERSION = "0.5"
WORKFLOW = "workflow"  # the folder of the crate that holds a copy of the workflow
SOURCES = ("Snakefile", "workflow", "config", "environment.yml", "LICENSE")
_PAPER = "https://arxiv.org/abs/2006.07990"
_LICENCE = "https://spdx.org/licenses/Apache-2.0"


@dataclass(frozen=True)
class Record:
    """A record, and the folder that its outputs are relative to."""

    folder: Path
    content: Mapping[str, Any]

    @property
    def command(self) -> str:
        return str(self.content["verb"])

    def outputs(self) -> dict[Path, str]:
        """Files that the command wrote and that are still there, with their SHA-256."""
        found = {self.folder / name: digest for name, digest in self.content["outputs"].items()}
        return {path: digest for path, digest in found.items() if path.is_file()}


def read_records(results: Path) -> list[Record]:
    """Every record below a folder, in the order of paths."""
    paths = [path for path in sorted(results.rglob(f"*{SUFFIX}")) if not path.name.startswith(".")]
    if not paths:
        raise LotteryError(f"{results}: holds no results (no file *{SUFFIX}); give the folder that the workflow wrote")
    return [Record(path.parent, read_record(path)) for path in paths]


class _Builder:
    """Entities of a crate, each made once."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.crate = ROCrate(version="1.1")  # which the profiles build on
        self.files: dict[str, Any] = {}

    def add(self, identifier: str, **properties: Any) -> Any:
        entity = ContextEntity(
            self.crate, identifier, properties={_key(name): value for name, value in properties.items()}
        )
        return self.crate.add(entity)

    def file(self, path: Path, digest: str) -> Any:
        """A file of the results; one from elsewhere is named by its checksum, and not part of the crate."""
        if (known := self.files.get(str(path))) is not None:
            return known
        try:
            name = path.resolve().relative_to(self.results.resolve()).as_posix()
            entity = self.crate.add_file(
                dest_path=name, properties={"name": name, "sha256": digest, "contentSize": str(path.stat().st_size)}
            )
        except (ValueError, OSError):
            entity = self.add(f"#file-{digest}", type="CreativeWork", name=path.name, sha256=digest)
        self.files[str(path)] = entity
        return entity


def _key(name: str) -> str:
    return "@type" if name == "type" else name


def _describe(builder: _Builder, licence: Any) -> None:
    crate = builder.crate
    crate.name = 'Results of "Optimal Lottery Tickets via SubsetSum", reproduced'
    crate.description = "Tables, figures and files of a run of the workflow, each with the command that made it."
    crate.license = licence
    profiles = [
        builder.add(
            f"https://w3id.org/ro/wfrun/{name}/{PROFILE_VERSION}",
            type="CreativeWork", name=f"{name.capitalize()} Run Crate", version=PROFILE_VERSION,
        )
        for name in PROFILES
    ]  # fmt: skip
    profiles.append(
        builder.add("https://w3id.org/workflowhub/workflow-ro-crate/1.0", type="CreativeWork", name="Workflow RO-Crate",
                    version="1.0")
    )  # fmt: skip
    crate.root_dataset["conformsTo"] = profiles
    crate.root_dataset["citation"] = builder.add(
        _PAPER, type="ScholarlyArticle", name="Optimal Lottery Tickets via SubsetSum"
    )


def _workflow(builder: _Builder, commands: Iterable[str], licence: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The workflow, and by command its tool and its step."""
    workflow = builder.crate.add_workflow(
        dest_path=f"{WORKFLOW}/Snakefile", main=True, lang="snakemake",
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "Optimal Lottery Tickets via SubsetSum", "license": licence, "version": __version__,
        },
    )  # fmt: skip
    tools, steps = {}, {}
    for position, command in enumerate(sorted(set(commands))):
        tools[command] = builder.add(
            f"#command-{command}", type="SoftwareApplication", name=f"lottery {command}", softwareVersion=__version__
        )
        steps[command] = builder.add(
            f"#step-{command}", type="HowToStep", position=str(position), workExample=tools[command], name=command
        )
    workflow["hasPart"], workflow["step"] = list(tools.values()), list(steps.values())
    return workflow, tools, steps


def _action(builder: _Builder, record: Record, tool: Any) -> Any:
    """What one command did."""
    content = record.content
    outputs = [builder.file(path, digest) for path, digest in record.outputs().items()]
    inputs = [builder.file(Path(name), digest) for name, digest in content["inputs"].items()]
    settings = [
        builder.add(f"#{_identity(record)}-{name}", type="PropertyValue", name=name, value=str(value))
        for name, value in sorted(content["settings"].items())
        if value is not None and name != "output"
    ]
    return builder.add(
        f"#action-{_identity(record)}", type="CreateAction", name=f"lottery {record.command}: {content['result']}",
        instrument=tool, object=inputs + settings, result=outputs, endTime=content["finished"],
        actionStatus="http://schema.org/CompletedActionStatus",
    )  # fmt: skip


def _identity(record: Record) -> str:
    return hashlib.sha256(f"{record.folder.as_posix()}/{record.content['result']}".encode()).hexdigest()[:16]


def build_crate(results: Path) -> ROCrate:
    """The crate of a folder of results: an action for each record, under one run of the workflow.

    Raises LotteryError where the folder holds no results.
    """
    records = read_records(results)
    builder = _Builder(results)
    licence = builder.add(_LICENCE, type="CreativeWork", name="Apache License 2.0")
    _describe(builder, licence)
    workflow, tools, steps = _workflow(builder, [record.command for record in records], licence)
    engine = builder.add("#snakemake", type="SoftwareApplication", name="Snakemake")
    actions, controls = [], []
    for record in records:
        action = _action(builder, record, tools[record.command])
        actions.append(action)
        controls.append(
            builder.add(f"#control-{_identity(record)}", type="ControlAction", name=f"orchestrate {record.command}",
                        instrument=steps[record.command], object=action)
        )  # fmt: skip
    finished = max(record.content["finished"] for record in records)
    everything = list({entity.id: entity for action in actions for entity in _listed(action, "result")}.values())
    run = builder.add(
        "#run",
        type="CreateAction",
        name="a run of the workflow",
        instrument=workflow,
        result=everything,
        endTime=finished,
    )
    builder.add(
        "#engine-run", type="OrganizeAction", name="Snakemake's run", instrument=engine, object=controls, result=run,
        endTime=finished,
    )  # fmt: skip
    builder.crate.root_dataset["mentions"] = [run, *actions]
    return builder.crate


def _listed(entity: Any, name: str) -> list[Any]:
    found = entity.get(name, [])
    return list(found) if isinstance(found, list) else [found]


def copy_workflow(source: Path, results: Path) -> None:
    """The workflow's own files, for the crate to be read without a checkout."""
    if not (source / "Snakefile").is_file():
        raise LotteryError(f"{source}: has no Snakefile; run from a checkout of the project")
    for name in SOURCES:
        target = results / WORKFLOW / name
        if (source / name).is_dir():
            shutil.copytree(source / name, target, dirs_exist_ok=True)
        elif (source / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)
