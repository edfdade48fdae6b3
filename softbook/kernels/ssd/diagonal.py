"""One decay a channel: inside a chunk each halving is a product of scaled queries and keys."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import Decays, blocks_below, gate_gradient, halve

__all__ = ["DiagonalForm"]

Rows = Float[Tensor, "M Q N"]
Square = Float[Tensor, "M Q Q"]
States = Float[Tensor, "pairs C N P"]
EdgeStates = Float[Tensor, "pairs C+1 N P"]


class DiagonalForm:
    """What the channels' decays do in chunks, and from chunk to chunk, of `pairs` heads."""

    def __init__(self, decays: Decays, pairs: int) -> None:
        self.decays = decays
        self.totals = decays.pre[:, -1].unflatten(0, (pairs, -1))[..., None]

    @classmethod
    def of(cls, log_a: Rows, pairs: int) -> DiagonalForm:
        """Build it for chunks ``[pairs * C, Q, N]`` of log decays."""
        return cls(halve(log_a.exp()), pairs)

    def weigh(self, q: Rows, k: Rows, scale: float, weights: Square, mask: Square) -> None:
        """Write scale sum_n q_in (a_i ... a_{j+1})_n k_jn into `weights`; `mask` is not used.

        `weights` must be zero above its diagonal.
        """
        weights.diagonal(dim1=1, dim2=2).copy_((q * k).sum(-1))
        for p, f in self.decays.halves:
            rows, columns = _right(q, p) * p, _left(k, f) * f
            blocks_below(weights, p.shape[2]).copy_(rows @ columns.mT)
        weights *= scale

    def differentiate(
        self, q: Rows, k: Rows, scale: float, weights: Square, mask: Square, dweights: Square
    ) -> tuple[Rows, Rows, Rows]:
        """Return the gradients of q, k and the gates inside the chunks; overwrites `dweights`."""
        dweights *= scale
        own = dweights.diagonal(dim1=1, dim2=2)[..., None]
        dq, dk, gates = own * k, own * q, torch.zeros_like(q)
        for p, f in self.decays.halves:
            rows, columns = _right(q, p) * p, _left(k, f) * f
            block = blocks_below(dweights, p.shape[2])
            to_rows, to_columns = block @ columns, block.mT @ rows
            _right(dq, p).addcmul_(to_rows, p)
            _left(dk, f).addcmul_(to_columns, f)
            gates += gate_gradient(to_rows.mul_(rows), to_columns.mul_(columns))
        return dq, dk, gates

    def carry(self, added: States, first: Float[Tensor, "pairs N P"]) -> EdgeStates:
        """Return the C + 1 states at the chunks' edges, from what each chunk adds."""
        states = added.new_empty(added.shape[0], added.shape[1] + 1, *added.shape[2:])
        states[:, 0] = first
        edges, totals = states.unbind(1), self.totals.unbind(1)
        for chunk, own in enumerate(added.unbind(1)):
            torch.addcmul(own, totals[chunk], edges[chunk], out=edges[chunk + 1])
        return states

    def carry_back(
        self, own: States, last: Float[Tensor, "pairs N P"]
    ) -> tuple[States, Float[Tensor, "pairs N P"]]:
        """Return the gradients of the states after each chunk, and that of the first state."""
        after, gradient = torch.empty_like(own), last
        for chunk in reversed(range(own.shape[1])):
            after[:, chunk] = gradient
            gradient = torch.addcmul(own[:, chunk], self.totals[:, chunk], gradient)
        return after, gradient


def _right(chunks: Rows, half: Tensor) -> Float[Tensor, "M n s N"]:
    """Return the right halves of blocks of 2 s tokens, as a view."""
    return chunks.unflatten(1, (-1, 2, half.shape[2])).select(2, 1)


def _left(chunks: Rows, half: Tensor) -> Float[Tensor, "M n s N"]:
    """Return the left halves of blocks of 2 s tokens, as a view."""
    return chunks.unflatten(1, (-1, 2, half.shape[2])).select(2, 0)
