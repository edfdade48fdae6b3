"""Chunked kernels for scalar gates; one program is a chunk, a head and a tile.

Decays are exponentials of sums of the very gates between two steps, never of a difference of
prefix sums: -inf needs no clamp, and a weak gate after a strong one loses no digit. No dot reads
a transposed accumulator: transposed products have a dot of their own.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _load(X, rows, live, cols, width, stride, base):
    """Load the tile [rows, cols] of a matrix whose rows lie ``stride`` apart."""
    at = rows.to(tl.int64)[:, None] * stride + base + cols[None, :]
    return tl.load(X + at, mask=live[:, None] & (cols < width)[None, :], other=0.0)


@triton.jit
def _prefix(A, t0, n, h, H, BQ: tl.constexpr):
    """exp of the sum of the gates up to and with each step of the chunk."""
    i = tl.arange(0, BQ)
    a = tl.load(A + (t0 + i) * H + h, mask=i < n, other=0.0).to(tl.float32)
    return tl.exp(tl.cumsum(a, 0))


@triton.jit
def _suffix(A, t0, n, h, H, BQ: tl.constexpr):
    """exp of the sum of the gates after each step of the chunk."""
    i = tl.arange(0, BQ)
    a = tl.load(A + (t0 + i + 1) * H + h, mask=i + 1 < n, other=0.0).to(tl.float32)
    return tl.exp(tl.cumsum(a, 0, reverse=True))


@triton.jit
def _decays(A, t0, n, h, H, BQ: tl.constexpr, TRANSPOSED: tl.constexpr):
    """L[j, i] = exp(sum of the gates i+1..j), zero above the diagonal; its transpose on demand."""
    i = tl.arange(0, BQ)
    a = tl.load(A + (t0 + i) * H + h, mask=i < n, other=0.0).to(tl.float32)
    if TRANSPOSED:
        sums = tl.cumsum(tl.where(i[None, :] > i[:, None], a[None, :], 0.0), 1)
        return tl.where(i[None, :] >= i[:, None], tl.exp(sums), 0.0)
    sums = tl.cumsum(tl.where(i[:, None] > i[None, :], a[:, None], 0.0), 0)
    return tl.where(i[:, None] >= i[None, :], tl.exp(sums), 0.0)


@triton.jit
def chunk_states(K, V, A, S, D, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
                 BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr, REVERSE: tl.constexpr):  # fmt: skip
    """S[chunk, h] = sum_i w_i k_i v_i^T, w the decay to the chunk's end (or from its start)."""
    c, h, tile = tl.program_id(0).to(tl.int64), tl.program_id(1), tl.program_id(2)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    cn = tile // tl.cdiv(P, BP) * BN + tl.arange(0, BN)
    cp = tile % tl.cdiv(P, BP) * BP + tl.arange(0, BP)
    if REVERSE:
        w = _prefix(A, t0, n, h, H, BQ) * scale
    else:
        w = _suffix(A, t0, n, h, H, BQ)
    live = i < n
    at = (t0 + i).to(tl.int64)[None, :] * G * N + (h // (H // G)) * N + cn[:, None]
    kt = tl.load(K + at, mask=live[None, :] & (cn < N)[:, None], other=0.0)
    v = _load(V, t0 + i, live, cp, P, H * P, h * P)
    s = tl.dot(kt, (v * w[:, None]).to(kt.dtype), input_precision="ieee")
    to = (c * H + h) * N * P + cn[:, None] * P + cp[None, :]
    tl.store(S + to, s, mask=(cn < N)[:, None] & (cp < P)[None, :])
    if tile == 0:
        a = tl.load(A + (t0 + i) * H + h, mask=live, other=0.0).to(tl.float32)
        tl.store(D + c * H + h, tl.exp(tl.sum(a, 0)))


@triton.jit
def scan_states(S, D, FIRST, INITIAL, FINAL, H, SIZE: tl.constexpr, BLOCK: tl.constexpr,
                GATES: tl.constexpr, REVERSE: tl.constexpr, HAS_INITIAL: tl.constexpr):  # fmt: skip
    """Replace each chunk's own state by the state that enters it; write the last one.

    D holds a decay a chunk and head, or GATES of them: one for each row of the state.
    """
    s, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    x = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    live = x < SIZE
    at = (s * H + h) * SIZE + x
    state = tl.zeros([BLOCK], tl.float32)
    if HAS_INITIAL:
        state = tl.load(INITIAL + at, mask=live, other=0.0).to(tl.float32)
    gate = h * GATES
    if GATES > 1:
        gate += tl.minimum(x, SIZE - 1) // (SIZE // GATES)
    first, last = tl.load(FIRST + s), tl.load(FIRST + s + 1)
    for step in range(first, last):
        c = step
        if REVERSE:
            c = first + last - 1 - step
        own = tl.load(S + (c * H + h) * SIZE + x, mask=live, other=0.0)
        tl.store(S + (c * H + h) * SIZE + x, state, mask=live)
        state = tl.load(D + c * H * GATES + gate) * state + own
    tl.store(FINAL + at, state, mask=live)


@triton.jit
def chunk_outputs(Q, K, V, A, S, OUT, START, LEN, scale, H, G, N: tl.constexpr, P: tl.constexpr,
                  BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr):  # fmt: skip
    """o = scale ((q k^T * L) v + prefix * (q h_in))."""
    c, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cp = tl.program_id(2) * BP + tl.arange(0, BP)
    t0, n = tl.load(START + c), tl.load(LEN + c)
    i = tl.arange(0, BQ)
    live = i < n
    g = h // (H // G)
    scores = tl.zeros([BQ, BQ], tl.float32)
    o = tl.zeros([BQ, BP], tl.float32)
    for n0 in range(0, N, BN):
        cn = n0 + tl.arange(0, BN)
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        k = _load(K, t0 + i, live, cn, N, G * N, g * N)
        s = _load(S, cn, cn < N, cp, P, P, (c * H + h) * N * P)
        scores += tl.dot(q, tl.trans(k), input_precision="ieee")
        o += tl.dot(q, s.to(q.dtype), input_precision="ieee")
    o *= _prefix(A, t0, n, h, H, BQ)[:, None]
    scores *= _decays(A, t0, n, h, H, BQ, False)
    v = _load(V, t0 + i, live, cp, P, H * P, h * P)
    o += tl.dot(scores.to(v.dtype), v, input_precision="ieee")
    at = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
    tl.store(OUT + at, (o * scale).to(OUT.dtype.element_ty), mask=live[:, None] & (cp < P)[None, :])
