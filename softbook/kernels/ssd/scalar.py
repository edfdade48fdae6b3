"""One decay a head: inside a chunk the map is masked attention, L o (Q K^T)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import Decays, blocks_below, fill_mask, gate_gradient
from softbook.kernels.ssd.layout import Room

__all__ = ["ScalarForm"]

Rows = Float[Tensor, "M Q N"]
Edges = Float[Tensor, "M Q 1"]
Square = Float[Tensor, "M Q Q"]


class ScalarForm:
    """What one decay a token does inside chunks: `decays` of ``[M, Q, 1]``."""

    def __init__(self, decays: Decays) -> None:
        self.decays = decays

    def weigh(self, q: Rows, k: Rows, scale: float, room: Room) -> None:
        """Write L into the room's mask and scale L o (Q K^T) into its weights."""
        fill_mask(room.mask, room.blocks, self.decays)
        torch.baddbmm(room.weights, q, k.mT, beta=0.0, alpha=scale, out=room.weights)
        room.weights *= room.mask

    def differentiate(
        self, q: Rows, k: Rows, scale: float, room: Room, dweights: Square
    ) -> tuple[Rows, Rows, Edges]:
        """Return the gradients of q, k and the gates inside the chunks; overwrites `dweights`.

        The room is as `weigh` leaves it.
        """
        products, gates = room.weights * dweights, torch.zeros_like(self.decays.pre)
        for block in blocks_below(products):
            gates += gate_gradient(block.sum(3)[..., None], block.sum(2)[..., None])
        dweights *= room.mask
        dweights *= scale
        return torch.bmm(dweights, k), torch.bmm(dweights.mT, q), gates
