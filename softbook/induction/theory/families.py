"""Which pairs (ℓ1, ℓ2) a test draws, with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from softbook.checks import one_of
from softbook.induction.theory.lengths import law_of

__all__ = ["FAMILIES", "family_pairs"]

FAMILIES = ("train", "conflict", "pairs")


def family_pairs(
    masses: Sequence[float] | np.ndarray, lengths: Sequence[int] | np.ndarray, family: str
) -> tuple[Int64[np.ndarray, " pairs"], Int64[np.ndarray, " pairs"], Float64[np.ndarray, " pairs"]]:
    """Return all (ℓ1, ℓ2) of a family, and their probabilities.

    "train": ℓ1 = ℓ2 = ℓ ~ q. "conflict": the paper's test, where the place that a shortcut would read holds
    another token: ℓ uniform on the lengths above the least one with mass up to the greatest (on the only one,
    where one length has mass), ℓ1 uniform on 1..2ℓ−1 without ℓ, ℓ2 = 2ℓ − ℓ1. "pairs": uniform on ℓ1 ≠ ℓ2 from 1
    up to the greatest length with mass. A ValueError if the family is empty: it is where only ℓ = 1 has mass.

    >>> first, second, chance = family_pairs([1.0], [2], "conflict")
    >>> first.tolist(), second.tolist(), chance.tolist()
    ([1, 3], [3, 1], [0.5, 0.5])
    """
    weights, places = law_of(masses, lengths)
    one_of("family", family, FAMILIES)
    used = places[weights > 0]
    if family == "train":
        return used, used, weights[weights > 0]
    most, least = int(used.max()), int(used.min())
    if most == 1:
        raise ValueError(
            f"lengths: only 1 has mass, but the family {family!r} needs a length of at least 2"
        )
    if family == "pairs":
        first, second = np.meshgrid(np.arange(1, most + 1), np.arange(1, most + 1), indexing="ij")
        apart = first != second
        many = int(apart.sum())
        return first[apart], second[apart], np.full(many, 1 / many)
    middles = np.arange(min(least + 1, most), most + 1)
    rows = [
        (first, 2 * middle - first, 1 / (len(middles) * (2 * middle - 2)))
        for middle in middles
        for first in range(1, 2 * middle)
        if first != middle
    ]
    one, two, chance = zip(*rows, strict=True)
    return np.array(one), np.array(two), np.array(chance)
