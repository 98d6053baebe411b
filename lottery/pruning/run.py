"""What one run of experiment 2 is; every result follows from these settings and the dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from lottery.errors import LotteryError
from lottery.networks import HIDDEN, NETWORKS
from lottery.registry import Registry
from lottery.settings import one_of, settings

Protocol = Literal["published", "held_out"]
Stream = Literal["keyed", "released"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Sparsity = Annotated[float, Field(ge=0, lt=1)]
Redundancy = Annotated[int, Field(ge=1, le=1000)]
Epochs = Annotated[int, Field(ge=1, le=10**5)]
Network = Annotated[str, one_of("network", lambda: NETWORKS)]
MAX_RATE = 1000  # learning diverges long before
VALIDATION_IMAGES = 5000  # set aside by default
# Switches of a variant that change what is drawn.
CHANGE_DRAWS = ("bias", "fan_in_counts_redundancy", "density_scale", "signed_constant", "same_score_initialisation")


@dataclass(frozen=True)
class Structure:
    """What the layers of a structure are made of (lottery/pruning/structures.py).

    replacing: r random weights stand in the place of each weight of the target.
    factored: two matrices, weight1 and weight2, whose products replace it.
    released: the paper has random numbers for it.
    """

    replacing: bool = False
    factored: bool = False
    released: bool = False


STRUCTURES = Registry(
    "structure",
    {
        "linear": Structure(replacing=True, factored=True, released=True),
        "relu": Structure(replacing=True, factored=True, released=True),
        "wide": Structure(released=True),
        "dense": Structure(released=True),
    },
)


class _Pruned(Sequence[str]):
    """The structures that are pruned, those of plugins included."""

    def __getitem__(self, index: Any) -> Any:
        return [name for name in STRUCTURES if name != "dense"][index]

    def __len__(self) -> int:
        return len(STRUCTURES) - 1


PRUNED = _Pruned()


@settings
class Variant:
    """How a random network is drawn and its scores are learned.  The defaults are what was released with the paper.

    Its doubtful choices each have a switch, off by default: docs/pruning.md says what they repair.
    """

    learning_rate: Annotated[float, Field(gt=0, le=MAX_RATE)] | None = Field(
        default=None,
        description="Learning rate at the start; null for the published one (0.1, and 0.01 where scores of lenet5 are learned).",
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD.")
    weight_decay: float = Field(
        default=5e-4,
        ge=0,
        le=MAX_RATE,
        description="Weight decay on what is learned: scores, or the weights of the dense baseline.",
    )
    batch_size: int = Field(default=64, ge=1, le=10**6, description="Images per step.")
    hidden: int = Field(
        default=HIDDEN,
        ge=1,
        le=10**5,
        description="Hidden units of fc2 and fc4 (of wide: those of the network that its size is matched to).",
    )
    bias: bool = Field(default=False, description="Random frozen biases.")
    fan_in_counts_redundancy: bool = Field(
        default=False, description="Repair: the variance of weight2 counts all of its r * in inputs, not in alone."
    )
    density_scale: bool = Field(
        default=False,
        description="Repair: weights are scaled by 1 / sqrt(1 - sparsity), so that pruning keeps the variance of sums.",
    )
    decay_scores: bool = Field(
        default=True, description="Weight decay acts on scores, as released; false is the repair."
    )
    signed_constant: bool = Field(default=False, description="Weights are plus or minus one constant, not normal.")
    weight1_sparsity: Sparsity | None = Field(
        default=None, description="Sparsity of weight1 of linear and relu; null for that of weight2."
    )
    same_score_initialisation: bool = Field(
        default=False,
        description="Repair: scores of all structures start uniform in +-1/sqrt(fan-in), as those of wide.",
    )

    @property
    def not_released(self) -> str | None:
        """The first switch that changes what is drawn, so that the released stream has no such numbers."""
        return next((name for name in CHANGE_DRAWS if getattr(self, name)), None)


@settings
class Run:
    """One network, pruned once."""

    network: Network = Field(description="fc2, fc4 or lenet5.")
    structure: Annotated[str, one_of("structure", lambda: STRUCTURES)] = Field(
        description="linear and relu (each weight replaced by r random ones), wide (an ordinary random network with as many"
        " parameters) or dense (the trained baseline: nothing is pruned)."
    )
    redundancy: Redundancy = Field(
        default=5, description="Random weights that replace each weight (the paper's r); also decides the size of wide."
    )
    sparsity: Sparsity = Field(default=0.5, description="Share of the weights that is removed: 0 keeps all.")
    epochs: Epochs = Field(default=10, description="Passes over the training images.")
    seed: Seed = Field(default=1, description="Seed of weights, scores and data order.")
    protocol: Protocol = Field(
        default="published",
        description="published (trains on all training images and evaluates the test images after each epoch) or held_out"
        " (sets validation images aside, evaluates those, and the test images once at the end).",
    )
    validation_images: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Training images that held_out sets aside; null for 5,000."
    )
    stream: Stream = Field(
        default="keyed",
        description="keyed (a generator per tensor) or released (under seed 1 the random numbers of the paper's own runs).",
    )
    perturbation: Seed | None = Field(
        default=None,
        description="Seed of noise of rounding size (relative 1e-7) on the initial scores (weights of dense); null for none.",
    )
    variant: Variant = Field(default=Variant())

    def __post_init__(self) -> None:
        if self.protocol == "held_out" and self.validation_images is None:
            object.__setattr__(self, "validation_images", VALIDATION_IMAGES)
        if self.protocol == "published" and self.validation_images is not None:
            raise LotteryError("validation_images: only protocol held_out sets images aside")
        if self.structure == "dense" and (self.redundancy != 1 or self.sparsity != 0):
            raise LotteryError("structure dense has redundancy 1 and sparsity 0: nothing is pruned in it")
        self._check_stream()

    def _check_stream(self) -> None:
        if self.stream != "released":
            return
        if self.protocol != "published":
            raise LotteryError(
                f"stream: released has the numbers of runs on all training images, not of protocol {self.protocol};"
                " take stream keyed"
            )
        if not STRUCTURES[self.structure].released:
            raise LotteryError(f"stream: released has no numbers for structure {self.structure}; take stream keyed")
        if self.variant.not_released:
            raise LotteryError(
                f"stream: released has no numbers for {self.variant.not_released}, which changes what is drawn;"
                " take stream keyed"
            )

    @property
    def rate(self) -> float:
        """Learning rate at the start.  Published: 0.1, but 0.01 where scores of lenet5 are learned."""
        if self.variant.learning_rate is not None:
            return self.variant.learning_rate
        return 0.01 if self.network == "lenet5" and self.structure != "dense" else 0.1

    @property
    def decay(self) -> float:
        """Weight decay on what is learned: weights of the dense baseline, scores otherwise."""
        return self.variant.weight_decay if self.variant.decay_scores or self.structure == "dense" else 0.0
