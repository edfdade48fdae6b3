"""Gradients of the chunked form with a gate a channel; h_in and dh_out are computed before.

A gate gathers every path that crosses it, and none is subtracted. In the right half of a block gate
t gathers the rows i >= t, in the left half the columns j < t; what row i gathers over all its paths
is q_i times their share of dq_i, what column j gathers is k_j times their share of dk_j.
"""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.ssd.gpu.diagonal import _after, _before, _gates, _halving, _scores
from softbook.kernels.ssd.gpu.scalar import _load


@triton.jit
def _rows(x, S: tl.constexpr):
    """Sum x from each step to the end of its block of S steps: what the gate of the step gathers."""
    blocks = tl.reshape(x, [x.shape[0] // S, S, x.shape[1]])
    return tl.reshape(tl.cumsum(blocks, 1, reverse=True), [x.shape[0], x.shape[1]])


@triton.jit
def _columns(x, S: tl.constexpr):
    """Sum x from the block of S to each step: what the next gate of the block gathers, if any."""
    i = tl.arange(0, x.shape[0])
    blocks = tl.reshape(x, [x.shape[0] // S, S, x.shape[1]])
    sums = tl.reshape(tl.cumsum(blocks, 1), [x.shape[0], x.shape[1]])
    return tl.where((i % S == S - 1)[:, None], 0.0, sums)


@triton.jit
def diagonal_dq(DO, Q, K, V, A, S, DQ, DG, START, LEN, scale, H, G, N: tl.constexpr,
                P: tl.constexpr, BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
                HALVINGS: tl.constexpr):  # fmt: skip
    """dq a head, and what the gates gather of rows: the first part of their gradient."""
    c, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cn = tl.program_id(2) * BN + tl.arange(0, BN)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    live = i < n
    g = h // (H // G)
    e = tl.zeros([BQ, BQ], tl.float32)
    d = tl.zeros([BQ, BN], tl.float32)
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
        at = (c * H + h) * N * P + cn[None, :] * P + cp[:, None]
        s = tl.load(S + at, mask=(cn < N)[None, :] & (cp < P)[:, None], other=0.0)
        e += tl.dot(do, tl.trans(v), input_precision="ieee")
        d += tl.dot(do, s.to(do.dtype), input_precision="ieee")
    e *= scale
    q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
    k = _load(K, t0 + i, live, cn, N, G * N, g * N)
    a = _gates(A, t0, n, h, H, cn, N, BQ, 0)
    b = _gates(A, t0, n, h, H, cn, N, BQ, 1)
    d *= _before(a, BQ) * scale
    dg = _rows(d * q, BQ)
    for halving in tl.static_range(HALVINGS):
        columns = (k * _after(b, 1 << halving)).to(k.dtype)
        block = tl.where(_halving(BQ, 1 << halving, False), e, 0.0).to(k.dtype)
        part = tl.dot(block, columns, input_precision="ieee") * _before(a, 1 << halving)
        d += part
        dg += _rows(part * q, 1 << halving)
    d += tl.sum(tl.where(i[:, None] == i[None, :], e, 0.0), 1)[:, None] * k
    to = (t0 + i).to(tl.int64)[:, None] * H * N + h * N + cn[None, :]
    kept = live[:, None] & (cn < N)[None, :]
    tl.store(DQ + to, d, mask=kept)
    tl.store(DG + to, dg, mask=kept)


@triton.jit
def diagonal_dk(DO, Q, K, V, A, S, DS, DK, DG, DA, START, LEN, scale, H, G, N: tl.constexpr,
                P: tl.constexpr, BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
                HALVINGS: tl.constexpr):  # fmt: skip
    """dk a head, and the gates' gradient: to the rows' part come columns and the paths through."""
    c, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cn = tl.program_id(2) * BN + tl.arange(0, BN)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    live = i < n
    g = h // (H // G)
    e = tl.zeros([BQ, BQ], tl.float32)
    d = tl.zeros([BQ, BN], tl.float32)
    through = tl.zeros([BN], tl.float32)
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
        at = (c * H + h) * N * P + cn[None, :] * P + cp[:, None]
        inside = (cn < N)[None, :] & (cp < P)[:, None]
        s = tl.load(S + at, mask=inside, other=0.0)
        ds = tl.load(DS + at, mask=inside, other=0.0)
        e += tl.dot(v, tl.trans(do), input_precision="ieee")
        d += tl.dot(v, ds.to(v.dtype), input_precision="ieee")
        through += tl.sum(s * ds, 0)
    e *= scale
    q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
    k = _load(K, t0 + i, live, cn, N, G * N, g * N)
    a = _gates(A, t0, n, h, H, cn, N, BQ, 0)
    b = _gates(A, t0, n, h, H, cn, N, BQ, 1)
    d *= _after(b, BQ)
    dg = _columns(d * k, BQ) + (through * tl.exp(tl.sum(a, 0)))[None, :]
    for halving in tl.static_range(HALVINGS):
        rows = (q * _before(a, 1 << halving)).to(q.dtype)
        block = tl.where(_halving(BQ, 1 << halving, True), e, 0.0).to(q.dtype)
        part = tl.dot(block, rows, input_precision="ieee") * _after(b, 1 << halving)
        d += part
        dg += _columns(part * k, 1 << halving)
    d += tl.sum(tl.where(i[:, None] == i[None, :], e, 0.0), 1)[:, None] * q
    to = (t0 + i).to(tl.int64)[:, None] * H * N + h * N + cn[None, :]
    tl.store(DK + to, d, mask=live[:, None] & (cn < N)[None, :])
    # Row i holds what gate i + 1 gathers. The last row's gate, outside every block, stands for the
    # chunk's first one: no column of the chunk is before it.
    t = (i + 1) % BQ
    to = (t0 + t).to(tl.int64)[:, None] * H * N + h * N + cn[None, :]
    kept = (t < n)[:, None] & (cn < N)[None, :]
    dg += tl.load(DG + to, mask=kept, other=0.0)
    # A path through a zero transition is zero, and so is its gradient, even beside an overflow.
    dg = tl.where(tl.load(A + to, mask=kept, other=0.0) == float("-inf"), 0.0, dg)
    tl.store(DA + to, dg.to(DA.dtype.element_ty), mask=kept)


@triton.jit
def diagonal_dv(DO, Q, K, A, DS, DV, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
                BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
                HALVINGS: tl.constexpr):  # fmt: skip
    """dv = scale scores^T do + (suffix * k) dh_out."""
    c, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cp = tl.program_id(2) * BP + tl.arange(0, BP)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    live = i < n
    g = h // (H // G)
    scores = tl.zeros([BQ, BQ], tl.float32)
    dv = tl.zeros([BQ, BP], tl.float32)
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        a = _gates(A, t0, n, h, H, cn, N, BQ, 0)
        b = _gates(A, t0, n, h, H, cn, N, BQ, 1)
        s = _load(DS, cn, cn < N, cp, P, P, (c * H + h) * N * P)
        dv += tl.dot((k * _after(b, BQ)).to(k.dtype), s.to(k.dtype), input_precision="ieee")
        scores += _scores(q, k, a, b, HALVINGS, True)
    scores *= scale
    do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
    dv += tl.dot(scores.to(do.dtype), do, input_precision="ieee")
    at = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
    tl.store(DV + at, dv.to(DV.dtype.element_ty), mask=live[:, None] & (cp < P)[None, :])
