"""What a configuration asks for, by name: targets, approximations, points, tickets, runs, measurements, figures."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from string import Formatter
from typing import Any

from lottery.approximation.chunks import split_into_chunks
from lottery.approximation.points import PlannedNetwork, PlannedPoint, planned_exact_networks, planned_points
from lottery.approximation.settings import Settings, WeightSettings
from lottery.data.datasets import get_dataset
from lottery.errors import LotteryError
from lottery.networks import Layer, layers
from lottery.planting.plan import PlannedPlanting, planned_plantings
from lottery.pruning.controls import ControlSettings
from lottery.pruning.run import Run
from lottery.pruning.structures import convolutions
from lottery.pruning.sweeps import PlannedRun, planned_runs
from lottery.recipe import Recipe
from lottery.settings import settings_from
from lottery.theory.exactness import ExactExperiment
from lottery.theory.plan import Measurement, planned_exact_experiments, planned_measurements, theory_figures
from lottery.tickets.construction import Construction
from lottery.workflow.figures import EXACTNESS_TABLES, exactness_figures, pruning_figures


def wildcard_pattern(names: Iterable[str]) -> str:
    """The regular expression of a wildcard: one of `names`; it matches nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def _target_file(target: str) -> str:
    return f"<results>/targets/{target}/weights.safetensors"


def _listed(runs: Mapping[str, PlannedRun]) -> list[dict[str, str]]:
    return [{"variant": planned.variant_name, "folder": folder} for folder, planned in runs.items()]


