"""docs/reproducing.md says what its tables say."""

import re
from collections import Counter
from functools import cache

import pandas as pd
import yaml
from pages import ROOT, Page, kept
from snakemake.utils import update_config

from lottery.data.download import MIN_BYTES, WINDOW_SECONDS
from lottery.networks import ImageShape, layers
from lottery.published import figures, table1
from lottery.workflow.configuration import complete
from lottery.workflow.plan import Plan


@cache
def plan(name: str) -> Plan:
    """What a file of `config/` asks for, which extends `config.yaml` as Snakemake does it."""
    config: dict[str, object] = {}
    for file in dict.fromkeys([ROOT / "config/config.yaml", ROOT / f"config/{name}.yaml"]):
        update_config(config, yaml.safe_load(file.read_text()))
    return Plan(complete(config))


def stages(name: str = "stages") -> pd.DataFrame:
    return kept(name).set_index("stage")


def cost_of_sweeps(page: Page, name: str) -> tuple[int, int]:
    """Runs and core hours of a configuration by the table on the page, which `make numbers` writes."""
    found = re.search(rf"\| `{name}\.yaml` \| (\d+) \| (\d+)", page.words)
    assert found, name
    return int(found[1]), int(found[2])


def gurobi_core_hours() -> float:
    return kept("cost").query("solver == 'gurobi' and row == 'released_weights'").network_core_hours.iloc[0]


def experiment_1(page: Page) -> None:
    checked = kept("cost").query("solver == 'gurobi' and row == 'released_weights'").seconds_per_weight.iloc[0]
    minutes = plan("config").config["cross_check"]["sample"] * checked / 60
    assert 1.5 / 2 < minutes < 1.5
    page.says("1.5 minutes on 2 cores, most of it the cross-check by Gurobi")
    training = stages().loc["train"]
    more = len(plan("seeds").config["targets"]) - len(plan("config").config["targets"])
    page.says(f"| {more * 60 * training.hours / training.results:.0f} minutes of training more |")
    most = float(f"{gurobi_core_hours():.2g}")
    page.says(f"| 80 to {most:.0f} core hours | planned by tests")


def experiment_2(page: Page) -> None:
    runs = [planned.run for planned in plan("figures").runs.values()]
    again = Counter((run.network, run.structure, run.sparsity) for run in runs if run.perturbation is not None)
    times = Counter(again.values())
    assert set(times) == {5, 2}
    assert times[2] == 5
    points = len(runs) - again.total()
    count, hours = cost_of_sweeps(page, "figures")
    assert (points, len(runs)) == (len(figures()), count)
    page.says(
        f"{count} runs: {points} points, {times[5]} of them five times more, five twice more | [about {hours} core"
    )
    page.says(f"[all {points} points, and repetitions]")
    count, hours = cost_of_sweeps(page, "config")
    page.says(f"| {count} runs | [about {hours} core hours]")
    count, hours = cost_of_sweeps(page, "paper")
    page.says(f"| {count} runs | [about {hours} core hours](#what-experiment-2-costs) (the authors' logs:")
    other = kept("runs").query("redundancy != 5 and structure != 'dense'")
    assert set(zip(other.network, other.sparsity, strict=True)) == {("fc2", 0.5)}
    page.says(
        f"| {cost_of_sweeps(page, 'redundancy')[0]} runs | [in part](#what-experiment-2-costs) | [fc2 at s = 0.5]"
    )


def ablation(page: Page) -> None:
    cost = kept("pruning_cost", "ablation/tables")
    hours = cost.core_seconds.fillna(cost.seconds).sum() / 3600
    page.says(f"| {len(cost)} runs | {hours:.1f} core hours on a busy machine |")


def controls_and_planted(page: Page) -> None:
    networks = kept("controls").groupby(["structure", "sparsity"]).draws.sum()
    (each,) = set(networks)
    cost = 60 * stages("controls_stages").core_hours
    page.says(
        f"| {len(networks)} runs, {each} networks each | {cost['measure-controls']:.0f} core minutes,"
        f" and {cost['prune']:.0f} of learning, on a busy machine |"
    )
    planted, minutes = kept("planted_epochs"), 60 * stages("planted_stages").core_hours["plant"]
    runs = planted[planted.epoch == 0]
    (epochs,) = set(planted.epochs)
    page.says(f"| {len(runs)} runs of {epochs} epochs | {minutes:.0f} core minutes | MNIST, 1 core: [planted.md]")


