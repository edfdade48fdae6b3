"""Gradients of the chunked form with a gate a channel; h_in and dh_out are computed before.

A gate gathers the paths that cross it; none is subtracted. Of the paths from the left half of a
block to its right half, gate t of the right half gathers those to steps i >= t: q_i times what they
give to dq_i. Gate t of the left half gathers those from steps j < t: k_j times their part of dk_j.
"""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.ssd.gpu.diagonal import _gates, _halving, _scores, _widen
from softbook.kernels.ssd.gpu.scalar import _load


@triton.jit
def _add_paths(dg, crossed, x, KIND: tl.constexpr):
    """Add to dg[t] the x[i] of all i with crossed[t, i].

    For q and k of 16 bits, tensor cores add the upper and the lower half of 16 bits of x.
    """
    ones = tl.where(crossed, 1.0, 0.0)
    if KIND == tl.float32:  # noqa: SIM300
        return dg + tl.dot(ones, x, input_precision="ieee")
    ones = ones.to(tl.bfloat16)
    upper = x.to(tl.bfloat16)
    dg += tl.dot(ones, upper)
    return dg + tl.dot(ones, (x - upper).to(tl.bfloat16))


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
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
        e += tl.dot(do, tl.trans(v), input_precision="ieee")
    e *= scale
    q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
    k = _load(K, t0 + i, live, cn, N, G * N, g * N)
    d = tl.sum(tl.where(i[:, None] == i[None, :], e, 0.0), 1)[:, None] * k
    dg = tl.zeros([BQ, BN], tl.float32)
    before = _gates(A, t0, n, h, H, cn, N, BQ)
    after = tl.zeros_like(before)
    for halving in range(HALVINGS):
        half = 1 << halving
        columns = (k * tl.exp(after)).to(k.dtype)
        block = tl.where(_halving(BQ, half, False), e, 0.0).to(k.dtype)
        part = tl.dot(block, columns, input_precision="ieee") * tl.exp(before)
        d += part
        end = i | (half - 1)
        crossed = (i[:, None] <= i[None, :]) & (i[None, :] <= end[:, None])
        dg = _add_paths(dg, crossed, part * q, q.dtype)
        before, after = _widen(before, after, half)
    edge = tl.zeros([BQ, BN], tl.float32)
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
        at = (c * H + h) * N * P + cn[None, :] * P + cp[:, None]
        s = tl.load(S + at, mask=(cn < N)[None, :] & (cp < P)[:, None], other=0.0)
        edge += tl.dot(do, s.to(do.dtype), input_precision="ieee")
    edge *= tl.exp(before) * scale
    d += edge
    dg = _add_paths(dg, i[:, None] <= i[None, :], edge * q, q.dtype)
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
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
        e += tl.dot(v, tl.trans(do), input_precision="ieee")
    e *= scale
    q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
    k = _load(K, t0 + i, live, cn, N, G * N, g * N)
    d = tl.sum(tl.where(i[:, None] == i[None, :], e, 0.0), 1)[:, None] * q
    dg = tl.zeros([BQ, BN], tl.float32)
    before = _gates(A, t0, n, h, H, cn, N, BQ)
    after = tl.zeros_like(before)
    for halving in range(HALVINGS):
        half = 1 << halving
        rows = (q * tl.exp(before)).to(q.dtype)
        block = tl.where(_halving(BQ, half, True), e, 0.0).to(q.dtype)
        part = tl.dot(block, rows, input_precision="ieee") * tl.exp(after)
        d += part
        start = i & -half
        crossed = (start[:, None] <= i[None, :]) & (i[None, :] < i[:, None])
        dg = _add_paths(dg, crossed, part * k, k.dtype)
        before, after = _widen(before, after, half)
    edge = tl.zeros([BQ, BN], tl.float32)
    through = tl.zeros([BN], tl.float32)
    for p0 in range(0, P, BP):
        cp = p0 + tl.arange(0, BP)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        at = (c * H + h) * N * P + cn[None, :] * P + cp[:, None]
        inside = (cn < N)[None, :] & (cp < P)[:, None]
        s = tl.load(S + at, mask=inside, other=0.0)
        ds = tl.load(DS + at, mask=inside, other=0.0)
        edge += tl.dot(v, ds.to(v.dtype), input_precision="ieee")
        through += tl.sum(s * ds, 0)
    edge *= tl.exp(after)
    to = (t0 + i).to(tl.int64)[:, None] * H * N + h * N + cn[None, :]
    kept = live[:, None] & (cn < N)[None, :]
    tl.store(DK + to, d + edge, mask=kept)
    dg = _add_paths(dg, i[:, None] > i[None, :], edge * k, k.dtype)
    a = _gates(A, t0, n, h, H, cn, N, BQ)
    dg += tl.load(DG + to, mask=kept, other=0.0) + (through * tl.exp(tl.sum(a, 0)))[None, :]
    # A path through a zero transition is zero, and so is its gradient, even beside an overflow.
    dg = tl.where(a == float("-inf"), 0.0, dg)
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
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        scores += _scores(q, k, _gates(A, t0, n, h, H, cn, N, BQ), HALVINGS, True)
    scores *= scale
    do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
    dv = tl.dot(scores.to(do.dtype), do, input_precision="ieee")
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        a = _load(A, t0 + i + 1, i + 1 < n, cn, N, H * N, h * N).to(tl.float32)
        s = _load(DS, cn, cn < N, cp, P, P, (c * H + h) * N * P)
        k = (k * tl.exp(tl.cumsum(a, 0, reverse=True))).to(k.dtype)
        dv += tl.dot(k, s.to(k.dtype), input_precision="ieee")
    at = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
    tl.store(DV + at, dv.to(DV.dtype.element_ty), mask=live[:, None] & (cp < P)[None, :])
