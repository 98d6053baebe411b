"""Target networks, trained or imported.

In: <results>/data/DATASET.safetensors, or a file of weights.  Out: <results>/targets/TARGET/weights.safetensors.
"""


rule targets:
    "All target networks."
    input:
        plan.files("<results>/targets/{target}/weights.safetensors"),


rule train:
    "Train a target network; the seed decides every byte."
    input:
        rules.data.input,
    output:
        weights="<results>/targets/{target}/weights.safetensors",
        history="<results>/targets/{target}/history.json",
    log:
        "<logs>/train/{target}.log",
    benchmark:
        "<benchmarks>/train/{target}.tsv"
    wildcard_constraints:
        target=wildcard_pattern(plan.names["trained_target"]),
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(60),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("train"),
        plugins=plugin_flags,
        recipe=lambda wildcards: flags(
            plan.recipe(wildcards.target),
            network=config["targets"][wildcards.target]["network"],
        ),
        device=used_device,
        known_device=DEVICE,
    message:
        "Training target {wildcards.target}"
    shell:
        "lottery train{params.plugins} --data {input:q} {params.recipe} --device {params.device} --history {output.history:q} "
        "--output {output.weights:q} 2>&1 | tee {log:q}"


rule import_weights:
    "Take a file of weights as the target."
    input:
        lambda wildcards: config["targets"][wildcards.target]["weights"],
    output:
        "<results>/targets/{target}/weights.safetensors",
    log:
        "<logs>/import_weights/{target}.log",
    benchmark:
        "<benchmarks>/import_weights/{target}.tsv"
    wildcard_constraints:
        target=wildcard_pattern(plan.names["imported_target"]),
    localrule: True
    params:
        code=fingerprint("import-weights"),
        plugins=plugin_flags,
        network=lambda wildcards: config["targets"][wildcards.target]["network"],
        dataset=config["dataset"],
        pixels=lambda wildcards: config["targets"][wildcards.target]["pixels"],
    message:
        "Target {wildcards.target} from {input}"
    shell:
        "lottery import-weights{params.plugins} --weights {input:q} --network {params.network} --dataset {params.dataset} "
        "--pixels {params.pixels} --output {output:q} 2>&1 | tee {log:q}"
