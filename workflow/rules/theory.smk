"""Theory beside experiment: how often random coefficients have a subset sum within epsilon.

Out: <results>/theory/KIND/SUBSETS/coefficients_N.csv, <results>/tables/theory_*.csv, <results>/figures/theory_*.svg.
"""


rule theory:
    "Tables and figures of random subset sums beside the theorems."
    input:
        "<results>/tables/theory_thresholds.csv",
        plan.files("<results>/figures/theory_{theory_figure}.svg"),


rule measure_success:
    "Trials of one kind of coefficients: successes by epsilon."
    output:
        "<results>/theory/{measurement}.csv",
    log:
        "<logs>/measure_success/{measurement}.log",
    benchmark:
        "<benchmarks>/measure_success/{measurement}.tsv"
    resources:
        mem_mb=scale_by_attempt(1000),
        runtime=scale_by_attempt(10),
    params:
        code=fingerprint("measure-success"),
        plugins=plugin_flags,
        experiment=lambda wildcards: flags(
            **vars(plan.measurements[wildcards.measurement]),
            epsilons=config["theory"]["epsilons"],
        ),
    message:
        "Measuring {wildcards.measurement}"
    shell:
        "lottery measure-success{params.plugins} {params.experiment} --output {output:q} 2>&1 | tee {log:q}"


rule tabulate_theory:
    "Probabilities, thresholds, slopes, and the bounds beside them."
    input:
        plan.files("<results>/theory/{measurement}.csv"),
    output:
        success="<results>/tables/theory_success.csv",
        thresholds=report(
            "<results>/tables/theory_thresholds.csv",
            caption="../report/theory.rst",
            category="Tables",
        ),
        slopes=report(
            "<results>/tables/theory_slopes.csv",
            caption="../report/theory.rst",
            category="Tables",
        ),
        cost="<results>/tables/theory_cost.csv",
    log:
        "<logs>/tabulate_theory.log",
    benchmark:
        "<benchmarks>/tabulate_theory.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-theory"),
        plugins=plugin_flags,
        folder=subpath(output.success, parent=True),
    shell:
        "lottery tabulate-theory{params.plugins} --measurements {input:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule plot_theory:
    "Figure: random subset sums beside the theorems."
    input:
        lambda wildcards: theory_table(wildcards.theory_figure),
    output:
        svg=report(
            "<results>/figures/theory_{theory_figure}.svg",
            caption="../report/theory.rst",
            category="Figures",
        ),
        png="<results>/figures/theory_{theory_figure}.png",
    log:
        "<logs>/plot_theory/{theory_figure}.log",
    benchmark:
        "<benchmarks>/plot_theory/{theory_figure}.tsv"
    localrule: True
    params:
        code=fingerprint("plot-theory"),
        plugins=plugin_flags,
        stem=subpath(output.svg, strip_suffix=".svg"),
    shell:
        "lottery plot-theory{params.plugins} --figure {wildcards.theory_figure} --table {input:q} "
        "--output {params.stem:q} 2>&1 | tee {log:q}"
