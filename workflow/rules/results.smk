"""What people read.  Out: <results>/tables/, <results>/summary.html."""


rule experiment_1:
    "Table 1 and its figures: weights as subset sums."
    input:
        "<results>/tables/table1.csv",
        expand(
            "<results>/figures/{figure}.svg",
            figure=["errors_one_weight", "errors", "cardinality", "seconds"],
        ),


rule experiment_2:
    "Tables and figures of pruned random networks."
    input:
        "<results>/tables/runs.csv",
        plan.files("<results>/figures/{pruning_figure}.svg"),


rule tables:
    "All tables."
    input:
        "<results>/tables/table1.csv",
        "<results>/tables/frontier.csv",
        "<results>/tables/tickets.csv",
        "<results>/tables/runs.csv",
        plan.files("<results>/tables/{controls_table}.csv"),
        plan.files("<results>/tables/{planted_table}.csv"),
        "<results>/tables/theory_thresholds.csv",
        plan.files("<results>/tables/{exactness_table}.csv"),


rule figures:
    "All figures, SVG and PNG."
    input:
        expand(
            "<results>/figures/{figure}.svg",
            figure=["errors_one_weight", "errors", "cardinality", "seconds"],
        ),
        plan.files("<results>/figures/frontier_{frontier}.svg"),
        plan.files("<results>/figures/{pruning_figure}.svg"),
        plan.files("<results>/figures/controls_{controlled_network}.svg"),
        plan.files("<results>/figures/{planted_table}.svg"),
        plan.files("<results>/figures/theory_{theory_figure}.svg"),
        plan.files("<results>/figures/exactness_{exactness_figure}.svg"),


rule tabulate:
    "Every table, from the numbers of each approximation."
    input:
        numbers=plan.files("<results>/subset_sum/{approximation}/assembly.json"),
        cost=plan.files("<results>/subset_sum/{approximation}/cost.json"),
        accuracy=plan.files("<results>/subset_sum/{approximation}/evaluation.json"),
        checks=plan.files(
            "<results>/subset_sum/{cross_checked}/cross_check_{checker}.csv"
        ),
        timings=plan.files(
            "<results>/subset_sum/{cross_checked}/cross_check_{checker}_seconds.json"
        ),
    output:
        table1=report(
            "<results>/tables/table1.csv",
            caption="../report/table1.rst",
            category="Tables",
        ),
        markdown="<results>/tables/table1.md",
        comparison=report(
            "<results>/tables/comparison.csv",
            caption="../report/comparison.rst",
            category="Tables",
        ),
        cardinality="<results>/tables/cardinality.csv",
        checks="<results>/tables/cross_check.csv",
        cost="<results>/tables/cost.csv",
    log:
        "<logs>/tabulate.log",
    benchmark:
        "<benchmarks>/tabulate.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate"),
        plugins=plugin_flags,
        approximations=lambda wildcards, input: folders(input.numbers),
        folder=subpath(output.table1, parent=True),
    shell:
        "lottery tabulate{params.plugins} --approximations {params.approximations:q} --cross-checks {input.checks:q} "
        "--timings {input.timings:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule list_runs:
    "The runs that the config asks for, as a file: too many for a command line."
    output:
        "<results>/pruning/runs.json",
    log:
        "<logs>/list_runs.log",
    localrule: True
    params:
        runs=packed(plan.run_list),
    shell:
        "printf %s {params.runs} | base64 -d | gunzip > {output:q} 2> {log:q}"


rule tabulate_runs:
    "Experiment 2: runs, histories, points by protocol, comparison, the paper's claims."
    input:
        # masks.safetensors is read too, where it is there: no run is made again because its masks were deleted
        list=rules.list_runs.output[0],
        metrics=plan.files("<results>/pruning/{run}/metrics.json"),
        histories=plan.files("<results>/pruning/{run}/history.csv"),
        cost=plan.files("<results>/pruning/{run}/cost.json"),
    output:
        runs="<results>/tables/runs.csv",
        histories="<results>/tables/histories.csv",
        points="<results>/tables/points.csv",
        markdown="<results>/tables/points.md",
        compared=report(
            "<results>/tables/points_compared.csv",
            caption="../report/points.rst",
            category="Tables",
        ),
        claims=report(
            "<results>/tables/claims.csv",
            caption="../report/claims.rst",
            category="Tables",
        ),
        spread="<results>/tables/spread.csv",
        levels="<results>/tables/spread_levels.csv",
        cost="<results>/tables/pruning_cost.csv",
    log:
        "<logs>/tabulate_runs.log",
    benchmark:
        "<benchmarks>/tabulate_runs.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-runs"),
        plugins=plugin_flags,
        digest=digest(plan.run_list),
        runs=subpath(input.list, parent=True),
        folder=subpath(output.runs, parent=True),
    shell:
        "lottery tabulate-runs{params.plugins} --runs {input.list:q} --expected-sha256 {params.digest} --folder {params.runs:q} "
        "--output {params.folder:q} "
        "2>&1 | tee {log:q}"


rule trace:
    "What the tables rest on: cost by stage, and which code and machines made it."
    input:
        rules.tabulate.output.table1,
        rules.tabulate_frontiers.output.means,
        rules.tabulate_tickets.output.tickets,
        rules.tabulate_runs.output.runs,
        plan.files("<results>/tables/{controls_table}.csv"),
        plan.files("<results>/tables/{planted_table}.csv"),
        rules.tabulate_theory.output.thresholds,
        plan.files("<results>/tables/{exactness_table}.csv"),
    output:
        stages="<results>/tables/stages.csv",
        origins="<results>/tables/origins.csv",
    log:
        "<logs>/trace.log",
    benchmark:
        "<benchmarks>/trace.tsv"
    localrule: True
    params:
        code=fingerprint("trace"),
        plugins=plugin_flags,
        folder=subpath(output.stages, parent=True),
    shell:
        "lottery trace{params.plugins} --tables {input:q} --output {params.folder:q} 2>&1 | tee {log:q}"


rule summarise:
    "One page to read."
    input:
        table1=rules.tabulate.output.table1,
        others=[
            *rules.tabulate.output[1:],
            *rules.tabulate_frontiers.output,
            *rules.tabulate_tickets.output,
            *rules.tabulate_runs.output,
            *plan.files("<results>/tables/{controls_table}.csv"),
            *plan.files("<results>/tables/{planted_table}.csv"),
            *rules.tabulate_theory.output,
            *plan.files("<results>/tables/{exactness_table}.csv"),
            *rules.trace.output,
        ],
        figures=rules.figures.input,
    output:
        page="<results>/summary.html",
        verdicts="<results>/tables/verdicts.json",
    log:
        "<logs>/summarise.log",
    benchmark:
        "<benchmarks>/summarise.tsv"
    localrule: True
    params:
        code=fingerprint("summarise"),
        plugins=plugin_flags,
        tables=subpath(input.table1, parent=True),
    shell:
        "lottery summarise{params.plugins} --tables {params.tables:q} --figures {input.figures:q} --output {output.page:q} "
        "2>&1 | tee {log:q}"
