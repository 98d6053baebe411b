"""Files that must agree with each other, and configurations that must plan."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import yaml
from conftest import RESULTS, ROOT, Snakemake, copy_workflow
from snakemake.utils import update_config

from lottery.cli import main, parser
from lottery.pruning.run import Variant
from lottery.records.files import write_json
from lottery.workflow.configuration import complete
from lottery.workflow.plan import Plan


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_we_ship_is_right_and_asks_for_something(path: Path) -> None:
    config: dict[str, object] = {}
    for file in dict.fromkeys([ROOT / "config/config.yaml", path]):
        update_config(config, yaml.safe_load(file.read_text()))
    assert sum(map(len, Plan(complete(config)).names.values())) > 0


@pytest.mark.parametrize("name", ["config", "exactness", "controls", "planted"])  # in which all rules are planned
def test_the_configs_we_ship_can_be_planned(workflow: Path, snakemake: Snakemake, name: str) -> None:
    done = snakemake(workflow, "-n", "--quiet", "all", "--configfile", f"config/{name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_a_command() -> None:
    """For `run:` Snakemake starts itself in a shell, by names that it does not quote, and compares Python code."""
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not re.findall(r"^    (run|script|notebook):", rules, re.M)


@pytest.mark.parametrize("name", ["my lottery", """it's a{x}b; "my" $HOME `ls` {x}'s &ü%s"""])
def test_a_folder_may_have_any_name(tmp_path: Path, snakemake: Snakemake, name: str) -> None:
    folder = copy_workflow(tmp_path / name)
    made = [RESULTS / "data/mnist5k.safetensors", RESULTS / "pruning/runs.json"]
    demo = ("--configfile", "config/demo.yaml")
    done = snakemake(folder, *map(str, made), *demo)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all((folder / path).exists() for path in made)
    done = snakemake(folder, "-n", "all", *demo)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_of_a_rule_gets_the_plugins() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    commands = re.findall(r'"lottery ([a-z-]+)(\S*)', rules)
    assert len(commands) > 30
    assert [name for name, rest in commands if rest != "{params.plugins}"] == []


def test_an_older_snakemake_can_read_which_one_is_needed() -> None:
    """Keywords of Snakemake 9 would be syntax errors to it, before it can say so."""
    text = (ROOT / "Snakefile").read_text()
    known = {"configfile", "include", "report", "rule"}  # to Snakemake 7 as well
    assert set(re.findall(r"^(\w+)(?: \w+)?:", text.replace("if not Path(CONFIG).exists():", ""), re.M)) <= known
    assert re.search(r'^min_version\("9\.19"\)', text, re.M)


def test_nobody_promises_environments_that_snakemake_would_make() -> None:
    """Snakefile and rules import the package: it is in one environment with Snakemake, or nothing works."""
    promised = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert not any(promised["software-stack-deployment"].values())
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    assert not re.search(r"^ *(conda|container|containerized|envmodules):", rules, re.M)


def test_the_paper_by_mip_is_cut_into_a_job_a_row(workflow: Path, snakemake: Snakemake) -> None:
    done = snakemake(workflow, "-n", "all", "--configfile", "config/paper_mip.yaml")
    assert re.search(r"^solve +510$", done.stdout + done.stderr, re.M)


def test_environment_yml_and_pyproject_name_the_same_packages() -> None:
    conda_names = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = [line.strip() for line in environment if isinstance(line, str)]
    pip = next(line["pip"] for line in environment if isinstance(line, dict))
    only_conda = {"python", "pip", "coin-or-cbc"}
    found = set()
    for requirement in (*conda, *pip):
        if requirement == "-e .":
            continue
        name, version = re.fullmatch(r"([\w-]+)(.*)", requirement).groups()  # type: ignore[union-attr]
        if name not in only_conda:
            found.add(f"{conda_names.get(name, name)}{version}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = {*project["dependencies"], *extras["torch"], *extras["workflow"]}
    assert found == {requirement for requirement in named if not requirement.startswith("lottery-subsetsum[")}


def test_every_pinned_package_runs_under_the_oldest_python_that_we_name() -> None:
    from importlib.metadata import PackageNotFoundError, metadata

    from packaging.specifiers import SpecifierSet

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = project["requires-python"].removeprefix(">=") + ".0"
    refused = []
    for name, pinned in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M):
        try:
            found = metadata(name)
        except PackageNotFoundError:
            continue
        needed = SpecifierSet(found.get("Requires-Python") or "")
        if found["Version"] == pinned and oldest not in needed:
            refused.append(f"{name} {needed}")
    assert refused == []


ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np
from lottery import subset_sum
from lottery.theory import bounds, first_moment, success, thresholds

solution = subset_sum.solve(np.array([[0.3]]), np.random.default_rng(1).uniform(-1, 1, (1, 21)))
assert solution.feasible.all()
"""


