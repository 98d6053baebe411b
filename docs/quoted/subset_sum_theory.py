"""How many random numbers a subset sum needs."""

from quoted.reading import read, table, with_half

_EPSILONS = [0.1, 0.03, 0.01, 0.003, 0.001]


def thresholds() -> list[str]:
    found, slopes = read("theory_thresholds"), read("theory_slopes").query("share == 0.5")
    half = found.query("share == 0.5 and targets in ['one', 'all']")
    half = half[half.cardinality.isna()].set_index(["kind", "targets", "epsilon"]).coefficients
    rows = []
    for line in slopes.itertuples():
        counts = [half.get((line.kind, line.targets, epsilon)) for epsilon in _EPSILONS]
        last = (counts[-1] - counts[-2]) / (read_bits(_EPSILONS[-1]) - read_bits(_EPSILONS[-2]))
        rows.append(
            [
                f"{line.kind.replace('_', ' ')}, {line.targets}",
                *(f"{count:.1f}" for count in counts),
                with_half(line.slope, line.standard_error),
                f"{last:.2f}",
            ]
        )
    head = [
        "kind, targets",
        *(f"ε = {epsilon:g}" for epsilon in _EPSILONS),
        "coefficients per bit",
        "between the last two ε",
    ]
    return table(head, rows)


def read_bits(epsilon: float) -> float:
    found = read("theory_thresholds")
    return float(found[found.epsilon == epsilon].bits.iloc[0])


def subsets_of_exactly_k() -> list[str]:
    found = read("theory_thresholds").query("share == 0.5 and targets == 'one'")
    sizes = [1, 2, 3, 4, 6, 8]
    rows = []
    for kind, epsilon in (("uniform", 0.01), ("uniform", 0.001), ("product", 0.001)):
        own = found[(found.kind == kind) & (found.epsilon == epsilon)].set_index("cardinality").coefficients
        rows.append([f"{kind}, ε = {epsilon:g}", *(f"{own[size]:.{0 if own[size] > 100 else 1}f}" for size in sizes)])
    return table(["", *(f"k = {size}" if size == 1 else str(size) for size in sizes)], rows)
