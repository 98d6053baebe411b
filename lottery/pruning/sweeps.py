"""The runs that a configuration asks for, and where each one's files are."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from itertools import product
from typing import Any

from lottery.pruning.run import Run, Variant

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
            f"redundancy_{run.redundancy}_sparsity_{_plain(run.sparsity)}_epochs_{run.epochs}_seed_{run.seed}"
        )


def _plain(number: float) -> str:
    """All digits, no exponent: 0, 0.5, 0.00001."""
    return format(Decimal(str(number + 0.0)).normalize(), "f")  # + 0.0: no minus before 0


def variant_of(entry: Mapping[str, Any]) -> Variant:
    """The settings of a variant in the configuration (its file of convolutions is not among them)."""
    return Variant(**{field.name: entry[field.name] for field in fields(Variant)})


def _baseline_variant(name: str, config: Mapping[str, Any]) -> str:
    """`released` where what a variant changes concerns scores and random weights alone, which the baseline has not."""
    entry = config["variants"][name]
    default = Variant()
    same = all(entry[key] == getattr(default, key) for key in CONCERN_BASELINE)
    return RELEASED if same and entry["convolutions"] is None else name


def _runs_of(sweep: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Planned]:
    seeds = [("published", sweep["published_seed"])] if sweep["published_seed"] is not None else []
    seeds += [("held_out", seed) for seed in sweep["held_out_seeds"]]
    for structure in sweep["structures"]:
        pruned = structure != "dense"
        for (protocol, seed), redundancy, sparsity, epochs, name in product(
            seeds,
            sweep["redundancies"] if pruned else [1],
            sweep["sparsities"] if pruned else [0],
            sweep["epochs"],
            sweep["variants"] if pruned else dict.fromkeys(_baseline_variant(n, config) for n in sweep["variants"]),
        ):
            yield Planned(
                name,
                Run(
                    network=sweep["network"],
                    structure=structure,
                    redundancy=redundancy,
                    sparsity=sparsity,
                    epochs=epochs,
                    seed=seed,
                    protocol=protocol,
                    validation_images=config["validation_images"] if protocol == "held_out" else None,
                    variant=variant_of(config["variants"][name]),
                ),
            )


def planned_runs(config: Mapping[str, Any]) -> dict[str, Planned]:
    """All runs of a completed configuration by folder, each once."""
    runs = {}
    for sweep in config["sweeps"].values():
        runs.update({planned.folder: planned for planned in _runs_of(sweep, config)})
    return runs