@dataclass(frozen=True)
class Plan:
    """The plan of a configuration with all defaults filled in."""

    config: Mapping[str, Any]

    @cached_property
    def points(self) -> dict[str, PlannedPoint]:
        """Points of frontiers."""
        return planned_points(self.config)

    @cached_property
    def runs(self) -> dict[str, PlannedRun]:
        """Runs of experiment 2, by folder."""
        return planned_runs(self.config)

    @cached_property
    def controlled_runs(self) -> dict[str, PlannedRun]:
        """Runs of experiment 2 that are compared with controls, by folder: without baselines and repetitions."""
        entry = self.config["controls"]
        if entry is None:
            return {}
        wanted = self.config["sweeps"] if entry["sweeps"] is None else entry["sweeps"]
        found = planned_runs({**self.config, "sweeps": {name: self.config["sweeps"][name] for name in wanted}})
        return {
            folder: planned
            for folder, planned in found.items()
            if planned.run.structure != "dense" and planned.run.perturbation is None
        }

    @cached_property
    def measurements(self) -> dict[str, Measurement]:
        """Measurements of random subset sums, by path."""
        return planned_measurements(self.config["theory"])

    @cached_property
    def exact_experiments(self) -> dict[str, ExactExperiment]:
        """Measurements of exact sums, by path."""
        return planned_exact_experiments(self.config["exactness"])

    @cached_property
    def exact_networks(self) -> dict[str, PlannedNetwork]:
        """Networks of exact sums, by path."""
        return planned_exact_networks(self.config)

    @cached_property
    def plantings(self) -> dict[str, PlannedPlanting]:
        """Runs from planted tickets, by path."""
        return planned_plantings(self.config)

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """All names of each wildcard that stands in the paths of `files`."""
        targets, cross_check = self.config["targets"], self.config["cross_check"]
        return {
            "target": [*targets],
            "trained_target": [name for name, entry in targets.items() if entry["weights"] is None],
            "imported_target": [name for name, entry in targets.items() if entry["weights"] is not None],
            "approximation": [*self.config["approximations"]],
            "cross_checked": [cross_check["approximation"]] if cross_check["approximation"] is not None else [],
            "checker": cross_check["solvers"],
            "frontier": [*self.config["frontiers"]],
            "point": [*self.points],
            "ticket": [*self.config["tickets"]],
            "run": [*self.runs],
            "pruning_figure": pruning_figures([*self.runs.values()], self.config["dataset"]),
            "controlled_run": [*self.controlled_runs],
            "controls_table": ["controls"] if self.controlled_runs else [],
            "controlled_network": [*dict.fromkeys(p.run.network for p in self.controlled_runs.values())],
            "planted_run": [*self.plantings],
            "planted_table": ["planted"] if self.plantings else [],
            "measurement": [*self.measurements],
            "theory_figure": [*theory_figures(self.config["theory"])],
            "exact_experiment": [*self.exact_experiments],
            "exact_network": [*self.exact_networks],
            "exactness_figure": exactness_figures(self.config),
            "exactness_table": [*EXACTNESS_TABLES] if self.exact_experiments or self.exact_networks else [],
        }

    def files(self, pattern: str) -> list[str]:
        """All files of a path with wildcards, one for each combination of their names.

        Snakemake replaces `<results>` by the folder of results.

        >>> plan.files("<results>/tickets/{ticket}/counts.json")
        ['<results>/tickets/first/counts.json', '<results>/tickets/second/counts.json']
        """
        wildcards = [wildcard for _, wildcard, _, _ in Formatter().parse(pattern) if wildcard is not None]
        combinations = product(*(self.names[wildcard] for wildcard in wildcards))
        return [pattern.format(**dict(zip(wildcards, names, strict=True))) for names in combinations]

    def recipe(self, target: str) -> Recipe:
        """How a target network is trained."""
        return settings_from(Recipe, self.config["targets"][target])

    def layers(self, target: str) -> tuple[Layer, ...]:
        """The layers of a target network."""
        return layers(self.config["targets"][target]["network"], get_dataset(self.config["dataset"]).image)

    def settings(self, approximation: str) -> Settings:
        """How the weights of a target are approximated."""
        return settings_from(Settings, self.config["approximations"][approximation])

    def weight_settings(self, approximation: str) -> WeightSettings:
        """What is requested for each weight."""
        return settings_from(WeightSettings, self.config["approximations"][approximation])

    def weights_per_set(self, approximation: str) -> int:
        """How many weights share one set of random numbers in the first layer, which is the largest."""
        entry = self.config["approximations"][approximation]
        return self.layers(entry["target"])[0].columns if entry["sharing"] == "row" else 1

    def solver(self, approximation: str) -> str:
        """The solver of an approximation, as configured: `auto` is not resolved."""
        return str(self.config["approximations"][approximation]["solver"])

    def approximation_target(self, approximation: str) -> str:
        """The file of the target of an approximation."""
        return _target_file(self.config["approximations"][approximation]["target"])

    def chunks(self, approximation: str) -> list[str]:
        """The files of all chunks of an approximation."""
        entry = self.config["approximations"][approximation]
        return [
            f"<results>/subset_sum/{approximation}/chunks/{chunk.file_name}"
            for chunk in split_into_chunks(self.layers(entry["target"]), entry["rows_per_chunk"])
        ]

    def construction(self, ticket: str) -> Construction:
        """How a ticket is built."""
        return settings_from(Construction, self.config["tickets"][ticket])

    def ticket_target(self, ticket: str) -> str:
        """The file of the target that a ticket computes."""
        return _target_file(self.config["tickets"][ticket]["target"])

    def point_target(self, point: str) -> str:
        """The file of the target that a point of a frontier approximates."""
        return _target_file(self.point(point).target)

    def point(self, name: str) -> PlannedPoint:
        """The point of a path."""
        if name not in self.points:
            raise LotteryError(f"point {name}: no frontier of the config asks for it")
        return self.points[name]

    def exact_network_target(self, network: str) -> str:
        """The file of the target that a network of exact sums rounds."""
        return _target_file(self.exact_networks[network].target)

    def planted_target(self, run: str) -> str:
        """The file of the target that is planted."""
        return _target_file(self.plantings[run].target)

    @property
    def point_list(self) -> list[dict[str, str]]:
        """The input of `lottery tabulate-frontiers`: the frontier of each point."""
        return [{"frontier": planned.frontier, "point": name} for name, planned in self.points.items()]

    def run(self, name: str) -> Run:
        """The run whose files are in the folder `name`."""
        return self._planned(name).run

    def convolutions(self, run: str) -> str | None:
        """The file of convolutions of a run, where its network has convolutions and its variant names a file."""
        planned = self._planned(run)
        if not convolutions(planned.run.network, get_dataset(self.config["dataset"]).image):
            return None
        path: str | None = self.config["variants"][planned.variant_name]["convolutions"]
        return path

    @property
    def run_list(self) -> list[dict[str, str]]:
        """The input of `lottery tabulate-runs`: the variant and the folder of each run."""
        return _listed(self.runs)

    @property
    def control_settings(self) -> ControlSettings:
        """How often controls are drawn."""
        return settings_from(ControlSettings, self.config["controls"])

    @property
    def control_list(self) -> list[dict[str, str]]:
        """The input of `lottery tabulate-controls`: the variant and the folder of each run that has controls."""
        return _listed(self.controlled_runs)

    def _planned(self, run: str) -> PlannedRun:
        if run not in self.runs:
            raise LotteryError(f"run {run}: no sweep of the config asks for it")
        return self.runs[run]
