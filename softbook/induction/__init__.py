"""Shortcut or induction: which of two mechanisms one step of training picks (chapter 4).

>>> max_sum_ratio([0.25, 0.25, 0.25, 0.25], [3, 4, 5, 6]) < 0.4
True
"""

from softbook.induction.model.evaluate import Accuracy, accuracy
from softbook.induction.model.network import attention_of, outputs_of
from softbook.induction.model.task import Sequences, sample_sequences, sequences_at
from softbook.induction.model.training import Trained, train
from softbook.induction.model.transformer import train_transformers
from softbook.induction.model.two_steps import Models, train_two_steps
from softbook.induction.theory import (
    Outlook,
    PopulationWeights,
    cheapest_masses,
    family_pairs,
    least_cost,
    length_cost,
    margin,
    max_sum_ratio,
    optimal_masses,
    outlook,
    population_logits,
    population_weights,
    predicted_accuracy,
    repeat_distances,
    uniform_ratio,
)

__all__ = [
    "Accuracy",
    "Models",
    "Outlook",
    "PopulationWeights",
    "Sequences",
    "Trained",
    "accuracy",
    "attention_of",
    "cheapest_masses",
    "family_pairs",
    "least_cost",
    "length_cost",
    "margin",
    "max_sum_ratio",
    "optimal_masses",
    "outlook",
    "outputs_of",
    "population_logits",
    "population_weights",
    "predicted_accuracy",
    "repeat_distances",
    "sample_sequences",
    "sequences_at",
    "train",
    "train_transformers",
    "train_two_steps",
    "uniform_ratio",
]
