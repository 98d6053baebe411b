"""The plugins of examples/: the commands of docs/extending.md run as they are, and what comes out is right."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import RESULTS, ROOT, Snakemake, copy_workflow

from lottery import subset_sum
from lottery.approximation.chunks import read_chunk
from lottery.approximation.settings import Settings
from lottery.approximation.target import read_target
from lottery.cli import main
from lottery.records.fingerprint import fingerprint
from lottery.records.tensors import read_tensors
from lottery.subset_sum.mip import gap

PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def block(section: str, language: str) -> str:
    """The one code block of a section in this language."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", SECTIONS[section], re.M | re.S)
    assert len(found) == 1, f"docs/extending.md, {section}: one {language} block is expected, not {len(found)}"
    return str(found[0])


def environment(folder: Path) -> dict[str, str]:
    """The copy's package, this Python's commands; and a repository above the copy is none of git's business."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}


def run(commands: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """As a person's shell would run them, one after another up to the first that fails."""
    shell = ["bash", "-euo", "pipefail", "-c", commands]
    return subprocess.run(shell, cwd=folder, capture_output=True, text=True, env=environment(folder), timeout=300)


def succeed(commands: str, folder: Path, section: str) -> str:
    done = run(commands, folder)
    output = f"{done.stdout}{done.stderr}"
    assert done.returncode == 0, f"docs/extending.md, {section}: a command failed\n{commands}\n{output[-3000:]}"
    return done.stdout


