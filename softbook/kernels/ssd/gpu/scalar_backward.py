"""Gradients of the chunked scalar form; the states h_in and dh_out are computed before."""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.ssd.gpu.scalar import _decays, _load, _prefix, _suffix


@triton.jit
def chunk_dqk(DO, Q, K, V, A, S, DS, DQ, DK, START, LEN, scale, H, G,
              N: tl.constexpr, P: tl.constexpr, BQ: tl.constexpr, BN: tl.constexpr,
              BP: tl.constexpr, OF_K: tl.constexpr):  # fmt: skip
    """dq (or dk) a head: scale (do v^T * L) k + scale prefix do h_in^T (or their transposes)."""
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
        inside = (cn < N)[None, :] & (cp < P)[:, None]
        if OF_K:
            s = tl.load(DS + at, mask=inside, other=0.0)
            e += tl.dot(v, tl.trans(do), input_precision="ieee")
            d += tl.dot(v, s.to(v.dtype), input_precision="ieee")
        else:
            s = tl.load(S + at, mask=inside, other=0.0)
            e += tl.dot(do, tl.trans(v), input_precision="ieee")
            d += tl.dot(do, s.to(v.dtype), input_precision="ieee")
    e *= _decays(A, t0, n, h, H, BQ, OF_K) * scale
    to = (t0 + i).to(tl.int64)[:, None] * H * N + h * N + cn[None, :]
    kept = live[:, None] & (cn < N)[None, :]
    if OF_K:
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        d *= _suffix(A, t0, n, h, H, BQ)[:, None]
        d += tl.dot(e.to(q.dtype), q, input_precision="ieee")
        tl.store(DK + to, d, mask=kept)
    else:
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        d *= _prefix(A, t0, n, h, H, BQ)[:, None] * scale
        d += tl.dot(e.to(k.dtype), k, input_precision="ieee")
        tl.store(DQ + to, d, mask=kept)


@triton.jit
def chunk_dv(DO, Q, K, A, DS, DV, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
             BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr):  # fmt: skip
    """dv = scale (k q^T * L^T) do + suffix * (k dh_out)."""
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
        s = _load(DS, cn, cn < N, cp, P, P, (c * H + h) * N * P)
        scores += tl.dot(k, tl.trans(q), input_precision="ieee")
        dv += tl.dot(k, s.to(k.dtype), input_precision="ieee")
    dv *= _suffix(A, t0, n, h, H, BQ)[:, None]
    scores *= _decays(A, t0, n, h, H, BQ, True) * scale
    do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
    dv += tl.dot(scores.to(do.dtype), do, input_precision="ieee")
    at = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
    tl.store(DV + at, dv.to(DV.dtype.element_ty), mask=live[:, None] & (cp < P)[None, :])


@triton.jit
def chunk_gates(DO, Q, K, V, A, S, DS, D, DA, START, LEN, scale, H, G,
                N: tl.constexpr, P: tl.constexpr, BQ: tl.constexpr, BN: tl.constexpr,
                BP: tl.constexpr):  # fmt: skip
    """dlog_a_t: every path that passes step t, added up; no path is ever subtracted."""
    c, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    live = i < n
    g = h // (H // G)
    e = tl.zeros([BQ, BQ], tl.float32)
    scores = tl.zeros([BQ, BQ], tl.float32)
    u = tl.zeros([BQ], tl.float32)
    x = tl.zeros([BQ], tl.float32)
    through = 0.0
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        scores += tl.dot(q, tl.trans(k), input_precision="ieee")
        for p0 in range(0, P, BP):
            cp = p0 + tl.arange(0, BP)
            v = _load(V, t0 + i, live, cp, P, H * P, h * P)
            do = _load(DO, t0 + i, live, cp, P, H * P, h * P)
            s = _load(S, cn, cn < N, cp, P, P, (c * H + h) * N * P)
            ds = _load(DS, cn, cn < N, cp, P, P, (c * H + h) * N * P)
            if n0 == 0:
                e += tl.dot(do, tl.trans(v), input_precision="ieee")
            u += tl.sum(tl.dot(q, s.to(q.dtype), input_precision="ieee") * do, 1)
            x += tl.sum(tl.dot(k, ds.to(k.dtype), input_precision="ieee") * v, 1)
            through += tl.sum(tl.sum(s * ds, 1), 0)
    u *= _prefix(A, t0, n, h, H, BQ) * scale
    x *= _suffix(A, t0, n, h, H, BQ)
    paths = e * scores * _decays(A, t0, n, h, H, BQ, False) * scale
    paths = tl.cumsum(paths, 0, reverse=True) + x[None, :]
    da = tl.sum(tl.where(i[None, :] < i[:, None], paths, 0.0), 1)
    da += tl.cumsum(u, 0, reverse=True) + through * tl.load(D + c * H + h)
    # A path through a zero transition is zero, and so is its gradient, even beside an overflow.
    a = tl.load(A + (t0 + i) * H + h, mask=live, other=0.0).to(tl.float32)
    da = tl.where(a == float("-inf"), 0.0, da)
    tl.store(DA + (t0 + i) * H + h, da.to(DA.dtype.element_ty), mask=live)
