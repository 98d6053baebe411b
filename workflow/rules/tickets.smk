"""Tickets: random networks of twice the depth, pruned until they compute a target.

In: <results>/targets/TARGET/weights.safetensors.  Out: <results>/tickets/TICKET/ with

    ticket.safetensors                 seed and masks, and what is claimed of them
    counts.json                        what was asked for, and what the masks keep
    certificate.json                   what `lottery verify` found

and the table <results>/tables/tickets.csv.
"""


rule tickets:
    "All tickets, built and verified."
    input:
        "<results>/tables/tickets.csv",


rule build_ticket:
    "Prune a random network until every weight of the target is a sum of its products."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.ticket_target(wildcards.ticket),
    output:
        ticket="<results>/tickets/{ticket}/ticket.safetensors",
        counts="<results>/tickets/{ticket}/counts.json",
    log:
        "<logs>/build_ticket/{ticket}.log",
    benchmark:
        "<benchmarks>/build_ticket/{ticket}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(30),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("build-ticket"),
        plugins=plugin_flags,
        construction=lambda wildcards: flags(plan.construction(wildcards.ticket)),
        device=used_device,
        known_device=DEVICE,
    message:
        "Building ticket {wildcards.ticket}"
    shell:
        "lottery build-ticket{params.plugins} --target {input.target:q} --data {input.data:q} {params.construction} "
        "--device {params.device} --counts {output.counts:q} --output {output.ticket:q} 2>&1 | tee {log:q}"


rule verify:
    "Draw the random network again from the ticket's seed, and check all that is claimed."
    input:
        data=rules.data.input,
        target=lambda wildcards: plan.ticket_target(wildcards.ticket),
        ticket="<results>/tickets/{ticket}/ticket.safetensors",
    output:
        "<results>/tickets/{ticket}/certificate.json",
    log:
        "<logs>/verify/{ticket}.log",
    benchmark:
        "<benchmarks>/verify/{ticket}.tsv"
    resources:
        mem_mb=scale_by_attempt(3000),
        runtime=scale_by_attempt(10),
        gpu=GPUS_PER_JOB,
    params:
        code=fingerprint("verify"),
        plugins=plugin_flags,
        device=used_device,
        known_device=DEVICE,
    message:
        "Verifying ticket {wildcards.ticket}"
    shell:
        "lottery verify{params.plugins} --target {input.target:q} --data {input.data:q} --device {params.device} "
        "--output {output:q} {input.ticket:q} 2>&1 | tee {log:q}"


rule tabulate_tickets:
    "Tickets beside the published counts."
    input:
        certificates=plan.files("<results>/tickets/{ticket}/certificate.json"),
        counts=plan.files("<results>/tickets/{ticket}/counts.json"),
    output:
        tickets=report(
            "<results>/tables/tickets.csv",
            caption="../report/tickets.rst",
            category="Tables",
        ),
        markdown="<results>/tables/tickets.md",
    log:
        "<logs>/tabulate_tickets.log",
    benchmark:
        "<benchmarks>/tabulate_tickets.tsv"
    localrule: True
    params:
        code=fingerprint("tabulate-tickets"),
        plugins=plugin_flags,
        tickets=lambda wildcards, input: folders(input.counts),
        folder=subpath(output.tickets, parent=True),
    shell:
        "lottery tabulate-tickets{params.plugins} --tickets {params.tickets:q} --output {params.folder:q} 2>&1 | tee {log:q}"
