"""The chunked form in torch: linear in T, with the states made anew in the backward pass.

Chunks of Q tokens are masked attentions; between them a state of N x P numbers carries on. All is
float32 (float64 beside float64 inputs) and runs a head, or a few short ones, at a time: beside
inputs, outputs and gradients the working memory holds 64 chunks and their states.
Source: Dao and Gu (2024), the block decomposition of a semiseparable matrix.
"""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import Tensor

from softbook.kernels.ssd import diagonal, scalar
from softbook.kernels.ssd.arguments import state_dtype
from softbook.kernels.ssd.decays import decays_to_edges, from_here_on
from softbook.kernels.ssd.layout import Block, Slab, blocks, slabs

__all__ = ["backward", "forward"]


def forward(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, state: Tensor | None, scale: float, size: int
) -> tuple[Tensor, Tensor]:
    """Return o ``[B,T,H,P]`` in v's type and the final states ``[B,H,N,P]``.

    O(T (Q (N + P) + N P)) operations a head with chunks of Q = `size`, a power of two.
    """
    gates = log_a if log_a.ndim == 4 else log_a[..., None]
    output, final, pieces = torch.empty_like(v), _start(q, v, state), slabs(v.shape[1], size)
    room = _Room(state_dtype(v), v.device)
    for block in _blocks(q, v, size):
        carried = final[block.batches, block.heads].flatten(0, 1)
        for slab in pieces:
            work = _Work(block, slab, q, k, v, gates, scale, room)
            states = work.states(carried)
            output[block.batches, slab.start : slab.stop, block.heads] = work.outputs(states)
            carried = states[:, -1]
        final[block.batches, block.heads] = carried.view_as(final[block.batches, block.heads])
    return output, final


