"""README.md and results/reference/README.md say what their tables say."""

import tomllib

import pandas as pd
from pages import ROOT, Page, kept

from lottery.published import PUBLISHED_REDUNDANCY, figures, table1


def of_table_1(row: str) -> pd.Series:
    return kept("table1").set_index("row").loc[row]


def quick_start(page: Page) -> None:
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    page.says(f"You need Python {python} or newer,")


def what_came_out(page: Page) -> None:
    paper, seconds = table1().iloc[1], 3600 * kept("cost").set_index("row").network_core_hours["min_error"]
    assert seconds < 1
    page.says(
        f"each of {paper.weights:,.0f} weights by a subset of {paper.initial / paper.weights:.0f} random numbers."
    )
    page.says("The exact solver takes under a second of one idle core for that;")
    page.says(f"the paper took {paper.seconds / 3600:.1f} hours of Gurobi on {paper.cores:.0f} cores.")
    assert of_table_1("min_cardinality").relative_size < 1
    page.says("the ticket is smaller than its target: [docs/frontier.md]")
    released = of_table_1("released_weights")
    assert released.target_accuracy_raw == table1().test_accuracy_percent.iloc[0]
    assert released.target_accuracy_normalised == released.accuracy_normalised
    page.says(f"**{released.target_accuracy_raw:.2f}% is a preprocessing slip.**")
    page.says(
        f"the pixels that it was trained on it has {released.target_accuracy_normalised:.2f}%, and so has its ticket."
    )


def test_readme_says_what_its_tables_say() -> None:
    page = Page("README.md")
    quick_start(page)
    what_came_out(page)
    assert page.numbers_left(settings="0% 2.0") == []  # progress before the first run; the licence


def listed(values: set[float]) -> str:
    *most, last = (f"{value:g}" for value in sorted(values))
    return f"{', '.join(most)} and {last}"


def origin(commit: str) -> pd.Series:
    """What made the results of a commit."""
    found = kept("origins")
    (index,) = found.index[found.commit.str.startswith(commit)]
    return found.loc[index]


def torch_of(commit: str) -> str:
    """PyTorch's version, without its last part."""
    return ".".join(origin(commit).versions.partition("torch ")[2].split(".")[:2])


def on_gpu(protocol: str, network: str) -> pd.DataFrame:
    return kept("pruning_cost").query("device == 'cuda' and protocol == @protocol and network == @network")


def machines(page: Page) -> None:
    replays, fc4, fc2 = on_gpu("published", "fc4"), on_gpu("held_out", "fc4"), on_gpu("held_out", "fc2")
    assert len(replays) == origin("e53321d").results
    assert len(fc4) + len(fc2) == origin("1291276").results
    assert set(replays.structure) == {"wide"}
    page.says(
        f"two CPU cores (x86-64), PyTorch {torch_of('8283cd6')}; {len(replays)} replays of fc4 `wide` on one GPU "
    )
    page.says(f"(NVIDIA H200, PyTorch {torch_of('e53321d')}),")
    page.says(f"the held-out runs of fc4 at s = {listed(set(fc4.sparsity))}, and four held-out runs of fc2 at other ")
    assert len(fc4) == 3 * fc4.groupby(["structure", "sparsity"]).ngroups == 45
    assert len(fc2[fc2.redundancy != PUBLISHED_REDUNDANCY]) == len(fc2) == 4
    page.says(f"redundancies on another (NVIDIA H100, PyTorch {torch_of('1291276')};")


def tables(page: Page) -> None:
    page.says(f"each of the {len(figures())} published points beside its replay")
    targets = kept("eight_targets").query("stream == 'keyed'").row.str.extract(r"(seed_\d+)_draw")[0].value_counts()
    assert len(targets) == 8
    assert set(targets) == {3}
    page.says("table 1 of eight other targets, three draws each")
    recorded, runs = kept("stages").set_index("stage").results["prune"], len(kept("runs"))
    assert recorded < runs
    page.says(f"frontier, theory and {recorded} runs of experiment 2 cost,")
    assert kept("exactness_networks").query("entry == 'fc2'").bits.nunique() == 5
    page.says("and fc2 on five grids as exact sums")
    assert len(kept("carrying")) == 10
    page.says("ten replays: weights alive,")
    controls = kept("controls")
    assert controls.groupby(["network", "structure", "sparsity"]).ngroups == 6
    page.says(
        f"six pruned fc2 beside random masks and other weights (`config/controls.yaml`), {controls.draws.max()} draws"
    )
    assert set(kept("planted").seeds) == {3}
    page.says("and from a random mask (`config/planted.yaml`), three seeds,")


