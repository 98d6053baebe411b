"""Experiment 2: random networks pruned by learned scores.

In: <results>/data/DATASET.safetensors.  Out: <results>/pruning/PROTOCOL/NETWORK/STRUCTURE/VARIANT/RUN/ with

    metrics.json          settings, counts, accuracy
    history.csv           loss and accuracy by epoch
    masks.safetensors     which weights are kept, a bit each
    cost.json             seconds by epoch
"""


rule pruning:
    "All runs of all sweeps."
    input:
        plan.files("<results>/pruning/{run}/metrics.json"),


rule prune:
    "One run: a network, structure, redundancy, sparsity, length and seed; a killed run goes on after its last epoch."
    input:
        data=rules.data.input,
        convolutions=lambda wildcards: plan.convolutions(wildcards.run) or [],
    output:
        metrics="<results>/pruning/{run}/metrics.json",
        history="<results>/pruning/{run}/history.csv",
        masks="<results>/pruning/{run}/masks.safetensors",
        cost="<results>/pruning/{run}/cost.json",
    log:
        "<logs>/prune/{run}.log",
    benchmark:
        "<benchmarks>/prune/{run}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(
            lambda wildcards: prune_minutes(plan.run(wildcards.run).epochs)
        ),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("prune"),
        plugins=plugin_flags,
        run=lambda wildcards: flags(plan.run(wildcards.run)),
        device=used_device,
        known_device=DEVICE,
        convolutions=lambda wildcards, input: flags(
            convolutions=input.get("convolutions") or None
        ),
        folder=subpath(output.metrics, parent=True),
    message:
        "Pruning {wildcards.run}"
    shell:
        "lottery prune{params.plugins} --data {input.data:q} {params.run} {params.convolutions} --device {params.device} "
        "--output {params.folder:q} 2>&1 | tee {log:q}"
