"""Files that must agree with each other, and configurations that must plan."""

import re
import shlex
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, Snakemake

from lottery.cli import main, parser
from lottery.files import write_json
from lottery.pruning.run import Variant
from lottery.published import figures


@pytest.mark.parametrize("name", ["config", "demo", "theory", "paper_mip", "ablation"])
def test_every_config_we_ship_can_be_planned(workflow: Path, snakemake: Snakemake, name: str) -> None:
    done = snakemake(workflow, "-n", "--quiet", "all", "--configfile", f"config/{name}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_paper_by_mip_is_cut_into_a_job_a_row(workflow: Path, snakemake: Snakemake) -> None:
    done = snakemake(workflow, "-n", "all", "--configfile", "config/paper_mip.yaml")
    assert re.search(r"^solve +510$", done.stdout + done.stderr, re.M)


def test_environment_yml_and_pyproject_name_the_same_packages() -> None:
    import tomllib

    import yaml

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
    assert found == set(project["dependencies"])


def test_the_readme_quotes_the_accuracies_that_are_kept() -> None:
    points = pd.read_csv(ROOT / "results/reference/tables/points.csv")
    published = figures()
    lines = re.findall(r"^\| \| (0\.\d+) \| (.*) \|$", (ROOT / "README.md").read_text(), re.M)
    assert len(lines) == 5
    for sparsity, cells in lines:
        expected = []
        for structure in ("linear", "wide"):
            same = f"network == 'fc2' and structure == '{structure}' and sparsity == {sparsity}"
            own = points.query(same).set_index("protocol")
            expected += [f"{published.query(same).accuracy.iloc[0]:.2f}", f"{own.accuracy['published']:.2f}"]
            expected.append(f"{own.accuracy['held_out']:.2f} ± {own.half_interval['held_out']:.2f}")
        assert cells.split(" | ") == expected


def test_the_readme_counts_the_replays_that_are_kept() -> None:
    compared = pd.read_csv(ROOT / "results/reference/tables/points_compared.csv")
    run = compared[compared.ours.notna()]
    counts = f"{(run.verdict == 'reproduced').sum()} are reproduced, {(run.verdict == 'differs').sum()} not"
    said = f"Of the 129 published points {len(run)} were run again so far: {counts}"
    assert said in (ROOT / "README.md").read_text()


def test_the_kept_tables_are_made_again_from_the_runs_in_them(tmp_path: Path) -> None:
    kept = ROOT / "results/reference/tables"
    assert main(["tabulate-runs", "--tables", str(kept), "--output", str(tmp_path)]) == 0
    for table in sorted(kept.iterdir()):
        assert (tmp_path / table.name).read_bytes() == table.read_bytes(), table.name


def test_the_documentation_quotes_the_spreads_that_were_measured() -> None:
    page = (ROOT / "docs/pruning.md").read_text()
    spread = pd.read_csv(ROOT / "results/reference/tables/spread.csv")
    assert len(spread) == len(re.findall(r"^\| .* runs\) \| .* \|$", page, re.M))
    for point in spread.itertuples():
        found = f"| {point.network} {point.structure} | {point.sparsity:g} | {point.epochs} | {point.published:.2f} | {point.replay:.2f}"
        rounding = f"{point.rounding_mean:.2f} ± {point.rounding_deviation:.2f}"
        seeds = f"{point.seed_mean:.2f} ± {point.seed_deviation:.2f}" if point.seeds > 0 else "not run"
        assert f"{found} | {rounding} " in page
        assert re.search(rf"{re.escape(found)} .* \| {re.escape(seeds)}", page)


def test_the_readme_quotes_the_tickets_that_are_kept() -> None:
    tickets = (
        pd.read_csv(ROOT / "docs/results/tickets/tickets.csv").set_index("row").loc[["min_error", "min_cardinality"]]
    )
    readme = (ROOT / "README.md").read_text()
    for name in ("initial", "initial_blocks", "remaining"):
        cells = [f"{count:,} ({count / 397_000:.{2 if name == 'remaining' else 0}f}×)" for count in tickets[name]]
        assert f"| {cells[0]} | {cells[1]} |" in readme.replace("**", "")
    accuracies = [f"{t.target_accuracy:.2f}% → {t.accuracy:.2f}%" for t in tickets.itertuples()]
    assert f"| {' | '.join(accuracies)} |" in readme
    sizes = [f"{size / 1e6:.2f} MB" for size in tickets.file_bytes]
    assert f"| {' | '.join(sizes)} |" in readme


def test_the_table_of_config_keys_is_that_of_the_schema() -> None:
    from lottery.configuration import reference

    assert reference(ROOT / "workflow/schemas/config.schema.yaml") in (ROOT / "config/README.md").read_text()


def test_every_setting_of_a_variant_reaches_the_command(workflow: Path, snakemake: Snakemake) -> None:
    """A switch that the workflow forgot to pass on would silently be off."""
    variant = Variant(
        learning_rate=0.02, momentum=0.5, weight_decay=0.001, batch_size=32, hidden=40, bias=True,
        fan_in_counts_redundancy=True, density_scale=True, decay_scores=False, signed_constant=True, first_sparsity=0.25,
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
    input: "results/tables/table1.csv"
    output: "counted"
    shell: "wc -l < {{input}} > {{output}}"
"""


def test_another_workflow_can_use_ours_as_a_module(tmp_path: Path, snakemake: Snakemake) -> None:
    """In a folder of its own, with its own configuration, and only what it asks for is computed."""
    (tmp_path / "Snakefile").write_text(MODULE.format(snakefile=str(ROOT / "Snakefile")))
    write_json(tmp_path / "study.yaml", {
        "dataset": "mnist5k", "source": "embedded", "targets": {"fc2": {"network": "fc2", "epochs": 1}},
        "approximations": {"mine": {"target": "fc2", "objective": "min_cardinality"}},
    })  # fmt: skip
    done = snakemake(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int((tmp_path / "counted").read_text()) == 4, "a header, two published rows, and ours"
    assert not (tmp_path / "results/figures").exists()


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
