"""One decay a channel: inside a chunk each halving is a product of scaled queries and keys."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import Decays, blocks_below, gate_gradient
from softbook.kernels.ssd.layout import Room

__all__ = ["DiagonalForm"]

Rows = Float[Tensor, "M Q N"]
Square = Float[Tensor, "M Q Q"]


class DiagonalForm:
    """What one decay a channel does inside chunks: `decays` of ``[M, Q, N]``."""

    def __init__(self, decays: Decays) -> None:
        self.decays = decays

    def weigh(self, q: Rows, k: Rows, scale: float, room: Room) -> None:
        """Write scale sum_n q_in (a_i ... a_{j+1})_n k_jn into the room's weights.

        Above their diagonal they are zero; the room's mask is not used.
        """
        room.weights.diagonal(dim1=1, dim2=2).copy_((q * k).sum(-1))
        for block, (p, f) in zip(blocks_below(room.weights), self.decays.halves(), strict=True):
            rows, columns = _right(q, p) * p, _left(k, f) * f
            block.copy_(rows @ columns.mT)
        room.weights *= scale

    def differentiate(
        self, q: Rows, k: Rows, scale: float, room: Room, dweights: Square
    ) -> tuple[Rows, Rows, Rows]:
        """Return the gradients of q, k and the gates inside the chunks; overwrites `dweights`."""
        dweights *= scale
        own = dweights.diagonal(dim1=1, dim2=2)[..., None]
        dq, dk, gates = own * k, own * q, torch.zeros_like(q)
        for block, (p, f) in zip(blocks_below(dweights), self.decays.halves(), strict=True):
            rows, columns = _right(q, p) * p, _left(k, f) * f
            to_rows, to_columns = block @ columns, block.mT @ rows
            _right(dq, p).addcmul_(to_rows, p)
            _left(dk, f).addcmul_(to_columns, f)
            gates += gate_gradient(to_rows.mul_(rows), to_columns.mul_(columns))
        return dq, dk, gates


def _right(chunks: Rows, half: Tensor) -> Float[Tensor, "M n s N"]:
    """Return the right halves of blocks of 2 s tokens, as a view."""
    return chunks.unflatten(1, (-1, 2, half.shape[2])).select(2, 1)


def _left(chunks: Rows, half: Tensor) -> Float[Tensor, "M n s N"]:
    """Return the left halves of blocks of 2 s tokens, as a view."""
    return chunks.unflatten(1, (-1, 2, half.shape[2])).select(2, 0)