def metrics(path: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((path / "metrics.json").read_text())
    return found


def check_dataset(folder: Path) -> None:
    """The pixels of the digits in one other order, which costs the convolutional network dearly and fc2 nothing."""
    digits, _ = read_tensors(folder / "data.safetensors")
    found, _ = read_tensors(folder / RESULTS / "data/permuted_mnist5k.safetensors")
    columns = []
    for arrays in (digits, found):
        images = np.concatenate([arrays["train_images"], arrays["test_images"]])
        columns.append([pixel.tobytes() for pixel in images.reshape(len(images), -1).T])
    assert columns[0] != columns[1]
    assert sorted(columns[0]) == sorted(columns[1]), "each pixel of all images together has a new place"
    for labels in ("train_labels", "test_labels"):
        np.testing.assert_array_equal(found[labels], digits[labels])
    accuracy = {
        name: json.loads((folder / RESULTS / f"targets/{name}/history.json").read_text())["epochs"][-1]["test_accuracy"]
        for name in ("fc2", "lenet5")
    }
    assert accuracy["fc2"] > 88
    assert accuracy["lenet5"] < accuracy["fc2"] - 10


def check_network(folder: Path) -> None:
    """The sizes as in the literature, and it learns."""
    linear, dense = metrics(folder / "runs/linear"), metrics(folder / "runs/dense")
    assert dense["initial"] == 784 * 300 + 300 * 100 + 100 * 10 == 266_200
    assert linear["initial"] == 5 * (266_200 + 784 + 300 + 100)
    assert linear["remaining"] == linear["initial"] / 2
    assert dense["test_accuracy"] > 80
    assert linear["test_accuracy"] > 70


# The network of runs/parallel the slow way: inputs repeated r times, ordinary matrices, the masks that were written.
SLOW_WAY = """
from pathlib import Path
import numpy as np
from lottery.data.datasets import load
from lottery.networks import ImageShape
from lottery.pruning.keyed import init_layer
from lottery.pruning.records import read_masks
from lottery.pruning.run import Run
from lottery.pruning.structures import layer_specs

from lottery.plugins import load_plugins

load_plugins([Path("examples/structure.py")])
run, data = Run("fc2", "parallel", 5, 0.5, 1), load(Path("data.safetensors"))
masks, mean, deviation = read_masks(Path("runs/parallel/masks.safetensors")), 0.1307, 0.3081
values = (data.test_images.reshape(1000, -1) / 255 - mean) / deviation
for block in layer_specs(run, ImageShape(1, 28)):
    assert f"{block.name}.weight1" not in masks
    weights = init_layer(block, run).weight2 * masks[f"{block.name}.weight2"]
    values = np.tile(np.maximum(values, 0) if block.number > 1 else values, 5) @ np.hstack(list(weights)).T
print(100 * np.mean(values.argmax(axis=1) == data.test_labels))
"""


def check_structure(folder: Path) -> None:
    """Nothing but weight2, half of it kept, all of that alive; and its accuracy is that of the network written out."""
    parallel, linear = metrics(folder / "runs/parallel"), metrics(folder / "runs/linear")
    assert parallel["initial"] == 5 * 397_000
    assert parallel["remaining"] == parallel["paired"] == parallel["initial"] / 2
    assert parallel["alive"] > 0.99 * parallel["remaining"]
    assert linear["alive"] < 0.55 * linear["remaining"]
    assert parallel["test_accuracy"] > 88
    done = run(f"python -c '{SLOW_WAY}'", folder)
    assert done.returncode == 0, done.stderr
    assert abs(float(done.stdout) - parallel["test_accuracy"]) <= 0.2, "but for the rounding of float32"


def check_solver(folder: Path) -> None:
    """What exact finds, as good as the solver promises."""
    fewest, nearest = (pd.read_csv(folder / f"{name}.csv") for name in ("fewest", "nearest"))
    for table, count in ((fewest, 16), (nearest, 4)):
        assert len(table) == count
        assert set(table.solver) == {"highs"}
        assert set(table.solver_status) == {"solved"}
        assert (table.solver_error <= 0.01).all()
    assert (fewest.solver_cardinality == fewest.exact_cardinality).all()
    assert (nearest.solver_error >= nearest.exact_error - 1e-12).all()
    assert (nearest.solver_error <= nearest.exact_error / (1 - gap("min_error")) + 1e-6).all()


def all_sums(coefficients: np.ndarray) -> np.ndarray:
    """The sum of every subset, at the place that its mask is as a number."""
    sums = np.zeros(1)
    for coefficient in coefficients:
        sums = np.concatenate([sums, sums + coefficient])
    return sums


def check_objective(folder: Path) -> None:
    """All subsets tried: none within epsilon has a smaller magnitude. exact refuses what it cannot do."""
    target, rows = read_target(folder / "lenet5.safetensors"), range(2)
    weights, coefficients = target.matrix(0)[rows.start : rows.stop], Settings().draw(target, 0, rows)
    least, _ = read_chunk(folder / "least.safetensors")
    nearest, solver = read_chunk(folder / "nearest.safetensors")
    assert solver == "exact"
    of_least, of_nearest = [], []
    for row in rows:
        sums, magnitudes = all_sums(coefficients[row]), all_sums(np.abs(coefficients[row]))
        for column, weight in enumerate(weights[row]):
            chosen, feasible = int(least.masks[row, column]), np.abs(sums - weight) <= 0.01
            assert feasible[chosen]
            assert magnitudes[chosen] <= magnitudes[feasible].min() * (1 + 1e-4) + 1e-9
            of_least.append(magnitudes[chosen])
            of_nearest.append(magnitudes[int(nearest.masks[row, column])])
    assert np.mean(of_least) < np.mean(of_nearest) / 4
    [command] = [line for line in block("An objective of experiment 1", "sh").splitlines() if "min_magnitude" in line]
    refused = run(f"{command} --solver exact", folder)
    assert refused.returncode == 1
    assert "exact: only the MIP solvers support objective min_magnitude" in refused.stderr


EXAMPLES: dict[str, Callable[[Path], None]] = {
    "A dataset": check_dataset,
    "A network": check_network,
    "A structure of experiment 2": check_structure,
    "A solver of experiment 1": check_solver,
    "An objective of experiment 1": check_objective,
}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workflow with the files that the page begins with.

    What Numba has compiled here goes along: it is taken where the source is the same, and compiling takes seconds.
    """
    folder = copy_workflow(tmp_path_factory.mktemp("extending") / "project")
    shutil.copytree(ROOT / "examples", folder / "examples")
    for path in (ROOT / "lottery").rglob("__pycache__/*.nb[ic]"):
        there = folder / path.relative_to(ROOT)
        there.parent.mkdir(exist_ok=True)
        shutil.copy(path, there)
    succeed(block("Before you start", "sh"), folder, "Before you start")
    return folder


@pytest.fixture
def project(start: Path, tmp_path: Path) -> Path:
    """A copy of its own for each example."""
    return Path(shutil.copytree(start, tmp_path / "project"))


@pytest.mark.parametrize("section", EXAMPLES)
def test_an_example_runs_and_is_right(section: str, project: Path) -> None:
    succeed(block(section, "sh"), project, section)
    EXAMPLES[section](project)


def test_the_page_links_to_every_example() -> None:
    linked = re.findall(r"\(\.\./(examples/\w+\.py)\)", PAGE)
    assert sorted(linked) == sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").glob("*.py"))


TOGETHER = """
plugins: [examples/dataset.py, examples/network.py, examples/structure.py, examples/solver.py, examples/objective.py]
dataset: permuted_mnist5k
targets: {fc2: null, small: {network: lenet_300_100}}
approximations: {min_error: null, min_cardinality: {target: small}, least: {target: small, objective: min_magnitude}}
cross_check: {approximation: min_cardinality, solvers: [highs]}
frontiers: {fc2: null}
tickets: {min_cardinality: null}
sweeps: {fc2: null, small: {network: lenet_300_100, structures: [parallel], sparsities: [0.5], published_stream: keyed}}
"""


def test_all_examples_go_together_in_a_configuration(workflow: Path, snakemake: Snakemake) -> None:
    shutil.copytree(ROOT / "examples", workflow / "examples")
    (workflow / "config/together.yaml").write_text(TOGETHER)
    done = snakemake(workflow, "-n", "-p", "all", "--configfile", "config/demo.yaml", "config/together.yaml")
    planned = done.stdout + done.stderr
    assert done.returncode == 0, planned
    for path in (
        "cross_check_highs.csv",
        "figures/accuracy_alive_lenet_300_100.svg",
        "lenet_300_100/parallel/released",
        "lottery train --plugin examples/dataset.py --plugin examples/network.py",
    ):
        assert path in planned


@pytest.mark.parametrize(
    ("example", "uses", "not_used"),
    [("dataset", "train", "tabulate-theory"), ("solver", "solve", "train"), ("objective", "cross-check", "prune"),
     ("structure", "prune", "solve"), ("network", "solve", "trace")],
)  # fmt: skip
def test_a_plugin_counts_in_the_fingerprint_of_commands_that_use_its_kind(
    tmp_path: Path, example: str, uses: str, not_used: str
) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text((ROOT / f"examples/{example}.py").read_text())
    without = {command: fingerprint(command) for command in (uses, not_used)}
    first = fingerprint(uses, plugins=[plugin])
    assert first != without[uses]
    assert fingerprint(not_used, plugins=[plugin]) == without[not_used]
    plugin.write_text(plugin.read_text() + "\n# a comment\n")
    assert fingerprint(uses, plugins=[plugin]) == first
    plugin.write_text(plugin.read_text() + "\nCHANGED = True\n")
    os.utime(plugin, (1, 1))
    assert fingerprint(uses, plugins=[plugin]) != first


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        ("import no_such_package", "cannot be imported (ModuleNotFoundError: No module named 'no_such_package')"),
        ("def f(:", "cannot be imported (SyntaxError"),
        ("from lottery.networks import NETWORKS\nNETWORKS.register('fc2', None)", "network: 'fc2' is there already"),
        ("from lottery.networks import NETWORKS\nNETWORKS.register('My-Net', None)", "'My-Net' cannot be a name"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    plugin = tmp_path / "plugin.py"
    if content is not None:
        plugin.write_text(content)
    assert main(["solvers", "--plugin", str(plugin)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"lottery solvers: plugin {plugin}: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_solver_of_ones_own_needs_no_name() -> None:
    class Nothing:
        """Keeps nothing of anything."""

        name, block = "nothing", None

        def solve_row(self, weights: np.ndarray, coefficients: np.ndarray, epsilon: float, objective: str) -> Any:
            return np.zeros(weights.shape, np.uint64), np.zeros(weights.shape, np.uint8)

    solution = subset_sum.solve(np.array([[0.005, 0.3]]), np.ones((1, 4)), epsilon=0.01, solver=Nothing())
    assert solution.solver == "nothing"
    assert solution.feasible.tolist() == [[True, False]]


def test_files_and_names_in_the_table_of_changes_exist() -> None:
    """Each name in a row stands in one of the files of that row."""
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    rows = [line for line in page.partition("## Changing the package")[2].splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 5
    for row in rows:
        quoted = [word for word in re.findall(r"`([^`]+)`", row) if "NAME" not in word]
        paths = [ROOT / word for word in quoted if "/" in word or word.endswith((".toml", ".yml"))]
        assert [path for path in paths if not path.exists()] == []
        text = "".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
        names = [word for word in quoted if re.fullmatch(r"_?[A-Z]\w+|_[a-z]\w+", word.rstrip("*"))]
        assert [name for name in names if name.rstrip("*") not in text] == [], row
