"""The numbers that README and docs quote, from the tables of results/reference.

Pages hold blocks for cog, each a call of a function here:

    <!-- [[[cog quote(fc2_accuracies) ]]] -->
    ... what it returned ...
    <!-- [[[end]]] -->

`make numbers` writes all of them again; a test runs `cog --check`, which fails where a page is behind its tables.
"""

from lottery.workflow.configuration import reference as configuration_keys
from quoted.control_networks import controls, controls_at_chance
from quoted.exact_sums import exact_first_draw, exact_networks, exact_thresholds, exact_transition
from quoted.experiment_1 import bands_of_table_1, gurobi_against_the_optimum, table1, targets_and_draws
from quoted.experiment_2 import (
    accuracies_with_all_weights,
    cost_of_replays,
    fc2_accuracies,
    held_out_accuracies,
    other_processor,
    pruning_bits,
    redundancies,
    redundancy_gains,
    replays_counted,
    rounding_beside_seeds,
    spreads,
    switches_of_fc2,
    ties,
    variants,
    weights_that_carry,
    wide_beside_linear,
)
from quoted.headline import headline
from quoted.package import commands, modules
from quoted.planted_tickets import planted, planted_cost, planted_findings, planted_ticket
from quoted.reading import quote
from quoted.runs import cost_of_sweeps, held_out_runs, parts_of_the_paper, repetitions
from quoted.subset_sum_theory import subsets_of_exactly_k, thresholds
from quoted.ticket_networks import frontier, frontier_bits, ticket_fidelity, ticket_files, ticket_sizes

__all__ = [
    "accuracies_with_all_weights",
    "bands_of_table_1",
    "commands",
    "configuration_keys",
    "controls",
    "controls_at_chance",
    "cost_of_replays",
    "cost_of_sweeps",
    "exact_first_draw",
    "exact_networks",
    "exact_thresholds",
    "exact_transition",
    "fc2_accuracies",
    "frontier",
    "frontier_bits",
    "gurobi_against_the_optimum",
    "headline",
    "held_out_accuracies",
    "held_out_runs",
    "modules",
    "other_processor",
    "parts_of_the_paper",
    "planted",
    "planted_cost",
    "planted_findings",
    "planted_ticket",
    "pruning_bits",
    "quote",
    "redundancies",
    "redundancy_gains",
    "repetitions",
    "replays_counted",
    "rounding_beside_seeds",
    "spreads",
    "subsets_of_exactly_k",
    "switches_of_fc2",
    "table1",
    "targets_and_draws",
    "thresholds",
    "ticket_fidelity",
    "ticket_files",
    "ticket_sizes",
    "ties",
    "variants",
    "weights_that_carry",
    "wide_beside_linear",
]
