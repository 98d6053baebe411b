"""Experiment 1: every weight as a subset sum of random coefficients.

In: <results>/targets/TARGET/weights.safetensors.  Out: <results>/subset_sum/APPROXIMATION/ with

    solver.json                        which solver runs, and why
    chunks/layer_L_rows_A_to_B.*       masks of some rows of a layer
    network.safetensors                the approximated network
    solution.safetensors               its masks, errors and cardinalities
    assembly.json, cost.json           its numbers, and what it cost
    evaluation.json                    its accuracy beside the target's
    cross_check_SOLVER.csv             a sample of weights solved again
"""


rule subset_sum:
    "All approximated networks, evaluated."
    input:
        plan.files("<results>/subset_sum/{approximation}/evaluation.json"),


rule choose_solver:
    "Settle the solver once for a whole network (which Gurobi licence is there?)."
    output:
        "<results>/subset_sum/{approximation}/solver.json",
    log:
        "<logs>/choose_solver/{approximation}.log",
    benchmark:
        "<benchmarks>/choose_solver/{approximation}.tsv"
    localrule: True
    params:
        code=fingerprint("choose-solver"),
        plugins=plugin_flags,
        solver=lambda wildcards: flags(
            plan.weight_settings(wildcards.approximation),
            solver=plan.solver(wildcards.approximation),
            weights_per_set=plan.weights_per_set(wildcards.approximation),
        ),
    shell:
        "lottery choose-solver{params.plugins} {params.solver} --output {output:q} 2>&1 | tee {log:q}"


rule solve:
    "Solve subset sum for some rows of a layer; a killed job goes on where it was."
    input:
        target=lambda wildcards: plan.approximation_target(wildcards.approximation),
        solver="<results>/subset_sum/{approximation}/solver.json",
    output:
        "<results>/subset_sum/{approximation}/chunks/layer_{layer}_rows_{first}_to_{last}.safetensors",
    log:
        "<logs>/solve/{approximation}/layer_{layer}_rows_{first}_to_{last}.log",
    benchmark:
        "<benchmarks>/solve/{approximation}/layer_{layer}_rows_{first}_to_{last}.tsv"
    resources:
        mem_mb=scale_by_attempt(1000),
        runtime=scale_by_attempt(
            lambda wildcards: solve_minutes(plan.solver(wildcards.approximation))
        ),
        gurobi=lambda wildcards: gurobi_licences(plan.solver(wildcards.approximation)),
    params:
        code=fingerprint("solve"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(plan.settings(wildcards.approximation)),
        limit=lambda wildcards: flags(
            time_limit=config["approximations"][wildcards.approximation]["time_limit"]
        ),
    message:
        "Solving {wildcards.approximation}: layer {wildcards.layer}, rows {wildcards.first} to {wildcards.last}"
    shell:
        "lottery solve{params.plugins} --target {input.target:q} --solver-choice {input.solver:q} --layer {wildcards.layer} "
        "--first-row {wildcards.first} --last-row {wildcards.last} {params.settings} {params.limit} "
        "--output {output:q} 2>&1 | tee {log:q}"


rule assemble:
    "Chunks to the approximated network; every weight is checked against epsilon."
    input:
        target=lambda wildcards: plan.approximation_target(wildcards.approximation),
        chunks=lambda wildcards: plan.chunks(wildcards.approximation),
    output:
        network="<results>/subset_sum/{approximation}/network.safetensors",
        solution="<results>/subset_sum/{approximation}/solution.safetensors",
        numbers="<results>/subset_sum/{approximation}/assembly.json",
        cost="<results>/subset_sum/{approximation}/cost.json",
    log:
        "<logs>/assemble/{approximation}.log",
    benchmark:
        "<benchmarks>/assemble/{approximation}.tsv"
    localrule: True
    params:
        code=fingerprint("assemble"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(plan.settings(wildcards.approximation)),
        folder=subpath(output.network, parent=True),
    message:
        "Assembling {wildcards.approximation}"
    shell:
        "lottery assemble{params.plugins} --target {input.target:q} --chunks {input.chunks:q} {params.settings} "
        "--output {params.folder:q} 2>&1 | tee {log:q}"


rule evaluate:
    "Accuracy of the approximated network beside its target's."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.approximation_target(wildcards.approximation),
        network="<results>/subset_sum/{approximation}/network.safetensors",
    output:
        "<results>/subset_sum/{approximation}/evaluation.json",
    log:
        "<logs>/evaluate/{approximation}.log",
    benchmark:
        "<benchmarks>/evaluate/{approximation}.tsv"
    resources:
        mem_mb=scale_by_attempt(2000),
        runtime=scale_by_attempt(10),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("evaluate"),
        plugins=plugin_flags,
        device=used_device,
        known_device=DEVICE,
    message:
        "Evaluating {wildcards.approximation}"
    shell:
        "lottery evaluate{params.plugins} --data {input.data:q} --target {input.target:q} --network {input.network:q} "
        "--device {params.device} --output {output:q} 2>&1 | tee {log:q}"


rule cross_check:
    "Solve a random sample of weights by another solver, and hold it against the exact optimum."
    input:
        lambda wildcards: plan.approximation_target(wildcards.approximation),
    output:
        weights="<results>/subset_sum/{approximation}/cross_check_{checker}.csv",
        timings="<results>/subset_sum/{approximation}/cross_check_{checker}_seconds.json",
    log:
        "<logs>/cross_check/{approximation}_{checker}.log",
    benchmark:
        "<benchmarks>/cross_check/{approximation}_{checker}.tsv"
    resources:
        mem_mb=scale_by_attempt(1000),
        runtime=scale_by_attempt(60),
        gurobi=lambda wildcards: gurobi_licences(wildcards.checker),
    params:
        code=fingerprint("cross-check"),
        plugins=plugin_flags,
        settings=lambda wildcards: flags(plan.settings(wildcards.approximation)),
        limit=lambda wildcards: flags(
            time_limit=config["approximations"][wildcards.approximation]["time_limit"]
        ),
        sample=config["cross_check"]["sample"],
        seed=config["cross_check"]["seed"],
    message:
        "Cross-checking {params.sample} weights of {wildcards.approximation} by {wildcards.checker}"
    shell:
        "lottery cross-check{params.plugins} --target {input:q} --name {wildcards.approximation} --solver {wildcards.checker} "
        "--sample {params.sample} --sample-seed {params.seed} {params.settings} {params.limit} "
        "--timings {output.timings:q} --output {output.weights:q} 2>&1 | tee {log:q}"
