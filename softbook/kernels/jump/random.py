"""Counter-based random numbers: a word follows from seed, row, place and purpose, and nothing else.

Word number i of a row is output i mod 4 of Philox 4x32 with ten rounds; its key is the seed, its
counter the row's number (64 bits), i div 4 and the purpose. So no tiling, thread or device changes
a draw. Source: Salmon, Moraes, Dror and Shaw (2011), parallel random numbers: as easy as 1, 2, 3.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

__all__ = ["COIN", "TILES", "TOKENS", "coin", "gumbel", "philox", "uniform", "words"]

COIN, TILES, TOKENS = 0, 1, 2
"""The purposes: whether a site jumps, the draw of a tile, and the draw of a token in it."""

ROUNDS = 10
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
STEPS = 0x9E3779B9, 0xBB67AE85
LOW = 0xFFFFFFFF
BELOW_ONE = 1 - 2.0**-24
"""The largest float32 below 1: with it, no uniform number makes a Gumbel number infinite."""


def philox(
    c0: Tensor, c1: Tensor, c2: Tensor, c3: Tensor, seed: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the four output words of Philox 4x32-10 for counters that broadcast together.

    Counters and words are int64 tensors of numbers in [0, 2^32); the seed, in [0, 2^63), is the key.
    About 100 operations on int64 a counter.

    >>> zero = torch.zeros(1, dtype=torch.int64)
    >>> [f"{word.item():08x}" for word in philox(zero, zero, zero, zero, 0)]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    k0, k1 = seed & LOW, seed >> 32
    c0, c1, c2, c3 = torch.broadcast_tensors(c0, c1, c2, c3)
    for _ in range(ROUNDS):
        # A product may pass 2^63 and wrap; its 64 bits are right all the same. Its low half is
        # what is left when the high bits are cut, a round later.
        first, second = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0 = (second >> 32).bitwise_xor_(c1).bitwise_xor_(k0).bitwise_and_(LOW)
        c2 = (first >> 32).bitwise_xor_(c3).bitwise_xor_(k1).bitwise_and_(LOW)
        c1, c3 = second, first
        k0, k1 = (k0 + STEPS[0]) & LOW, (k1 + STEPS[1]) & LOW
    return c0, c1 & LOW, c2, c3 & LOW


def words(
    seed: int, rows: Int64[Tensor, " n"], first: Int64[Tensor, " n"] | int, count: int, purpose: int
) -> Int64[Tensor, "n count"]:
    """Return words first, ..., first + count - 1 of each row; `first` is a multiple of 4.

    >>> rows = torch.arange(3)
    >>> torch.equal(words(7, rows, 0, 9, TILES)[1:, 4:], words(7, rows[1:], 4, 5, TILES))
    True
    """
    at = torch.arange(-(-count // 4), device=rows.device)
    start = first if isinstance(first, int) else first[:, None]
    c2 = (start // 4 + at).expand(len(rows), -1)
    c0, c1 = rows[:, None] & LOW, (rows[:, None] >> 32) & LOW
    made = philox(c0, c1, c2, torch.full_like(at, purpose), seed)
    return torch.stack(made, -1).flatten(1)[:, :count]


def uniform(words: Int64[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """Return min((word + 1/2) / 2^32, 1 - 2^-24), in (0, 1), rounded to `dtype` at each step.

    >>> uniform(torch.tensor([0, 2**31, 2**32 - 1]), torch.float32).tolist()
    [1.16...e-10, 0.5, 0.999999940...]
    """
    return (words.to(dtype) * 2.0**-32 + 2.0**-33).clamp(max=BELOW_ONE)


def gumbel(words: Int64[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """Return -log(-log(1 - u)) for the uniform numbers u of the words: standard Gumbel numbers.

    They lie between -2.9 and 22.9. The large ones, which win draws, come from small u, where
    floating numbers are dense: a probability keeps its digits down to about 2^-32.

    >>> [round(x, 2) for x in gumbel(torch.tensor([0, 2**32 - 1]), torch.float32).tolist()]
    [22.87, -2.81]
    """
    return (-torch.log1p(-uniform(words, dtype))).log_().neg_()


def coin(
    words: Int64[Tensor, " n"], stay: Float[Tensor, " m"], jump: Float[Tensor, " m"]
) -> Bool[Tensor, " n"]:
    """Return which rows jump; of the two probabilities the smaller one is compared, exactly.

    `stay` and `jump` hold one number, or one a row. A NaN stays.

    >>> half = torch.tensor([0.5])
    >>> coin(torch.tensor([0, 2**32 - 1]), half, half).tolist()
    [True, False]
    """
    rare = uniform(words, jump.dtype) < jump
    return torch.where(jump <= 0.5, rare, uniform(LOW - words, stay.dtype) >= stay)
