"""From the tiles' sums to a token and its log probability: one program a row."""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.jump.gpu.noise import gumbel, log1p_minus, words
from softbook.kernels.jump.random import TILES as TILES_NUMBER
from softbook.kernels.jump.random import TOKENS as TOKENS_NUMBER

TILES_PURPOSE = tl.constexpr(TILES_NUMBER)
TOKENS_PURPOSE = tl.constexpr(TOKENS_NUMBER)


@triton.jit
def _log_transition(before, after, log_p, stay, jump, mask, MASKED: tl.constexpr):
    """log K(before -> after), as `softbook.kernels.jump.transition` has it."""
    log_p = tl.where(log_p > 0.0, 0.0, log_p)
    moved = tl.log(jump) + log_p
    same = after == before
    if MASKED:
        held = tl.where(same, 0.0, float("-inf"))
        opened = tl.where(after == mask, tl.log(stay), moved)
        made = tl.where(before == mask, opened, held)
    else:
        p = tl.exp(log_p)
        leaves = jump * (1.0 - p)
        kept = tl.where(stay > 0.0, tl.log(stay + jump * p), moved)
        kept = tl.where(leaves < 0.5, log1p_minus(leaves), kept)
        made = tl.where(same, kept, moved)
    return tl.where(log_p != log_p, log_p, made)


@triton.jit
def draw(X, BEFORE, AFTER, STAY, JUMP, READ, PEAKS, SUMS, LOG, seed, offset, mask, tokens, tiles,
         stride, GIVEN: tl.constexpr, EACH: tl.constexpr, MASKED: tl.constexpr, TILE: tl.constexpr,
         WIDE: tl.constexpr):  # fmt: skip
    """Draw the next token into AFTER, unless it is GIVEN there, and write its log probability.

    WIDE is a power of two, at least 4, that holds all tiles of a row.
    """
    row = tl.program_id(0).to(tl.int64)
    read = tl.load(READ + row)
    before = tl.load(BEFORE + row)
    after = before
    if GIVEN:
        after = tl.load(AFTER + row)
    stay, jump = tl.load(STAY + row * EACH), tl.load(JUMP + row * EACH)
    log_p = tl.where((after < tokens) | (not GIVEN), 0.0, float("-inf"))
    if read > 0:
        tile = tl.arange(0, WIDE)
        peaks = tl.load(PEAKS + row * tiles + tile, mask=tile < tiles, other=float("-inf"))
        sums = tl.load(SUMS + row * tiles + tile, mask=tile < tiles, other=0.0)
        top = tl.max(peaks, 0)
        finite = tl.where(top == float("-inf"), 0.0, top)
        total = tl.sum(sums * tl.exp(peaks - finite), 0)
        if not GIVEN and read == 1:
            level = peaks - finite + tl.log(sums)
            noise = gumbel(words(seed, offset + row, 0, WIDE, TILES_PURPOSE))
            won = tl.argmax(level + noise, 0)
            peak = tl.load(PEAKS + row * tiles + won)
            first = won * TILE
            own = first + tl.arange(0, TILE)
            x = tl.load(X + row * stride + own, mask=own < tokens, other=float("-inf"))
            noise = gumbel(words(seed, offset + row, first, TILE, TOKENS_PURPOSE))
            drawn = first + tl.argmax(x.to(tl.float32) - peak + noise, 0)
            # A row without a finite sum keeps its token; a NaN is not above 0.
            after = tl.where((total > 0.0) & (top < float("inf")), drawn.to(tl.int64), before)
        x = tl.load(X + row * stride + after, mask=after < tokens, other=float("-inf"))
        log_p = x.to(tl.float32) - top - tl.log(total)
    if not GIVEN:
        tl.store(AFTER + row, after)
    tl.store(LOG + row, _log_transition(before, after, log_p, stay, jump, mask, MASKED))
