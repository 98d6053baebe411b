"""What a planted run is: which weights of a random network are favoured at the start, and by how much."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from lottery.errors import LotteryError
from lottery.networks import NetworkName
from lottery.pruning.run import Epochs, Run, Seed, Sparsity, Variant
from lottery.settings import settings

Favoured = Literal["ticket", "random"]
Margin = Annotated[float, Field(ge=0, le=10**6)]
PlantedRedundancy = Annotated[int, Field(ge=1, le=24)]
Scale = Annotated[float, Field(gt=0, le=10**6)]


@settings
class Planting:
    """A ticket planted in a random network of structure `linear`, and edge-popup started from there.

    Raises LotteryError if the sparsity leaves no whole number of random weights per weight of the target.
    """

    favoured: Favoured = Field(
        default="ticket",
        description="Which weights the initial scores favour: ticket (the subset sums of the target) or random (as many"
        " weights of each matrix, chosen at random).",
    )
    margin: Margin = Field(
        default=1.0,
        description="What the initial scores of favoured weights are raised by, in units of the largest initial |score|: 0 is"
        " plain edge-popup, and from 1 the initial mask is the plant.",
    )
    redundancy: PlantedRedundancy = Field(
        default=12, description="Random weights that replace each weight of the target (the paper's r)."
    )
    sparsity: Sparsity = Field(
        default=0.5,
        description="Share of these random weights that is removed, for each weight of the target the same number.",
    )
    scale: Scale = Field(
        default=1.0,
        description="Factor of the target's weights before they are approximated; it changes no class, and below 1 it brings"
        " large weights within reach of the sums.",
    )
    epochs: Epochs = Field(default=10, description="Passes over the training images.")
    seed: Seed = Field(default=1, description="Seed of random weights, initial scores and data order.")

    def __post_init__(self) -> None:
        if self._kept.denominator != 1:
            raise LotteryError(
                f"sparsity: {self.sparsity:g} of {self.redundancy} random weights is no whole number;"
                f" take a multiple of 1/{self.redundancy}"
            )

    @property
    def _kept(self) -> Fraction:
        return self.redundancy * (1 - Fraction(str(self.sparsity)))

    @property
    def kept(self) -> int:
        """How many of the random weights in the place of a weight the plant keeps."""
        return int(self._kept)

    def run(self, network: NetworkName) -> Run:
        """The run of `lottery prune` that has this random network and sparsity; all of weight1 is kept."""
        return Run(
            network=network,
            structure="linear",
            redundancy=self.redundancy,
            sparsity=self.sparsity,
            epochs=self.epochs,
            seed=self.seed,
            variant=Variant(weight1_sparsity=0),
        )
