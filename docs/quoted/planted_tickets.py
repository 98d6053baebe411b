"""Planted tickets."""

import pandas as pd

from quoted.reading import read, table, with_half


def planted() -> list[str]:
    """Accuracy, overlap and what is kept of the initial mask, by what is favoured and by margin."""
    from lottery.results.tables.planted import with_errors

    found = with_errors(read("planted"))
    columns = ["start accuracy", "accuracy", "start overlap", "overlap", "start kept"]
    rows = [[f"{row.favoured}", f"{row.margin:g}", *(row[name] for name in columns)] for _, row in found.iterrows()]
    head = ["favoured", "margin", "accuracy at the start", "after learning", "plant kept at the start", "after learning",
            "initial mask kept"]  # fmt: skip
    return table(head, rows)


def planted_ticket() -> list[str]:
    found = read("planted").query("favoured == 'ticket'").iloc[0]
    kept = round(found.redundancy * (1 - found.sparsity))
    return [
        f"Each weight keeps {kept} of {found.redundancy} products. Over {found.seeds} seeds the plant has {found.plant_accuracy:.2f} ±"
        f" {found.plant_accuracy_error:.2f}% (mean ± standard error), its target {found.target_accuracy:.2f}%. The root mean square error of"
        f" its weights is {found.relative_error:.2f} of the weights' root mean square."
    ]


def planted_findings() -> list[str]:
    """What the table of planted tickets says, a bullet each."""
    found = read("planted").set_index(["favoured", "margin"])
    plain, small, edge, apart, far = (found.loc[("ticket", margin)] for margin in (0, 0.3, 1, 3, 10))
    edge_random, far_random = (found.loc[("random", margin)] for margin in (1, 10))
    first = read("planted_epochs").query("favoured == 'ticket' and margin == 1 and epoch == 1")

    def percent(row: pd.Series, name: str) -> str:
        return f"{100 * row[name]:.2f} ± {100 * row[f'{name}_error']:.2f}%"

    def accuracy(row: pd.Series, name: str = "accuracy") -> str:
        return f"{with_half(row[name], row[f'{name}_error'])}%"

    return [
        f"- **It is not found.** From a margin of 0, the learned masks keep {percent(plain, 'overlap')} of the plant, which is chance. A margin of 0.3"
        f" puts {percent(small, 'start_overlap')} of it into the initial mask, and after learning {percent(small, 'overlap')} are there: learning adds none.",
        f"- **It is left where other weights are near.** With a margin of 1 the network has {accuracy(edge, 'start_accuracy')} before the first step,"
        f" {first.test_accuracy.mean():.2f}% after an epoch and {accuracy(edge)} in the end. {percent(edge, 'overlap')} of the plant are still kept: the few"
        f" per cent that are replaced decide. A random mask with the same margin ends with {accuracy(edge_random)}: what is gained over plain edge-popup ({accuracy(plain)}) comes from"
        " the margin, and no head start is left.",
        f"- **It is kept where it is set apart.** With margins of 3 and 10, {percent(apart, 'overlap')} and {percent(far, 'overlap')} of the plant are kept,"
        f" and accuracy ends at {accuracy(apart)} and {accuracy(far)}; it began with {accuracy(far, 'start_accuracy')}, so learning does not improve it either.",
        f"- **There it is the plant, not the margin.** A random mask with a margin of 10 ends with {accuracy(far_random)}.",
        f"- **Few weights carry what is learned.** That random mask keeps {percent(far_random, 'start_kept')} of its weights. To replace"
        f" {100 * (1 - far_random.start_kept):.2f}% of them takes it from {accuracy(far_random, 'start_accuracy')} to {accuracy(far_random)}. Plain edge-popup"
        f" replaces {100 * (1 - plain.start_kept):.2f}% of its initial mask.",
    ]  # fmt: skip


def planted_cost() -> list[str]:
    stages = read("planted_stages").set_index("stage")
    run = stages.loc["plant"]
    return [
        f"{run.results:.0f} runs took {60 * run.core_hours:.0f} core minutes ({3600 * run.core_hours / run.results:.0f} core seconds each) and"
        f" {run.peak_memory_mb / 1000:.1f} GB of memory; training the target took {3600 * stages.loc['train'].core_hours:.0f} core seconds. The machine was"
        f" busy: on the clock the runs took {60 * run.hours:.0f} minutes."
    ]
