"""What rules look up: the validated config, fingerprints of the package's code, flags and file names."""

import base64
import gzip
import hashlib
import re
import shlex
import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from lottery.approximation.chunks import split_into_chunks
from lottery.approximation.points import planned_points
from lottery.workflow.configuration import check_file, complete, distribution_words
from lottery.data.datasets import get_dataset
from lottery.errors import LotteryError
from lottery.records.files import json_text
from lottery.records import fingerprint as code_of
from lottery.records.result_cache import SUBMITTED, clear_files
from lottery.networks import NETWORKS, layers
from lottery.pruning.structures import convolutions
from lottery.pruning.sweeps import RELEASED, planned_runs
from lottery.published import PUBLISHED_REDUNDANCY, published_epochs
from lottery.workflow.shared_jobs import PLANNED, RUNS_PER_JOB, SHARED, write_plan
from lottery.theory.plan import planned_measurements, theory_figures

try:
    if workflow.modifier.is_main_snakefile():  # else they are the other workflow's
        for path in workflow.configfiles:
            check_file(Path(path))
    config = complete(
        config, Path(workflow.source_path("../schemas/config.schema.yaml"))
    )
except LotteryError as error:
    raise WorkflowError(str(error))

PLAN = (
    ".snakemake/lottery_planned_runs.json"  # of this folder's last run of the workflow
)


def command_prefix():
    """What a rule's command begins with: `lottery` is that of the Python which runs Snakemake, whatever the PATH.

    A prefix replaces Snakemake's own, so strict mode is said again: without pipefail a failed command would hide behind `tee`.
    """
    variables = {
        "LOTTERY_JOBS_PER_GPU": str(config["jobs_per_gpu"]),
        RUNS_PER_JOB: str(config["runs_per_job"]),
        PLANNED: PLAN,
    }
    if workflow.remote_exec:
        variables[SUBMITTED] = "1"
    exported = shlex.join(f"{name}={value}" for name, value in variables.items())
    python = shlex.quote(sys.executable)
    # Not the script `lottery` beside it: the first line of a script cannot name every folder.
    prefix = f'set -euo pipefail; export {exported}; lottery() {{ {python} -P -m lottery.cli "$@"; }}; '
    return prefix.replace("{", "{{").replace("}", "}}")  # Snakemake formats it


if workflow.modifier.is_main_snakefile():
    shell.prefix(command_prefix())
elif (
    shutil.which("lottery") is None
):  # a prefix would be that of the other workflow as well
    raise WorkflowError(
        "no command `lottery` is on the PATH, which a workflow that uses this one as a module needs;"
        f" activate its environment: source {Path(sys.executable).parent / 'activate'}"
    )


def fingerprint(command):
    """What a command is known by: its code, and that of the plugins that it uses."""
    return code_of.fingerprint(command, plugins=map(Path, config["plugins"]))


TRAINED = [
    name for name, target in config["targets"].items() if target["weights"] is None
]
IMPORTED = [name for name in config["targets"] if name not in TRAINED]
CHECKED = config["cross_check"]["approximation"]
POINTS = planned_points(config)
RUNS = planned_runs(config)
MEASUREMENTS = planned_measurements(config["theory"])
GPUS = int(config["device"] == "cuda")  # of a job that computes by torch
# What results are known by: `auto` is one of the others, and which one is in their records, where `lottery audit` looks.
DEVICE = "cuda" if GPUS else "auto"


pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


def shared_jobs(jobs):
    """Those that make more than their own result, or take back what was finished (lottery/workflow/shared_jobs.py, lottery/records/result_cache.py)."""
    return [job for job in jobs if job.rule.name in SHARED]


def forget_results(jobs):
    clear_files(Path(path) for job in jobs for path in job.output)


onstart:
    # What is to be made, of which a forced result is not taken from an earlier run.
    to_make = shared_jobs(workflow.dag.needrun_jobs())
    forget_results(job for job in to_make if workflow.dag.reason(job).forced)
    write_plan(Path(PLAN), [job.shellcmd for job in to_make])


onsuccess:
    forget_results(shared_jobs(workflow.dag.jobs))
    Path(PLAN).unlink(missing_ok=True)


onerror:
    Path(PLAN).unlink(missing_ok=True)


