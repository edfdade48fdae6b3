"""Which rows are read, and the one pass over their logits: a peak and a sum for each tile."""

from __future__ import annotations

import triton
import triton.language as tl

from softbook.kernels.jump.gpu.noise import coin
from softbook.kernels.jump.random import COIN

COIN_PURPOSE = tl.constexpr(COIN)


@triton.jit
def choose_rows(TOKENS, STAY, JUMP, READ, seed, offset, mask, rows,
                EACH: tl.constexpr, MASKED: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """READ is 0 for a row that is not read, 1 for one that draws, 2 for one that only looks up."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = i < rows
    row = offset + i.to(tl.int64)
    zero = (i * 0).to(tl.uint32)
    low, high = (row & 0xFFFFFFFF).to(tl.uint32), (row >> 32).to(tl.uint32)
    word, _, _, _ = tl.philox(seed, low, high, zero, zero + COIN_PURPOSE)
    stay = tl.load(STAY + i * EACH, mask=live, other=1.0)
    jump = tl.load(JUMP + i * EACH, mask=live, other=0.0)
    jumps = coin(word, stay, jump)
    if MASKED:
        token = tl.load(TOKENS + i, mask=live, other=0)
        read = tl.where(jumps & (token == mask), 1, 0)
    else:
        read = tl.where(jumps, 1, tl.where(jump > 0, 2, 0))
    tl.store(READ + i, read.to(tl.int8), mask=live)


@triton.jit
def _block_sums(X, PEAKS, SUMS, row, block, tokens, tiles, stride,
                TILE: tl.constexpr, ACROSS: tl.constexpr, WHOLE: tl.constexpr):  # fmt: skip
    """The peak and the sum of exp(logit - peak) of ACROSS tiles; a WHOLE block ends in the row."""
    tile = block * ACROSS + tl.arange(0, ACROSS)
    token = tile[:, None] * TILE + tl.arange(0, TILE)[None, :]
    at = X + row * stride + token
    if WHOLE:
        x = tl.load(at, eviction_policy="evict_first")
    else:
        x = tl.load(at, mask=token < tokens, other=float("-inf"), eviction_policy="evict_first")
    x = x.to(tl.float32)
    peak = tl.max(x, 1)
    # Where a tile holds only -inf, exp(-inf - 0) is 0, and exp(-inf + inf) NaN.
    finite = tl.where(peak == float("-inf"), 0.0, peak)
    total = tl.sum(tl.exp(x - finite[:, None]), 1)
    tl.store(PEAKS + row * tiles + tile, peak, mask=tile < tiles)
    tl.store(SUMS + row * tiles + tile, total, mask=tile < tiles)


@triton.jit
def tile_sums(X, READ, PEAKS, SUMS, tokens, tiles, stride, share,
              TILE: tl.constexpr, ACROSS: tl.constexpr):  # fmt: skip
    """The peaks and sums of ``share`` blocks of ACROSS tiles of a row.

    A tile is summed by itself, so it does not matter which program sums it. Whole blocks need no
    mask: with one, rows that are no multiple of 16 long would take 17 instructions a logit in place
    of 12. A thread reads 16 bytes at a time where 16 divides the stride, and one logit elsewhere.
    Aligned reads of such a row would sum its tiles in an order that depends on where the row lies.
    """
    row = tl.program_id(0).to(tl.int64)
    if tl.load(READ + row) == 0:
        return
    first = tl.program_id(1) * share
    last = tl.minimum(first + share, tl.cdiv(tiles, ACROSS))
    whole = tl.minimum(last, tokens // (ACROSS * TILE))
    for block in range(first, whole):
        _block_sums(X, PEAKS, SUMS, row, block, tokens, tiles, stride, TILE, ACROSS, True)
    # Only the last block of a row is not whole.
    if tl.maximum(first, whole) < last:
        _block_sums(X, PEAKS, SUMS, row, last - 1, tokens, tiles, stride, TILE, ACROSS, False)
