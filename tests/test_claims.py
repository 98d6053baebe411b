"""Our points held against the paper: verdicts point by point, answers claim by claim."""

import numpy as np
import pandas as pd
import pytest

from lottery.networks import ImageShape
from lottery.pruning.run import Run
from lottery.pruning.structures import blocks_of, kept_count
from lottery.published import figures
from lottery.results.claims import answer_claims


def test_all_claims_hold_of_the_published_points(as_in_the_paper: pd.DataFrame) -> None:
    assert len(as_in_the_paper) == 129
    answers = answer_claims(as_in_the_paper)
    assert set(answers.claim) == {"Q1", "Q2", "Q3", "Q4", "Q5"}
    assert answers[answers.answer != "holds"].empty, answers[answers.answer != "holds"].to_string()


def test_plotted_parameters_are_those_that_our_masks_would_keep() -> None:
    """Published x-values come from arithmetic on totals, masks round down tensor by tensor: up to three weights apart."""
    image = ImageShape(channels=1, size=28)
    for point in figures().itertuples():
        if point.structure == "dense":
            continue
        run = Run(point.network, point.structure, 5, point.sparsity, 1)
        kept = 2550 if point.network == "lenet5" else 0
        for block in blocks_of(run, image):
            kept += kept_count(int(np.prod(block.second_shape)), point.sparsity)
            kept += kept_count(int(np.prod(block.first_shape)), point.sparsity) if block.factored else 0
        assert abs(kept - point.parameters) <= 3, point


@pytest.mark.parametrize(
    ("structure", "sparsity", "accuracy", "claim"),
    [
        ("linear", 0.0, 50.0, "linear: chance at s = 0, a peak in 0.25 to 0.75, a fall towards 0.99"),
        ("wide", 0.1, 90.0, "wide is above linear at every s > 0"),
        ("relu", 0.05, 95.0, "low sparsity (0.05): wide is above relu"),
        ("linear", 0.9, 70.0, "high sparsity (0.75 and more): linear is not below relu"),
        ("linear", 0.75, 97.4, "linear at a quarter of its weights (s = 0.75) is within 1.1 points of the baseline"),
    ],
)
def test_a_claim_falls_with_the_point_that_contradicts_it(
    as_in_the_paper: pd.DataFrame, structure: str, sparsity: float, accuracy: float, claim: str
) -> None:
    changed = as_in_the_paper.copy()
    point = (changed.network == "fc2") & (changed.structure == structure) & (changed.sparsity == sparsity)
    changed.loc[point, "accuracy"] = accuracy
    answers = answer_claims(changed)
    found = answers[(answers.network == "fc2") & (answers.statement == claim)].iloc[0]
    assert found.answer == "does not hold"
    assert f"{accuracy:.1f}" in found.evidence


def test_claims_on_sparsities_that_were_not_run_are_not_tested(as_in_the_paper: pd.DataFrame) -> None:
    answers = answer_claims(as_in_the_paper[as_in_the_paper.sparsity == 0.25])
    assert set(answers.answer) == {"not tested", "holds where run"}  # wide above linear, at the one sparsity there is


def test_a_difference_within_the_intervals_decides_nothing(as_in_the_paper: pd.DataFrame) -> None:
    """fc4 at s = 0.75: wide 98.73, linear 97.92."""
    statement = "high sparsity (0.75 and more): wide is above linear"
    for half, expected in ((0.3, "holds"), (0.5, "undecided")):
        held = as_in_the_paper.assign(protocol="held_out", half_interval=half)
        answers = answer_claims(held[(held.network == "fc4")])
        assert answers[answers.statement == statement].answer.tolist() == [expected]


def test_other_settings_than_published_are_not_compared(as_in_the_paper: pd.DataFrame) -> None:
    for change in ({"dataset": "mnist5k"}, {"variant": "no_decay"}, {"redundancy": 3}):
        pruned = as_in_the_paper[as_in_the_paper.structure != "dense"]
        assert answer_claims(pruned.assign(**change)).empty