def one_of(names):
    """A wildcard's pattern: one of `names`, or nothing at all where there is none."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    approximation=one_of(config["approximations"]),
    frontier=one_of(config["frontiers"]),
    point=r"[a-z0-9_]+/[a-z0-9_.+-]+",
    ticket=one_of(config["tickets"]),
    layer=r"\d+",
    first=r"\d+",
    last=r"\d+",
    network=one_of(NETWORKS),
    against="remaining|alive",
    run="(published|held_out)/[a-z0-9_./]+",
    checker=one_of(config["cross_check"]["solvers"]),
    measurement=one_of(MEASUREMENTS),
    theory_figure=one_of(theory_figures(config["theory"])),


def flags(**values):
    """Command line flags: None and False are left out, lists become several words."""
    words = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.extend(
                map(str, value if isinstance(value, (list, tuple)) else [value])
            )
    return shlex.join(words)


def used_device(wildcards, output):
    """As the config has it.  What is made from `output` Snakemake passes on, but does not compare with earlier runs."""
    return config["device"]


def used_source(wildcards, output):
    """As the config has it, not compared either: whatever the source, `lottery fetch` verifies the same bytes."""
    return config["source"]


def plugin_flags(wildcards, output):
    """Not compared either: `fingerprint` has the code of those plugins that a command uses."""
    return "".join(f" --plugin {shlex.quote(path)}" for path in config["plugins"])


def growing(first):
    """A resource that is `first` at the first attempt, twice that at the second, and so on."""
    return lambda wildcards, attempt: first * attempt


def solve_minutes(wildcards, attempt):
    """Our exact solver is done in seconds; a solver of integer programs goes on from `.partial` if it needs more."""
    solver = config["approximations"][wildcards.approximation]["solver"]
    return attempt * (10 if solver in ("exact", "auto") else 60)


def prune_minutes(wildcards, attempt):
    """A minute per epoch: about twice what the slowest network takes on one core."""
    return attempt * (
        5 + RUNS[wildcards.run].run.epochs if wildcards.run in RUNS else 5
    )


def licence_tokens(solver):
    """How many Gurobi licences a job may take; Snakemake starts no more jobs than `--resources gurobi=N` allows."""
    return int(solver in ("gurobi", "mip"))


def solve_tokens(wildcards):
    return licence_tokens(config["approximations"][wildcards.approximation]["solver"])


def cross_check_tokens(wildcards):
    return licence_tokens(wildcards.checker)


def recipe_flags(wildcards):
    keys = [
        "network",
        "epochs",
        "learning_rate",
        "momentum",
        "weight_decay",
        "batch_size",
        "seed",
        "stream",
        "pixels",
    ]
    target = config["targets"][wildcards.target]
    return flags(**{key: target[key] for key in keys})


def approximation_flags(wildcards):
    keys = [
        "epsilon",
        "coefficients_per_bit",
        "objective",
        "sharing",
        "stream",
        "seed",
        "zero_small_weights",
        "on_infeasible",
    ]
    entry = config["approximations"][wildcards.approximation]
    ends = entry["coefficient_range"]
    return flags(
        **{key: entry[key] for key in keys},
        coefficient_range=None if ends == "target" else ends,
    )


def solver_flags(wildcards):
    """What decides the solver of a whole network."""
    entry = config["approximations"][wildcards.approximation]
    first = network_layers(entry["target"])[0]
    return flags(
        solver=entry["solver"],
        epsilon=entry["epsilon"],
        coefficients_per_bit=entry["coefficients_per_bit"],
        objective=entry["objective"],
        weights_per_set=first.columns if entry["sharing"] == "row" else 1,
    )


def time_limit_flags(wildcards):
    return flags(
        time_limit=config["approximations"][wildcards.approximation]["time_limit"]
    )


def network_layers(target):
    return layers(
        config["targets"][target]["network"], get_dataset(config["dataset"]).image
    )


def point_target(wildcards):
    """The target of a point of a frontier."""
    if wildcards.point not in POINTS:
        raise WorkflowError(
            f"point {wildcards.point}: no frontier of the config asks for it"
        )
    return f"<results>/targets/{POINTS[wildcards.point].target}/weights.safetensors"


def point_flags(wildcards):
    """Everything that decides a point."""
    settings = vars(POINTS[wildcards.point].settings)
    return flags(
        **{
            name: value
            for name, value in settings.items()
            if name not in ("low", "high")
        }
    )


def point_list():
    """What `lottery tabulate-frontiers` reads."""
    return [
        {"frontier": planned.frontier, "point": name}
        for name, planned in POINTS.items()
    ]


def frontier_figures():
    return [f"frontier_{name}" for name in config["frontiers"]]


def ticket_target(wildcards):
    """The target of a ticket."""
    return f"<results>/targets/{config['tickets'][wildcards.ticket]['target']}/weights.safetensors"


def ticket_flags(wildcards):
    """Everything that decides which ticket is built."""
    entry = dict(config["tickets"][wildcards.ticket])
    del entry["target"]
    return flags(**entry | {"distribution": distribution_words(entry)})


def ticket_files(name):
    return expand(f"<results>/tickets/{{ticket}}/{name}", ticket=config["tickets"])


def target_weights(wildcards):
    """The target of an approximation."""
    return f"<results>/targets/{config['approximations'][wildcards.approximation]['target']}/weights.safetensors"


def imported_weights(wildcards):
    return config["targets"][wildcards.target]["weights"]


def chunks(wildcards):
    """The files of all chunks of an approximation."""
    entry = config["approximations"][wildcards.approximation]
    return [
        f"<results>/subset_sum/{wildcards.approximation}/chunks/{chunk.file_name}"
        for chunk in split_into_chunks(
            network_layers(entry["target"]), entry["rows_per_chunk"]
        )
    ]


def approximation_files(name):
    return expand(
        f"<results>/subset_sum/{{approximation}}/{name}",
        approximation=config["approximations"],
    )


def approximation_folders(wildcards, input):
    return [str(Path(path).parent) for path in input.numbers]


def cross_check_files(name):
    if CHECKED is None:
        return []
    return expand(
        f"<results>/subset_sum/{CHECKED}/{name}",
        checker=config["cross_check"]["solvers"],
    )


def run_flags(wildcards):
    """Everything that decides what a run finds."""
    if wildcards.run not in RUNS:
        raise WorkflowError(f"run {wildcards.run}: no sweep of the config asks for it")
    run = RUNS[wildcards.run].run
    own = {name: value for name, value in vars(run).items() if name != "variant"}
    switches = {**vars(run.variant), "no_score_decay": not run.variant.decay_scores}
    del switches["decay_scores"]
    return flags(**own, **switches)


def run_convolutions(wildcards):
    """A file of convolutions, where the run's variant names one."""
    if wildcards.run not in RUNS:
        return []
    planned = RUNS[wildcards.run]
    if not convolutions(planned.run.network, get_dataset(config["dataset"]).image):
        return []
    return config["variants"][planned.variant_name]["convolutions"] or []


