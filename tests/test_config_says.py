"""A configuration does what it says: nothing in it is dropped or read as something else without a word."""

from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Snakemake

from lottery.errors import LotteryError
from lottery.workflow.configuration import check_file, complete


def completed(**more: Any) -> dict[str, Any]:
    return complete({"targets": {"fc2": {"network": "fc2"}}, "approximations": {}, **more})


def test_the_home_folder_and_variables_in_paths_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("STUDY", "/study")
    monkeypatch.chdir(tmp_path)
    found = completed(
        source="~/mnist",
        targets={"fc2": {"network": "fc2", "weights": "$STUDY/fc2.pt"}},
        variants={"own": {"convolutions": "${STUDY}/lenet5.pt"}},
    )
    assert found["source"] == f"{tmp_path}/mnist"
    assert found["targets"]["fc2"]["weights"] == "/study/fc2.pt"
    assert found["variants"]["own"]["convolutions"] == "/study/lenet5.pt"
    (tmp_path / "$5").mkdir()
    assert completed(source="$5")["source"] == "$5", "there is a folder of that name"


@pytest.mark.parametrize("path", ["~nobody_has_this_name/mnist", "$NOT_SET_HERE/mnist"])
def test_a_path_of_an_unknown_user_or_variable_is_refused(path: str) -> None:
    with pytest.raises(LotteryError, match=r"^config: source: .* names no user or environment variable that is known"):
        completed(source=path)


@pytest.mark.parametrize("path", ["~/results", "~", "$SCRATCH/results", "results/", "a//b", "a{x}b"])
def test_a_folder_of_results_that_would_be_another_one_is_refused(path: str) -> None:
    with pytest.raises(LotteryError, match=r"^config: pathvars\.results: .* is taken as it is; write a path with no ~"):
        completed(pathvars={"results": path})


@pytest.mark.parametrize("path", ["results/demo", "/scratch/me", "<reports>/x", "it's (mine) ü~"])
def test_any_other_folder_of_results_is_taken(path: str) -> None:
    assert completed(pathvars={"results": path})["pathvars"]["results"] == path


@pytest.mark.parametrize("name", [False, True, 4, 0.01, None])
@pytest.mark.parametrize("group", ["targets", "sweeps", "variants", "pathvars"])
def test_a_name_that_yaml_reads_as_no_text_is_refused(group: str, name: object) -> None:
    with pytest.raises(LotteryError, match=rf"^config: {group}: a name is read as {name!r}, which is no text; [^\n]*$"):
        completed(**{group: {name: {}}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: mnist\ndataset: kmnist\n", "line 2: 'dataset' is there twice"),
        ("sweeps:\n  fc2: {epochs: [1], epochs: [2]}\n", "line 2: 'epochs' is there twice"),
        ("seed: 010\n", "line 1: YAML reads 010 as 8"),
        ("a:\n- 1:30\n", "line 2: YAML reads 1:30 as 90"),
        ("a: 0x10", "line 1: YAML reads 0x10 as 16"),
        ("a: 1:30.5", "line 1: YAML reads 1:30.5 as 90.5"),
    ],
)
def test_what_yaml_would_drop_or_change_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(LotteryError, match=rf"^config: .*own\.yaml: {message}[^\n]*$"):
        check_file(tmp_path / "own.yaml")


def test_our_own_files_drop_nothing() -> None:
    files = sorted((ROOT / "config").glob("*.yaml"))
    assert len(files) > 5
    for path in files:
        check_file(path)


def test_the_workflow_says_so_in_one_line(workflow: Path, snakemake: Snakemake) -> None:
    for text, message in (
        ("device: cpu\ndevice: cuda\n", "own.yaml: line 2: 'device' is there twice"),
        ("targets: {no: {network: fc2}}\n", "config: targets: a name is read as False"),
    ):
        (workflow / "own.yaml").write_text(text)
        done = snakemake(workflow, "-n", "all", "--configfile", "config/demo.yaml", "own.yaml")
        assert done.returncode != 0
        assert message in done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
