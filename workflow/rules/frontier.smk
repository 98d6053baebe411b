"""Accuracy against size of approximated networks, over epsilon, coefficients and objectives.

In: <results>/targets/TARGET/weights.safetensors.  Out: <results>/frontier/FRONTIER/POINT.json, tables frontier.csv (means over
seeds) and frontier_points.csv, a figure for each frontier.
"""


rule frontier:
    "Every frontier: tables and figures."
    input:
        "<results>/tables/frontier.csv",
        plan.files("<results>/figures/frontier_{frontier}.svg"),


rule measure_frontier:
    "A whole network approximated and evaluated."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.point_target(wildcards.point),
    output:
        "<results>/frontier/{point}.json",
    log:
        "<logs>/measure_frontier/{point}.log",
    benchmark:
        "<benchmarks>/measure_frontier/{point}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(10),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("measure-frontier"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(plan.point(wildcards.point).settings),
        device=used_device,
        known_device=DEVICE,
    message:
        "Measuring {wildcards.point}"
    shell:
        "lottery measure-frontier{params.plugins} --target {input.target:q} --data {input.data:q} {params.settings} "
        "--device {params.device} --output {output:q} 2>&1 | tee {log:q}"


rule list_points:
    "The points that the config asks for, as a file: too many for a command line."
    output:
        "<results>/frontier/points.json",
    log:
        "<logs>/list_points.log",
    localrule: True
    params:
        points=packed(plan.point_list),
    shell:
        "printf %s {params.points} | base64 -d | gunzip > {output:q} 2> {log:q}"


rule tabulate_frontiers:
    "Every point, and means over seeds."
    input:
        list=rules.list_points.output[0],
        points=plan.files("<results>/frontier/{point}.json"),
    output:
        points="<results>/tables/frontier_points.csv",
        means=report(
            "<results>/tables/frontier.csv",
            caption="../report/frontier.rst",
            category="Tables",
        ),
    log:
        "<logs>/tabulate_frontiers.log",
    benchmark:
        "<benchmarks>/tabulate_frontiers.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-frontiers"),
        plugins=plugin_flags,
        digest=digest(plan.point_list),
        points=subpath(input.list, parent=True),
        folder=subpath(output.points, parent=True),
    shell:
        "lottery tabulate-frontiers{params.plugins} --points {input.list:q} --expected-sha256 {params.digest} --folder {params.points:q} "
        "--output {params.folder:q} 2>&1 | tee {log:q}"


rule plot_frontier:
    "Figure: accuracy against size, and size against epsilon with the paper's lower bound."
    input:
        "<results>/tables/frontier.csv",
    output:
        svg=report(
            "<results>/figures/frontier_{frontier}.svg",
            caption="../report/frontier.rst",
            category="Figures",
        ),
        png="<results>/figures/frontier_{frontier}.png",
    log:
        "<logs>/plot_frontier/{frontier}.log",
    benchmark:
        "<benchmarks>/plot_frontier/{frontier}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-frontier"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-frontier{params.plugins} --table {input:q} --frontier {wildcards.frontier} --output {params.stem:q} "
        "2>&1 | tee {log:q}"
