"""One slab of a few heads at a time: outputs and gradients of its chunks, shared by both forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.kernels.ssd.arguments import state_dtype
from softbook.kernels.ssd.decays import Decays, halve
from softbook.kernels.ssd.diagonal import DiagonalForm
from softbook.kernels.ssd.layout import Block, Room, Slab, blocks, slabs
from softbook.kernels.ssd.scalar import ScalarForm

__all__ = ["Inputs", "Work"]

Grads = tuple[Tensor, Tensor, Tensor, Tensor]
States = Float[Tensor, "pairs N P"]


@dataclass(frozen=True)
class Inputs:
    """The tensors of one call; `log_a` is ``[B, T, H]`` or ``[B, T, H, N]``."""

    q: Tensor
    k: Tensor
    v: Tensor
    log_a: Tensor
    scale: float

    @property
    def gates(self) -> Tensor:
        """Return the log decays with a last dimension of 1 or N."""
        return self.log_a if self.log_a.ndim == 4 else self.log_a[..., None]

    def start(self, state: Tensor | None) -> Tensor:
        """Return a copy of the first states ``[B, H, N, P]``, or zeros."""
        if state is not None:
            return state.clone()
        shape = self.v.shape[0], self.v.shape[2], self.q.shape[3], self.v.shape[3]
        return self.v.new_zeros(shape, dtype=state_dtype(self.v))

    def zeros(self) -> Grads:
        """Return room for the gradients: sums over heads in the states' type, the rest as given."""
        dq, dk = (torch.zeros_like(x, dtype=state_dtype(self.v)) for x in (self.q, self.k))
        return dq, dk, torch.empty_like(self.v), torch.empty_like(self.gates)

    def pieces(self, size: int) -> list[Piece]:
        """Return the pieces of time that are worked on one after another.

        A scalar head's decays are few numbers: they are made at once for all pieces of a shape.
        """
        batches, tokens, heads, _ = self.v.shape
        pairs = max(1, batches * heads)
        whole = Block(slice(0, batches), slice(0, heads), heads // self.q.shape[2], 0)
        cuts = slabs(tokens, size, pairs)
        if self.gates.shape[-1] > 1 or not batches:
            return [Piece(slab, whole, None) for slab in cuts]
        pieces = []
        for size, group in groupby(cuts, lambda slab: slab.size):
            alike = list(group)
            span = Slab(alike[0].start, alike[-1].stop, size)
            decays = halve(whole.of_heads(self.gates, span, state_dtype(self.v)).exp())
            for slab in alike:
                first = (slab.start - span.start) // size * pairs
                part = decays.part(slice(first, first + slab.chunks * pairs))
                pieces.append(Piece(slab, whole, part))
        return pieces

    def works(self, piece: Piece, room: Room) -> Iterator[Work]:
        """Yield a piece's work, block by block."""
        slab, whole = piece.slab, piece.whole
        for block in blocks(self.v.shape[0], self.v.shape[2], whole.share, slab.chunks):
            if piece.decays is not None:
                alone = block.pairs == whole.pairs
                # Blocks of fewer pairs have one chunk a slab.
                own = slice(block.first, block.first + block.pairs)
                decays = piece.decays if alone else piece.decays.part(own)
                yield Work(self, slab, block, room, ScalarForm(decays))
            else:
                gates = block.of_heads(self.gates, slab, room.dtype)
                yield Work(self, slab, block, room, DiagonalForm(halve(gates.exp())))


class Piece(NamedTuple):
    """A slab of time for all heads, with the decays of scalar heads."""

    slab: Slab
    whole: Block
    decays: Decays | None


class Work:
    """The rows of a block in a slab's chunks, and what their decays do."""

    def __init__(
        self, inputs: Inputs, slab: Slab, block: Block, room: Room, form: ScalarForm | DiagonalForm
    ) -> None:
        self.slab, self.block, self.room, self.form = slab, block, room, form
        self.q, self.k = (block.of_groups(x, slab, room.dtype) for x in (inputs.q, inputs.k))
        self.v, self.scale = block.of_heads(inputs.v, slab, room.dtype), inputs.scale
        self.pre, self.suf = form.decays.pre, form.decays.suf
        self.totals = self.pre[:, -1].unflatten(0, (slab.chunks, block.pairs))[..., None]

    def states(self, first: States) -> tuple[Float[Tensor, "M N P"], States]:
        """Return the states before each chunk, and the last one."""
        added = torch.bmm((self.k * self.suf).mT, self.v).unflatten(0, (self.slab.chunks, -1))
        before = torch.empty_like(added)
        before[0] = first
        edges, totals = [*before.unbind(0), torch.empty_like(first)], self.totals.unbind(0)
        for chunk, own in enumerate(added.unbind(0)):
            # Two steps: torch's addcmul is not vectorised where one factor is spread out.
            torch.mul(edges[chunk], totals[chunk], out=edges[chunk + 1]).add_(own)
        return before.flatten(0, 1), edges[-1]

    def write_outputs(self, before: Float[Tensor, "M N P"], output: Tensor) -> None:
        """Write the outputs into their rows of ``[B, T, H, P]``."""
        self._weigh()
        rows = torch.bmm(self.room.weights, self.v)
        if self.pre.shape[-1] == 1:
            rows += torch.bmm(self.q, before).mul_(self.scale * self.pre)
        else:
            rows.baddbmm_(self.q * self.pre, before, alpha=self.scale)
        self.block.put(output, self.slab, rows)

    def add_gradients(
        self, do: Tensor, before: Float[Tensor, "M N P"], last: States, grads: Grads
    ) -> States:
        """Put the gradients of q, k, v and the gates in their rows; return the first state's.

        `last` is the gradient of the state after the slab.
        """
        self._weigh()
        do = self.block.of_heads(do, self.slab, self.room.dtype)
        read, written = self.q * (self.scale * self.pre), self.k * self.suf
        own = torch.bmm(read.mT, do).unflatten(0, (self.slab.chunks, -1))
        after, first = self._states_back(own, last)
        dv = torch.bmm(self.room.weights.mT, do).baddbmm_(written, after)
        dq, dk, dgates = self.form.differentiate(
            self.q, self.k, self.scale, self.room, torch.bmm(do, self.v.mT)
        )
        reading, writing = torch.bmm(do, before.mT), torch.bmm(self.v, after.mT)
        dq += reading * (self.scale * self.pre)
        dk += writing * self.suf
        through = self.pre[:, -1:] * (after * before).sum(-1)[:, None]
        dgates += self._edge_gates(reading.mul_(read), writing.mul_(written), through)
        self.block.add_to_groups(grads[0], self.slab, dq)
        self.block.add_to_groups(grads[1], self.slab, dk)
        self.block.put(grads[2], self.slab, dv)
        self.block.put(grads[3], self.slab, dgates)
        return first

    def _states_back(
        self, own: Float[Tensor, "C pairs N P"], last: States
    ) -> tuple[Float[Tensor, "M N P"], States]:
        """Return the gradients of the states after each chunk, and that of the first state.

        `own` is what each chunk sends to the state before it.
        """
        after, gradient = torch.empty_like(own), last
        for chunk in reversed(range(len(own))):
            after[chunk] = gradient
            gradient = (self.totals[chunk] * gradient).add_(own[chunk])
        return after.flatten(0, 1), gradient

    def _edge_gates(self, rows: Tensor, columns: Tensor, through: Tensor) -> Tensor:
        """Return the gates' gradients by paths from the first edge, to the last, and through."""
        if self.pre.shape[-1] == 1:
            rows, columns, through = (x.sum(-1, keepdim=True) for x in (rows, columns, through))
        total = rows.flip(1).cumsum(1).flip(1) + through
        total[:, 1:] += columns[:, :-1].cumsum(1)
        return total

    def _weigh(self) -> None:
        self.room.resize(len(self.q), self.slab.size)
        self.form.weigh(self.q, self.k, self.scale, self.room)
