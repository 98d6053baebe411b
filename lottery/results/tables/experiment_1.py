"""Table 1 and its companions, from the files of each approximation.

What was computed and what was measured are kept apart: `table1.csv`, `cardinality.csv` and `cross_check.csv` hold the
same bytes whenever the config is the same; seconds are in `cost.csv`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lottery.data.datasets import PIXELS
from lottery.published import table1 as published_table1
from lottery.records.files import read_json
from lottery.results.tables.comparable import unlike_published

PUBLISHED_TARGET, PUBLISHED_PRUNED = "published target", "published ticket"


def approximation_row(name: str, folder: Path) -> dict[str, Any]:
    """One line of table 1, from the folder of an approximation."""
    assembly, evaluation = read_json(folder / "assembly.json"), read_json(folder / "evaluation.json")
    settings = assembly["settings"]
    return {
        "row": name,
        "network": assembly["network"],
        "dataset": evaluation["dataset"],
        "solver": "+".join(sorted(assembly["solvers"])),
        "objective": settings["objective"],
        "epsilon": settings["epsilon"],
        "coefficients": assembly["coefficients_per_weight"],
        "sharing": settings["sharing"],
        "stream": settings["stream"],
        "seed": settings["seed"],
        "weights": assembly["weights"],
        "initial": assembly["initial"],
        "remaining": assembly["remaining"],
        "relative_size": round(assembly["remaining"] / assembly["weights"], 4),
        "pixels": evaluation["pixels"],
        **{
            f"{column}_{pixels}": evaluation[pixels][name]
            for pixels in PIXELS
            for column, name in (
                ("target_accuracy", "target_accuracy"),
                ("accuracy", "approximated_accuracy"),
                ("differ", "predictions_that_differ"),
            )
        },
        "test_images": evaluation["test_images"],
        "largest_error": assembly["largest_error"],
        "median_error": assembly["median_error"],
        "beyond_epsilon": assembly["beyond_epsilon"],
        "beyond_epsilon_float32": assembly["beyond_epsilon_float32"],
        "redrawn": assembly["redrawn"],
        "not_proved": assembly["not_proved"],
        "unlike_published": ", ".join(unlike_published(assembly, evaluation)),
    }


def table1(folders: Mapping[str, Path]) -> pd.DataFrame:
    """The published rows, then one row an approximation.

    Accuracies are on normalised and on raw pixels; the paper trained on normalised ones and printed those on raw ones.
    differ_*: for how many test images target and ticket predict different classes.
    unlike_published: settings in which it differs from the paper's experiment; empty where it can be compared.
    """
    published = published_table1()
    rows: list[dict[str, Any]] = [
        {
            "row": label,
            "network": "fc2",
            "dataset": "mnist",
            "weights": int(line.weights),
            "initial": int(line.initial),
            "remaining": int(line.remaining),
            "relative_size": line.relative_size,
            "pixels": "normalised",
            "target_accuracy_raw": published.test_accuracy_percent.iloc[0],
            "accuracy_raw": line.test_accuracy_percent,
            **extra,
        }
        for label, line, extra in zip(
            (PUBLISHED_TARGET, PUBLISHED_PRUNED),
            published.itertuples(),
            (
                {},
                {
                    "solver": "gurobi",
                    "objective": "min_error",
                    "epsilon": 0.01,
                    "coefficients": 21,
                    "sharing": "row",
                    "stream": "released",
                    "seed": 1,
                },
            ),
            strict=True,
        )
    ]
    rows += [approximation_row(name, folder) for name, folder in folders.items()]
    whole = ["coefficients", "seed", "differ_normalised", "differ_raw", "test_images", "beyond_epsilon",
             "beyond_epsilon_float32", "redrawn", "not_proved"]  # fmt: skip
    columns = list(approximation_row(*next(iter(folders.items())))) if folders else list(rows[1])
    return pd.DataFrame(rows).reindex(columns=columns).astype({name: "Int64" for name in whole if name in columns})


def cardinality(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Long: how many weights keep how many coefficients, an approximation after the other."""
    return pd.DataFrame(
        [
            {"row": name, "cardinality": kept, "weights": weights}
            for name, folder in folders.items()
            for kept, weights in enumerate(read_json(folder / "assembly.json")["cardinality_histogram"])
        ],
        columns=["row", "cardinality", "weights"],
    )


