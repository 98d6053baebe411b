"""Accuracies of networks whose outputs tie."""

import torch

from benchmarks.ties import BY_LANES, chosen, highest

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
