"""The records beside results say whether they are still what the config asks for, without Snakemake's own records."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import RESULTS, Snakemake, command_line

from lottery.cli import main
from lottery.errors import LotteryError
from lottery.records.audit import Command, audit, remove
from lottery.records.provenance import SUFFIX, ProvenanceTracker

APPROXIMATION = RESULTS / "subset_sum/min_error"


@pytest.fixture
def results(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished demo as the current folder."""
    monkeypatch.chdir(finished)
    return finished


def faults(commands: list[Command]) -> dict[str, str]:
    found, _ = audit(commands, RESULTS)
    return {finding.result: "; ".join(finding.faults) for finding in found if finding.faults}


def test_a_finished_run_has_no_fault_and_every_file_of_it_has_a_record(results: Path, commands: list[Command]) -> None:
    found, others = audit(commands, RESULTS)
    assert len(found) == len(commands) > 20
    assert not faults(commands)
    assert not others
    recorded = {path for finding in found for path in finding.outputs}
    not_computed = ("logs", "benchmarks", "pruning/runs.json", "frontier/points.json")
    for path in RESULTS.rglob("*"):
        if path.is_file() and not str(path.relative_to(RESULTS)).startswith(not_computed):
            assert path in recorded, f"{path} is in no record"


def test_the_command_line_says_so(results: Path, small: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", *small]) == 0
    assert "as the config asks, 0 not" in capsys.readouterr().out


def test_stale_results_do_not_look_fresh_where_snakemake_has_lost_its_records(
    results: Path, snakemake: Snakemake, small: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Results copied to another machine, and a config that has changed since."""
    shutil.rmtree(results / ".snakemake")
    options = (*small, "approximations={min_error: {epsilon: 0.02}}")
    done = snakemake(results, "all", "-n", *options)
    assert "Nothing to be done" in done.stdout + done.stderr, "Snakemake sees it by itself: audit is of less use"
    assert main(["audit", *options]) == 1
    printed = capsys.readouterr()
    assert f"{APPROXIMATION}/network.safetensors: made with other settings: epsilon 0.01 instead of 0.02" in printed.out
    assert f"{RESULTS}/summary.html: made from" in printed.out
    assert "min_cardinality/network" not in printed.out
    assert "pruning" not in printed.out
    assert "are not what the config asks for" in printed.err


def test_a_part_of_the_workflow_is_audited_by_itself(
    results: Path, small: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(RESULTS / "pruning")
    assert main(["audit", "experiment_1", *small]) == 0
    assert "as the config asks, 0 not" in capsys.readouterr().out
    assert main(["audit", "pruning", *small]) == 1
    assert "missing: `lottery prune` has not made it" in capsys.readouterr().out


def test_a_mistake_in_the_config_is_passed_on(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--configfile", "config/demo.yaml", "--config", "datset=mnist"]) == 1
    assert "unknown key 'datset'; did you mean 'dataset'?" in capsys.readouterr().err


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGED = [
    ("data/mnist5k.safetensors", "train --data {} --network fc2 --history h --output o"),
    ("targets/fc2/weights.safetensors", "solve --target {} --layer 1 --first-row 0 --last-row 0 --output o"),
    ("subset_sum/min_error/solver.json", None),
    ("subset_sum/min_error/chunks/layer_1_rows_0_to_9.safetensors", None),
    ("subset_sum/min_error/assembly.json", f"tabulate --approximations {APPROXIMATION} --output o"),
    ("subset_sum/min_error/evaluation.json", f"tabulate --approximations {APPROXIMATION} --output o"),
    ("subset_sum/min_error/solution.safetensors", f"plot-errors --approximations {APPROXIMATION} --output o"),
    ("subset_sum/min_error/cross_check_cbc.csv", "tabulate --cross-checks {} --output o"),
    ("tables/points.csv", "plot-accuracy --table {} --network fc2 --output o"),
    ("tables/histories.csv", "plot-epochs --table {} --network fc2 --output o"),
    ("tables/cost.csv", "plot-seconds --table {} --output o"),
    ("tables/claims.csv", f"summarise --tables {RESULTS}/tables --output o"),
    ("figures/errors.svg", f"summarise --tables {RESULTS}/tables --figures {{}} --output o"),
]  # fmt: skip


@pytest.mark.parametrize("damage", [truncate, flip_a_bit, empty])
def test_a_damaged_result_is_found_and_named_and_not_used(
    results: Path, commands: list[Command], capsys: pytest.CaptureFixture[str], damage
) -> None:
    for name, command in DAMAGED:
        path = RESULTS / name
        intact = path.read_bytes()
        damage(path)
        assert any(f"{path.name} is damaged" in fault for fault in faults(commands).values()), name
        if command is not None:
            assert main(command.format(path).split()) == 1, name
            printed = capsys.readouterr().err
            assert f"{path}: checksum differs" in printed, printed
            assert not Path("o").exists()
        path.write_bytes(intact)
    assert not faults(commands)


def test_a_damaged_run_is_not_tabulated(results: Path, commands: list[Command], capsys) -> None:
    metrics = next((RESULTS / "pruning/published/fc2/linear").rglob("metrics.json"))
    metrics.write_text(metrics.read_text().replace('"test_accuracy": ', '"test_accuracy": 1'))
    assert faults(commands)[str(metrics)] == "metrics.json is damaged or was changed by hand"
    assert main(f"tabulate-runs --runs {RESULTS}/pruning/runs.json --folder {RESULTS}/pruning --output o".split()) == 1
    assert f"{metrics}: checksum differs" in capsys.readouterr().err


def test_deleted_masks_are_missed_though_nothing_further_needs_them(results: Path, commands: list[Command]) -> None:
    masks = next((RESULTS / "pruning/published/fc2/linear").rglob("masks.safetensors"))
    masks.unlink()
    assert faults(commands)[str(masks.with_name("metrics.json"))] == "masks.safetensors is missing"


def test_results_of_other_code_or_without_a_record_are_named(results: Path, commands: list[Command]) -> None:
    path = APPROXIMATION / f"evaluation.json{SUFFIX}"
    record = json.loads(path.read_text())
    record["code"] = "0" * 16
    path.write_text(json.dumps(record))
    assert faults(commands)[f"{APPROXIMATION}/evaluation.json"] == "made by other code of `lottery evaluate`"
    path.unlink()
    found = faults(commands)
    assert found[f"{APPROXIMATION}/evaluation.json"] == "no record: `lottery evaluate` has not made it"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"outputs": 3}', '{"settings": []}'])
def test_a_damaged_record_is_a_fault_of_its_result_alone(
    results: Path, demo: Path, commands: list[Command], content: str
) -> None:
    path = APPROXIMATION / f"evaluation.json{SUFFIX}"
    path.write_text(content)
    found = faults(commands)
    assert found[f"{APPROXIMATION}/evaluation.json"] == "its record is damaged"
    assert f"{APPROXIMATION}/network.safetensors" not in found
    assert "which has a fault" in found[f"{RESULTS}/tables/table1.csv"]
    with pytest.raises(LotteryError, match=r"evaluation\.json\.provenance\.json: damaged|cannot be read as JSON"):
        ProvenanceTracker("tabulate", {}).add_input(APPROXIMATION / "evaluation.json")


def test_a_copy_of_results_beside_them_is_not_taken_for_them(results: Path, commands: list[Command]) -> None:
    """Results of another machine, copied below ours, with the same commands in their records."""
    shutil.copytree(results / RESULTS, results / RESULTS / "zz_cluster")
    (APPROXIMATION / "evaluation.json").write_text("damaged")
    found, others = audit(commands, RESULTS)
    faulty = {finding.result for finding in found if finding.faults}
    assert f"{APPROXIMATION}/evaluation.json" in faulty
    assert len(others) == len(found)
    assert all("zz_cluster" in str(path) for path in others)


def test_results_behind_a_link_are_found(results: Path, commands: list[Command], tmp_path: Path) -> None:
    shutil.move(results / RESULTS / "pruning", tmp_path / "scratch")
    (results / RESULTS / "pruning").symlink_to(tmp_path / "scratch")
    assert not faults(commands)


def test_removing_touches_nothing_that_no_record_names(results: Path, commands: list[Command]) -> None:
    data = RESULTS / "data/mnist5k.safetensors"
    data.with_name(f"{data.name}{SUFFIX}").unlink()
    [finding] = [finding for finding in audit(commands, RESULTS)[0] if finding.result == str(data)]
    remove(finding)
    assert data.exists()


def test_tables_of_runs_that_the_config_no_longer_asks_for_are_a_fault(
    results: Path, small: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [option.replace("held_out_seeds: [1]", "held_out_seeds: []") for option in small]
    assert options != list(small)
    assert main(["audit", *options]) == 1
    assert f"{RESULTS}/tables/runs.csv: made with" in capsys.readouterr().out


def test_what_is_removed_is_made_again_with_the_same_bytes(
    results: Path, demo: Path, snakemake: Snakemake, small: tuple[str, ...], commands: list[Command]
) -> None:
    table = RESULTS / "tables/points.csv"
    table.write_text(table.read_text().replace("linear", "wide"))
    for finding in audit(commands, RESULTS)[0]:
        if finding.faults:
            remove(finding)
    assert not table.exists()
    done = snakemake(results, "all", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert table.read_bytes() == (demo / table).read_bytes()
    assert not faults(commands)


def test_another_result_in_the_folder_is_told_apart_from_those_that_are_asked_for(
    results: Path, commands: list[Command]
) -> None:
    asked = [command for command in commands if command.name != "summarise"]
    _, others = audit(asked, RESULTS)
    assert others == [RESULTS / f"summary.html{SUFFIX}"]


_opened: list[str] = []
_watching = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event == "open" and isinstance(arguments[0], str | Path):
        _opened.append(str(arguments[0]))


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The files that this process opens meanwhile."""
    global _watching
    if not _opened:
        sys.addaudithook(_watch)  # stays for good, as hooks do
    _opened.clear()
    _watching = True
    yield _opened
    _watching = False


def test_a_record_names_every_result_that_its_command_opens(
    results: Path, commands: list[Command], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input that `ProvenanceTracker.add_input` was not told of would be neither checked nor audited."""
    seen = set()
    monkeypatch.setattr(ProvenanceTracker, "save", lambda provenance: seen.update(provenance._read) or None)
    for command in commands:
        if command.name in (
            "tabulate",
            "tabulate-runs",
            "plot-errors",
            "plot-accuracy",
            "plot-epochs",
            "trace",
            "summarise",
        ):
            seen.clear()
            opened.clear()
            assert main(command_line(command, f"again/{command.name}")) == 0
            read = {name for name in opened if name.startswith(str(RESULTS)) and not name.endswith(SUFFIX)}
            assert read == seen, command.name


def test_the_memory_of_a_command_is_its_own(tmp_path: Path) -> None:
    """Linux's own figure for a process begins with what the process that started it had."""
    ours = np.ones(75_000_000)
    code = "from lottery.records.provenance import peak_memory_mb; print(peak_memory_mb())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ours.nbytes == 600_000_000
    assert 5 < float(done.stdout) < 300