def cost(folders: Mapping[str, Path], checks: Sequence[Path]) -> pd.DataFrame:
    """Core seconds of a weight: as the paper reports it, of each approximation as it was solved, of each cross-check's sample.

    `network_core_hours` is what the whole network takes at that rate on one core; `standard_error` is that of a sample's
    mean (a whole network is no sample and has none).
    """
    published = published_table1().iloc[1]
    rows = [
        {
            "row": PUBLISHED_PRUNED,
            "solver": "gurobi",
            "how": f"{published.cores:.0f} cores, reported",
            "weights": int(published.weights),
            "seconds_per_weight": published.seconds * published.cores / published.weights,  # it reports wall seconds
            "network_core_hours": published.seconds * published.cores / 3600,
        }
    ]
    for name, folder in folders.items():
        assembly, measured = read_json(folder / "assembly.json"), read_json(folder / "cost.json")
        rows.append(
            {
                "row": name,
                "solver": "+".join(sorted(assembly["solvers"])),
                "how": f"{measured['chunks']} chunks, one core each, all of the network",
                "weights": assembly["weights"],
                "seconds_per_weight": measured["seconds"] / assembly["weights"],
                "network_core_hours": measured["seconds"] / 3600,
            }
        )
    for path in checks:
        check = read_json(path)
        measured = pd.Series(check["solver_seconds"])
        for solver, seconds, error, how in (
            (check["solver"], measured.mean(), measured.sem(), f"cross-check, {len(measured)} weights, one core"),
            (
                "exact",
                check["exact_seconds"],
                None,
                f"cross-check with {check['solver']}, the rows of its sample, one core",
            ),
        ):
            rows.append(
                {
                    "row": check["approximation"],
                    "solver": solver,
                    "how": how,
                    "weights": len(measured),
                    "seconds_per_weight": seconds,
                    "standard_error": error,
                    "network_core_hours": seconds * check["network_weights"] / 3600,
                }
            )
    columns = ["row", "solver", "how", "weights", "seconds_per_weight", "standard_error", "network_core_hours"]
    return pd.DataFrame(rows, columns=columns)


def cross_check(paths: Sequence[Path]) -> pd.DataFrame:
    """One row a solver and sampled weight."""
    frames = [pd.read_csv(path) for path in paths]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"solver": []})


def cross_check_summary(checked: pd.DataFrame) -> pd.DataFrame:
    """One row a solver: how far its errors are above the optimum, and how its cardinality compares."""
    rows = []
    for solver, sample in checked.groupby("solver"):
        gap = sample.solver_error - sample.exact_error
        rows.append(
            {
                "solver": solver,
                "weights": len(sample),
                "true_optimum_found_percent": 100 * float((gap <= 1e-12).mean()),
                "median_error_gap": gap.median(),
                "largest_error_gap": gap.max(),
                "mean_cardinality": sample.solver_cardinality.mean(),
                "mean_cardinality_exact": sample.exact_cardinality.mean(),
                "not_solved": int((sample.solver_status != "solved").sum()),
            }
        )
    return pd.DataFrame(rows)


# Table 1 for people: what each line says, and how its numbers are written.
_LINES = (
    ("Network and dataset", lambda r: f"{r.network}, {r.dataset}"),
    ("Objective", lambda r: r.objective),
    ("Solver", lambda r: r.solver),
    ("Initial parameters", lambda r: f"{r.initial:,}"),
    ("Remaining parameters", lambda r: f"{r.remaining:,}"),
    ("Remaining / target", lambda r: f"{r.relative_size:.2f}×"),
    ("Target accuracy, normalised pixels", lambda r: f"{r.target_accuracy_normalised:.2f}%"),
    ("Ticket accuracy, normalised pixels", lambda r: f"{r.accuracy_normalised:.2f}%"),
    ("Predictions that differ, normalised", lambda r: f"{r.differ_normalised} of {r.test_images:,}"),
    ("Target accuracy, raw pixels (printed in the paper)", lambda r: f"{r.target_accuracy_raw:.2f}%"),
    ("Ticket accuracy, raw pixels (printed in the paper)", lambda r: f"{r.accuracy_raw:.2f}%"),
    ("Predictions that differ, raw", lambda r: f"{r.differ_raw} of {r.test_images:,}"),
    ("The target was trained on", lambda r: f"{r.pixels} pixels"),
    ("Largest error", lambda r: f"{r.largest_error:.2e}"),
    ("Median error", lambda r: f"{r.median_error:.2e}"),
    ("Weights beyond ε (float64 / float32)", lambda r: f"{r.beyond_epsilon} / {r.beyond_epsilon_float32}"),
    ("Weights with further coefficients", lambda r: f"{r.redrawn}"),
)

_NOT_PRINTED = (", normalised pixels", ", normalised", ", raw", "error", "float32)", "further coefficients")


def format_table1(table: pd.DataFrame, verdicts: Mapping[str, str], costs: pd.DataFrame) -> pd.DataFrame:
    """Table 1 turned on its side: a column for the published ticket and for each approximation."""
    columns: dict[str, list[str]] = {}
    whole_network = costs[~costs.how.str.startswith("cross-check")]
    hours = dict(zip(whole_network.row, whole_network.network_core_hours, strict=True))
    for record in table[table.row != PUBLISHED_TARGET].itertuples():
        published = record.row == PUBLISHED_PRUNED
        cells = []
        for label, written in _LINES:
            if published and label.endswith(_NOT_PRINTED):
                cells.append("not reported")
            else:
                cells.append(written(record))
        cells.append(_duration(hours[record.row]))
        cells.append("" if published else verdicts.get(record.row, ""))
        columns[record.row] = cells
    labels = [label for label, _ in _LINES] + ["Time on one core (paper: reported)", "Verdict"]
    return pd.DataFrame(columns, index=pd.Index(labels, name=""))


def _duration(core_hours: float) -> str:
    if core_hours >= 1:
        return f"{core_hours:,.0f} core hours"
    return f"{core_hours * 3600:.2g} core seconds"


def markdown(table: pd.DataFrame) -> str:
    """A frame as a Markdown table, its index in the first column."""
    lines = [[str(table.index.name or ""), *map(str, table.columns)], ["---"] * (len(table.columns) + 1)]
    lines += [[str(label), *map(str, cells)] for label, cells in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
