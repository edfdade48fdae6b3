"""One decay a head: inside a chunk the map is masked attention, L o (Q K^T)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import Decays, blocks_below, fill_mask, gate_gradient

__all__ = ["ScalarForm"]

Rows = Float[Tensor, "M Q N"]
Edges = Float[Tensor, "M Q 1"]
Square = Float[Tensor, "M Q Q"]


class ScalarForm:
    """What one decay a token does inside chunks: `decays` of ``[M, Q, 1]``."""

    def __init__(self, decays: Decays) -> None:
        self.decays = decays

    def weigh(self, q: Rows, k: Rows, scale: float, weights: Square, mask: Square) -> None:
        """Write L into `mask` (the identity, or an earlier L) and scale L o (Q K^T) to `weights`."""
        fill_mask(mask, self.decays.halves)
        torch.baddbmm(weights, q, k.mT, beta=0.0, alpha=scale, out=weights)
        weights *= mask

    def differentiate(
        self, q: Rows, k: Rows, scale: float, weights: Square, mask: Square, dweights: Square
    ) -> tuple[Rows, Rows, Edges]:
        """Return the gradients of q, k and the gates inside the chunks; overwrites `dweights`.

        `weights` and `mask` are as `weigh` leaves them.
        """
        products, gates = weights * dweights, torch.zeros_like(self.decays.pre)
        for p, _ in self.decays.halves:
            block = blocks_below(products, p.shape[2])
            gates += gate_gradient(block.sum(3)[..., None], block.sum(2)[..., None])
        dweights *= mask
        dweights *= scale
        return torch.bmm(dweights, k), torch.bmm(dweights.mT, q), gates
