"""Ranks of the blocks of a lower-triangular matrix: its order, new columns and diagonal blocks.

Indices count from 0 in code, from 1 in the book.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from softbook.ssd.theory.elimination import leading_columns
from softbook.ssd.theory.entries import (
    Matrix,
    check_tolerance,
    floats,
    lower_triangular,
    near_one,
    rank_tolerance,
)


def block_ranks(M: Matrix, *, tolerance: float | None = None) -> tuple[int, ...]:
    """Return the rank of the block M[t:, :t+1] for each t.

    Parameters
    ----------
    M
        Lower triangular, T × T with T ≥ 1. Integers and Fractions (nested sequences, object or
        integer arrays) are exact; floats (tensors, float arrays) are taken in float64.
    tolerance
        For floats only, in [0, 1): singular values of at most this share of the largest one of the
        whole block count as zero. Default: 8 max(shape) 2⁻⁵², which rounded entries do not reach.

    Returns
    -------
    tuple[int, ...]
        T ranks. Source: Dao and Gu (2024), definition 3.1. Cost: exact O(T³) operations on integers
        that may grow, floating O(T⁴) operations (T = 256: a fifth of a second).

    Raises
    ------
    TypeError, ValueError
        If M is not square or not lower triangular, or has an entry that is no finite number.

    >>> block_ranks([[1, 0, 0], [0, 1, 0], [1, 0, 1]])
    (1, 2, 1)
    """
    matrix = lower_triangular("M", M)
    tolerance = check_tolerance(tolerance, exact=not isinstance(matrix, Tensor))
    if isinstance(matrix, Tensor):
        array = floats(matrix)
        return tuple(_ranks(array[t:, : t + 1], tolerance)[0] for t in range(len(array)))
    leads = leading_columns(matrix)
    return tuple(sum(lead <= t for lead in leads[t]) for t in range(len(matrix)))


def semiseparable_order(M: Matrix, *, tolerance: float | None = None) -> int:
    """Return the largest rank of the blocks of M on and below the diagonal: max over t of rank M[t:, :t+1].

    It is the least number of states of a state-space model with the kernel matrix M. Parameters,
    errors and cost as in `block_ranks`. Source: Dao and Gu (2024), definition 3.1.

    >>> semiseparable_order([[1, 0, 0], [0, 1, 0], [1, 0, 1]])
    2
    """
    return max(block_ranks(M, tolerance=tolerance))


def new_columns(M: Matrix, *, tolerance: float | None = None) -> tuple[int, ...]:
    """Return the indices t, from 0, of the new columns: M[t:, t] outside of the span of M[t:, :t].

    The first column is new exactly if it is not zero. Their number is the least rank of a matrix that
    agrees with M on and below the diagonal (theorem "New columns count the least rank").
    In floats a column is new if it raises the number of singular values of M[t:, :t] above one
    threshold. Parameters, errors and cost as in `block_ranks`.

    >>> new_columns([[2, 0, 0, 0], [1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]])
    (0, 1, 2)
    """
    matrix = lower_triangular("M", M)
    tolerance = check_tolerance(tolerance, exact=not isinstance(matrix, Tensor))
    if isinstance(matrix, Tensor):
        array = floats(matrix)
        ranks = (_ranks(array[t:, : t + 1], tolerance) for t in range(len(array)))
        return tuple(t for t, (whole, before) in enumerate(ranks) if whole > before)
    leads = leading_columns(matrix)
    return tuple(t for t in range(len(matrix)) if t in leads[t])


def diagonal_blocks(M: Matrix) -> tuple[range, ...]:
    """Return the finest splitting into consecutive intervals outside of whose blocks M is zero.

    There is a cut before t exactly if M[t:, :t] is zero; a float counts as zero only if it is 0, as a
    rank with any relative tolerance does. Errors as in `block_ranks`; O(T²).

    >>> diagonal_blocks([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    (range(0, 1), range(1, 3))
    """
    matrix = lower_triangular("M", M)
    array = floats(matrix) if isinstance(matrix, Tensor) else matrix
    tokens = len(array)
    filled = array != 0
    # The last row in which column i has an entry; a cut before t needs all earlier columns to end above it.
    last = np.where(filled.any(0), tokens - 1 - filled[::-1].argmax(0), -1)
    reach = np.maximum.accumulate(last)
    starts = [0, *(t for t in range(1, tokens) if reach[t - 1] < t)]
    return tuple(map(range, starts, [*starts[1:], tokens]))


def _ranks(block: np.ndarray, tolerance: float | None) -> tuple[int, int]:
    """Return the rank of a block and, above the same threshold, that of all columns but its last."""
    # Singular values may exceed every entry: numbers near the end of float64's range are shrunk first.
    block = near_one(block)
    values = np.linalg.svd(block, compute_uv=False)
    threshold = rank_tolerance(tolerance, block.shape) * values[0]
    before = np.linalg.svd(block[:, :-1], compute_uv=False) if block.shape[1] > 1 else np.zeros(0)
    return int((values > threshold).sum()), int((before > threshold).sum())
