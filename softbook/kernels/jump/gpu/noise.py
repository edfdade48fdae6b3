"""The random numbers of `softbook.kernels.jump.random` inside Triton kernels, bit for bit."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def words(seed, row, first, COUNT: tl.constexpr, purpose: tl.constexpr):
    """Words first, ..., first + COUNT - 1 of a row; COUNT is a power of two from 4 on."""
    place = first // 4 + tl.arange(0, COUNT // 4)
    c2 = place.to(tl.uint32)
    zero = c2 * 0
    c0 = zero + (row & 0xFFFFFFFF).to(tl.uint32)
    c1 = zero + (row >> 32).to(tl.uint32)
    x0, x1, x2, x3 = tl.philox(seed, c0, c1, c2, zero + purpose)
    return tl.reshape(tl.join(tl.join(x0, x2), tl.join(x1, x3)), [COUNT])


@triton.jit
def uniform(word):
    """min((word + 1/2) / 2^32, 1 - 2^-24)."""
    made = word.to(tl.float32) * 2.3283064365386963e-10 + 1.1641532182693481e-10
    return tl.minimum(made, 0.9999999403953552)


@triton.jit
def log1p_minus(x):
    """log(1 - x) for x in [0, 1), to the last digits where x is small.

    The rounding of 1 - x is undone by a quotient, as in Goldberg (1991), theorem 4.
    """
    rest = 1.0 - x
    lost = 1.0 - rest
    return tl.where(lost == 0.0, -x, tl.log(rest) * (x / tl.where(lost == 0.0, 1.0, lost)))


@triton.jit
def gumbel(word):
    """-log(-log(1 - u)) for the words' uniform numbers u."""
    return -tl.log(-log1p_minus(uniform(word)))


@triton.jit
def coin(word, stay, jump):
    """Whether a row jumps; the smaller of both probabilities is compared."""
    rare = uniform(word) < jump
    return tl.where(jump <= 0.5, rare, uniform(word ^ 0xFFFFFFFF) >= stay)
