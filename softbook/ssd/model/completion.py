"""The completion of least rank: what may stand above the diagonal so that the rank is least."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from softbook.ssd.model.kernel import zeros
from softbook.ssd.theory import new_columns
from softbook.ssd.theory.elimination import combination, echelons
from softbook.ssd.theory.entries import (
    Matrix,
    check_tolerance,
    floats,
    lower_triangular,
    near_one,
    rank_tolerance,
)


class Factors(NamedTuple):
    """q, k [T, W] with M = tril(q kᵀ), and the indices of the W new columns of M.

    Column s of q is the s-th new column of M itself, and row t of k holds the coefficients with which
    these columns, from row t on, add up to column t of M.
    """

    q: Any
    k: Any
    new: tuple[int, ...]


def factors(
    M: Matrix, tolerance: float | None = None, new: tuple[int, ...] | None = None
) -> Factors:
    """Return the factors of the completion of least rank; parameters and errors as `minimal_completion`.

    `new`: the new columns of M, where they are known already.

    If column t is new, its row of k is a unit vector. If not, M[t:, t] is a combination of the new
    columns before it, of which rows t, t+1, … are prescribed. So nothing is added up along the way:
    each row of k is solved for on its own.

    >>> factors([[1, 0], [3, 6]]).k.tolist()
    [[Fraction(1, 1)], [Fraction(2, 1)]]
    """
    matrix = lower_triangular("M", M)
    tolerance = check_tolerance(tolerance, exact=isinstance(matrix, np.ndarray))
    if new is None:
        new = new_columns(matrix, tolerance=tolerance)
    if isinstance(matrix, np.ndarray):
        return Factors(matrix[:, list(new)], _exact_keys(matrix, new), new)
    array = floats(matrix)
    scaled = near_one(array)
    keys = _float_keys(scaled, new)
    _check(scaled, Factors(scaled[:, list(new)], keys, new), tolerance)
    q, k = (torch.from_numpy(entry).to(matrix.device) for entry in (array[:, list(new)], keys))
    return Factors(q, k, new)


def _exact_keys(matrix: np.ndarray, new: tuple[int, ...]) -> np.ndarray:
    place = {column: s for s, column in enumerate(new)}
    keys = zeros(len(matrix), len(new))
    for t, form in echelons(matrix):
        # A column that leads from row t on leads from its own row on: it is one of the new ones.
        shares = {t: 1} if t in place else combination(form, t)
        for column, share in shares.items():
            keys[t, place[column]] += share
    return keys


def _float_keys(array: np.ndarray, new: tuple[int, ...]) -> np.ndarray:
    keys = np.zeros((len(array), len(new)))
    for t in range(len(array)):
        before = [column for column in new if column < t]
        if t in new:
            keys[t, len(before)] = 1
        elif before and array[t:, t].any():
            keys[t, : len(before)] = _least_squares(array[t:, before], array[t:, t])
    return keys


def _least_squares(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Solve for coefficients of columns that may differ by many orders of magnitude."""
    # Powers of two scale without rounding; that of the least numbers would be infinite.
    sizes = np.abs(columns).max(axis=0)
    scale = np.exp2(-np.floor(np.log2(np.clip(sizes, 2.0**-1022, None))))
    return np.asarray(scale * np.linalg.lstsq(columns * scale, target, rcond=None)[0])


def _check(array: np.ndarray, found: Factors, tolerance: float | None) -> None:
    """Raise where coefficients are so large that their sums no longer give M."""
    size = np.abs(array).max()
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(np.tril(found.q @ found.k.T) - array).max()
    allowed = math.sqrt(rank_tolerance(tolerance, array.shape))
    if not gap <= allowed * size:
        raise ValueError(
            f"M: a completion of rank {len(found.new)} needs coefficients up to "
            f"{np.abs(found.k).max():.1g}, and in float64 it misses M by {gap / size:.1g} of its largest "
            f"entry (allowed: {allowed:.1g}); give M in Fractions, or a larger tolerance"
        )


def minimal_completion(M: Matrix, *, tolerance: float | None = None) -> Shaped[Any, "T T"]:
    """Return a full matrix of least rank that agrees with M on and below the diagonal.

    Its rank is the number of `new_columns`, and no completion has less (theorem "New columns count the
    least rank"): rows t.. of columns 1..t are prescribed, so a new column is outside of the span
    of the columns before it in every completion; and a column that is not new is continued upward by
    the combination that gives it.

    Parameters
    ----------
    M
        Lower triangular, T × T, T ≥ 1, exact or floating as in `block_ranks`.
    tolerance
        For floats only, as in `new_columns`.

    Returns
    -------
    ndarray | Tensor
        [T, T]: Fractions for exact M, else a float64 tensor. New columns are 0 above the diagonal.
        Entries above it may be far larger than those of M: a decay of a is continued upward by 1/a a
        token. Source: own. Cost: O(T³) exact operations, O(T⁴) in floats (least squares).

    Raises
    ------
    TypeError, ValueError
        As in `block_ranks`; in floats also if the coefficients are so large that the combinations
        miss M by more than the square root of the rank tolerance, of its largest entry.

    >>> [[str(x) for x in row] for row in minimal_completion([[1, 0, 0], [1, 2, 0], [1, 2, 3]])]
    [['1', '2', '3'], ['1', '2', '3'], ['1', '2', '3']]
    """
    matrix = lower_triangular("M", M)
    found = factors(matrix, tolerance)
    if isinstance(matrix, Tensor):
        above = torch.triu(found.q @ found.k.T, 1)
        return above + matrix.detach()
    full = zeros(*matrix.shape) + found.q @ found.k.T
    return np.where(np.tri(len(matrix), dtype=bool), matrix, full)
