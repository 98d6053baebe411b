"""The cache of finished results: they survive a failed Slurm job of several commands."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import RESULTS, Snakemake

from lottery.approximation.target import Target, write_target
from lottery.cli import main
from lottery.records.provenance import provenance_path
from lottery.records.result_cache import SUBMITTED, cache

Solve = Callable[..., Path]


@pytest.fixture
def solve(tmp_path: Path, target: Target) -> Solve:
    """Solve a chunk on the command line."""
    write_target(tmp_path / "weights.safetensors", target)

    def solve(*flags: str) -> Path:
        output = tmp_path / "chunks/layer_1_rows_0_to_1.safetensors"
        output.parent.mkdir(exist_ok=True)
        words = ["solve", "--target", str(tmp_path / "weights.safetensors"), "--layer", "1", "--first-row", "0"]
        assert main([*words, "--last-row", "1", "--epsilon", "0.1", *flags, "--output", str(output)]) == 0
        return output

    return solve


@pytest.fixture
def in_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUBMITTED, "1")


def test_retry_restores_what_a_failed_job_had_finished(
    in_a_job: None, solve: Solve, capsys: pytest.CaptureFixture[str]
) -> None:
    found = solve().read_bytes()
    for _ in range(2):
        solve().unlink()
        capsys.readouterr()
        assert solve().read_bytes() == found
        assert "was finished by an earlier attempt" in capsys.readouterr().out


def test_another_python_version_restores_too(
    in_a_job: None, solve: Solve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    solve().unlink()
    monkeypatch.setattr("platform.python_version", lambda: "3.99.0")
    solve()
    assert "was finished by an earlier attempt" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["setting", "target"])
def test_other_settings_or_inputs_restore_nothing(
    in_a_job: None, solve: Solve, target: Target, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    path = solve()
    found = path.read_bytes()
    path.unlink()
    if change == "target":
        weights = {name: -array for name, array in target.weights.items()}
        write_target(path.parent.parent / "weights.safetensors", replace(target, weights=weights))
    assert solve(*(["--seed", "2"] if change == "setting" else [])).read_bytes() != found
    assert "earlier attempt" not in capsys.readouterr().out
    assert len(list(path.parent.glob(".*.cached"))) == 2, (
        "of the file and its record, and what it finds replaces the old"
    )


@pytest.mark.parametrize("name", [".{}.cached", ".{}.provenance.json.cached"])
def test_damaged_cache_is_not_restored(
    in_a_job: None, solve: Solve, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = solve()
    found = path.read_bytes()
    path.unlink()
    path.with_name(name.format(path.name)).write_text("damaged")
    assert solve().read_bytes() == found
    assert "earlier attempt" not in capsys.readouterr().out


def test_local_run_caches_nothing(solve: Solve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")  # an allocation of the user's own
    assert list(solve().parent.glob(".*.cached")) == []


def test_cache_without_hard_links_uses_copies(
    in_a_job: None, solve: Solve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    solve().unlink()
    solve()
    assert "was finished by an earlier attempt" in capsys.readouterr().out


@pytest.mark.parametrize("how", [["--force", "--"], ["--forcerun", "prune", "--"]])
def test_forced_run_ignores_and_clears_the_cache(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, how: list[str]
) -> None:
    """Also in an allocation of the user's own, and where an earlier run has left cached copies."""
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    run = next((finished / RESULTS / "pruning/published").rglob("metrics.json"))
    cache(run)
    record = provenance_path(run)
    record.write_text(record.read_text().replace('"git_commit"', '"made_before": true, "git_commit"'))
    done = snakemake(finished, *small, *how, str(run.relative_to(finished)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "was finished by an earlier attempt" not in done.stdout + done.stderr
    assert "made_before" not in record.read_text()
    assert list(finished.rglob(".*.cached")) == []


def test_cache_is_cleared_when_the_runs_are_tabulated(finished: Path, in_a_job: None, tmp_path: Path) -> None:
    results = finished / RESULTS
    runs = [path.parent for path in (results / "pruning").rglob("metrics.json")]
    for run in runs:
        for path in run.iterdir():
            (run / f".{path.name}.cached").touch()
    words = ["tabulate-runs", "--runs", results / "pruning/runs.json", "--folder", results / "pruning"]
    assert main([*map(str, words), "--output", str(tmp_path / "tables")]) == 0
    assert list((results / "pruning").rglob(".*.cached")) == []
