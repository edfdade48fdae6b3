"""Products of decays inside a chunk, built by doubling: no logarithm, no quotient, no overflow.

A chunk of Q tokens (a power of two) is halved again and again. The decay from token j in the left
half of a block to token i in its right half is p_i f_j: p_i runs from the block's middle to i, f_j
from j to the middle. Both are products of decays, so neither exceeds one, a zero stays a zero,
and log2 Q products give every entry a relative error of a few roundings. The same halves carry the
gradients of the gates as sums of like terms: nothing large cancels, and a zero transition gets
exactly the gradient zero. A product below 1e-31 in float32 (1e-292 in float64) counts as zero:
what it multiplies could fall below the smallest normal number, where processors are some ten times
slower.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Decays", "Half", "blocks_below", "fill_mask", "gate_gradient", "halve"]


class Half(NamedTuple):
    """The decays of one halving into blocks of 2 s tokens.

    `to_rows` is p, from the middle to each token of the right half (inclusive); `from_columns` is
    f, from each token of the left half (exclusive) to the middle.
    """

    to_rows: Float[Tensor, "M n s W"]
    from_columns: Float[Tensor, "M n s W"]


class Decays(NamedTuple):
    """The halvings of a chunk for s = 1, 2, ..., Q/2, and the decays to and from its edges.

    `pre` leads from the chunk's start to each token (inclusive), its last row being the chunk's own
    decay; `suf` from each token (exclusive) to the end.
    """

    halves: tuple[Half, ...]
    pre: Float[Tensor, "M Q W"]
    suf: Float[Tensor, "M Q W"]

    def part(self, chunks: slice) -> Decays:
        """Return the same of some of the chunks, without a copy."""
        halves = tuple(Half(p[chunks], f[chunks]) for p, f in self.halves)
        return Decays(halves, self.pre[chunks], self.suf[chunks])


def halve(decays: Float[Tensor, "M Q W"]) -> Decays:
    """Return the products of decays a_1 .. a_Q that lead across each middle, and to the edges.

    >>> halves, pre, suf = halve(torch.tensor([[[0.5], [0.25]]]))
    >>> [(p.flatten().tolist(), f.flatten().tolist()) for p, f in halves]
    [([0.25], [1.0])]
    >>> pre.flatten().tolist(), suf.flatten().tolist()
    ([0.5, 0.125], [0.25, 1.0])
    """
    chunks, size, width = decays.shape
    pre, suf = decays.clone(), torch.ones_like(decays)
    halves, half = [], 1
    while half < size:
        left_pre, right_pre = pre.view(chunks, -1, 2, half, width).unbind(2)
        left_suf, _ = suf.view(chunks, -1, 2, half, width).unbind(2)
        halves.append(Half(_normal(right_pre), _normal(left_suf)))
        left_suf *= right_pre[:, :, -1:]
        right_pre *= left_pre[:, :, -1:]
        half *= 2
    return Decays(tuple(halves), _normal(pre), _normal(suf))


def _normal(decays: Tensor) -> Tensor:
    """Return a copy with zeros for what is too small to multiply with; NaN stays NaN."""
    return F.threshold(decays, _least(decays), 0.0)


def _least(decays: Tensor) -> float:
    """Return the smallest normal number times 1 / eps: an eps of what it multiplies is normal."""
    kind = torch.finfo(decays.dtype)
    return kind.tiny / kind.eps


def blocks_below(matrix: Float[Tensor, "M Q Q"], half: int) -> Float[Tensor, "M n s s"]:
    """Return the view of the blocks that lead from left halves (columns) to right ones (rows).

    >>> blocks_below(torch.arange(16.0).view(1, 4, 4), 1).flatten().tolist()
    [4.0, 14.0]
    """
    chunks, size, _ = matrix.shape
    return matrix.as_strided(
        (chunks, size // (2 * half), half, half),
        (size * size, 2 * half * (size + 1), size, 1),
        matrix.storage_offset() + half * size,
    )


def fill_mask(mask: Float[Tensor, "M Q Q"], halves: tuple[Half, ...]) -> None:
    """Write L_ij = a_i ... a_{j+1} below the diagonal of `mask`, from one decay a token (W = 1).

    >>> mask = torch.eye(4)[None]
    >>> fill_mask(mask, halve(torch.tensor([0.0, 0.5, 0.0, 0.5]).view(1, 4, 1)).halves)
    >>> mask[0].tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.5, 1.0]]
    """
    for p, f in halves:
        torch.mul(p, f.mT, out=blocks_below(mask, p.shape[2]))
    F.threshold(mask, _least(mask), 0.0, inplace=True)


def gate_gradient(
    rows: Float[Tensor, "M n s W"], columns: Float[Tensor, "M n s W"]
) -> Float[Tensor, "M Q W"]:
    """Return what blocks, summed along their rows and columns, give to the gates they cross.

    The path from j (left) to i (right) crosses the gates j+1, ..., i: gate t of the right half
    gathers the rows i >= t, gate t of the left half the columns j < t.

    >>> one = torch.ones(1, 1, 2, 1)
    >>> gate_gradient(one, 10 * one).flatten().tolist()
    [0.0, 10.0, 2.0, 1.0]
    """
    left = columns.cumsum(2).roll(1, 2)
    left[:, :, 0] = 0.0
    right = rows.flip(2).cumsum(2).flip(2)
    return torch.stack((left, right), 2).flatten(1, 3)
