"""Before all rules: the completed config, the plan of what it asks for, and what all rules share."""

import shutil
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from lottery.errors import LotteryError
from lottery.networks import NETWORKS
from lottery.records import fingerprint as code_of
from lottery.workflow import hooks
from lottery.workflow.command_line import (
    as_plugin_flags,
    command_prefix,
    digest,
    flags,
    folders,
    not_compared,
    packed,
)
from lottery.workflow.configuration import check_file, complete
from lottery.workflow.figures import exactness_plot, exactness_table, theory_table
from lottery.workflow.plan import Plan, wildcard_pattern
from lottery.workflow.resources import (
    gpus_per_job,
    gurobi_licences,
    prune_minutes,
    scale_by_attempt,
    solve_minutes,
)

try:
    if workflow.modifier.is_main_snakefile():  # else they are the other workflow's
        for path in workflow.configfiles:
            check_file(Path(path))
    config = complete(config)
except LotteryError as error:
    raise WorkflowError(str(error))

if workflow.modifier.is_main_snakefile():
    shell.prefix(command_prefix(config, submitted=workflow.remote_exec))
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


plan = Plan(config)

used_device = not_compared(config["device"])  # DEVICE is compared
used_source = not_compared(config["source"])  # `lottery fetch` verifies the same bytes
plugin_flags = not_compared(as_plugin_flags(config["plugins"]))  # see `fingerprint`
GPUS_PER_JOB = gpus_per_job(config["device"])
# What results are known by: `auto` is one of the others, and which one is in their records, where `lottery audit` looks.
DEVICE = "cuda" if GPUS_PER_JOB else "auto"


pathvars:
    logs="<results>/logs",
    benchmarks="<results>/benchmarks",


onstart:
    hooks.on_start(
        workflow.dag.needrun_jobs(), lambda job: workflow.dag.reason(job).forced
    )


onsuccess:
    hooks.on_success(workflow.dag.jobs)


onerror:
    hooks.on_error()


wildcard_constraints:
    approximation=wildcard_pattern(plan.names["approximation"]),
    frontier=wildcard_pattern(plan.names["frontier"]),
    point=r"[a-z0-9_]+/[a-z0-9_.+-]+",
    ticket=wildcard_pattern(plan.names["ticket"]),
    layer=r"\d+",
    first=r"\d+",
    last=r"\d+",
    network=wildcard_pattern(NETWORKS),
    x_axis="remaining|alive",
    run="(published|held_out)/[a-z0-9_./]+",
    planted_run=wildcard_pattern(plan.names["planted_run"]),
    checker=wildcard_pattern(plan.names["checker"]),
    measurement=wildcard_pattern(plan.names["measurement"]),
    theory_figure=wildcard_pattern(plan.names["theory_figure"]),
    exact_experiment=wildcard_pattern(plan.names["exact_experiment"]),
    exact_network=wildcard_pattern(plan.names["exact_network"]),
    exactness_figure=wildcard_pattern(plan.names["exactness_figure"]),
