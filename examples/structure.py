"""Parallel connections: each weight of the target replaced by r random ones side by side, of which pruning keeps some.

Each weight is then a subset sum, as in experiment 1, but found by learning scores.  `linear` and `relu` replace it by sums of
products, as the paper's proof needs.
"""

from lottery.pruning.run import STRUCTURES, Structure

STRUCTURES.register("parallel", Structure(replacing=True))  # one matrix (r, out, in): not factored