def on_the_other_processor(page: Page) -> None:
    """Held-out runs and repetitions of fc4 of which the table of runs cannot tell the processor; `origins.csv` names their code."""
    runs = kept("runs").query("network == 'fc4' and structure != 'dense'")
    ends = runs[(runs.protocol == "held_out") & runs.sparsity.isin([0.02, 0.98])]
    assert origin("062d6c9").results > len(ends) == 2 * 3 * 3
    page.says("the held-out runs of fc4 at s = 0.02 and 0.98, twelve repetitions of fc4, the ablation of fc2")
    assert (runs.perturbation > 2).sum() == 12


def ablation(page: Page) -> None:
    runs = kept("runs", "ablation/tables")
    assert set(runs.seed) == {1, 2, 3}
    lenet5, [fc2] = listed(set(runs[runs.network == "lenet5"].epochs)), set(runs[runs.network == "fc2"].epochs)
    page.says("experiment 2 with choices of the released code switched, three seeds:")
    page.says(f"lenet5, {lenet5} epochs; fc2, {fc2} epochs |")
    [sparsity] = set(runs[runs.network == "fc2"].sparsity)
    page.says(f"the ablation on lenet5 and, at s = {sparsity:g}, on fc2.")


def code(page: Page) -> None:
    assert len(kept("exactness_origins")) == 1
    assert origin("8283cd6").results > 0
    page.says("| experiment 1, theory | 8283cd6. Experiment 1 was made again by 1291276:")
    page.says("| tickets | 8c8f9b6 (`config/tickets.yaml`) |")
    page.says("| frontier | 66cbb77 |")
    assert origin("8c8f9b6").results >= 2 * len(kept("tickets"))
    assert origin("66cbb77").results > len(kept("frontier_points"))
    assert min(origin("dc81556").results, origin("062d6c9").results) > 0
    page.says("| dc81556; on the GPU e53321d with today's selection of masks; twelve repetitions of fc4 062d6c9.")
    runs = kept("runs").query("protocol == 'held_out' and structure != 'dense'")
    older = runs[runs.bits_per_weight.isna()]
    assert set(older.structure) == {"linear", "wide"}
    assert set(older.seed) == {1, 2, 3}
    fc2, lenet5 = (listed(set(older[older.network == name].sparsity)) for name in ("fc2", "lenet5"))
    assert set(older.network) == {"fc2", "lenet5"}
    page.says(f"seeds 1 to 3 of `linear` and `wide`, fc2 at s = {fc2}, lenet5 at s = {lenet5}: 0d15d71 and b38ba16, ")
    page.says(
        "without `bits_per_weight`, as their masks were not kept; on the GPU 1291276; fc4 at s = 0.02 and 0.98 062d6c9;"
    )
    page.says("the others dc81556 |")
    page.says("| other redundancies | dc81556; on the GPU 1291276 |")
    planted = kept("planted_epochs").query("epoch == 0")
    page.says(f"all {len(planted)} planted runs by one code")


def what_was_run(page: Page) -> None:
    compared = kept("points_compared")
    assert compared.ours.notna().all()
    page.says(f"All {len(figures())} published points were run, each at its own length.")
    other = kept("runs").query("redundancy != @PUBLISHED_REDUNDANCY and structure != 'dense'")
    (network,), (sparsity,) = set(other.network), set(other.sparsity)
    page.says(f"Other redundancies were run for {network} at s = {sparsity:g},")
    assert (compared.verdict == "differs").sum() == 3
    page.says("why three points differ.")


def test_the_readme_of_kept_results_says_what_they_are() -> None:
    page = Page("results/reference/README.md")
    machines(page)
    tables(page)
    on_the_other_processor(page)
    ablation(page)
    code(page)
    what_was_run(page)
    assert page.numbers_left() == []