def backward(
    do: Tensor,
    dfinal: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    state: Tensor | None,
    scale: float,
    size: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of q, k, v, log_a and the initial state, each in its tensor's type."""
    gates = log_a if log_a.ndim == 4 else log_a[..., None]
    dtype, pieces = state_dtype(v), slabs(v.shape[1], size)
    dq, dk = torch.zeros_like(q, dtype=dtype), torch.zeros_like(k, dtype=dtype)
    dv, dgates, dstate = torch.empty_like(v), torch.empty_like(gates), dfinal.clone()
    start, room = _start(q, v, state), _Room(dtype, v.device)
    for block in _blocks(q, v, size):
        first = start[block.batches, block.heads].flatten(0, 1)
        starts = accumulate(
            pieces[:-1], lambda carried, slab: _end(block, slab, k, v, gates, carried), initial=first
        )
        carried = dstate[block.batches, block.heads].flatten(0, 1)
        for slab, before in reversed(list(zip(pieces, starts, strict=False))):
            work = _Work(block, slab, q, k, v, gates, scale, room)
            grads = work.gradients(block.of_heads(do, slab, dtype), work.states(before), carried)
            block.add_to_groups(dq, slab, grads[0])
            block.add_to_groups(dk, slab, grads[1])
            time = slice(slab.start, slab.stop)
            dv[block.batches, time, block.heads] = block.rows(grads[2], slab)
            dgates[block.batches, time, block.heads] = block.rows(grads[3], slab)
            carried = grads[4]
        dstate[block.batches, block.heads] = carried.view_as(dstate[block.batches, block.heads])
    return dq.to(q.dtype), dk.to(k.dtype), dv, dgates.view_as(log_a), dstate


class _Room:
    """Q x Q blocks that are used again and again; a new size makes them anew."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype, self.device = dtype, device
        self.shape: tuple[int, int] = (0, 0)

    def resize(self, chunks: int, size: int) -> None:
        if self.shape != (chunks, size):
            self.shape = chunks, size
            self.weights = torch.zeros(chunks, size, size, dtype=self.dtype, device=self.device)
            self.mask = torch.eye(size, dtype=self.dtype, device=self.device)
            self.mask = self.mask.repeat(chunks, 1, 1)


class _Work:
    """One slab of one block: its rows in chunks, and the weights inside each chunk."""

    def __init__(
        self,
        block: Block,
        slab: Slab,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        gates: Tensor,
        scale: float,
        room: _Room,
    ) -> None:
        self.block, self.slab, self.scale, self.room = block, slab, scale, room
        self.q, self.k = (block.of_groups(tensor, slab, room.dtype) for tensor in (q, k))
        self.v = block.of_heads(v, slab, room.dtype)
        self.gates = block.of_heads(gates, slab, room.dtype)
        self.form = scalar if self.gates.shape[-1] == 1 else diagonal
        room.resize(len(self.q), slab.size)
        self.pre, self.suf = self.form.forward(
            self.q, self.k, self.gates, scale, room.weights, room.mask
        )

    def states(self, carried: Tensor) -> Tensor:
        """Return the states ``[pairs, chunks + 1, N, P]`` at the edges of the chunks."""
        return _states(self.k, self.v, self.pre, self.suf, carried)

    def outputs(self, states: Tensor) -> Tensor:
        """Return the outputs ``[batches, T, heads, P]``."""
        output = torch.bmm(self.room.weights, self.v)
        output.baddbmm_(self.q * (self.scale * self.pre), states[:, :-1].flatten(0, 1))
        return self.block.rows(output, self.slab)

    def gradients(
        self, do: Tensor, states: Tensor, dlast: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the gradients of q, k, v and the gates in chunks, and that of the first state."""
        before = states[:, :-1].flatten(0, 1)
        reading, writing = self.scale * self.pre, self.suf
        read, written = self.q * reading, self.k * writing
        dafter, dfirst = self._state_gradients(torch.bmm(read.mT, do), dlast)
        dv = torch.bmm(self.room.weights.mT, do).baddbmm_(written, dafter)
        dq, dk, dgates = self.form.backward(
            self.q,
            self.k,
            self.gates,
            self.scale,
            self.room.weights,
            self.room.mask,
            torch.bmm(do, self.v.mT),
        )
        to_read, to_written = torch.bmm(do, before.mT), torch.bmm(self.v, dafter.mT)
        dq.addcmul_(to_read, reading)
        dk.addcmul_(to_written, writing)
        through = self.pre[:, -1:] * (dafter * before).sum(-1)[:, None]
        width = self.gates.shape[-1]
        rows, columns, through = (
            term.sum(-1, keepdim=True) if width == 1 else term
            for term in (to_read * read, to_written * written, through)
        )
        dgates += from_here_on(rows) + through
        dgates[:, 1:] += columns[:, :-1].cumsum(1)
        return dq, dk, dv, dgates, dfirst

    def _state_gradients(self, own: Tensor, dlast: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of the states after each chunk ``[M, N, P]``, and of the first."""
        pairs = len(dlast)
        own = own.unflatten(0, (pairs, -1))
        after, total = torch.empty_like(own), self.pre[:, -1].unflatten(0, (pairs, -1))[..., None]
        gradient = dlast
        for chunk in reversed(range(own.shape[1])):
            after[:, chunk] = gradient
            gradient = torch.addcmul(own[:, chunk], total[:, chunk], gradient)
        return after.flatten(0, 1), gradient


def _states(k: Tensor, v: Tensor, pre: Tensor, suf: Tensor, carried: Tensor) -> Tensor:
    pairs, width, size = carried.shape
    chunks = len(k) // pairs
    states = k.new_empty(pairs, chunks + 1, width, size)
    states[:, 0] = carried
    added = torch.bmm((k * suf).mT, v).unflatten(0, (pairs, chunks)).unbind(1)
    totals = pre[:, -1].unflatten(0, (pairs, chunks))[..., None].unbind(1)
    edges = states.unbind(1)
    for chunk in range(chunks):
        torch.addcmul(added[chunk], totals[chunk], edges[chunk], out=edges[chunk + 1])
    return states


def _end(
    block: Block, slab: Slab, k: Tensor, v: Tensor, gates: Tensor, carried: Tensor
) -> Tensor:
    """Return the states at the end of a slab, without its outputs."""
    dtype = carried.dtype
    rows = block.of_groups(k, slab, dtype), block.of_heads(v, slab, dtype)
    edges = decays_to_edges(block.of_heads(gates, slab, dtype))
    return _states(*rows, *edges, carried)[:, -1]


def _start(q: Tensor, v: Tensor, state: Tensor | None) -> Tensor:
    """Return a copy of the first state, or zeros."""
    if state is not None:
        return state.clone()
    shape = v.shape[0], v.shape[2], q.shape[3], v.shape[3]
    return torch.zeros(shape, dtype=state_dtype(v), device=v.device)


def _blocks(q: Tensor, v: Tensor, size: int):
    return blocks(v.shape[0], v.shape[2], v.shape[2] // q.shape[2], v.shape[1] // size)
