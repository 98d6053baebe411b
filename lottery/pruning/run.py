"""What one run of experiment 2 is; every result follows from these settings and the dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from lottery.errors import LotteryError
from lottery.networks import HIDDEN, NETWORKS, NetworkName
from lottery.registry import Registry

Protocol = Literal["published", "held_out"]
Stream = Literal["keyed", "released"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
STREAMS: tuple[str, ...] = get_args(Stream)
HIGHEST_RATE = 1000.0  # learning diverges long before
HIGHEST_SEED = 2**32 - 1
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


@dataclass(frozen=True)
class Variant:
    """How a random network is drawn and its scores are learned.  The defaults are what was released with the paper.

    Its doubtful choices each have a switch, off by default: docs/pruning.md says what they repair.
    """

    learning_rate: float | None = None  # None: the published one, see Run.rate
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch_size: int = 64
    hidden: int = HIDDEN  # of fc2 and fc4
    bias: bool = False
    fan_in_counts_redundancy: bool = False  # weight2 has r * in inputs, and its variance counts them all
    density_scale: bool = False  # weights grow by 1 / sqrt(1 - sparsity), so that pruning keeps the variance
    decay_scores: bool = True  # weight decay on scores, which moves masks as well
    signed_constant: bool = False  # weights are +-std instead of normal
    first_sparsity: float | None = None  # of weight1; None: as for weight2
    same_score_initialisation: bool = False  # U(+-1/sqrt(fan-in)) for redundant structures too

    def __post_init__(self) -> None:
        if self.learning_rate is not None and not 0 < self.learning_rate <= HIGHEST_RATE:
            raise LotteryError(
                f"learning_rate: above 0 and at most {HIGHEST_RATE:g} is needed, not {self.learning_rate}"
            )
        if not 0 <= self.momentum < 1:
            raise LotteryError(f"momentum: from 0 to below 1 is needed, not {self.momentum}")
        if not 0 <= self.weight_decay <= HIGHEST_RATE:
            raise LotteryError(f"weight_decay: from 0 to {HIGHEST_RATE:g} is needed, not {self.weight_decay}")
        _check_counts(self, {"batch_size": 10**6, "hidden": 10**5})
        if self.first_sparsity is not None:
            check_sparsity(self.first_sparsity, "first_sparsity")

    @property
    def not_released(self) -> str | None:
        """The first switch that changes what is drawn, so that the released stream has no such numbers."""
        return next((name for name in CHANGE_DRAWS if getattr(self, name)), None)


def _check_counts(settings: object, highest: Mapping[str, int]) -> None:
    for name, most in highest.items():
        if not 1 <= getattr(settings, name) <= most:
            raise LotteryError(f"{name}: from 1 to {most} is needed, not {getattr(settings, name)}")


def check_sparsity(sparsity: float, name: str = "sparsity") -> None:
    """Sparsity is the share removed: 0 keeps all; 1, which keeps nothing, is refused."""
    if not 0 <= sparsity < 1:
        raise LotteryError(f"{name}: the share removed, from 0 to below 1, is needed, not {sparsity}")


@dataclass(frozen=True)
class Run:
    """One network, pruned once.

    protocol: `published` trains on all training images and looks at test accuracy each epoch; `held_out` sets
        `validation_images` training images aside, watches those, and looks at the test images once, at the end.
    validation_images: of `held_out`, 5,000 by default; None of `published`, which has none.
    stream: `keyed`, or `released`: the random numbers of the paper's own runs (under seed 1), which `published` alone has.
    perturbation: seed of noise of the size of rounding on what learning starts from; None: no noise.
    """

    network: NetworkName
    structure: str
    redundancy: int
    sparsity: float
    epochs: int
    seed: int = 1
    protocol: Protocol = "published"
    validation_images: int | None = None
    stream: Stream = "keyed"
    perturbation: int | None = None
    variant: Variant = field(default_factory=Variant)

    def __post_init__(self) -> None:
        for name, value, known in (
            ("network", self.network, NETWORKS),
            ("structure", self.structure, STRUCTURES),
            ("protocol", self.protocol, PROTOCOLS),
            ("stream", self.stream, STREAMS),
        ):
            if value not in known:
                raise LotteryError(f"{name}: {value!r} is not one of {', '.join(known)}")
        check_sparsity(self.sparsity)
        _check_counts(self, {"redundancy": 1000, "epochs": 10**5})
        for name, seed in (("seed", self.seed), ("perturbation", self.perturbation)):
            if seed is not None and not 0 <= seed <= HIGHEST_SEED:
                raise LotteryError(f"{name}: from 0 to {HIGHEST_SEED} is needed, not {seed}")
        if self.protocol == "held_out" and self.validation_images is None:
            object.__setattr__(self, "validation_images", VALIDATION_IMAGES)
        if self.validation_images is not None and (self.protocol == "published" or self.validation_images < 1):
            raise LotteryError("validation_images: at least 1 is needed, and only protocol held_out has any")
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
