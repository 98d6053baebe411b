"""Accuracies of networks whose outputs tie."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from benchmarks import carrying, ties
from benchmarks.ties import BY_LANES, chosen, highest
from lottery.data.datasets import Images
from lottery.errors import LotteryError
from lottery.pruning.records import write_run
from lottery.pruning.run import Run
from lottery.pruning.training_loop import prune

LOWEST = tuple(range(10))


def test_ten_equal_outputs_are_a_zero_here_and_a_seven_by_lanes() -> None:
    tied = highest(torch.zeros(3, 10))
    assert tied.all()
    assert chosen(tied, LOWEST).tolist() == torch.zeros(3, 10).argmax(dim=1).tolist() == [0, 0, 0]
    assert chosen(tied, BY_LANES).tolist() == [7, 7, 7]


def test_only_the_highest_outputs_tie() -> None:
    outputs = torch.zeros(2, 10)
    outputs[0, [5, 7]] = -1.0  # eight classes tie
    outputs[1, 4] = 1.0  # none
    tied = highest(outputs)
    assert tied.sum(dim=1).tolist() == [8, 1]
    assert chosen(tied, BY_LANES).tolist() == [6, 4]
    assert chosen(tied, LOWEST).tolist() == outputs.argmax(dim=1).tolist() == [0, 4]


def test_lanes_are_a_reduction_in_which_the_later_value_wins() -> None:
    lanes = [[value for value in (lane, lane + 8) if value < 10] for lane in range(8)]
    assert list(BY_LANES) == [value for lane in reversed(lanes) for value in reversed(lane)]


@pytest.mark.parametrize("benchmark", [ties, carrying])
def test_a_run_without_masks_is_refused_by_name(benchmark: ModuleType, digits: Images, tmp_path: Path) -> None:
    run = Run(network="fc2", structure="dense", redundancy=1, sparsity=0.0, epochs=1)
    write_run(tmp_path / "baseline", run, digits.dataset.name, prune(run, digits, torch.device("cpu")))
    table = benchmark.lines([tmp_path / "baseline"], digits)
    next(table)  # the names of the columns
    with pytest.raises(LotteryError, match="baseline: a dense run has no masks; leave it out"):
        next(table)
