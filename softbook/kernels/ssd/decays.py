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

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Decays", "blocks_below", "fill_mask", "gate_gradient", "halve"]


class Decays(NamedTuple):
    """The halvings of chunks for s = 1, 2, ..., Q/2, and the decays to and from their edges.

    `to_rows` is p, from the middle of a block to each token of its right half (inclusive), and
    `from_columns` f, from each token of the left half (exclusive) to the middle; every halving has
    Q/2 of each. `pre` leads from the chunk's start to each token (inclusive), its last row being
    the chunk's own decay; `suf` from each token (exclusive) to the end. `small` tells whether some
    product of them may be too small to multiply with.
    """

    to_rows: Float[Tensor, "levels M half W"]
    from_columns: Float[Tensor, "levels M half W"]
    pre: Float[Tensor, "M Q W"]
    suf: Float[Tensor, "M Q W"]
    small: bool

    def part(self, chunks: slice) -> Decays:
        """Return the same of some of the chunks, without a copy."""
        halves = self.to_rows[:, chunks], self.from_columns[:, chunks]
        return Decays(*halves, self.pre[chunks], self.suf[chunks], self.small)

    def halves(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield p and f of each halving as ``[M, n, s, W]``."""
        levels, chunks, _, width = self.to_rows.shape
        for level in range(levels):
            shape = chunks, -1, 1 << level, width
            yield self.to_rows[level].view(shape), self.from_columns[level].view(shape)


def halve(decays: Float[Tensor, "M Q W"]) -> Decays:
    """Return the products of decays a_1 .. a_Q that lead across each middle, and to the edges.

    >>> made = halve(torch.tensor([[[0.5], [0.25]]]))
    >>> [(p.flatten().tolist(), f.flatten().tolist()) for p, f in made.halves()]
    [([0.25], [1.0])]
    >>> made.pre.flatten().tolist(), made.suf.flatten().tolist()
    ([0.5, 0.125], [0.25, 1.0])
    """
    chunks, size, width = decays.shape
    levels = size.bit_length() - 1
    halves = decays.new_empty(2, levels, chunks, size // 2, width)
    pre, suf = decays.clone(), torch.ones_like(decays)
    for level in range(levels):
        shape = chunks, -1, 2, 1 << level, width
        (left_pre, right_pre), (left_suf, _) = (x.view(shape).unbind(2) for x in (pre, suf))
        for kept, half in zip(halves[:, level], (right_pre, left_suf), strict=True):
            kept.view_as(half).copy_(half)
        left_suf *= right_pre[:, :, -1:]
        right_pre *= left_pre[:, :, -1:]
    # Of decays the product of all is the smallest.
    small = bool((pre[:, -1] < _least(pre)).any())
    if small:
        for made in (halves, pre, suf):
            _drop_small(made)
    to_rows, from_columns = halves
    return Decays(to_rows, from_columns, pre, suf, small)


def _drop_small(decays: Tensor) -> None:
    """Write zeros in place of what is too small to multiply with; NaN stays NaN."""
    F.threshold(decays, _least(decays), 0.0, inplace=True)


def _least(decays: Tensor) -> float:
    """Return the smallest normal number times 1 / eps: an eps of what it multiplies is normal."""
    kind = torch.finfo(decays.dtype)
    return kind.tiny / kind.eps


def blocks_below(matrix: Float[Tensor, "M Q Q"]) -> list[Float[Tensor, "M n s s"]]:
    """Return views of the blocks that lead from left halves (columns) to right ones (rows).

    One view for each s = 1, 2, ..., Q/2; together they are all that lies below the diagonal.

    >>> [block.flatten().tolist() for block in blocks_below(torch.arange(16.0).view(1, 4, 4))]
    [[4.0, 14.0], [8.0, 9.0, 12.0, 13.0]]
    """
    chunks, size, _ = matrix.shape
    return [
        matrix.as_strided(
            (chunks, size // (2 * half), half, half),
            (size * size, 2 * half * (size + 1), size, 1),
            matrix.storage_offset() + half * size,
        )
        for half in (1 << level for level in range(size.bit_length() - 1))
    ]


def fill_mask(mask: Float[Tensor, "M Q Q"], blocks: Sequence[Tensor], decays: Decays) -> None:
    """Write L_ij = a_i ... a_{j+1} below the diagonal of `mask`, from one decay a token (W = 1).

    `blocks` are the mask's `blocks_below` for s = 1, 2, ..., Q/2.

    >>> mask = torch.eye(4)[None]
    >>> decays = halve(torch.tensor([0.0, 0.5, 0.0, 0.5]).view(1, 4, 1))
    >>> fill_mask(mask, blocks_below(mask), decays)
    >>> mask[0].tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.5, 1.0]]
    """
    for block, (p, f) in zip(blocks, decays.halves(), strict=True):
        torch.mul(p, f.mT, out=block)
    if decays.small:
        _drop_small(mask)


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
