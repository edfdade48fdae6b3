"""Closed forms of chapter 4: ratios of a law on lengths, weights after one step, logits and margins.

- `ratio`: the max-sum ratio in both forms, the cheapest law, its cost
- `weights`: the population's weights, exact
- `logits`: what they make of a new sequence: logits, margins, the predictor without parameters
- `families`: which sequences a test draws
- `outlook`: the same for the distances of a reader's own corpus
"""

from softbook.induction.theory.families import FAMILIES, family_pairs
from softbook.induction.theory.logits import margin, population_logits, predicted_accuracy
from softbook.induction.theory.outlook import Outlook, outlook, repeat_distances
from softbook.induction.theory.ratio import (
    cheapest_masses,
    least_cost,
    length_cost,
    max_sum_ratio,
    optimal_masses,
    uniform_ratio,
)
from softbook.induction.theory.weights import PopulationWeights, population_weights

__all__ = [
    "FAMILIES",
    "Outlook",
    "PopulationWeights",
    "cheapest_masses",
    "family_pairs",
    "least_cost",
    "length_cost",
    "margin",
    "max_sum_ratio",
    "optimal_masses",
    "outlook",
    "population_logits",
    "population_weights",
    "predicted_accuracy",
    "repeat_distances",
    "uniform_ratio",
]
