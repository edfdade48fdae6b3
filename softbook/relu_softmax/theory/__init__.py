"""Closed forms: bounds, thresholds and costs. Pure functions of numbers; nothing random or trained."""

from softbook.relu_softmax.theory.gap import (
    KAPPA,
    gap,
    gap_envelope,
    relu_bound,
    swish,
    unmasked_bound,
    unmasked_score,
)
from softbook.relu_softmax.theory.maxima import maximum_bound
from softbook.relu_softmax.theory.networks import depth_bound, translation_interval
from softbook.relu_softmax.theory.ramps import (
    anchors_for,
    interior_series,
    outside_series,
    ramp_bound,
    ramp_outside_bound,
    two_head_ramp_bound,
)
from softbook.relu_softmax.theory.recipes import (
    multiply_bound,
    multiply_cost,
    piecewise_linear_bound,
    reciprocal_bound,
    reciprocal_interval,
    reciprocal_knots,
    soft_multiply_bound,
    soft_square_bound,
    square_bound,
    square_interval,
)
from softbook.relu_softmax.theory.sawtooth import (
    sawtooth_bound,
    sawtooth_multiply_bound,
    sawtooth_size,
)

__all__ = [
    "KAPPA",
    "anchors_for",
    "depth_bound",
    "gap",
    "gap_envelope",
    "interior_series",
    "maximum_bound",
    "multiply_bound",
    "multiply_cost",
    "outside_series",
    "piecewise_linear_bound",
    "ramp_bound",
    "ramp_outside_bound",
    "reciprocal_bound",
    "reciprocal_interval",
    "reciprocal_knots",
    "relu_bound",
    "sawtooth_bound",
    "sawtooth_multiply_bound",
    "sawtooth_size",
    "soft_multiply_bound",
    "soft_square_bound",
    "square_bound",
    "square_interval",
    "swish",
    "translation_interval",
    "two_head_ramp_bound",
    "unmasked_bound",
    "unmasked_score",
]
