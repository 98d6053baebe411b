"""What several tests need: real data where it is at hand, the demo workflow run once, a Snakemake to call."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock

from lottery.approximation.target import Target
from lottery.cli import parser
from lottery.data.datasets import Images, load
from lottery.data.sources import fetch
from lottery.networks import ImageShape, layers
from lottery.published import figures
from lottery.records.audit import Command, planned_commands

RESULTS = Path("results/demo")
MNIST = ImageShape(channels=1, size=28)
TINY_IMAGE = ImageShape(channels=1, size=2)
ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("LOTTERY_SHARED", ROOT.parent / "shared"))
WORKFLOW_FILES = ("Snakefile", "workflow", "config", "lottery", "slurm", "environment.yml", "pyproject.toml")

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the demo first, in one worker; the others do what needs no demo instead of waiting for it."""
    needs: list[pytest.Item] = []
    rest: list[pytest.Item] = []
    for item in items:
        (needs if "demo" in getattr(item, "fixturenames", ()) else rest).append(item)
    items[:] = needs[:1] + rest + needs[1:]


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The four real IDX files of MNIST."""
    folder = SHARED / "data" / "mnist"
    if not folder.is_dir():
        pytest.skip(f"the real MNIST files are not at {folder} (set LOTTERY_SHARED to the folder above data/mnist)")
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The embedded 5,000 digits."""
    path = tmp_path_factory.mktemp("data") / "mnist5k.safetensors"
    fetch("mnist5k", "embedded", path)
    return load(path)


@pytest.fixture(scope="session")
def released_fc2() -> Path:
    """The target weights that were released with the paper."""
    path = SHARED / "data" / "official_targets" / "fc2.pt"
    if not path.is_file():
        pytest.skip(f"the released target weights are not at {path} (set LOTTERY_SHARED)")
    return path


def run_snakemake(folder: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, timeout=1500, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def snakemake() -> Snakemake:
    """Run Snakemake in a folder; the package is taken from the copy of the workflow in it, if there is one."""
    return run_snakemake


def copy_workflow(folder: Path) -> Path:
    """A copy of the project's files, with what Numba has compiled (it is of the same source, and takes seconds to make)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORKFLOW_FILES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A fresh copy of the workflow in which nothing was run."""
    return copy_workflow(tmp_path / "project")


SMALL = (
    "--configfile",
    "config/demo.yaml",
    "--config",
    "cross_check={solvers: [gurobi, cbc], sample: 2}",
    "targets={fc2: {network: fc2, epochs: 2}, fc2_raw: {epochs: 2}}",
    "frontiers={fc2: {target: fc2, objectives: [min_cardinality], epsilons: [0.01], seeds: [1]}}",
    "tickets={min_error: null, min_cardinality: {epsilon: 0.2, units_per_input: 16}}",
    "theory={epsilons: [0.1, 0.03], kinds: [uniform], max_coefficients: 4, trials: 200, cardinality_trials: 50}",
    "sweeps={fc2: {structures: [linear, dense], sparsities: [0.5], epochs: [1], held_out_seeds: [1]}}",
)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    """Options for the demo with less training and a smaller sample: all stages in about half a minute."""
    return SMALL


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder in which the small demo was run, once for all tests; tests that change it work on a copy."""
    alone = worker_id == "master"
    folder = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent  # common to all workers
    folder = folder / "demo" / "project"
    with FileLock(folder.parent.with_suffix(".lock")):
        if not (folder / RESULTS / "summary.html").exists():
            done = run_snakemake(copy_workflow(folder), "all", *SMALL)
            assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def commands(demo: Path) -> list[Command]:
    """Every `lottery` command of the small demo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(demo)
        return planned_commands(SMALL, parser().parse_args)


def command_line(command: Command, output: str) -> list[str]:
    """The words of a command, its result going to `output`."""
    words = [command.name]
    for name, value in {**command.settings, "output": output}.items():
        if name == "ticket":
            words += [str(value)]
        elif name == "decay_scores":
            words += [] if value else ["--no-decay-scores"]
        elif value is not None and value is not False and value != []:
            values = value if isinstance(value, list) else [] if value is True else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, values)]
    return words


@pytest.fixture
def finished(demo: Path, tmp_path: Path) -> Path:
    """A copy of the finished demo, times of files and Snakemake's records included."""
    return Path(shutil.copytree(demo, tmp_path / "project"))


SAME_BYTES = (
    "data/mnist5k.safetensors",
    "targets/fc2/weights.safetensors",
    "targets/fc2/history.json",
    "subset_sum/min_error/network.safetensors",
    "subset_sum/min_error/solution.safetensors",
    "subset_sum/min_error/evaluation.json",
    "subset_sum/min_cardinality/solution.safetensors",
    "subset_sum/min_error/cross_check_gurobi.csv",
    "subset_sum/min_error/cross_check_cbc.csv",
    "frontier/fc2/min_cardinality_epsilon_0.01_per_bit_3_seed_1.json",
    "tickets/min_cardinality/ticket.safetensors",
    "tickets/min_cardinality/certificate.json",
    "tables/table1.csv",
    "tables/frontier.csv",
    "tables/tickets.csv",
    "tables/comparison.csv",
    "tables/cardinality.csv",
    "tables/cross_check.csv",
    "figures/errors.svg",
    "figures/errors.png",
    "figures/errors_one_weight.svg",
    "figures/cardinality.svg",
    "figures/frontier_fc2.svg",
    "pruning/published/fc2/linear/released/redundancy_5_sparsity_0.5_epochs_1_seed_1_released/masks.safetensors",
    "pruning/held_out/fc2/dense/released/redundancy_1_sparsity_0_epochs_1_seed_1/metrics.json",
    "tables/runs.csv",
    "tables/histories.csv",
    "tables/points.csv",
    "tables/points_compared.csv",
    "tables/spread.csv",
    "figures/accuracy_remaining_fc2.svg",
    "figures/epochs_fc2.png",
)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / RESULTS / name).read_bytes() for name in SAME_BYTES}


@pytest.fixture(scope="session")
def as_in_the_paper() -> pd.DataFrame:
    """The published points as if they were ours."""
    published = figures()
    return published.assign(
        protocol="published", stream="released", dataset="mnist", variant="released", half_interval=np.nan, seeds=1, validation_accuracy=np.nan,
        lengths="10 20 30 50 100", redundancy=np.where(published.structure == "dense", 1, 5),
        alive_parameters=published.parameters / 2, initial_parameters=published.parameters,
    )  # fmt: skip


def row(
    protocol: str, epochs: int, seed: int, test: float, validation: float | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "protocol": protocol, "stream": "released" if protocol == "published" else "keyed", "dataset": "mnist", "network": "fc2", "structure": "linear", "variant": "released",
        "redundancy": 5, "sparsity": 0.5, "epochs": epochs, "seed": seed, "perturbation": None, "initial": 100, "remaining": 50, "paired": 25,
        "alive": 20 + seed, "convolution_parameters": 0, "loss": 0.1, "validation_accuracy": validation,
        "test_accuracy": test, "bits_per_weight": None, "paired_bits_per_weight": None,
    } | more  # fmt: skip


def random_weights(network="fc2", image=TINY_IMAGE):
    random = np.random.default_rng(0)
    return {spec.name: random.uniform(-0.3, 0.3, spec.shape).astype(np.float32) for spec in layers(network, image)}


@pytest.fixture(scope="session")
def target() -> Target:
    """fc2 for images of 2 x 2 pixels, random weights."""
    return Target("fc2", TINY_IMAGE, "raw", random_weights())
