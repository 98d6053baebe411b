"""Results as an RO-Crate, checked by the community's validator."""

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from conftest import RESULTS
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate

from lottery.cli import main
from lottery.errors import LotteryError
from lottery.results.crate import read_records


@pytest.fixture(scope="module")
def crate(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's results with their crate."""
    folder = tmp_path_factory.mktemp("crate")
    shutil.copytree(demo / RESULTS, folder / RESULTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["crate", str(RESULTS)]) == 0
    return folder / RESULTS


def graph(crate: Path) -> dict[str, dict[str, Any]]:
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text())
    return {entity["@id"]: entity for entity in metadata["@graph"]}


@pytest.mark.parametrize("profile", ["process-run-crate-0.5", "workflow-run-crate-0.5", "provenance-run-crate-0.5"])
def test_the_crate_meets_the_profile(crate: Path, tmp_path: Path, profile: str) -> None:
    """The validator fetches the vocabulary; here it is the one that comes with rocrate, with the term of version 1.1."""
    vocabulary = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())["@context"]
    vocabulary["ComputationalWorkflow"] = "https://bioschemas.org/ComputationalWorkflow"
    shutil.copytree(crate, tmp_path / "crate")
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text())
    (tmp_path / "crate/ro-crate-metadata.json").write_text(json.dumps(metadata | {"@context": vocabulary}))
    settings = ValidationSettings(
        rocrate_uri=str(tmp_path / "crate"),
        profile_identifier=profile,
        requirement_severity=Severity.REQUIRED,
        offline=True,
    )
    found = validate(settings)
    assert found.passed(), [issue.message for issue in found.get_issues()]


def test_every_recorded_file_is_in_the_crate_with_the_command_that_made_it(crate: Path) -> None:
    entities = graph(crate)
    made = {
        result["@id"]: action
        for action in entities.values()
        if action["@type"] == "CreateAction" and action["@id"] != "#run"
        for result in (action["result"] if isinstance(action["result"], list) else [action["result"]])
    }
    table = made["tables/table1.csv"]
    assert table["instrument"] == {"@id": "#command-tabulate"}
    assert {"@id": "subset_sum/min_error/assembly.json"} in table["object"]
    for name in made:
        assert (crate / name).is_file()
        assert len(entities[name]["sha256"]) == 64


def test_the_workflow_is_in_the_crate(crate: Path) -> None:
    main_entity = graph(crate)["./"]["mainEntity"]["@id"]
    assert (crate / main_entity).is_file()
    assert (crate / "workflow/workflow/rules/pruning.smk").is_file()


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LotteryError, match="holds no results"):
        read_records(tmp_path)