def test_subset_sum_and_theory_need_numpy_and_numba_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.match(r"\w+", requirement)[0] for requirement in project["dependencies"]] == ["numpy", "numba"]  # type: ignore[index]
    others = {re.split(r"[^\w-]", requirement)[0] for requirement in (*project["optional-dependencies"]["torch"],
              *project["optional-dependencies"]["workflow"])} - {"lottery-subsetsum"}  # fmt: skip
    modules = {"pyyaml": "yaml"}
    absent = {modules.get(name, name.replace("-", "_")) for name in others}
    assert {"torch", "scipy", "pandas", "psutil", "snakemake"} <= absent
    done = subprocess.run([sys.executable, "-c", ALONE.format(absent=absent)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


QUOTING = [
    "README.md",
    "config/README.md",
    "results/reference/README.md",
    *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")),
]


def modules_that_import(name: str) -> set[str]:
    """Files of the package that import a module or a part of it, anywhere inside."""
    pattern = re.compile(rf"^ *(from|import) {re.escape(name)}\b", re.M)
    paths = (ROOT / "lottery").rglob("*.py")
    return {path.relative_to(ROOT / "lottery").as_posix() for path in paths if pattern.search(path.read_text())}


def test_package_never_imports_snakemake() -> None:
    assert modules_that_import("snakemake") == set()


def test_science_does_not_know_the_workflow() -> None:
    folders = {module.split("/")[0] for module in modules_that_import("lottery.workflow")}
    assert "workflow" in folders
    assert folders <= {"workflow", "commands", "cli.py", "records"}


def test_numbers_in_the_pages_are_those_of_the_kept_tables() -> None:
    """`make numbers` writes them again."""
    command = [sys.executable, "-m", "cogapp", "-I", "docs", "-p", "from quoted import *", "--check", *QUOTING]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kept", ["results/reference/tables", "results/reference/ablation/tables"])
def test_kept_tables_of_runs_are_made_again_from_the_runs_in_them(tmp_path: Path, kept: str) -> None:
    assert main(["tabulate-runs", "--tables", str(ROOT / kept), "--output", str(tmp_path)]) == 0
    made = {path.name for path in tmp_path.glob("*.*")} & {path.name for path in (ROOT / kept).iterdir()}
    assert {"runs.csv", "histories.csv", "pruning_cost.csv", "points.csv"} <= made
    for name in sorted(made):
        assert (tmp_path / name).read_bytes() == (ROOT / kept / name).read_bytes(), name


def documented_commands() -> list[list[str]]:
    text = (ROOT / "results/reference/README.md").read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("lottery ")]


def test_the_commands_documented_for_the_kept_tables_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures come out as they are kept, byte for byte."""
    shutil.copytree(ROOT / "results/reference", tmp_path / "results/reference")
    monkeypatch.chdir(tmp_path)
    commands = documented_commands()
    assert len(commands) >= 10
    for command in commands:
        words = [str(path) for word in command for path in (sorted(Path().glob(word)) if "*" in word else [word])]
        assert main(words) == 0, command
    figures = sorted(path.relative_to(tmp_path) for path in (tmp_path / "results/reference").rglob("*.svg"))
    for figure in figures:
        assert (tmp_path / figure).read_bytes() == (ROOT / figure).read_bytes(), figure


def test_the_table_of_config_keys_is_that_of_the_schema() -> None:
    from lottery.workflow.configuration import reference

    assert reference() in (ROOT / "config/README.md").read_text()


def test_every_setting_of_a_variant_reaches_the_command(workflow: Path, snakemake: Snakemake) -> None:
    """A switch that the workflow forgot to pass on would silently be off."""
    variant = Variant(
        learning_rate=0.02, momentum=0.5, weight_decay=0.001, batch_size=32, hidden=40, bias=True,
        fan_in_counts_redundancy=True, density_scale=True, decay_scores=False, signed_constant=True, weight1_sparsity=0.25,
        same_score_initialisation=True,
    )  # fmt: skip
    assert all(getattr(variant, field.name) != field.default for field in fields(Variant))
    write_json(workflow / "config/all.json", {
        "validation_images": 77,
        "variants": {"all": {**asdict(variant), "convolutions": "config/all.json"}},
        "sweeps": {"fc2": None, "some": {
            "network": "lenet5", "structures": ["relu"], "sparsities": [0.3], "redundancies": [4], "epochs": [2],
            "variants": ["all"], "published_seed": None, "held_out_seeds": [9],
        }},
    })  # fmt: skip
    done = snakemake(workflow, "pruning", "-n", "-p", "--configfile", "config/demo.yaml", "config/all.json")
    [command] = re.findall(r"lottery (prune .*?) 2>&1", done.stdout + done.stderr)
    given = parser().parse_args(shlex.split(command))
    assert Variant(**{field.name: getattr(given, field.name) for field in fields(Variant)}) == variant
    expected = ("lenet5", "relu", 4, 0.3, 2, 9, "held_out", 77, Path("config/all.json"))
    assert expected == (
        given.network, given.structure, given.redundancy, given.sparsity, given.epochs, given.seed, given.protocol,
        given.validation_images, given.convolutions,
    )  # fmt: skip


MODULE = """
configfile: "study.yaml"

module lottery:
    snakefile: {snakefile!r}
    config: config

use rule * from lottery as lottery_*

rule count:
    default_target: True
    input: "results/tables/table1.csv", "environment"
    output: "counted"
    shell: "wc -l < {{input[0]}} > {{output}}"

rule look:
    output: "environment"
    shell: "{{{{ set -o; env; type lottery || true; }}}} > {{output}}"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with a workflow that uses ours as a module."""
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=str(ROOT / "Snakefile")))
    write_json(tmp_path / "study.yaml", {
        "dataset": "mnist5k", "source": "embedded", "targets": {"fc2": {"network": "fc2", "epochs": 1}},
        "approximations": {"mine": {"target": "fc2", "objective": "min_cardinality"}},
    })  # fmt: skip
    return tmp_path


@pytest.fixture
def activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of this Python."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if shutil.which("lottery") is None:
        pytest.skip("the package is not installed: no command `lottery`")


@pytest.mark.slow
def test_another_workflow_can_use_ours_as_a_module(study: Path, activated: None, snakemake: Snakemake) -> None:
    """In a folder of its own, with its own configuration, and only what it asks for is computed."""
    plan = study / ".snakemake/lottery_planned_runs.json"
    left = "solve --target results/targets/fc2/weights.safetensors --layer 0 --first-row 0 --last-row 0 --output left"
    write_json(plan, [left.split()])  # as if a workflow of ours had been killed here
    done = snakemake(study)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int((study / "counted").read_text()) == 4, "a header, two published rows, and ours"
    assert not (study / "results/figures").exists()
    assert not [*study.glob("*left*"), *study.glob(".*left*")], "no job makes what a plan of another run names"


def test_a_workflow_that_uses_ours_keeps_its_own_ways(study: Path, activated: None, snakemake: Snakemake) -> None:
    text = (study / "Snakefile").read_text()
    (study / "Snakefile").write_text(f'shell.prefix("set -eu; export OWN=1; ")\n{text}')
    done = snakemake(study, "look", "--config", "dataset=mnist5k")
    assert done.returncode == 0, done.stdout + done.stderr
    found = (study / "environment").read_text()
    assert "OWN=1\n" in found
    assert not re.search(r"^LOTTERY_(?!SHARED)", found, re.M)
    assert re.search(r"^pipefail\s+off", found, re.M)
    assert "lottery is a function" not in found


def test_a_module_without_our_command_is_one_line(
    study: Path, snakemake: Snakemake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    if shutil.which("lottery") is not None:
        pytest.skip("the system has a command `lottery`")
    done = snakemake(study, "-n")
    assert done.returncode != 0
    assert "no command `lottery` is on the PATH" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("inside", [True, False], ids=["from inside it", "by --directory"])
def test_one_installation_serves_many_folders(
    tmp_path: Path, snakemake: Snakemake, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    """Whose results stay apart; a folder that has a config/config.yaml works by that one."""
    study = tmp_path / "study"
    study.mkdir()
    monkeypatch.chdir(study if inside else tmp_path)
    where = [] if inside else ["--directory", "study"]
    small = ["--configfile", str(ROOT / "config/demo.yaml")]
    options = ["--snakefile", str(ROOT / "Snakefile"), *where, *small]
    done = snakemake(Path.cwd(), "data", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study / RESULTS / "data/mnist5k.safetensors").exists()
    assert main(["audit", "data", *options]) == 0
    write_json(study / "config/config.yaml", {"targets": {"own": {"network": "fc2"}}, "approximations": {}})
    done = snakemake(Path.cwd(), "-n", "targets", "--snakefile", str(ROOT / "Snakefile"), *where)
    assert re.search(r"^train +1$", done.stdout + done.stderr, re.M), done.stdout + done.stderr


def test_the_rule_graph_in_the_documentation_shows_every_rule(workflow: Path, snakemake: Snakemake) -> None:
    """docs/rulegraph.svg is written by `make rulegraph`."""
    done = snakemake(workflow, "--rulegraph", "dot", "--", "all")
    assert done.returncode == 0, done.stderr
    rules = set(re.findall(r'label = "(\w+)"', done.stdout))
    assert {"fetch", "train", "solve", "prune", "summarise"} < rules
    assert rules == set(re.findall(r">(\w+)</text>", (ROOT / "docs/rulegraph.svg").read_text()))


@pytest.mark.parametrize("page", sorted(path.name for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = next(folder / page for folder in (ROOT, ROOT / "docs") if (folder / page).is_file())
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", path.read_text())
    missing = [link for link in links if not (path.parent / link).exists()]
    assert not missing


def documented_jobs() -> list[tuple[str, int, str]]:
    """(options for Snakemake, number, its line in the list of jobs) of the rows of docs/reproducing.md that count jobs or runs."""
    rows = re.findall(
        r"^\|[^|]+\| `([^`]+)` \| (\d+)( runs)?\b([^|]*)\|", (ROOT / "docs/reproducing.md").read_text(), re.M
    )
    counted = [
        (command, int(number), "prune|plant" if runs else "total")
        for command, number, runs, rest in rows
        if runs or not rest.strip()
    ]
    options = {"make demo": "all --configfile config/demo.yaml"}
    return [(options.get(command, command.partition(" --cores ")[2]), *rest) for command, *rest in counted]


@pytest.mark.slow
def test_the_documentation_counts_the_jobs_that_are_planned(workflow: Path, snakemake: Snakemake) -> None:
    documented = documented_jobs()
    assert len(documented) >= 9
    for options, number, rule in documented:
        words = options.split()
        words = words[1:] if words[0].isdecimal() else words
        planned = snakemake(workflow, "-n", *words).stdout
        found = re.search(rf"^(?:{rule}) +(\d+)$", planned, re.M)
        assert found, planned[-2000:]
        assert (options, int(found[1])) == (options, number)
