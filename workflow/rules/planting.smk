"""Planted tickets: does edge-popup keep an exact ticket that its initial scores favour, find it, or leave it?

In: <results>/targets/TARGET/weights.safetensors.  Out: <results>/planted/ENTRY/RUN.json (accuracy and overlap by epoch),
<results>/tables/planted.csv, <results>/figures/planted.svg; nothing where the config asks for none.
"""


rule planted:
    "Planted tickets: table and figure."
    input:
        plan.files("<results>/tables/{planted_table}.csv"),
        plan.files("<results>/figures/{planted_table}.svg"),


rule plant:
    "A ticket planted in a random network, and masks learned from there."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.planted_target(wildcards.planted_run),
    output:
        "<results>/planted/{planted_run}.json",
    log:
        "<logs>/plant/{planted_run}.log",
    benchmark:
        "<benchmarks>/plant/{planted_run}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(
            lambda wildcards: prune_minutes(
                plan.plantings[wildcards.planted_run].planting.epochs
            )
        ),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("plant"),
        plugins=plugin_flags,
        planting=lambda wildcards: flags(plan.plantings[wildcards.planted_run].planting),
        device=used_device,
        known_device=DEVICE,
    message:
        "Planting {wildcards.planted_run}"
    shell:
        "lottery plant{params.plugins} --target {input.target:q} --data {input.data:q} {params.planting} "
        "--device {params.device} --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_planted:
    "Accuracy and overlap by margin: means and standard errors over seeds."
    input:
        plan.files("<results>/planted/{planted_run}.json"),
    output:
        planted=report(
            "<results>/tables/planted.csv",
            caption="../report/planted.rst",
            category="Tables",
        ),
        epochs="<results>/tables/planted_epochs.csv",
    log:
        "<logs>/tabulate_planted.log",
    benchmark:
        "<benchmarks>/tabulate_planted.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-planted"),
        plugins=plugin_flags,
        folder=subpath(output.planted, parent=True),
    shell:
        "lottery tabulate-planted{params.plugins} --runs {input:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule plot_planted:
    "Figure: accuracy and overlap against the margin by which a plant is favoured."
    input:
        "<results>/tables/planted.csv",
    output:
        svg=report(
            "<results>/figures/planted.svg",
            caption="../report/planted.rst",
            category="Figures",
        ),
        png="<results>/figures/planted.png",
    log:
        "<logs>/plot_planted.log",
    benchmark:
        "<benchmarks>/plot_planted.tsv"
    localrule: True
    params:
        code=fingerprint("plot-planted"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-planted{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"
