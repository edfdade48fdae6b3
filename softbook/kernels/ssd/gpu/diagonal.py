"""Chunked kernels for a gate a channel; one program is a chunk, a head and a tile.

A chunk is halved again and again, into blocks of 2 s steps for s = 1, 2, 4, ... The decay from step
j in the left half of a block to step i in its right half is p_i f_j in every channel: p_i leads
from the block's middle to i, f_j from j to the middle. Each is the exponential of a sum of the very
gates on its way, so nothing overflows, -inf is exact, and each halving is one dot of scaled q and k.
"""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.ssd.gpu.scalar import _load


@triton.jit
def _halving(BQ: tl.constexpr, S, TRANSPOSED: tl.constexpr):
    """Say of entry (i, j) whether i is in the right half of a block of 2 S, j in its left half."""
    i = tl.arange(0, BQ)
    block, right = i // (2 * S), (i & S) != 0
    same = block[:, None] == block[None, :]
    if TRANSPOSED:
        return same & ~right[:, None] & right[None, :]
    return same & right[:, None] & ~right[None, :]


@triton.jit
def _widen(before, after, S):
    """Return the sums of gates to and from each step in blocks of 2 S, given those in blocks of S.

    ``before`` adds the other half's gates in right halves, ``after`` does in left ones.
    """
    i = tl.arange(0, before.shape[0])[:, None] + tl.zeros(before.shape, tl.int32)
    other = tl.gather(before, (i ^ S) | (S - 1), 0)
    right = (i & S) != 0
    return before + tl.where(right, other, 0.0), after + tl.where(right, 0.0, other)


@triton.jit
def _scores(q, k, a, HALVINGS: tl.constexpr, TRANSPOSED: tl.constexpr):
    """sum_n q_in exp(sum of the gates j+1..i)_n k_jn for i >= j, or its transpose."""
    i = tl.arange(0, q.shape[0])
    own = tl.sum(q.to(tl.float32) * k.to(tl.float32), 1)
    scores = tl.where(i[:, None] == i[None, :], own[:, None], 0.0)
    before, after = a, tl.zeros_like(a)
    for halving in range(HALVINGS):
        half = 1 << halving
        rows = (q * tl.exp(before)).to(q.dtype)
        columns = (k * tl.exp(after)).to(k.dtype)
        if TRANSPOSED:
            part = tl.dot(columns, tl.trans(rows), input_precision="ieee")
        else:
            part = tl.dot(rows, tl.trans(columns), input_precision="ieee")
        scores = tl.where(_halving(q.shape[0], half, TRANSPOSED), part, scores)
        before, after = _widen(before, after, half)
    return scores


@triton.jit
def _gates(A, t0, n, h, H, cn, N: tl.constexpr, BQ: tl.constexpr):
    """Load the gates of the chunk's steps in some channels."""
    i = tl.arange(0, BQ)
    return _load(A, t0 + i, i < n, cn, N, H * N, h * N).to(tl.float32)


@triton.jit
def diagonal_states(K, V, A, S, D, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
                    BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
                    REVERSE: tl.constexpr):  # fmt: skip
    """S[chunk, h] = sum_i (w_i k_i) v_i^T, w the decays to the chunk's end (or from its start)."""
    c, h, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    cn = tile // tl.cdiv(P, BP) * BN + tl.arange(0, BN)
    cp = tile % tl.cdiv(P, BP) * BP + tl.arange(0, BP)
    kept = (cn < N)[:, None] & (i < n)[None, :]
    at = (t0 + i).to(tl.int64)[None, :] * H * N + h * N + cn[:, None]
    a = tl.load(A + at, mask=kept, other=0.0).to(tl.float32)
    if REVERSE:
        w = tl.exp(tl.cumsum(a, 1)) * scale
    else:
        after = kept & (i + 1 < n)[None, :]
        b = tl.load(A + at + H * N, mask=after, other=0.0).to(tl.float32)
        w = tl.exp(tl.cumsum(b, 1, reverse=True))
    at = (t0 + i).to(tl.int64)[None, :] * G * N + (h // (H // G)) * N + cn[:, None]
    kt = tl.load(K + at, mask=kept, other=0.0)
    v = _load(V, t0 + i, i < n, cp, P, H * P, h * P)
    s = tl.dot((kt * w).to(kt.dtype), v, input_precision="ieee")
    to = (c * H + h) * N * P + cn[:, None] * P + cp[None, :]
    tl.store(S + to, s, mask=(cn < N)[:, None] & (cp < P)[None, :])
    if tile % tl.cdiv(P, BP) == 0:
        tl.store(D + (c * H + h) * N + cn, tl.exp(tl.sum(a, 1)), mask=cn < N)


@triton.jit
def diagonal_outputs(Q, K, V, A, S, OUT, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
                     BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
                     HALVINGS: tl.constexpr):  # fmt: skip
    """o = scale (scores v + (prefix * q) h_in)."""
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
        scores += _scores(q, k, _gates(A, t0, n, h, H, cn, N, BQ), HALVINGS, False)
    v = _load(V, t0 + i, live, cp, P, H * P, h * P)
    o = tl.dot(scores.to(v.dtype), v, input_precision="ieee")
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        a = _gates(A, t0, n, h, H, cn, N, BQ)
        s = _load(S, cn, cn < N, cp, P, P, (c * H + h) * N * P)
        q = (q * tl.exp(tl.cumsum(a, 0))).to(q.dtype)
        o += tl.dot(q, s.to(q.dtype), input_precision="ieee")
    at = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
    tl.store(OUT + at, (o * scale).to(OUT.dtype.element_ty), mask=live[:, None] & (cp < P)[None, :])
