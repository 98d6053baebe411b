"""The network of the proof, and the frontier between size and accuracy."""

import pandas as pd

from quoted.reading import WEIGHTS, read, table


def _labelled() -> dict[str, pd.Series]:
    """The rows of tickets.csv by a name for readers."""
    labels = {
        "min_error": "fc2, nearest sums",
        "min_cardinality": "fc2, fewest weights",
        "normal": "fc2, nearest sums, N(0, 1)",
        "signed_inputs": "fc2, fewest weights, both signs, 48 units",
        "normalised": "fc2 on normalised pixels, fewest weights, both signs, 48 units",
        "fc4": "fc4, nearest sums",
        "fc4_min_cardinality": "fc4, fewest weights",
        "lenet5": "lenet5, nearest sums",
        "lenet5_min_cardinality": "lenet5, fewest weights",
    }
    found = read("tickets").set_index("row")
    assert set(found.index) == set(labels), "tickets.csv has other rows than the page"
    return {label: found.loc[row] for row, label in labels.items()}


def ticket_sizes() -> list[str]:
    """Numbers of weights, in multiples of the target's."""
    rows = [
        [
            label,
            f"{row.initial / row.target:.0f}×",
            f"{row.initial_blocks / row.target:.0f}×",
            f"{row.remaining:,} ({row.remaining / row.target:.2f}×)",
            f"{row.alive / row.target:.2f}×",
        ]
        for label, row in _labelled().items()
    ]
    return table(["", "initial, whole", "initial, by blocks", "remaining", "alive"], rows)


def ticket_fidelity() -> list[str]:
    """What the ticket computes beside what its target does."""
    rows = []
    for label, row in _labelled().items():
        bounds = (f"{float(f'{value:.2g}'):,g}" for value in (row.largest_difference, row.bound_from_errors, row.bound))
        accuracies = f"{row.target_accuracy:.2f}% → {row.accuracy:.2f}%"
        rows.append([label, accuracies, f"{row.predictions_that_differ}", *bounds])
    head = ["", "accuracy, target → ticket", "predictions that differ"]
    return table([*head, "outputs differ by at most", "errors allow", "ε allows"], rows)


def ticket_files() -> list[str]:
    """The file of seed and masks beside the target's weights in float32."""
    rows = []
    for label, row in _labelled().items():
        sizes = (f"{size / 1e6:.2f} MB" for size in (row.file_bytes, row.entropy_bits / 8, row.target * 4))
        rows.append([label, *sizes, f"{row.bits_per_weight:.2f}"])
    return table(["", "file", "ideally coded", "weights of the target", "bits per weight of the target"], rows)


def frontier() -> list[str]:
    found = read("frontier").query("coefficients_per_bit == 3").set_index(["objective", "epsilon"])
    epsilons = [0.001, 0.005, 0.01, 0.02, 0.05]
    names = {
        "min_error": "nearest sum (`min_error`)",
        "first_feasible": "any sum (`first_feasible`)",
        "min_cardinality": "fewest coefficients (`min_cardinality`)",
        "exactly_4": "exactly four (`exactly_4`)",
    }
    rows = []
    for objective, label in names.items():
        points = [found.loc[(objective, epsilon)] for epsilon in epsilons]
        rows.append([label, *(f"{point.relative_size:.3g}× {point.accuracy:.2f}%" for point in points)])
    points_of = read("frontier_points").query("coefficients_per_bit == 3 and objective == 'min_error'")
    magnitude = points_of.groupby("epsilon")[["magnitude_remaining", "magnitude_accuracy"]].mean()
    rows.append(
        ["target pruned by magnitude"]
        + [
            f"{magnitude.magnitude_remaining[e] / WEIGHTS['fc2']:.3g}× {magnitude.magnitude_accuracy[e]:.2f}%"
            for e in epsilons
        ]
    )
    return table(["asked of each weight", *(f"ε = {epsilon:g}" for epsilon in epsilons)], rows)


def frontier_bits() -> list[str]:
    """Coded masks in bits per weight of the target, c = 3."""
    found = read("frontier").query("coefficients_per_bit == 3").set_index(["objective", "epsilon"]).bits_per_weight
    epsilons = [0.001, 0.005, 0.01, 0.02, 0.05]
    names = ["min_error", "first_feasible", "min_cardinality", "exactly_4"]
    rows = [[f"`{name}`", *(f"{found[name, epsilon]:.2f}" for epsilon in epsilons)] for name in names]
    rounded = read("frontier_points").drop_duplicates("epsilon").set_index("epsilon")
    cells = (f"{rounded.rounded_bits_per_weight[e]:.2f} ({rounded.rounded_accuracy[e]:.2f}%)" for e in epsilons)
    rows.append(["target rounded to multiples of 2ε (its accuracy)", *cells])
    return table(["bits per weight", *(f"ε = {epsilon:g}" for epsilon in epsilons)], rows)
