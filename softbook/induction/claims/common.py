"""What the claims of this chapter share: seeded laws on lengths, knobs, and the tolerance of their sums."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from softbook.claims import Tolerance
from softbook.knobs import Choice, Integer, Linear, Switch

SEED = Integer(0, 9999, default=0, label="seed")
TRIGGERS = Integer(1, 8, default=2, label="triggers n")
SHORTEST = Integer(1, 4, default=2, label="shortest length")
SPAN = Integer(1, 6, default=4, label="lengths in the window")
SHARP = Linear(0.0, 3.0, default=1.0, label="unevenness", points=31)
PREVIOUS = Switch(True, label="values read the previous token")
FORM = Choice(["finite", "paper"], label="form of the ratio")
# What draws a law; every claim on margins has these.
LAW = {"shortest": SHORTEST, "span": SPAN, "sharp": SHARP, "seed": SEED}
SEQUENCE = {
    "first": Integer(1, 9, default=2, label="fillers before, ℓ1"),
    "second": Integer(1, 9, default=6, label="fillers between, ℓ2"),
}
ROUNDED = Tolerance(
    "sums of at most 100 numbers of order 10, each good to a few units of 2^-53: 10^-11",
    lambda **_: 1e-11,
)


def law(
    shortest: int = 1,
    span: int = 1,
    sharp: float = 0.0,
    seed: int = 0,
    form: str = "finite",
    shares: Sequence[float] | None = None,
) -> tuple[Float64[np.ndarray, " lengths"], Int64[np.ndarray, " lengths"]]:
    """Return masses and lengths of a law whose contributions are uneven, for odd seeds with gaps.

    The contributions, q/(2ℓ+3) or with `form` "paper" q/ℓ, are exponentials of normal numbers times
    `sharp`: 0 makes them equal. `shares` gives them outright, from length 1 on.

    >>> masses, lengths = law(2, 3)
    >>> masses.round(3).tolist(), lengths.tolist()
    ([0.259, 0.333, 0.407], [2, 3, 4])
    """
    rng = np.random.default_rng(seed)
    lengths = np.arange(shortest, shortest + span)
    each = np.exp(sharp * rng.normal(size=span))
    if seed % 2:
        # One length always stays.
        each *= (rng.random(span) < 2 / 3) | (np.arange(span) == rng.integers(span))
    if shares is not None:
        lengths, each = np.arange(1, len(shares) + 1), np.array(shares, dtype=np.float64)
    masses = each * (2 * lengths + 3 if form == "finite" else lengths)
    return masses / masses.sum(), lengths


def contributions(
    masses: Float64[np.ndarray, " lengths"], lengths: Int64[np.ndarray, " lengths"]
) -> dict[int, float]:
    """Return a = q/(2ℓ+3) of every length with mass, divided by their sum.

    >>> contributions(*law(2, 2))
    {2: 0.5, 3: 0.5}
    """
    each = masses / (2 * lengths + 3)
    return {
        int(length): float(share)
        for length, share in zip(lengths, each / each.sum(), strict=True)
        if share > 0
    }


def strongest(each: dict[int, float]) -> int:
    """Return the length with the greatest contribution, the first of several.

    >>> strongest({2: 0.25, 3: 0.5, 4: 0.25})
    3
    """
    return max(each, key=lambda length: each[length])


def mean_share(**shape: Any) -> float:
    """Return A = E[1/T] of the law with this shape.

    >>> mean_share(shortest=1, span=1)
    0.2
    """
    masses, lengths = law(**shape)
    return float(masses @ (1 / (2 * lengths + 3)))
