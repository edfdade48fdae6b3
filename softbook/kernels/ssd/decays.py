"""Products of decays inside a chunk, built by doubling: no logarithm, no quotient, no overflow.

A chunk of Q tokens (a power of two) is halved again and again. The decay from token j in the left
half of a block to token i in its right half is p_i f_j: p_i runs from the block's middle to i, f_j
from j to the middle. Both are products of decays, so neither exceeds one, a zero stays a zero,
and log2 Q products give every entry a relative error of a few roundings. The same halves carry the
gradients of the gates as sums of like terms: nothing large cancels, and a zero transition gets
exactly the gradient zero.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = [
    "add_gate_gradient",
    "blocks_below",
    "decay_mask",
    "decays_to_edges",
    "from_here_on",
    "halvings",
]


def halvings(
    pre: Float[Tensor, "M Q W"], suf: Float[Tensor, "M Q W"]
) -> Iterator[tuple[int, Float[Tensor, "M n s W"], Float[Tensor, "M n s W"]]]:
    """Yield (s, p, f) for blocks of 2 s tokens, s = 1, 2, ..., Q/2, and end with whole chunks.

    Give `pre` the decays and `suf` ones; both are changed in place. p and f are views: use them
    before the next step. At the end pre_i is the product from the chunk's start to i (inclusive),
    suf_j that from j (exclusive) to its end, and pre_{Q-1} the chunk's own decay.

    >>> pre, suf = torch.tensor([[[0.5], [0.25]]]), torch.ones(1, 2, 1)
    >>> [(s, p.flatten().tolist(), f.flatten().tolist()) for s, p, f in halvings(pre, suf)]
    [(1, [0.25], [1.0])]
    >>> pre.flatten().tolist(), suf.flatten().tolist()
    ([0.5, 0.125], [0.25, 1.0])
    """
    batch, size, width = pre.shape
    half = 1
    while half < size:
        left_pre, right_pre = pre.view(batch, -1, 2, half, width).unbind(2)
        left_suf, right_suf = suf.view(batch, -1, 2, half, width).unbind(2)
        yield half, right_pre, left_suf
        right = right_pre[:, :, -1:].clone()
        right_pre *= left_pre[:, :, -1:]
        left_suf *= right
        half *= 2


def decays_to_edges(
    log_a: Float[Tensor, "M Q W"],
) -> tuple[Float[Tensor, "M Q W"], Float[Tensor, "M Q W"]]:
    """Return each token's decay from the chunk's start (inclusive) and to its end (exclusive).

    >>> [part.flatten().tolist() for part in decays_to_edges(torch.tensor([[[0.5], [0.25]]]).log())]
    [[0.5, 0.125], [0.25, 1.0]]
    """
    pre, suf = log_a.exp(), torch.ones_like(log_a)
    for _ in halvings(pre, suf):
        pass
    return pre, suf


def blocks_below(matrix: Float[Tensor, "M Q Q"], half: int) -> Float[Tensor, "M n s s"]:
    """Return the view of the blocks that lead from left halves (columns) to right ones (rows).

    >>> blocks_below(torch.arange(16.0).view(1, 4, 4), 1).flatten().tolist()
    [4.0, 14.0]
    """
    batch, size, _ = matrix.shape
    return matrix.as_strided(
        (batch, size // (2 * half), half, half),
        (size * size, 2 * half * (size + 1), size, 1),
        matrix.storage_offset() + half * size,
    )


def decay_mask(
    log_a: Float[Tensor, "M Q"], out: Float[Tensor, "M Q Q"]
) -> tuple[Float[Tensor, "M Q 1"], Float[Tensor, "M Q 1"]]:
    """Write L_ij = a_i ... a_{j+1} into `out` (its diagonal is one, zeros above); return pre, suf.

    `out` must hold the identity or an earlier mask: only entries below the diagonal are written.

    >>> mask = torch.eye(4).expand(1, 4, 4).clone()
    >>> pre, suf = decay_mask(torch.tensor([[0.0, 0.5, 0.0, 0.5]]).log(), mask)
    >>> mask[0].tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.5, 1.0]]
    """
    pre = log_a.exp()[..., None]
    suf = torch.ones_like(pre)
    for half, p, f in halvings(pre, suf):
        torch.mul(p, f.transpose(-1, -2), out=blocks_below(out, half))
    return pre, suf


def add_gate_gradient(
    gradient: Float[Tensor, "M Q W"],
    half: int,
    rows: Float[Tensor, "M n s W"],
    columns: Float[Tensor, "M n s W"],
) -> None:
    """Add what a block's entries, summed along `rows` and `columns`, give to the gates they cross.

    The path from j (left) to i (right) crosses the gates j+1, ..., i: gate t of the right half
    gathers the rows i >= t, gate t of the left half the columns j < t.

    >>> gradient = torch.zeros(1, 2, 1)
    >>> add_gate_gradient(gradient, 1, torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1))
    >>> gradient.flatten().tolist()
    [0.0, 1.0]
    """
    batch, _, width = gradient.shape
    left, right = gradient.view(batch, -1, 2, half, width).unbind(2)
    right += from_here_on(rows)
    left[:, :, 1:] += columns[:, :, :-1].cumsum(2)


def from_here_on(terms: Float[Tensor, "*M s W"]) -> Float[Tensor, "*M s W"]:
    """Return sums from each token to the end of its block, added up from the end.

    >>> from_here_on(torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)).flatten().tolist()
    [6.0, 5.0, 3.0]
    """
    return terms.flip(-2).cumsum(-2).flip(-2)
