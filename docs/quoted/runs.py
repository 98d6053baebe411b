"""Experiment 2: what its configurations ask for, what of that was run, and what it costs."""

import yaml
from snakemake.utils import update_config

from lottery.pruning.run import Run
from lottery.pruning.sweeps import planned_runs
from lottery.workflow.configuration import complete
from quoted.reading import ROOT, WEIGHTS, read, table

_KIND = ["network", "structure", "redundancy"]  # of runs whose epochs cost the same
_RUN = [*_KIND, "protocol", "stream", "sparsity", "epochs", "seed", "perturbation"]


def _planned(name: str) -> list[Run]:
    """The runs of a file of `config/`, which extends `config.yaml` as Snakemake does it."""
    files = dict.fromkeys([ROOT / "config/config.yaml", ROOT / f"config/{name}.yaml"])
    config: dict[str, object] = {}
    for file in files:
        update_config(config, yaml.safe_load(file.read_text(encoding="utf-8")))
    return [planned.run for planned in planned_runs(complete(config)).values()]


def _core_hours(runs: list[Run]) -> tuple[float, int]:
    """Core hours of those runs of whose kind an epoch was measured on a CPU, by its median; how many those are."""
    measured = read("pruning_cost").query("device == 'cpu'").dropna(subset="core_seconds")
    epoch = (measured.core_seconds / measured.epochs).groupby([measured[name] for name in _KIND]).median()
    kinds = [tuple(getattr(run, name) for name in _KIND) for run in runs]
    known = [(kind, run.epochs) for kind, run in zip(kinds, runs, strict=True) if kind in epoch.index]
    return sum(epoch[kind] * epochs for kind, epochs in known) / 3600, len(known)


def _hours(name: str) -> str:
    return f"about {_core_hours(_planned(name))[0]:.0f} core hours"


def cost_of_sweeps() -> list[str]:
    """By configuration: runs of experiment 2, and what they take by the median of measured epochs."""
    rows = []
    for name in ("figures", "config", "paper", "redundancy", "ablation"):
        runs = _planned(name)
        hours, known = _core_hours(runs)
        rows.append(
            [
                f"`{name}.yaml`",
                f"{len(runs)}",
                f"{hours:.0f}" if known == len(runs) else f"{hours:.0f} for {known} of them",
            ]
        )
    return table(["configuration", "runs of experiment 2", "core hours"], rows)


def parts_of_the_paper() -> list[str]:
    """The README's table of commands."""
    rows = [
        ["experiment 1", "`experiment_1`", "1.5 minutes on 2 cores"],
        ["experiment 2, each published point", "`experiment_2 --configfile config/figures.yaml`", _hours("figures")],
        ["experiment 2, one length, both protocols", "`experiment_2`", _hours("config")],
        ["tickets, their size, theory", "`tickets`, `frontier`, `theory`", "about 12 core minutes"],
    ]
    return table(["part", "command (`snakemake --cores N ...`)", "cost"], rows)


def repetitions() -> list[str]:
    """How many of the planned repetitions by rounding were made."""
    keys = [name for name in _RUN if name != "protocol"]
    planned = {
        tuple(getattr(run, name) for name in keys) for run in _planned("figures") if run.perturbation is not None
    }
    made = {tuple(row) for row in read("runs").dropna(subset="perturbation")[keys].itertuples(index=False)}
    return [f"Of {len(planned)} repetitions that `config/figures.yaml` asks for, {len(planned & made)} were made."]


def held_out_runs() -> list[str]:
    """Seeds of held-out runs of pruned networks, r = 5, by network and sparsity."""
    runs = read("runs").query(
        "protocol == 'held_out' and variant == 'released' and redundancy == 5 and structure != 'dense'"
    )
    seeds = runs.pivot_table(
        index=["network", "structure"], columns="sparsity", values="seed", aggfunc="nunique", fill_value=0
    )
    asked = {run.sparsity for run in _planned("config") if run.protocol == "held_out"}
    seeds = seeds.reindex(columns=sorted(asked | set(seeds.columns)), fill_value=0)
    rows = [
        [f"{network} {structure}", *(f"{count}" if count else "" for count in seeds.loc[network, structure])]
        for network in WEIGHTS
        for structure in ("linear", "relu", "wide")
    ]
    return table(["seeds at s =", *(f"{sparsity:g}" for sparsity in seeds.columns)], rows)
