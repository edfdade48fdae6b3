"""The whole forward pass of a head in one program: the state never leaves the chip."""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.ssd.gpu.scalar import _decays, _load, _prefix, _suffix


@triton.jit
def one_pass(Q, K, V, A, OUT, INITIAL, FINAL, START, LEN, FIRST, scale, H, G, N: tl.constexpr,
             P: tl.constexpr, BQ: tl.constexpr, BN: tl.constexpr, BP: tl.constexpr,
             HAS_INITIAL: tl.constexpr):  # fmt: skip
    """Walk the chunks of one sequence, head and tile of P; BN holds all N states."""
    s, h = tl.program_id(0).to(tl.int64), tl.program_id(1)
    cp = tl.program_id(2) * BP + tl.arange(0, BP)
    cn = tl.arange(0, BN)
    i = tl.arange(0, BQ)
    g = h // (H // G)
    edge = (s * H + h) * N * P + cn[:, None] * P + cp[None, :]
    inside = (cn < N)[:, None] & (cp < P)[None, :]
    state = tl.zeros([BN, BP], tl.float32)
    if HAS_INITIAL:
        state = tl.load(INITIAL + edge, mask=inside, other=0.0).to(tl.float32)
    first, last = tl.load(FIRST + s), tl.load(FIRST + s + 1)
    for c in range(first, last):
        t0, n = tl.load(START + c), tl.load(LEN + c)
        live = i < n
        q = _load(Q, t0 + i, live, cn, N, G * N, g * N)
        # Loaded the other way round: it serves the scores and the state.
        at = (t0 + i).to(tl.int64)[None, :] * G * N + g * N + cn[:, None]
        kt = tl.load(K + at, mask=live[None, :] & (cn < N)[:, None], other=0.0)
        v = _load(V, t0 + i, live, cp, P, H * P, h * P)
        o = tl.dot(q, state.to(q.dtype), input_precision="ieee")
        o *= _prefix(A, t0, n, h, H, BQ)[:, None]
        scores = tl.dot(q, kt, input_precision="ieee") * _decays(A, t0, n, h, H, BQ, False)
        o += tl.dot(scores.to(v.dtype), v, input_precision="ieee")
        to = (t0 + i).to(tl.int64)[:, None] * H * P + h * P + cp[None, :]
        kept = live[:, None] & (cp < P)[None, :]
        tl.store(OUT + to, (o * scale).to(OUT.dtype.element_ty), mask=kept)
        a = tl.load(A + (t0 + i) * H + h, mask=live, other=0.0).to(tl.float32)
        own = (v * _suffix(A, t0, n, h, H, BQ)[:, None]).to(kt.dtype)
        state = state * tl.exp(tl.sum(a, 0)) + tl.dot(kt, own, input_precision="ieee")
    tl.store(FINAL + edge, state, mask=inside)
