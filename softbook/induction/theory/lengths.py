"""A law on lengths as arrays: the checks that everything on this chapter's laws shares."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from softbook.checks import one_of

FORMS = ("paper", "finite")
# How far the sum of masses may lie from 1: they are given as decimals.
ROUNDED = 1e-6


def law_of(
    masses: Sequence[float] | np.ndarray, lengths: Sequence[int] | np.ndarray
) -> tuple[Float64[np.ndarray, " lengths"], Int64[np.ndarray, " lengths"]]:
    """Return masses q (divided by their sum) and lengths ℓ as arrays.

    Raises a ValueError unless the lengths are different integers of at least 1, the masses as many
    numbers that are not negative, and their sum 1 to within 1e-6.

    >>> law_of([0.25, 0.75], [1, 3])
    (array([0.25, 0.75]), array([1, 3]))
    """
    weights, places = np.asarray(masses, dtype=np.float64), np.asarray(lengths)
    if places.ndim != 1 or not len(places) or places.dtype.kind not in "iu":
        raise ValueError(f"lengths: {lengths!r} is given, but a list of integers is needed")
    if weights.shape != places.shape:
        raise ValueError(
            f"masses: shape {weights.shape} is given, but one mass for each of {len(places)} lengths is needed"
        )
    if places.min() < 1 or len(np.unique(places)) < len(places):
        raise ValueError(
            f"lengths: {places.tolist()} are given, but different lengths of at least 1 are needed"
        )
    total = float(weights.sum())
    if not (math.isfinite(total) and weights.min() >= 0 and abs(total - 1) <= ROUNDED):
        raise ValueError(
            f"masses: {weights.tolist()} are given, but numbers of at least 0 that sum to 1 are needed"
        )
    return weights / total, places.astype(np.int64)


def shares(
    masses: Sequence[float] | np.ndarray, lengths: Sequence[int] | np.ndarray, form: str
) -> Float64[np.ndarray, " lengths"]:
    """Return what each length contributes: q/ℓ ("paper") or a = q/(2ℓ+3) ("finite").

    >>> shares([0.5, 0.5], [1, 2], "paper").tolist()
    [0.5, 0.25]
    """
    one_of("form", form, FORMS)
    weights, places = law_of(masses, lengths)
    return weights / (places if form == "paper" else 2 * places + 3)