def tickets_and_frontiers(page: Page) -> None:
    minutes, results = 60 * stages().core_hours, stages().results
    every = len(plan("tickets").names["ticket"])
    assert results["build-ticket"] == results["verify"] == every
    page.says(f"| {len(plan('config').names['ticket'])} tickets | a part of the next line |")
    page.says(
        f"| {every} tickets | {minutes['build-ticket']:.0f} core minutes to build, {minutes['verify']:.0f} to verify |"
    )
    points = Counter(point.frontier for point in plan("tickets").points.values())
    assert points["fc2"] == len(plan("config").points) == len(kept("frontier_points"))
    assert points["fc4"] == points["lenet5"]
    page.says(f"| {points['fc2']} networks | {minutes['measure-frontier']:.0f} core minutes |")
    page.says(f"| {points.total()} networks: {points['fc2']} of fc2, {points['fc4']} each of fc4 and lenet5 |")


def theory_and_exact_sums(page: Page) -> None:
    success = kept("theory_success")
    assert {*success.epsilon} == {*plan("config").config["theory"]["epsilons"]}
    trials = success.trials.sum() / success.epsilon.nunique()  # a trial serves all of them
    page.says(f"| {trials / 1e6:.1f} million trials |")
    exact = kept("exactness").groupby(["kind", "bits"]).trials.max().sum()  # of all numbers of integers
    networks, minutes = len(kept("exactness_networks")), 60 * stages("exactness_stages").core_hours.sum()
    page.says(
        f"| {exact / 1e6:.1f} million trials, {networks} networks | {minutes:.0f} core minutes | MNIST, one core:"
    )


def what_experiment_2_costs(page: Page) -> None:
    replays = kept("pruning_cost").query("stream == 'released' and perturbation.isna()")
    replays = replays.query("redundancy == 5 or structure == 'dense'")
    assert len(replays) == len(figures())
    assert set(replays.device) == {"cpu", "cuda"}
    page.says("(where runs are missing, they were made on a GPU: ")
    runs = [planned.run for planned in plan("figures").runs.values()]
    page.says(f"One network alone, here fc4 ({sum(run.network == 'fc4' for run in runs)} runs):")
    sweeps = plan("figures").config["sweeps"]
    others = {name for name, sweep in sweeps.items() if sweep["network"] != "fc4"}
    assert set(re.findall(r"(\w+): null", page.words)) == others


def a_slow_mirror(page: Page) -> None:
    page.says(f"A mirror that sends less than {MIN_BYTES // 1000} kB in {WINDOW_SECONDS:g} s is given up.")


def released_weights(page: Page) -> None:
    kept_by_gurobi = table1().relative_size.iloc[1]
    page.says(f"With these weights and draws the paper's Gurobi kept {kept_by_gurobi:.2f}×.")
    checked = kept("cross_check")
    (version,) = set(kept("origins").versions.str.extract(r"gurobipy (\d+)")[0].dropna())
    page.says(f"The released weights solved again by Gurobi {version} ")
    page.says(f"solvers: [gurobi], sample: {len(checked)}}}'`")


def gurobi_or_cbc(page: Page) -> None:
    found, paper = layers("fc2", ImageShape(channels=1, size=28)), table1().iloc[1]
    coefficients = paper.initial // paper.weights
    page.says(f"It solves these {coefficients + 1}-variable models.")  # and the error
    weights, rows = sum(layer.size for layer in found), sum(layer.rows for layer in found)
    assert weights == paper.weights
    page.says(f"solves all {weights:,} weights by MIP as the authors did: 80 to ")
    page.says(f"{float(f'{gurobi_core_hours():.2g}'):.0f} core hours, in {rows} resumable chunks.")


def test_reproducing_md_says_what_its_tables_say() -> None:
    page = Page("docs/reproducing.md")
    experiment_1(page)
    experiment_2(page)
    ablation(page)
    controls_and_planted(page)
    tickets_and_frontiers(page)
    theory_and_exact_sums(page)
    what_experiment_2_costs(page)
    a_slow_mirror(page)
    released_weights(page)
    gurobi_or_cbc(page)
    jobs, licence, authors_logs = "158 521", "2,000", "110"  # jobs are counted by a slow test of test_project.py
    assert page.numbers_left(settings=f"{jobs} {licence} {authors_logs}") == []
