"""The objects that the theorems speak of: heads, primitives and compiled networks."""

from softbook.relu_softmax.model.compiled import AttentionNetwork, compile_network
from softbook.relu_softmax.model.heads import (
    maximum,
    minimum,
    relu_head,
    rounded_relu_head,
    unmasked_relu_head,
)
from softbook.relu_softmax.model.layers import AttentionReLU
from softbook.relu_softmax.model.ramps import anchor_head, anchor_ramp, two_head_ramp
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
