"""Host side of the kernels: chunks of all sequences in one list, then the launches of the plan."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
from torch import Tensor

from softbook.kernels.ssd.gpu.plan import CHUNK, ONE_PASS_PROGRAMS, SCAN_BLOCK, diagonal_plan, plan


class _Call:
    """The tensors and sizes that all launches of one call share."""

    def __init__(self, q, k, v, log_a, initial, cu_seqlens, scale, chunk_size):
        if chunk_size not in (None, CHUNK):
            raise ValueError(f"chunk_size is {chunk_size}; the backend 'gpu' allows {CHUNK} only")
        batch, steps, self.G, self.N = q.shape
        self.H, self.P = v.shape[2:]
        self.q, self.k, self.v, self.a = (x.contiguous() for x in (q, k, v, log_a))
        self.initial = None if initial is None else initial.float().contiguous()
        if cu_seqlens is None:
            bounds = [b * steps for b in range(batch + 1)]
        else:
            bounds = cu_seqlens.tolist()
        starts: list[int] = []
        lengths: list[int] = []
        first = [0]
        for low, high in itertools.pairwise(bounds):
            starts += range(low, high, CHUNK)
            lengths += [min(CHUNK, high - at) for at in range(low, high, CHUNK)]
            first.append(len(starts))
        self.chunks, self.sequences = len(starts), len(bounds) - 1
        table = torch.tensor(starts + lengths + first, dtype=torch.int64).to(v.device)
        sizes = (self.chunks, self.chunks, len(first))
        self.start, self.length, self.first = table.split(sizes)
        self.scale = float(scale)
        made = plan if log_a.ndim == 3 else diagonal_plan
        self.plan = made(self.N, self.P, initial is not None, half=v.element_size() == 2)

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(shape, dtype=dtype, device=self.v.device)

    def run(self, name: str, tiles: int, **tensors: Any) -> None:
        row = self.plan[name]
        across = self.sequences if name.startswith(("scan", "one_pass")) else self.chunks
        if across == 0 or self.H == 0:
            return
        known = {
            "Q": self.q,
            "K": self.k,
            "V": self.v,
            "A": self.a,
            "START": self.start,
            "LEN": self.length,
            "FIRST": self.first,
            "scale": self.scale,
            "H": self.H,
            "G": self.G,
        }
        given = {**known, **tensors}
        arguments = {x: given[x] for x in row.kernel.arg_names if x not in row.constants}
        row.kernel[(across, self.H, tiles)](
            **arguments, **row.constants, num_warps=row.warps, num_stages=row.stages
        )

    def tiles(self, name: str, *axes: str) -> int:
        width = self.plan[name].constants
        return math.prod(-(-width[x] // width["B" + x]) for x in axes)

    def states(self, back: bool, edge: Tensor | None, do: Tensor | None):
        """The state that enters each chunk (from the end when back), the last, the decays."""
        states = self.empty(self.chunks, self.H, self.N, self.P)
        decay = self.empty(self.chunks, *self.a.shape[2:])
        last = self.empty(self.sequences, self.H, self.N, self.P)
        end = "_back" if back else ""
        own = {"K": self.q, "V": do} if back else {}
        self.run("states" + end, self.tiles("states", "N", "P"), S=states, D=decay, **own)
        edge = last if edge is None else edge
        tiles = -(-self.N * self.P // SCAN_BLOCK)
        self.run("scan" + end, tiles, S=states, D=decay, INITIAL=edge, FINAL=last)
        return states, last, decay


def forward(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size):
    """Return output and final states: one launch where it makes enough programs, three elsewhere.

    In one pass a program walks all chunks of a head, and states stay on the chip; in three, chunks
    run side by side and states go through memory.
    """
    call = _Call(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size)
    o = torch.empty_like(call.v)
    if "one_pass" in call.plan:
        tiles = call.tiles("one_pass", "P")
        if call.sequences * call.H * tiles >= ONE_PASS_PROGRAMS:
            last = call.empty(call.sequences, call.H, call.N, call.P)
            edge = last if call.initial is None else call.initial
            call.run("one_pass", tiles, OUT=o, INITIAL=edge, FINAL=last)
            return o, last
    states, last, _ = call.states(False, call.initial, None)
    call.run("outputs", call.tiles("outputs", "P"), S=states, OUT=o)
    return o, last


def backward(do, dfinal, q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size):
    """Return the gradients of q, k, v, log_a and initial_state: seven or eight launches, two sums."""
    call = _Call(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size)
    do = do.to(v.dtype).contiguous()
    states, last, decay = call.states(False, call.initial, None)
    edge = torch.zeros_like(last) if dfinal is None else dfinal.float().contiguous()
    dstates, dinitial, _ = call.states(True, edge, do)
    batch, steps = q.shape[:2]
    dq, dk = (call.empty(batch, steps, call.H, call.N) for _ in range(2))
    dv, da = torch.empty_like(call.v), torch.empty_like(call.a)
    both = {"DO": do, "S": states, "DS": dstates, "DQ": dq, "DK": dk, "DA": da}
    if "gates" in call.plan:
        call.run("gates", 1, D=decay, **both)
    else:
        both["DG"] = call.empty(*da.shape)
    call.run("dq", call.tiles("dq", "N"), **both)
    call.run("dk", call.tiles("dk", "N"), **both)
    call.run("dv", call.tiles("dv", "P"), DV=dv, **both)
    dq, dk = (
        x.view(batch, steps, call.G, call.H // call.G, call.N).sum(3).to(q.dtype) for x in (dq, dk)
    )
    return dq, dk, dv, da, None if initial_state is None else dinitial
