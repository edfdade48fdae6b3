"""Discrete diffusion and flow matching on tokens: how many steps a sampler needs (chapter 3).

>>> total_variation(masked_sampler_law(copy_law(2, 2), 4), copy_law(2, 2))
0.125
>>> parallel_unmasking_bound(2, 4)
0.25
"""

from softbook.diffusion.model.along import frozen_rates_bound, group_bound, masked_bound
from softbook.diffusion.model.budget import Budget, error_budget
from softbook.diffusion.model.distances import (
    integral_metric,
    oscillation,
    total_variation,
    wasserstein_hamming,
)
from softbook.diffusion.model.path import grid_of, path_law, posterior, rates
from softbook.diffusion.model.perturbation import Perturbation, posterior_perturbation
from softbook.diffusion.model.samplers import (
    continuous_law,
    masked_sampler_law,
    noise_sampler_law,
    uniform_sampler_law,
)
from softbook.diffusion.model.tables import copy_law, product_law, random_law, split_tokens
from softbook.diffusion.theory import (
    adjoint,
    adjoint_identity,
    entropy_bound,
    entrywise_bound,
    generator,
    girsanov_bound,
    parallel_unmasking_bound,
    path_bound,
    pinsker_bound,
    start_bound,
    steps_needed,
    stop_bound,
    tabular_bound,
    telescoped_identity,
    total_correlation_bound,
    uniform_bound,
    velocity_bound,
)
from softbook.kernels.jump import jump

__all__ = [
    "Budget",
    "Perturbation",
    "adjoint",
    "adjoint_identity",
    "continuous_law",
    "copy_law",
    "entropy_bound",
    "entrywise_bound",
    "error_budget",
    "frozen_rates_bound",
    "generator",
    "girsanov_bound",
    "grid_of",
    "group_bound",
    "integral_metric",
    "jump",
    "masked_bound",
    "masked_sampler_law",
    "noise_sampler_law",
    "oscillation",
    "parallel_unmasking_bound",
    "path_bound",
    "path_law",
    "pinsker_bound",
    "posterior",
    "posterior_perturbation",
    "product_law",
    "random_law",
    "rates",
    "split_tokens",
    "start_bound",
    "steps_needed",
    "stop_bound",
    "tabular_bound",
    "telescoped_identity",
    "total_correlation_bound",
    "total_variation",
    "uniform_bound",
    "uniform_sampler_law",
    "velocity_bound",
    "wasserstein_hamming",
]
