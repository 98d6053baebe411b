"""The runs that a configuration requests, and the folder of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from lottery.errors import LotteryError
from lottery.pruning.run import Run, Variant
from lottery.published import published_epochs
from lottery.settings import plain, settings_from

RELEASED = "released"  # name of the variant with the settings of the released code
BASELINE_SETTINGS = ("learning_rate", "momentum", "weight_decay", "batch_size", "hidden", "bias")


@dataclass(frozen=True)
class PlannedRun:
    """A run, with the name of its variant in the configuration."""

    variant_name: str
    run: Run

    @property
    def folder(self) -> str:
        """Path relative to the folder of all runs; it is unique within one configuration."""
        run = self.run
        return (
            f"{run.protocol}/{run.network}/{run.structure}/{self.variant_name}/"
            f"redundancy_{run.redundancy}_sparsity_{plain(run.sparsity)}_epochs_{run.epochs}_seed_{run.seed}"
            + ("" if run.stream == "keyed" else f"_{run.stream}")
            + ("" if run.perturbation is None else f"_perturbation_{run.perturbation}")
        )


def _baseline_variant(name: str, config: Mapping[str, Any]) -> str:
    """The variant of the dense baseline: `released` if variant `name` only changes scores and random weights, else `name`."""
    entry = config["variants"][name]
    default = Variant()
    same = all(entry[key] == getattr(default, key) for key in BASELINE_SETTINGS)
    return RELEASED if same and entry["convolutions"] is None else name


def _replications(sweep: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Protocol, seed, stream and perturbation of the runs per point of a sweep."""
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
    """Numbers of epochs to run at a point.  Raises LotteryError if it asks for a published number that does not exist."""
    lengths = sweep["epochs"]
    return lengths if lengths != "published" else [published_epochs(sweep["network"], structure, sparsity)]


def _runs_of(sweep: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[PlannedRun]:
    for structure in sweep["structures"]:
        pruned = structure != "dense"
        for replication, redundancy, sparsity, name in product(
            _replications(sweep),
            sweep["redundancies"] if pruned else [1],
            sweep["sparsities"] if pruned else [0],
            sweep["variants"] if pruned else dict.fromkeys(_baseline_variant(n, config) for n in sweep["variants"]),
        ):
            for epochs in _epochs(sweep, structure, sparsity):
                yield PlannedRun(
                    name,
                    Run(
                        network=sweep["network"],
                        structure=structure,
                        redundancy=redundancy,
                        sparsity=sparsity,
                        epochs=epochs,
                        validation_images=config["validation_images"]
                        if replication["protocol"] == "held_out"
                        else None,
                        variant=settings_from(Variant, config["variants"][name]),
                        **replication,
                    ),
                )


def planned_runs(config: Mapping[str, Any]) -> dict[str, PlannedRun]:
    """All runs of a validated configuration by folder, each once.

    Raises LotteryError, with the name of the sweep, if a sweep requests runs with invalid settings.
    """
    runs = {}
    for name, sweep in config["sweeps"].items():
        try:
            runs.update({planned.folder: planned for planned in _runs_of(sweep, config)})
        except LotteryError as problem:
            raise LotteryError(f"sweeps.{name}: {problem}") from problem
    return runs
