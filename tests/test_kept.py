"""Finished results that outlive a failed Slurm job of several."""

from pathlib import Path

import pytest

from lottery.kept import Kept


@pytest.fixture
def result(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "metrics.json", tmp_path / "masks.safetensors"]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_a_retry_takes_back_what_a_failed_job_had_finished(result: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    Kept(result, attempt=1).keep()
    for path in result:
        path.unlink()
    assert Kept(result, attempt=2).taken_back()
    assert [path.read_text() for path in result] == [path.name for path in result]
    assert Kept(result, attempt=3).taken_back(), "and another failure takes nothing away either"


def test_half_a_result_is_not_taken_back(result: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    Kept(result[:1], attempt=1).keep()
    assert not Kept(result, attempt=2).taken_back()


def test_a_first_attempt_computes_again(result: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    Kept(result, attempt=1).keep()
    assert not Kept(result, attempt=1).taken_back()
    assert not Kept(result, attempt=2).taken_back(), "and what it finds replaces the old"


def test_a_local_job_leaves_no_second_names(result: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    Kept(result, attempt=1).keep()
    assert sorted(result[0].parent.iterdir()) == sorted(result)


def test_a_file_system_without_hard_links_is_served_by_copies(
    result: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.setattr("os.link", no_links)
    Kept(result, attempt=1).keep()
    result[0].unlink()
    assert Kept(result, attempt=2).taken_back()
    assert result[0].read_text() == "metrics.json"
