"""Pruned networks beside random masks and other weights."""

from quoted.reading import read, table


def controls() -> list[str]:
    """Each pruned network beside its controls."""
    from lottery.results.tables.controls import WORDS, format_controls

    found = format_controls(read("controls"))
    rows = [
        [f"{run.structure}", f"{run.sparsity:g}", *(run[words] for words in WORDS.values())]
        for _, run in found.iterrows()
    ]
    return table(["", "s", *WORDS.values()], rows)


def controls_at_chance() -> list[str]:
    found = read("controls").dropna(subset="half_interval")
    at_chance = int(((found.accuracy - found.chance).abs() <= found.half_interval).sum())
    return [
        f"Of the {len(found)} means over draws, {at_chance} have a 95% interval that contains the {found.chance.iloc[0]:g}% of guessing; one in"
        f" twenty may miss it by chance. The best of all {int(found.draws.sum())} draws has {found.highest.max():.2f}%."
    ]
