"""What errors of rates and steps can cost, for any finite Markov chain and in closed forms."""

from softbook.diffusion.theory.bounds import (
    entrywise_bound,
    harmonic,
    parallel_unmasking_bound,
    pinsker_bound,
    start_bound,
    stop_bound,
    uniform_bound,
)
from softbook.diffusion.theory.planner import steps_needed

__all__ = [
    "entrywise_bound",
    "harmonic",
    "parallel_unmasking_bound",
    "pinsker_bound",
    "start_bound",
    "steps_needed",
    "stop_bound",
    "uniform_bound",
]
