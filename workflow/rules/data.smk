"""Datasets.  Out: <results>/data/DATASET.safetensors, verified arrays."""


rule data:
    "The dataset."
    input:
        f"<results>/data/{config['dataset']}.safetensors",


rule fetch:
    "Download a dataset or read its published files, verify it, write one file of arrays."
    output:
        "<results>/data/{dataset}.safetensors",
    log:
        "<logs>/fetch/{dataset}.log",
    benchmark:
        "<benchmarks>/fetch/{dataset}.tsv"
    localrule: True
    params:
        code=fingerprint("fetch"),
        plugins=plugin_flags,
        source=used_source,
    message:
        "Dataset {wildcards.dataset} from {params.source}"
    shell:
        "lottery fetch{params.plugins} --dataset {wildcards.dataset} --source {params.source:q} --output {output:q} 2>&1 | tee {log:q}"
