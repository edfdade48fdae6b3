"""The objects that the theorems speak of: heads, primitives and compiled networks."""

from softbook.relu_softmax.model.compiled import AttentionNetwork, AttentionReLU, compile_network
from softbook.relu_softmax.model.heads import (
    anchor_head,
    anchor_ramp,
    maximum,
    minimum,
    relu_head,
    rounded_relu_head,
    two_head_ramp,
    unmasked_relu_head,
)
from softbook.relu_softmax.model.recipes import (
    PiecewiseLinear,
    multiply,
    piecewise_linear,
    reciprocal,
    sawtooth_multiply,
    sawtooth_square,
    soft_multiply,
    soft_square,
    square,
)

__all__ = [
    "AttentionNetwork",
    "AttentionReLU",
    "PiecewiseLinear",
    "anchor_head",
    "anchor_ramp",
    "compile_network",
    "maximum",
    "minimum",
    "multiply",
    "piecewise_linear",
    "reciprocal",
    "relu_head",
    "rounded_relu_head",
    "sawtooth_multiply",
    "sawtooth_square",
    "soft_multiply",
    "soft_square",
    "square",
    "two_head_ramp",
    "unmasked_relu_head",
]
