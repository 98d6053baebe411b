"""What a configuration may say: its keys, declared once, of which the schema and config/README.md are made.

Keys that are settings of a command come from that command's settings.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lottery.approximation.grid import Bits
from lottery.approximation.settings import (
    CoefficientsPerBit,
    Epsilon,
    Objective,
    OnInfeasible,
    Settings,
    SolverSettings,
)
from lottery.data.datasets import DATASETS
from lottery.planting.settings import Favoured, Margin, PlantedRedundancy, Scale
from lottery.pruning.controls import ControlSettings
from lottery.pruning.run import STRUCTURES as STRUCTURE_NAMES
from lottery.pruning.run import VALIDATION_IMAGES, Epochs, Network, Redundancy, Seed, Sparsity, Stream, Variant
from lottery.recipe import Recipe
from lottery.records.files import json_text
from lottery.settings import one_of, settings
from lottery.subset_sum import EPSILON, solver_names
from lottery.theory.coefficients import KINDS, WITHOUT_ZEROS
from lottery.theory.integers import INTEGER_KINDS
from lottery.theory.integers import MAX_BITS as MAX_INTEGER_BITS
from lottery.tickets.construction import Construction

Item = TypeVar("Item")
Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]
Set = Annotated[list[Item], Field(json_schema_extra={"uniqueItems": True})]
NonEmpty = Annotated[list[Item], Field(min_length=1, json_schema_extra={"uniqueItems": True})]
Named = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], Item | None]


def _checkers() -> list[str]:
    return [name for name in solver_names() if name not in ("exact", "auto")]


@settings
class TargetEntry(Recipe):
    """A target network: trained, or taken from a file of weights."""

    network: Network = Field(
        kw_only=True,
        description="fc2 (784-500-10 on MNIST), fc4 (three hidden layers of 500) or lenet5; none has biases.",
    )
    weights: str | None = Field(
        default=None,
        description="A file of weights (safetensors, or a PyTorch state dict or checkpoint) to import instead of training;"
        " null to train.",
    )


@settings
class ApproximationEntry(Settings, SolverSettings):
    """An approximation of a target by subset sums."""

    target: str = Field(kw_only=True, description="The name of a target.")
    rows_per_chunk: Positive = Field(
        default=250,
        description="Output rows that one job solves.  It changes no result, but the files are named after it, so that a"
        " change solves again.",
    )


@settings
class CrossCheckEntry:
    """A random sample of weights solved by other solvers."""

    approximation: str | None = Field(default=None, description="Which approximation is checked; null for none.")
    solvers: NonEmpty[Annotated[str, one_of("solver", _checkers)]] = Field(
        default=["mip"], description="Solvers of the sample; mip is gurobi if a licence fits, else cbc."
    )
    sample: Positive = Field(default=64, description="How many weights.")
    seed: NonNegative = Field(default=1, description="Seed of the sample.")


@settings
class FrontierEntry:
    """Accuracy against size of approximated networks: all combinations of the lists."""

    target: str = Field(description="The name of a target.")
    objectives: NonEmpty[Objective] = Field(
        default=["min_error", "first_feasible", "min_cardinality"], description="As for approximations."
    )
    epsilons: NonEmpty[Epsilon] = Field(default=[EPSILON], description="Largest errors of a weight.")
    coefficients_per_bit: NonEmpty[CoefficientsPerBit] = Field(default=[3], description="The paper's c.")
    seeds: NonEmpty[NonNegative] = Field(
        default=[1, 2, 3], description="Seeds of the coefficients; means and intervals are over them."
    )


@settings
class TicketEntry(Construction):
    """A pruned random network of twice the depth that computes a target."""

    target: str = Field(kw_only=True, description="The name of a target.")


@settings
class SweepEntry:
    """Runs of experiment 2: all combinations of the lists."""

    network: Network = Field(description="fc2, fc4 or lenet5.")
    structures: NonEmpty[Annotated[str, one_of("structure", lambda: STRUCTURE_NAMES)]] = Field(
        default=["linear", "relu", "wide", "dense"],
        description="linear and relu (each weight replaced by r random ones), wide (an ordinary random network with as many"
        " parameters), dense (the trained baseline, which ignores sparsities and redundancies).",
    )
    sparsities: NonEmpty[Sparsity] = Field(
        kw_only=True, description="Shares of the weights that are removed, from 0 (all kept) to below 1."
    )
    redundancies: NonEmpty[Redundancy] = Field(
        default=[5],
        description="Random weights that replace each weight (the paper's r); also decides the size of wide.",
    )
    epochs: Literal["published"] | NonEmpty[Epochs] = Field(
        default=[10],
        description="Lengths of runs, of which the protocol chooses; published: for each point the length of the published run.",
    )
    variants: NonEmpty[str] = Field(default=["released"], description="Names of variants.")
    published_seed: Seed | None = Field(
        default=1,
        description="Seed of the published protocol (all training images, one seed, length chosen on test accuracy); null"
        " leaves that protocol out.",
    )
    published_stream: Stream = Field(
        default="released",
        description="Random numbers of the published protocol: released (under seed 1 those of the paper's own runs) or keyed"
        " (a generator per tensor, as held_out always has).",
    )
    perturbations: Set[Seed] = Field(
        default=[],
        description="Seeds of noise of rounding size; each repeats the runs of the published protocol from a start that"
        " differs by it, which measures how far the same run lands from itself.",
    )
    held_out_seeds: Set[Seed] = Field(
        default=[1, 2, 3],
        description="Seeds of the held_out protocol (length chosen on validation images, mean and interval over seeds); an"
        " empty list leaves it out.",
    )


@settings
class ControlsEntry(ControlSettings):
    """Controls of finished runs of sweeps."""

    sweeps: NonEmpty[str] | None = Field(
        default=None, description="Names of the sweeps whose runs are compared with controls; null for all."
    )


@settings
class VariantEntry(Variant):
    """A way to draw a random network and to learn its scores."""

    convolutions: Text | None = Field(
        default=None, description="A file of weights whose convolutions lenet5 takes (frozen); null for random ones."
    )


@settings
class TheoryEntry:
    """Success of random subset sums."""

    epsilons: NonEmpty[Annotated[float, Field(gt=0, lt=0.5)]] = Field(
        default=[0.1, 0.03, 0.01, 0.003, 0.001], description="Errors within which a target counts as approximated."
    )
    kinds: NonEmpty[Annotated[str, one_of("kind", lambda: KINDS)]] = Field(
        default=["uniform", "product", "relu", "relu_pair", "hyperbolic"],
        description="Distributions of coefficients: uniform in [-1, 1], product of two of those, relu (v max(u, 0)), relu_pair"
        " (both signs of inputs, as in the theorem's proof), hyperbolic (density 1/x of magnitudes).",
    )
    max_coefficients: Annotated[int, Field(ge=1, le=24)] = Field(
        default=18,
        description="Sets of 1 coefficient up to this many are tried; of relu and relu_pair twice as many, in steps of two.",
    )
    trials: Positive = Field(default=30000, description="Trials for each kind and number of coefficients.")
    trials_above_16: Positive = Field(
        default=15000, description="The same for more than 16 coefficients (relu and relu_pair: 32)."
    )
    cardinalities: Set[Annotated[int, Field(ge=1, le=12)]] = Field(
        default=[1, 2, 3, 4, 6, 8],
        description="Sizes of subsets that are tried alone; 1 is the single best coefficient.",
    )
    cardinality_kinds: Set[Annotated[str, one_of("kind", lambda: WITHOUT_ZEROS)]] = Field(
        default=["uniform", "product"], description="Distributions for those sizes."
    )
    cardinality_trials: Positive = Field(
        default=5000, description="Trials for each of those sizes and each number of coefficients."
    )
    seed: NonNegative = Field(default=1, description="Seed of coefficients and targets.")


@settings
class ExactnessEntry:
    """Exact subset sums of random integers."""

    kinds: NonEmpty[Annotated[str, one_of("kind", lambda: INTEGER_KINDS)]] = Field(
        default=["uniform", "product"],
        description="Distributions of coefficients of b bits: uniform in the integers of [-2^b, 2^b] without 0, product of two"
        " such integers of b/2 bits, for which b is even.",
    )
    bits: NonEmpty[Annotated[int, Field(ge=1, le=MAX_INTEGER_BITS)]] = Field(
        default=[4, 6, 8, 10, 12, 16], description="Bits b of the coefficients."
    )
    trials: Positive = Field(default=10000, description="Trials for each kind and number of bits.")
    seed: NonNegative = Field(default=1, description="Seed of coefficients and targets.")


@settings
class ExactNetworkEntry:
    """Networks of exact sums: all combinations of the lists."""

    target: str = Field(description="The name of a target; its weights are rounded to multiples of 2^-b.")
    bits: NonEmpty[Bits] = Field(default=[4, 6, 8, 10, 12], description="Bits b of the grid.")
    coefficients_per_bit: NonEmpty[CoefficientsPerBit] = Field(
        default=[2], description="The paper's c: each weight gets int(c * (b + 1)) coefficients."
    )
    objective: Objective = Field(
        default="min_error", description="As for approximations; every sum is exact with each."
    )
    seeds: NonEmpty[NonNegative] = Field(default=[1, 2, 3], description="Seeds of the coefficients.")
    on_infeasible: OnInfeasible = Field(
        default="redraw",
        description="If no subset equals a weight: as for approximations; nearest counts a weight that is not exact.",
    )


@settings
class PlantedEntry:
    """Planted tickets: all combinations of the lists."""

    target: str = Field(description="The name of a target without convolutions, trained on normalised pixels.")
    favoured: NonEmpty[Favoured] = Field(
        default=["ticket"],
        description="What the initial scores favour: ticket (the subset sums of the target), random (a random mask of as many"
        " weights).",
    )
    margins: NonEmpty[Margin] = Field(
        default=[0, 0.3, 1, 3, 10],
        description="What the scores of favoured weights are raised by, in units of the largest initial |score|; from 1 the"
        " initial mask is the plant.",
    )
    redundancy: PlantedRedundancy = Field(
        default=12, description="Random weights that replace each weight of the target."
    )
    sparsity: Sparsity = Field(
        default=0.5, description="Share of them that is removed, the same number for each weight of the target."
    )
    scale: Scale = Field(default=1.0, description="Factor of the target's weights before they are approximated.")
    epochs: Epochs = Field(default=10, description="Passes over the training images.")
    seeds: NonEmpty[Seed] = Field(
        default=[1, 2, 3], description="Seeds of random weights, initial scores and data order; means are over them."
    )


@settings
class Folders:
    """Where things are written, by Snakemake's own names; null for Snakemake's default."""

    results: Text | None = Field(default=None, description="The folder of all results; null for results.")
    logs: Text | None = Field(default=None, description="What the commands printed; null for logs below results.")
    benchmarks: Text | None = Field(
        default=None, description="Time and memory of each job; null for benchmarks below results."
    )


@settings
class Config:
    """What is computed.  Cores, memory and GPUs belong to Snakemake's command line or a profile."""

    dataset: Annotated[str, one_of("dataset", lambda: DATASETS)] = Field(
        default="mnist",
        description="The dataset that networks are trained and tested on; mnist5k (5,000 MNIST digits) needs no download.",
    )
    source: Text = Field(
        default="download",
        description="Where the dataset comes from: download (torchvision's mirrors), or a folder with its published files (IDX"
        " files, gzipped or raw, also as torchvision or Kaggle lays them out; for cifar10 cifar-10-batches-py or its parent).",
    )
    plugins: Set[Text] = Field(
        default=[],
        description="Python files that add datasets, networks, structures, solvers or objectives (docs/extending.md).",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where networks are trained and evaluated; auto takes a CUDA GPU if there is one."
    )
    jobs_per_gpu: Positive = Field(
        default=1, description="How many jobs share one GPU of a machine; further ones wait.  Changes no result."
    )
    runs_per_job: Literal["auto"] | Annotated[int, Field(ge=1, json_schema_extra={"title": "number from 1"})] = Field(
        default="auto",
        description="How many pruning runs, or points of a frontier, one job computes: a number, or auto (on a CPU one after"
        " the other until the job has lasted a minute, so that short runs do not pay for Python's start; on a GPU as many"
        " stacked runs as fit into its memory).  Nothing is computed twice for it.",
    )
    targets: Named[TargetEntry] = Field(
        kw_only=True,
        description="Target networks by name.  An entry set to null is left out (to remove one of a config that yours extends).",
    )
    approximations: Named[ApproximationEntry] = Field(
        kw_only=True,
        description="Approximations of targets by subset sums, by name.  An entry set to null is left out.",
    )
    cross_check: CrossCheckEntry = Field(
        default=CrossCheckEntry(),
        description="A random sample of weights solved again by other solvers and compared with the exact optimum.",
    )
    frontiers: Named[FrontierEntry] = Field(
        default={},
        description="Accuracy against size of approximated networks, by name, each all combinations of its lists.  An entry set"
        " to null is left out.",
    )
    tickets: Named[TicketEntry] = Field(
        default={},
        description="Pruned random networks of twice the depth that compute a target, built and verified, by name.  An entry"
        " set to null is left out.",
    )
    sweeps: Named[SweepEntry] = Field(
        default={},
        description="Runs of experiment 2 by name, each sweep all combinations of its lists.  A run that several sweeps ask for"
        " is computed once.  An entry set to null is left out.",
    )
    controls: ControlsEntry | None = Field(
        default=None,
        description="Pruned networks of sweeps compared with random masks and other weights (docs/controls.md); {} for all"
        " defaults, null leaves it out.",
    )
    variants: Named[VariantEntry] = Field(
        default={"released": VariantEntry()},
        description="Ways to draw a random network and to learn its scores, by name; `released` is what was released with the"
        " paper.",
    )
    theory: TheoryEntry | None = Field(
        default=None,
        description="Success of random subset sums compared with theorems (docs/theory.md); {} for all defaults, null leaves it"
        " out.",
    )
    exactness: ExactnessEntry | None = Field(
        default=None,
        description="How often random integers have a subset with exactly the sum asked for (docs/exactness.md); {} for all"
        " defaults, null leaves it out.",
    )
    exact_networks: Named[ExactNetworkEntry] = Field(
        default={},
        description="Quantised networks of which every weight is an exact sum, by name, each all combinations of its lists.  An"
        " entry set to null is left out.",
    )
    planted: Named[PlantedEntry] = Field(
        default={},
        description="Tickets planted in random networks, from which masks are learned (docs/planted.md), by name, each all"
        " combinations of its lists.  An entry set to null is left out.",
    )
    validation_images: Positive = Field(
        default=VALIDATION_IMAGES,
        description="Training images that the held_out protocol sets aside, to choose the length of runs on.",
    )
    pathvars: Folders = Field(default=Folders(), description="Where things are written, by Snakemake's own names.")


class _Schema(GenerateJsonSchema):
    """As people write it: `type: [number, null]`, and no titles that repeat the key."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "type" in inner:
            return {**inner, "type": [inner["type"], "null"]}
        return {"oneOf": [{"type": "null"}, inner]}

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        found = super().dict_schema(schema)
        [(pattern, entry)] = found.pop("patternProperties").items()
        return {**found, "propertyNames": {"pattern": pattern}, "additionalProperties": entry}

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """The JSON schema of a configuration, with the names that the package and its plugins have now."""
    return TypeAdapter(Config).json_schema(schema_generator=_Schema)


if __name__ == "__main__":  # `make numbers` writes workflow/schemas/config.schema.json, for editors
    print(json_text(schema()), end="")
