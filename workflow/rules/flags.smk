"""The flags of commands, from the config."""

import shlex

from lottery.workflow.configuration import distribution_words

POINTS, RUNS, MEASUREMENTS = plan.points, plan.runs, plan.measurements
network_layers = plan.layers


def flags(**values):
    """Command line flags: None and False are left out, lists become several words."""
    words = []
    for name, value in values.items():
        if value is None or value is False:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.extend(
                map(str, value if isinstance(value, (list, tuple)) else [value])
            )
    return shlex.join(words)


def recipe_flags(wildcards):
    keys = [
        "network",
        "epochs",
        "learning_rate",
        "momentum",
        "weight_decay",
        "batch_size",
        "seed",
        "stream",
        "pixels",
    ]
    target = config["targets"][wildcards.target]
    return flags(**{key: target[key] for key in keys})


def approximation_flags(wildcards):
    keys = [
        "epsilon",
        "coefficients_per_bit",
        "objective",
        "sharing",
        "stream",
        "seed",
        "zero_small_weights",
        "on_infeasible",
    ]
    entry = config["approximations"][wildcards.approximation]
    ends = entry["coefficient_range"]
    return flags(
        **{key: entry[key] for key in keys},
        coefficient_range=None if ends == "target" else ends,
    )


def solver_flags(wildcards):
    """What decides the solver of a whole network."""
    entry = config["approximations"][wildcards.approximation]
    first = network_layers(entry["target"])[0]
    return flags(
        solver=entry["solver"],
        epsilon=entry["epsilon"],
        coefficients_per_bit=entry["coefficients_per_bit"],
        objective=entry["objective"],
        weights_per_set=first.columns if entry["sharing"] == "row" else 1,
    )


def time_limit_flags(wildcards):
    return flags(
        time_limit=config["approximations"][wildcards.approximation]["time_limit"]
    )


def point_flags(wildcards):
    """Everything that decides a point."""
    settings = vars(POINTS[wildcards.point].settings)
    return flags(
        **{
            name: value
            for name, value in settings.items()
            if name not in ("low", "high")
        }
    )


def ticket_flags(wildcards):
    """Everything that decides which ticket is built."""
    entry = dict(config["tickets"][wildcards.ticket])
    del entry["target"]
    return flags(**entry | {"distribution": distribution_words(entry)})


def run_flags(wildcards):
    """Everything that decides what a run finds."""
    if wildcards.run not in RUNS:
        raise WorkflowError(f"run {wildcards.run}: no sweep of the config asks for it")
    run = RUNS[wildcards.run].run
    own = {name: value for name, value in vars(run).items() if name != "variant"}
    switches = {**vars(run.variant), "no_score_decay": not run.variant.decay_scores}
    del switches["decay_scores"]
    return flags(**own, **switches)


def measurement_flags(wildcards):
    """What decides the trials of one measurement."""
    return flags(
        **vars(MEASUREMENTS[wildcards.measurement]),
        epsilons=config["theory"]["epsilons"],
    )
