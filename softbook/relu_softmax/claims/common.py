"""What the claims of this chapter share: float64 tensors and the rounding of one head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

U = 2.0**-53
"""Unit round-off of float64."""
HEAD_REASON = (
    "rounding of one head in float64: 8u|z| for its sums, its division and its products, 20u/β for score "
    "and exponentials (derived in `softbook.relu_softmax.model.bounds`), and u|z| for the comparison"
)


def scalar(value: float) -> Tensor:
    """Return a float64 tensor without axes."""
    return torch.tensor(value, dtype=torch.float64)


def head_rounding(size: float, beta: float) -> float:
    """Return how far a computed head of pre-activations up to `size` can lie from z σ(βz).

    >>> head_rounding(1.0, 1.0) < 1e-14
    True
    """
    return 9 * U * abs(size) + 20 * U / beta


def uniform(seed: int, *shape: int, size: float = 1.0) -> Tensor:
    """Return seeded float64 numbers, uniform on [−size, size].

    >>> uniform(0, 3).shape
    torch.Size([3])
    """
    generator = torch.Generator().manual_seed(seed)
    draw: Any = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return (2 * draw - 1) * size
