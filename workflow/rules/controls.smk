"""Controls of pruned networks: random masks, other weights, the largest weights; nothing is trained.

In: <results>/pruning/RUN/.  Out: <results>/controls/RUN.json (accuracies of all draws), table controls.csv, a figure for each network.
"""


rule controls:
    "Controls of all runs that the config names: table and figures."
    input:
        "<results>/tables/controls.csv",
        plan.files("<results>/figures/controls_{controlled_network}.svg"),


rule measure_controls:
    "A finished run beside random masks and other weights."
    input:
        data=rules.data.input,
        convolutions=lambda wildcards: plan.convolutions(wildcards.run) or [],
        metrics="<results>/pruning/{run}/metrics.json",
        masks="<results>/pruning/{run}/masks.safetensors",
    output:
        "<results>/controls/{run}.json",
    log:
        "<logs>/measure_controls/{run}.log",
    benchmark:
        "<benchmarks>/measure_controls/{run}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(10),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("measure-controls"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(plan.control_settings),
        device=used_device,
        known_device=DEVICE,
        convolutions=lambda wildcards, input: flags(
            convolutions=input.get("convolutions") or None
        ),
        folder=subpath(input.metrics, parent=True),
    message:
        "Controls of {wildcards.run}"
    shell:
        "lottery measure-controls{params.plugins} --data {input.data:q} --folder {params.folder:q} {params.settings} "
        "{params.convolutions} --device {params.device} --output {output:q} 2>&1 | tee {log:q}"


rule list_controls:
    "The runs that have controls, as a file: too many for a command line."
    output:
        "<results>/controls/runs.json",
    log:
        "<logs>/list_controls.log",
    localrule: True
    params:
        runs=packed(plan.control_list),
    shell:
        "printf %s {params.runs} | base64 -d | gunzip > {output:q} 2> {log:q}"


rule tabulate_controls:
    "Every run and control: means, deviations and intervals over draws."
    input:
        list=rules.list_controls.output[0],
        measured=plan.files("<results>/controls/{controlled_run}.json"),
    output:
        controls=report(
            "<results>/tables/controls.csv",
            caption="../report/controls.rst",
            category="Tables",
        ),
        markdown="<results>/tables/controls.md",
    log:
        "<logs>/tabulate_controls.log",
    benchmark:
        "<benchmarks>/tabulate_controls.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-controls"),
        plugins=plugin_flags,
        digest=digest(plan.control_list),
        runs=subpath(input.list, parent=True),
        folder=subpath(output.controls, parent=True),
    shell:
        "lottery tabulate-controls{params.plugins} --runs {input.list:q} --expected-sha256 {params.digest} --folder {params.runs:q} "
        "--output {params.folder:q} 2>&1 | tee {log:q}"


rule plot_controls:
    "Figure: how much of a pruned network is in its mask, and how much in the match of mask and weights."
    input:
        "<results>/tables/controls.csv",
    output:
        svg=report(
            "<results>/figures/controls_{network}.svg",
            caption="../report/controls.rst",
            category="Figures",
        ),
        png="<results>/figures/controls_{network}.png",
    log:
        "<logs>/plot_controls/{network}.log",
    benchmark:
        "<benchmarks>/plot_controls/{network}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-controls"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-controls{params.plugins} --table {input:q} --network {wildcards.network} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"
