"""The runs that a configuration asks for, and where each one's files are."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.errors import LotteryError
from lottery.pruning.run import Run, Variant
from lottery.published import published_epochs
from lottery.settings import plain, settings_from

RELEASED = "released"  # the variant that is as the paper's
CONCERN_BASELINE = ("learning_rate", "momentum", "weight_decay", "batch_size", "hidden", "bias")


@dataclass(frozen=True)
class Planned:
    """A run, with the name that the configuration gives its variant."""

    variant_name: str
    run: Run

    @property
    def folder(self) -> str:
        """Below the folder of all runs; different runs of one configuration have different folders."""
        run = self.run
        return (
            f"{run.protocol}/{run.network}/{run.structure}/{self.variant_name}/"
            f"redundancy_{run.redundancy}_sparsity_{plain(run.sparsity)}_epochs_{run.epochs}_seed_{run.seed}"
            + ("" if run.stream == "keyed" else f"_{run.stream}")
            + ("" if run.perturbation is None else f"_perturbation_{run.perturbation}")
        )


def _baseline_variant(name: str, config: Mapping[str, Any]) -> str:
    """`released` where what a variant changes concerns scores and random weights alone, which the baseline has not."""
    entry = config["variants"][name]
    default = Variant()
    same = all(entry[key] == getattr(default, key) for key in CONCERN_BASELINE)
    return RELEASED if same and entry["convolutions"] is None else name


def _draws(sweep: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Which random numbers runs are made with: protocol, seed, stream and perturbation."""
    if sweep["published_seed"] is not None:
        for perturbation in (None, *sweep["perturbations"]):
            yield {
                "protocol": "published",
                "seed": sweep["published_seed"],
                "stream": sweep["published_stream"],
                "perturbation": perturbation,
            }
    for seed in sweep["held_out_seeds"]:
        yield {"protocol": "held_out", "seed": seed}


def _epochs(sweep: Mapping[str, Any], structure: str, sparsity: float) -> list[int]:
    """The lengths of the runs of a point.  Raises LotteryError where its own is asked for and it was never published."""
    lengths = sweep["epochs"]
    return lengths if lengths != "published" else [published_epochs(sweep["network"], structure, sparsity)]


def _runs_of(sweep: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Planned]:
    for structure in sweep["structures"]:
        pruned = structure != "dense"
        for draws, redundancy, sparsity, name in product(
            _draws(sweep),
            sweep["redundancies"] if pruned else [1],
            sweep["sparsities"] if pruned else [0],
            sweep["variants"] if pruned else dict.fromkeys(_baseline_variant(n, config) for n in sweep["variants"]),
        ):
            for epochs in _epochs(sweep, structure, sparsity):
                yield Planned(
                    name,
                    Run(
                        network=sweep["network"],
                        structure=structure,
                        redundancy=redundancy,
                        sparsity=sparsity,
                        epochs=epochs,
                        validation_images=config["validation_images"] if draws["protocol"] == "held_out" else None,
                        variant=settings_from(Variant, config["variants"][name]),
                        **draws,
                    ),
                )


def planned_runs(config: Mapping[str, Any]) -> dict[str, Planned]:
    """All runs of a completed configuration by folder, each once.

    Raises LotteryError, with the sweep's name, where a sweep asks for runs that there cannot be.
    """
    runs = {}
    for name, sweep in config["sweeps"].items():
        try:
            runs.update({planned.folder: planned for planned in _runs_of(sweep, config)})
        except LotteryError as problem:
            raise LotteryError(f"sweeps.{name}: {problem}") from problem
    return runs


def figures_of_all_networks(runs: Iterable[Planned]) -> list[str]:
    """Names of the figures over all networks that these runs give something to."""
    held_out, structures = False, defaultdict[tuple[Any, ...], set[str]](set)
    for planned in runs:
        run = planned.run
        if run.structure != "dense":
            held_out = held_out or run.protocol == "held_out"
            alike = (run.network, run.protocol, planned.variant_name, run.redundancy, run.sparsity)
            structures[alike].add(run.structure)
    both = any({"wide", "linear"} <= found for found in structures.values())
    return ["held_out"] * held_out + ["wide_minus_linear"] * both
