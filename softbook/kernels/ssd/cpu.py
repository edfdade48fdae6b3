"""The chunked form in torch: linear in T, with the states made anew in the backward pass.

Chunks of Q tokens are masked attentions; between them a state of N x P numbers carries on. All is
float32 (float64 beside float64 inputs) and runs a head, or a few short ones, at a time: beside
inputs, outputs and gradients the working memory holds 64 chunks and their states.
Source: Dao and Gu (2024), the block decomposition of a semiseparable matrix.
"""

from __future__ import annotations

import torch
from torch import Tensor

from softbook.kernels.ssd.arguments import state_dtype
from softbook.kernels.ssd.layout import Room
from softbook.kernels.ssd.work import Inputs

__all__ = ["backward", "forward"]


def forward(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor, state: Tensor | None, scale: float, size: int
) -> tuple[Tensor, Tensor]:
    """Return o ``[B,T,H,P]`` in v's type and the final states ``[B,H,N,P]``.

    O(T (Q (N + P) + N P)) operations a head with chunks of Q = `size`, a power of two.
    """
    inputs, room = Inputs(q, k, v, log_a, scale), Room(state_dtype(v), v.device)
    output, states = torch.empty_like(v), inputs.start(state)
    for piece in inputs.pieces(size):
        for work in inputs.works(piece, room):
            before, last = work.states(states[work.block.index].flatten(0, 1))
            work.write_outputs(before, output)
            work.block.store(states, last)
    return output, states


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
    """Return the gradients of q, k, v, log_a and the initial state, each in its tensor's type.

    A first pass makes the states before each slab anew, a second goes back slab by slab.
    """
    inputs, room = Inputs(q, k, v, log_a, scale), Room(state_dtype(v), v.device)
    pieces, states = inputs.pieces(size), [inputs.start(state)]
    for piece in pieces[:-1]:
        states.append(states[-1].clone())
        for work in inputs.works(piece, room):
            _, last = work.states(states[-1][work.block.index].flatten(0, 1))
            work.block.store(states[-1], last)
    grads, dstate = inputs.zeros(), dfinal.clone()
    for piece, start in zip(reversed(pieces), reversed(states), strict=False):
        for work in inputs.works(piece, room):
            first, last = (s[work.block.index].flatten(0, 1) for s in (start, dstate))
            before, _ = work.states(first)
            work.block.store(dstate, work.add_gradients(do, before, last, grads))
    dq, dk, dv, dlog_a = grads
    return dq.to(q.dtype), dk.to(k.dtype), dv, dlog_a.view_as(log_a), dstate
