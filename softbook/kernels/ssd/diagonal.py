"""One decay a channel: inside a chunk each halving is a product of scaled queries and keys."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import add_gate_gradient, blocks_below, halvings

__all__ = ["backward", "forward"]

Chunks = Float[Tensor, "M Q N"]
Square = Float[Tensor, "M Q Q"]


def forward(
    q: Chunks, k: Chunks, log_a: Chunks, scale: float, weights: Square, mask: Square
) -> tuple[Chunks, Chunks]:
    """Write scale sum_n q_in (a_i ... a_{j+1})_n k_jn into `weights`; return the decays to edges.

    `weights` must be zero above its diagonal; `mask` is not used. O(Q^2 N) a chunk.
    """
    pre, suf = log_a.exp(), torch.ones_like(log_a)
    weights.diagonal(dim1=1, dim2=2).copy_((q * k).sum(-1))
    for half, p, f in halvings(pre, suf):
        rows, columns = _halves(q, half)[1] * p, _halves(k, half)[0] * f
        blocks_below(weights, half).copy_(rows @ columns.mT)
    weights *= scale
    return pre, suf


def backward(
    q: Chunks,
    k: Chunks,
    log_a: Chunks,
    scale: float,
    weights: Square,
    mask: Square,
    sensitivity: Square,
) -> tuple[Chunks, Chunks, Chunks]:
    """Return the gradients of q, k and the gates inside each chunk; `sensitivity` is do v^T."""
    sensitivity *= scale
    own = sensitivity.diagonal(dim1=1, dim2=2)[..., None]
    dq, dk, gates = own * k, own * q, torch.zeros_like(log_a)
    pre, suf = log_a.exp(), torch.ones_like(log_a)
    for half, p, f in halvings(pre, suf):
        rows, columns = _halves(q, half)[1] * p, _halves(k, half)[0] * f
        block = blocks_below(sensitivity, half)
        to_rows, to_columns = block @ columns, block.mT @ rows
        _halves(dq, half)[1].addcmul_(to_rows, p)
        _halves(dk, half)[0].addcmul_(to_columns, f)
        add_gate_gradient(gates, half, to_rows * rows, to_columns * columns)
    return dq, dk, gates


def _halves(chunks: Chunks, half: int) -> tuple[Tensor, ...]:
    """Return the left and the right halves, each [M, n, s, N], of blocks of 2 s tokens."""
    return chunks.unflatten(1, (-1, 2, half)).unbind(2)
