"""Optimal Lottery Tickets via SubsetSum (Pensia et al., NeurIPS 2020) as a workflow.

    snakemake --cores 16 all                                          both experiments, MNIST downloaded, about an hour
    snakemake --cores 2 all --configfile config/demo.yaml             embedded data, a minute and a half
    snakemake --cores 2 all --config source=FOLDER                    MNIST files that you have
    snakemake --profile slurm                                         on a Slurm cluster (docs/cluster.md)

One part at a time: experiment_1, frontier, tickets, experiment_2, controls, planted, theory, exactness; data, targets, subset_sum, pruning, tables, figures.  `snakemake --list-rules` describes each rule.
"""

from pathlib import Path

from snakemake.utils import min_version

# An older Snakemake must be able to read this file, to say so: keywords that it does not know are in those included below.
min_version("9.19")

# Of the folder that is worked in, or that beside this file.
CONFIG = "config/config.yaml"
if not Path(CONFIG).exists():
    CONFIG = workflow.source_path(CONFIG)


configfile: CONFIG


include: "workflow/rules/common.smk"


report: "workflow/report/workflow.rst"


include: "workflow/rules/data.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/subset_sum.smk"
include: "workflow/rules/frontier.smk"
include: "workflow/rules/tickets.smk"
include: "workflow/rules/pruning.smk"
include: "workflow/rules/controls.smk"
include: "workflow/rules/planting.smk"
include: "workflow/rules/theory.smk"
include: "workflow/rules/exactness.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/results.smk"


rule all:
    "Everything: tables, the comparison with the paper, figures, and the page that shows them."
    default_target: True
    input:
        rules.tables.input,
        rules.figures.input,
        "<results>/summary.html",
