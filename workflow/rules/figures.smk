"""Figures of both experiments, from tables and records alone.  Out: <results>/figures/, .svg and .png."""


rule plot_errors:
    "Figures: how far subset sums are from their weights, and one of them worked through."
    input:
        solutions=plan.files(
            "<results>/subset_sum/{approximation}/solution.safetensors"
        ),
        numbers=plan.files("<results>/subset_sum/{approximation}/assembly.json"),
        dataset=plan.files("<results>/subset_sum/{approximation}/evaluation.json"),
    output:
        svg=report(
            "<results>/figures/errors.svg",
            caption="../report/errors.rst",
            category="Figures",
        ),
        png="<results>/figures/errors.png",
        one=report(
            "<results>/figures/errors_one_weight.svg",
            caption="../report/one_weight.rst",
            category="Figures",
        ),
        one_png="<results>/figures/errors_one_weight.png",
    log:
        "<logs>/plot_errors.log",
    benchmark:
        "<benchmarks>/plot_errors.tsv"
    localrule: True
    params:
        code=fingerprint("plot-errors"),
        plugins=plugin_flags,
        approximations=lambda wildcards, input: folders(input.numbers),
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-errors{params.plugins} --approximations {params.approximations:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_cardinality:
    "Figure: how many coefficients are kept for a weight."
    input:
        "<results>/tables/cardinality.csv",
    output:
        svg=report(
            "<results>/figures/cardinality.svg",
            caption="../report/cardinality.rst",
            category="Figures",
        ),
        png="<results>/figures/cardinality.png",
    log:
        "<logs>/plot_cardinality.log",
    benchmark:
        "<benchmarks>/plot_cardinality.tsv"
    localrule: True
    params:
        code=fingerprint("plot-cardinality"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-cardinality{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_seconds:
    "Figure: what a weight costs by each solver."
    input:
        "<results>/tables/cost.csv",
    output:
        svg=report(
            "<results>/figures/seconds.svg",
            caption="../report/seconds.rst",
            category="Figures",
        ),
        png="<results>/figures/seconds.png",
    log:
        "<logs>/plot_seconds.log",
    benchmark:
        "<benchmarks>/plot_seconds.tsv"
    localrule: True
    params:
        code=fingerprint("plot-seconds"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-seconds{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_accuracy:
    "Figure: accuracy against remaining or alive parameters."
    input:
        "<results>/tables/points.csv",
    output:
        svg=report(
            "<results>/figures/accuracy_{x_axis}_{network}.svg",
            caption="../report/accuracy.rst",
            category="Figures",
        ),
        png="<results>/figures/accuracy_{x_axis}_{network}.png",
    log:
        "<logs>/plot_accuracy/{x_axis}_{network}.log",
    benchmark:
        "<benchmarks>/plot_accuracy/{x_axis}_{network}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-accuracy"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-accuracy{params.plugins} --table {input:q} --network {wildcards.network} --x-axis {wildcards.x_axis} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_replays:
    "Figure: published points of all networks beside runs of the same lengths."
    input:
        "<results>/tables/points_compared.csv",
    output:
        svg=report(
            "<results>/figures/replays.svg",
            caption="../report/replays.rst",
            category="Figures",
        ),
        png="<results>/figures/replays.png",
    log:
        "<logs>/plot_replays.log",
    benchmark:
        "<benchmarks>/plot_replays.tsv"
    localrule: True
    params:
        code=fingerprint("plot-replays"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-replays{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_held_out:
    "Figure: accuracy of the held-out runs of all networks."
    input:
        "<results>/tables/points.csv",
    output:
        svg=report(
            "<results>/figures/held_out.svg",
            caption="../report/held_out.rst",
            category="Figures",
        ),
        png="<results>/figures/held_out.png",
    log:
        "<logs>/plot_held_out.log",
    benchmark:
        "<benchmarks>/plot_held_out.tsv"
    localrule: True
    params:
        code=fingerprint("plot-held-out"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-held-out{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_wide_minus_linear:
    "Figure: how much more accurate wide networks are than linear ones."
    input:
        "<results>/tables/points.csv",
    output:
        svg=report(
            "<results>/figures/wide_minus_linear.svg",
            caption="../report/wide_minus_linear.rst",
            category="Figures",
        ),
        png="<results>/figures/wide_minus_linear.png",
    log:
        "<logs>/plot_wide_minus_linear.log",
    benchmark:
        "<benchmarks>/plot_wide_minus_linear.tsv"
    localrule: True
    params:
        code=fingerprint("plot-wide-minus-linear"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-wide-minus-linear{params.plugins} --table {input:q} --output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_epochs:
    "Figure: accuracy against epochs."
    input:
        "<results>/tables/histories.csv",
    output:
        svg=report(
            "<results>/figures/epochs_{network}.svg",
            caption="../report/epochs.rst",
            category="Figures",
        ),
        png="<results>/figures/epochs_{network}.png",
    log:
        "<logs>/plot_epochs/{network}.log",
    benchmark:
        "<benchmarks>/plot_epochs/{network}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-epochs"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-epochs{params.plugins} --table {input:q} --network {wildcards.network} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_redundancy:
    "Figure: accuracy against redundancy."
    input:
        "<results>/tables/points.csv",
    output:
        svg=report(
            "<results>/figures/redundancy_{network}.svg",
            caption="../report/redundancy.rst",
            category="Figures",
        ),
        png="<results>/figures/redundancy_{network}.png",
    log:
        "<logs>/plot_redundancy/{network}.log",
    benchmark:
        "<benchmarks>/plot_redundancy/{network}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-redundancy"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-redundancy{params.plugins} --table {input:q} --network {wildcards.network} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"


rule plot_variants:
    "Figure: what the variants do, run length by run length."
    input:
        "<results>/tables/runs.csv",
    output:
        svg=report(
            "<results>/figures/variants_{network}.svg",
            caption="../report/variants.rst",
            category="Figures",
        ),
        png="<results>/figures/variants_{network}.png",
    log:
        "<logs>/plot_variants/{network}.log",
    benchmark:
        "<benchmarks>/plot_variants/{network}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-variants"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-variants{params.plugins} --table {input:q} --network {wildcards.network} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"
