"""One decay a head: inside a chunk the map is a masked attention L o (Q K^T)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import add_gate_gradient, blocks_below, decay_mask

__all__ = ["backward", "forward"]

Chunks = Float[Tensor, "M Q N"]
Values = Float[Tensor, "M Q P"]
Square = Float[Tensor, "M Q Q"]


def forward(
    q: Chunks, k: Chunks, log_a: Float[Tensor, "M Q 1"], scale: float, weights: Square, mask: Square
) -> tuple[Float[Tensor, "M Q 1"], Float[Tensor, "M Q 1"]]:
    """Write scale L o (Q K^T) into `weights` and L into `mask`; return the decays to and from edges.

    `mask` holds the identity or an earlier mask. O(Q^2 N) a chunk.
    """
    pre, suf = decay_mask(log_a[..., 0], mask)
    torch.baddbmm(weights, q, k.mT, beta=0.0, alpha=scale, out=weights)
    weights *= mask
    return pre, suf


def backward(
    q: Chunks,
    k: Chunks,
    log_a: Float[Tensor, "M Q 1"],
    scale: float,
    weights: Square,
    mask: Square,
    sensitivity: Square,
) -> tuple[Chunks, Chunks, Float[Tensor, "M Q 1"]]:
    """Return the gradients of q, k and the gates inside each chunk; `sensitivity` is do v^T.

    `weights` and `mask` are as `forward` left them; `sensitivity` is overwritten.
    """
    gates = torch.zeros_like(log_a)
    products = weights * sensitivity
    half = 1
    while half < q.shape[1]:
        block = blocks_below(products, half)
        add_gate_gradient(gates, half, block.sum(3)[..., None], block.sum(2)[..., None])
        half *= 2
    sensitivity *= mask
    sensitivity *= scale
    return torch.bmm(sensitivity, k), torch.bmm(sensitivity.mT, q), gates
