"""What runs again after a change, and what does not: dry runs of the real workflow."""

import re
from pathlib import Path

import pytest
import torch
from conftest import RESULTS, Snakemake

from lottery.cli import main


def rules_to_run(snakemake: Snakemake, folder: Path, *options: str) -> set[str]:
    """Names of the rules that a dry run would run."""
    done = snakemake(folder, "all", "-n", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    found = set(re.findall(r"^(?:local)?rule (\w+):|^(?:Reason|Job) .*", done.stdout + done.stderr, re.M))
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal", done.stdout + done.stderr, re.S)
    if table is None:
        return found - {""}
    return {line.split()[0] for line in table.group(1).splitlines()} - {"all", "tables", "figures"}


def test_a_second_run_has_nothing_to_do(demo: Path, snakemake: Snakemake, small: tuple[str, ...]) -> None:
    done = snakemake(demo, "all", *small)
    assert "Nothing to be done" in done.stdout + done.stderr


CURVES = {"tabulate_runs", "trace", "plot_accuracy", "plot_epochs", "plot_held_out", "summarise"}


@pytest.mark.parametrize(
    ("module", "change", "expected"),
    [
        ("results/figures/errors.py", ("_BINS = 90", "_BINS = 80"), {"plot_errors", "summarise"}),
        ("results/page/page.py", ("page(", "page("), set()),
        ("results/page/page.css", ("body {", "/* all */ body {"), {"summarise"}),
        (
            "subset_sum/kernels.py",
            ("if error < best:", "if not error >= best:"),
            {"choose_solver", "solve", "assemble", "evaluate", "cross_check", "tabulate", "plot_errors",
             "plot_cardinality", "plot_seconds", "measure_frontier", "tabulate_frontiers", "plot_frontier",
             "build_ticket", "verify", "tabulate_tickets", "measure_success", "tabulate_theory", "plot_theory",
             "trace", "summarise"},
        ),
        ("subset_sum/kernels.py", ("    last = (1 <<", "    # why\n    last = (1 <<"), set()),
        ("results/tables/comparison.py", ("MOST_ACCURACY_LOST = 0.1", "MOST_ACCURACY_LOST = 0.2"), {"tabulate", "plot_cardinality", "plot_seconds", "trace", "summarise"}),
        ("pruning/kernels.py", ("BLOCK = 64", "BLOCK = 32"), {"prune", *CURVES}),
        ("tickets/construction.py", ("// 4)", "// 3)"), {"build_ticket", "verify", "tabulate_tickets", "trace", "summarise"}),
        ("theory/thresholds.py", ("< 3:", "< 4:"), {"tabulate_theory", "plot_theory", "trace", "summarise"}),
        ("results/tables/claims.py", ("CHANCE = 20.0", "CHANCE = 15.0"), CURVES),
        ("results/figures/series.py", ("ENOUGH_SEEDS = 3", "ENOUGH_SEEDS = 4"), {"plot_accuracy", "plot_epochs", "plot_held_out", "plot_frontier", "summarise"}),
    ],
    ids=["a plot", "nothing", "the style", "the kernel", "a comment", "the comparison", "pruning", "a ticket", "theory", "a claim", "a curve"],
)  # fmt: skip
def test_changed_code_invalidates_exactly_what_uses_it(
    finished: Path,
    snakemake: Snakemake,
    small: tuple[str, ...],
    module: str,
    change: tuple[str, str],
    expected: set[str],
) -> None:
    path = finished / "lottery" / module
    before = path.read_text()
    assert change[0] in before
    path.write_text(before.replace(*change))
    assert rules_to_run(snakemake, finished, *small) == expected


def test_a_changed_docstring_or_touched_file_invalidates_nothing(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...]
) -> None:
    path = finished / "lottery/training.py"
    path.write_text(path.read_text().replace('"""Training a target', '"""How to train a target'))
    (finished / "lottery/subset_sum/exact.py").touch()
    assert rules_to_run(snakemake, finished, *small) == set()


def test_another_epsilon_solves_again_but_does_not_train(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...]
) -> None:
    rerun = rules_to_run(snakemake, finished, *small, "approximations={min_error: {epsilon: 0.02}}")
    assert "train" not in rerun
    assert "fetch" not in rerun
    assert {"solve", "assemble", "evaluate"} <= rerun


@pytest.mark.parametrize(
    ("change", "runs"),
    [("sparsities: [0.5, 0.6]", 2), ("held_out_seeds: [1, 2]", 2), ("epochs: [1, 2]", 4), ("redundancies: [5, 2]", 2)],
)
def test_one_more_value_of_a_sweep_does_its_runs_alone(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...], change: str, runs: int
) -> None:
    """Two structures, of which a baseline knows neither sparsity nor redundancy; two protocols."""
    done = snakemake(finished, "all", "-n", *small, f"sweeps={{fc2: {{{change}}}}}")
    assert done.returncode == 0, done.stdout + done.stderr
    for rule, count in (("prune", runs), ("list_runs", 1), ("tabulate_runs", 1)):
        assert re.search(rf"^{rule} +{count}$", done.stdout + done.stderr, re.MULTILINE)
    assert not re.search(r"^(solve|train|fetch) +\d+$", done.stdout + done.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    "options",
    [
        ("jobs_per_gpu=4", "runs_per_job=3", "--cores", "1"),
        ("--set-resources", "solve:mem_mb=5000", "prune:runtime=9", "--jobs", "7"),
    ],
    ids=["cores, GPUs and runs a job", "resources"],
)
def test_how_much_of_the_machine_is_used_reruns_nothing(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...], options: tuple[str, ...]
) -> None:
    assert rules_to_run(snakemake, finished, *small, *options) == set()


COMPUTE_BY_TORCH = {"train", "prune", "evaluate", "measure_frontier", "build_ticket", "verify"}


@pytest.mark.parametrize("option", ["source=download", "device=cpu"])
def test_what_decides_no_byte_reruns_nothing_and_is_no_fault(
    finished: Path,
    snakemake: Snakemake,
    small: tuple[str, ...],
    option: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Verified bytes of another source; a device that `auto` is as well."""
    if torch.cuda.is_available() and option.startswith("device"):
        pytest.skip("auto is cuda here")
    assert rules_to_run(snakemake, finished, *small, option) == set()
    monkeypatch.chdir(finished)
    assert main(["audit", *small, option]) == 0
    assert " 0 not" in capsys.readouterr().out


def test_another_device_computes_again_and_is_a_fault(
    finished: Path,
    snakemake: Snakemake,
    small: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if torch.cuda.is_available():
        pytest.skip("the demo was computed on a GPU here")
    assert rules_to_run(snakemake, finished, *small, "device=cuda") >= COMPUTE_BY_TORCH
    monkeypatch.chdir(finished)
    assert main(["audit", *small, "device=cuda"]) == 1
    assert "weights.safetensors: made with other settings: device cpu instead of cuda" in capsys.readouterr().out


def test_a_deleted_intermediate_result_is_restored_alone(
    finished: Path, snakemake: Snakemake, small: tuple[str, ...]
) -> None:
    chunk = finished / RESULTS / "subset_sum/min_error/chunks/layer_1_rows_0_to_9.safetensors"
    before = chunk.read_bytes()
    chunk.unlink()
    done = snakemake(finished, str(chunk.relative_to(finished)), *small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert chunk.read_bytes() == before
    assert "rule train" not in done.stdout + done.stderr