def run_list():
    """What `lottery tabulate-runs` reads: each run's variant and folder."""
    return [
        {"variant": planned.variant_name, "folder": folder}
        for folder, planned in RUNS.items()
    ]


def packed(listed):
    """A list as JSON for a command line, whose words may have 128 KB: thousands of runs pack well."""
    return base64.b64encode(gzip.compress(json_text(listed).encode(), mtime=0)).decode()


def digest(listed):
    """What a list is, on a command line: another config's tables are told apart by it."""
    return hashlib.sha256(json_text(listed).encode()).hexdigest()


def run_files(name):
    return [f"<results>/pruning/{folder}/{name}" for folder in RUNS]


def replays(planned):
    """Whether a run has a published point beside it: its settings, at its length."""
    run = planned.run
    if config["dataset"] != "mnist" or planned.variant_name != RELEASED:
        return False
    if run.protocol != "published" or (
        run.structure != "dense" and run.redundancy != PUBLISHED_REDUNDANCY
    ):
        return False
    try:
        return run.epochs == published_epochs(run.network, run.structure, run.sparsity)
    except LotteryError:
        return False


def pruning_figures(wildcards=None):
    """Names of the figures that the sweeps give something to."""
    redundancies, variants = {}, {}
    for planned in RUNS.values():
        run = planned.run
        if run.structure != "dense":
            alike = (run.network, planned.variant_name, run.sparsity)
            redundancies.setdefault(alike, set()).add(run.redundancy)
            panel = (
                run.network,
                run.protocol,
                run.structure,
                run.redundancy,
                run.sparsity,
            )
            variants.setdefault(panel, set()).add(planned.variant_name)
    names = ["replays"] if any(replays(planned) for planned in RUNS.values()) else []
    for network in dict.fromkeys(network for network, *_ in redundancies):
        names += [
            f"accuracy_remaining_{network}",
            f"accuracy_alive_{network}",
            f"epochs_{network}",
        ]
        for figure, found in (("redundancy", redundancies), ("variants", variants)):
            if any(of[0] == network and len(few) > 1 for of, few in found.items()):
                names.append(f"{figure}_{network}")
    return names


def measurement_flags(wildcards):
    """What decides the trials of one measurement."""
    return flags(
        **vars(MEASUREMENTS[wildcards.measurement]),
        epsilons=config["theory"]["epsilons"],
    )


def theory_figure_files():
    return [
        f"<results>/figures/theory_{name}.svg"
        for name in theory_figures(config["theory"])
    ]


def theory_plot_table(wildcards):
    """Probabilities for the curves, thresholds for everything else."""
    name = "success" if wildcards.theory_figure == "success" else "thresholds"
    return f"<results>/tables/theory_{name}.csv"
