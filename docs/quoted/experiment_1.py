"""Experiment 1: table 1, targets and draws, Gurobi beside the optimum."""

from quoted.reading import REFERENCE, read, table


def table1() -> list[str]:
    """Table 1 as it was printed, with the two approximations of the default configuration."""
    lines = (REFERENCE / "tables" / "table1.md").read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines]
    return table(["", "published ticket", "min_error", "min_cardinality"], _columns(cells))


def _columns(cells: list[list[str]]) -> list[list[str]]:
    """The label and the three columns that the page shows, of all that were run."""
    head = cells[0]
    shown = [
        head.index(name) + len(cells[2]) - len(head) for name in ("published ticket", "min_error", "min_cardinality")
    ]
    return [[row[0], *(row[place] for place in shown)] for row in cells[2:]]


def targets_and_draws() -> list[str]:
    """What of table 1 belongs to the target and what to the draw."""
    found = read("table1").query("objective == 'min_error'").iloc[1:]
    rows = [
        [
            f"`{row.row}`",
            f"{row.relative_size:.2f}×",
            f"{row.target_accuracy_normalised:.2f}% → {row.accuracy_normalised:.2f}%",
            f"{row.target_accuracy_raw:.2f}% → {row.accuracy_raw:.2f}%",
            f"{row.differ_normalised}, {row.differ_raw}",
        ]
        for row in found.itertuples()
    ]
    return table(
        ["", "remaining / target", "normalised pixels", "raw pixels", "predictions that differ (normalised, raw)"], rows
    )


def bands_of_table_1() -> list[str]:
    """How far the numbers of table 1 are apart over eight targets, and the bands that follow."""
    runs = read("eight_targets").query("dataset == 'mnist' and stream == 'keyed'")
    bands = read("comparison").drop_duplicates("quantity").set_index("quantity")
    rows = []
    for quantity, column in (("remaining / target", "relative_size"), ("target accuracy (%)", "target_accuracy_raw")):
        by_target = runs.groupby(runs.row.str.extract(r"^(seed_\d+)_")[0])[column]
        means = by_target.mean()
        band = bands.loc[quantity]
        rows.append(
            [
                quantity,
                f"{runs[column].min():.2f} to {runs[column].max():.2f}",
                f"{means.std():.3f}",
                f"{by_target.std().max():.3f}",
                f"{band.lowest} to {band.highest}",
            ]
        )
    return table(["", "targets and draws", "standard deviation over targets", "over draws, at most", "band"], rows)


def gurobi_against_the_optimum() -> list[str]:
    checked = read("cross_check")
    gap = checked.solver_cardinality - checked.exact_cardinality
    half = 1.96 * gap.sem()
    optimum = 100 * (checked.solver_error - checked.exact_error <= 1e-12).mean()
    return [
        f"Of {len(checked)} random weights of the released fc2, Gurobi keeps {checked.solver_cardinality.mean():.2f} coefficients per weight "
        f"and the exact optimum {checked.exact_cardinality.mean():.2f}: a difference of {gap.mean():.2f} ± {half:.2f}. "
        f"Gurobi finds the optimum for {optimum:.0f}% of them."
    ]
