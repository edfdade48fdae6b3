"""What errors of rates and steps can cost, for any finite Markov chain and in closed forms."""

from softbook.diffusion.theory.adjoint import Duhamel, adjoint_identity, telescoped_identity
from softbook.diffusion.theory.bounds import (
    entrywise_bound,
    harmonic,
    parallel_unmasking_bound,
    pinsker_bound,
    start_bound,
    stop_bound,
    total_correlation_bound,
    uniform_bound,
)
from softbook.diffusion.theory.chains import Rates, adjoint, laws
from softbook.diffusion.theory.flow import FlowBound, generator, tabular_bound, velocity_bound
from softbook.diffusion.theory.pathwise import entropy_bound, girsanov_bound, path_bound
from softbook.diffusion.theory.planner import steps_needed

__all__ = [
    "Duhamel",
    "FlowBound",
    "Rates",
    "adjoint",
    "adjoint_identity",
    "entropy_bound",
    "entrywise_bound",
    "generator",
    "girsanov_bound",
    "harmonic",
    "laws",
    "parallel_unmasking_bound",
    "path_bound",
    "pinsker_bound",
    "start_bound",
    "steps_needed",
    "stop_bound",
    "tabular_bound",
    "telescoped_identity",
    "total_correlation_bound",
    "uniform_bound",
    "velocity_bound",
]
