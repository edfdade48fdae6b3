"""One decay a head: inside a chunk, and from chunk to chunk, the map is a masked product."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.decays import Decays, blocks_below, fill_mask, gate_gradient, halve

__all__ = ["ScalarForm"]

Rows = Float[Tensor, "M Q N"]
Edges = Float[Tensor, "M Q 1"]
Square = Float[Tensor, "M Q Q"]
States = Float[Tensor, "pairs C N P"]
EdgeStates = Float[Tensor, "pairs C+1 N P"]


class ScalarForm:
    """What a head's decays do in its C chunks: `decays` inside them, `across` between their ends."""

    def __init__(self, decays: Decays, across: Float[Tensor, "pairs C C"]) -> None:
        self.decays, self.across = decays, across

    @classmethod
    def of(cls, log_a: Edges, pairs: int) -> ScalarForm:
        """Build it for chunks ``[pairs * C, Q, 1]`` of log decays."""
        decays = halve(log_a.exp())
        totals = decays.pre[:, -1:].view(pairs, -1, 1)
        chunks = totals.shape[1]
        padded = 1 << (chunks - 1).bit_length()
        across = torch.eye(padded, dtype=log_a.dtype, device=log_a.device).repeat(pairs, 1, 1)
        fill_mask(across, halve(F.pad(totals, (0, 0, 0, padded - chunks))).halves)
        return cls(decays, across[:, :chunks, :chunks])

    def part(self, first: int, pairs: int) -> ScalarForm:
        """Return the same of `pairs` heads from the first on."""
        chunks = self.across.shape[1]
        rows = slice(first * chunks, (first + pairs) * chunks)
        return ScalarForm(self.decays.part(rows), self.across[first : first + pairs])

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

    def carry(self, added: States, first: Float[Tensor, "pairs N P"]) -> EdgeStates:
        """Return the C + 1 states at the chunks' edges, from what each chunk adds.

        A chunk's end is the sum of all that was added before, decayed on the way: one product with
        the matrix `across`, O(C^2 N P), instead of C steps in a row. Overwrites `added`.
        """
        pairs, chunks = added.shape[:2]
        states = added.new_empty(pairs, chunks + 1, *added.shape[2:])
        states[:, 0] = first
        added[:, 0].addcmul_(self._total(0), first)
        ends = states[:, 1:].flatten(2)
        if pairs == 1:
            torch.bmm(self.across, added.flatten(2), out=ends)
        else:
            states[:, 1:] = torch.bmm(self.across, added.flatten(2)).view_as(added)
        return states

    def carry_back(
        self, own: States, last: Float[Tensor, "pairs N P"]
    ) -> tuple[States, Float[Tensor, "pairs N P"]]:
        """Return the gradients of the states after each chunk, and that of the first state.

        `own` is what each chunk sends to the state before it; it is overwritten.
        """
        first = own[:, 0].clone()
        own[:, :-1] = own[:, 1:].clone()
        own[:, -1] = last
        after = torch.bmm(self.across.mT, own.flatten(2)).view_as(own)
        return after, first.addcmul_(self._total(0), after[:, 0])

    def _total(self, chunk: int) -> Float[Tensor, "pairs 1 1"]:
        return self.decays.pre.unflatten(0, (len(self.across), -1))[:, chunk, -1:]
