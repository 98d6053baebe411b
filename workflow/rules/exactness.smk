"""Exact subset sums: how often random integers have one, and quantised networks of which every weight is one.

In: <results>/targets/TARGET/weights.safetensors.  Out: <results>/exactness/KIND/bits_B.csv, <results>/exact_networks/ENTRY/,
<results>/tables/exactness*.csv, <results>/figures/exactness_*.svg; nothing where the config asks for none.
"""


rule exactness:
    "Tables and figures of exact sums."
    input:
        plan.files("<results>/tables/{exactness_table}.csv"),
        plan.files("<results>/figures/exactness_{exactness_figure}.svg"),


rule measure_exactness:
    "Trials of integers of one kind and number of bits: successes by coefficients."
    output:
        "<results>/exactness/{exact_experiment}.csv",
    log:
        "<logs>/measure_exactness/{exact_experiment}.log",
    benchmark:
        "<benchmarks>/measure_exactness/{exact_experiment}.tsv"
    resources:
        mem_mb=scale_by_attempt(1000),
        runtime=scale_by_attempt(10),
    params:
        code=fingerprint("measure-exactness"),
        plugins=plugin_flags,
        experiment=lambda wildcards: flags(
            **vars(plan.exact_experiments[wildcards.exact_experiment])
        ),
    message:
        "Measuring exact sums, {wildcards.exact_experiment}"
    shell:
        "lottery measure-exactness{params.plugins} {params.experiment} --output {output:q} 2>&1 | tee {log:q}"


rule measure_exact_network:
    "A quantised network of which every weight is an exact sum."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.exact_network_target(wildcards.exact_network),
    output:
        "<results>/exact_networks/{exact_network}.json",
    log:
        "<logs>/measure_exact_network/{exact_network}.log",
    benchmark:
        "<benchmarks>/measure_exact_network/{exact_network}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(10),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("measure-exact-network"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(
            plan.exact_networks[wildcards.exact_network].settings
        ),
        device=used_device,
        known_device=DEVICE,
    message:
        "Measuring {wildcards.exact_network}"
    shell:
        "lottery measure-exact-network{params.plugins} --target {input.target:q} --data {input.data:q} {params.settings} "
        "--device {params.device} --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_exactness:
    "Probabilities, thresholds with the bounds beside them, and networks."
    input:
        measurements=plan.files("<results>/exactness/{exact_experiment}.csv"),
        networks=plan.files("<results>/exact_networks/{exact_network}.json"),
    output:
        probabilities="<results>/tables/exactness.csv",
        thresholds=report(
            "<results>/tables/exactness_thresholds.csv",
            caption="../report/exactness.rst",
            category="Tables",
        ),
        networks=report(
            "<results>/tables/exactness_networks.csv",
            caption="../report/exactness.rst",
            category="Tables",
        ),
    log:
        "<logs>/tabulate_exactness.log",
    benchmark:
        "<benchmarks>/tabulate_exactness.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-exactness"),
        plugins=plugin_flags,
        folder=subpath(output.probabilities, parent=True),
    shell:
        "lottery tabulate-exactness{params.plugins} --measurements {input.measurements:q} --networks {input.networks:q} "
        "--output {params.folder:q} 2>&1 | tee {log:q}"


rule plot_exactness:
    "Figure: exact sums by bits per coefficient, thresholds, or the weights of a network that miss one."
    input:
        lambda wildcards: exactness_table(wildcards.exactness_figure),
    output:
        svg=report(
            "<results>/figures/exactness_{exactness_figure}.svg",
            caption="../report/exactness.rst",
            category="Figures",
        ),
        png="<results>/figures/exactness_{exactness_figure}.png",
    log:
        "<logs>/plot_exactness/{exactness_figure}.log",
    benchmark:
        "<benchmarks>/plot_exactness/{exactness_figure}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-exactness"),
        plugins=plugin_flags,
        figure=lambda wildcards: flags(**exactness_plot(wildcards.exactness_figure)),
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-exactness{params.plugins} {params.figure} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"
