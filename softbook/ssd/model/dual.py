"""The dual of a causal matrix: the masked attention of least width that equals it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Shaped

from softbook.ssd.model.completion import factors
from softbook.ssd.model.kernel import arguments, kernel_matrix, zeros
from softbook.ssd.theory import diagonal_blocks, new_columns, semiseparable_order
from softbook.ssd.theory.entries import Matrix, lower_triangular


@dataclass(frozen=True, eq=False)
class Dual:
    """Masked attention L ∘ (q kᵀ) with L = 1SS(a), whose decays are 0 or 1.

    Attributes
    ----------
    q, k
        [T, W] queries and keys: Fractions or a float64 tensor.
    a
        [T] ones, but 0 at the start of each block after the first: what lies before is forgotten.

    Raises
    ------
    TypeError, ValueError
        If shapes do not fit, an entry is no finite number, or a decay is neither 0 nor 1.

    >>> dual = Dual([[1], [1], [1]], [[1], [2], [3]], [1, 1, 0])
    >>> [[int(x) for x in row] for row in dual.matrix()], dual.blocks
    ([[1, 0, 0], [1, 2, 0], [0, 0, 3]], (range(0, 2), range(2, 3)))
    """

    q: Any
    k: Any
    a: Any

    def __post_init__(self) -> None:
        q, k, a = arguments(self.q, self.k, self.a)
        if a.ndim != 1 or not all(entry in (0, 1) for entry in a.tolist()):
            raise ValueError("a: [T] decays of 0 or 1 are needed")
        for name, value in (("q", q), ("k", k), ("a", a)):
            object.__setattr__(self, name, value)

    @property
    def width(self) -> int:
        """W, the length of a query.

        >>> Dual([[1, 2]], [[3, 4]], [1]).width
        2
        """
        return int(self.q.shape[1])

    @property
    def blocks(self) -> tuple[range, ...]:
        """The consecutive intervals of tokens that see each other.

        >>> Dual([[1], [1]], [[1], [1]], [1, 0]).blocks
        (range(0, 1), range(1, 2))
        """
        starts = [0, *(t for t in range(1, len(self.a)) if self.a[t] == 0)]
        return tuple(map(range, starts, [*starts[1:], len(self.a)]))

    def mask(self) -> Shaped[Any, "T T"]:
        """Return L = 1SS(a) [T, T]: 1 for two tokens of one block, j ≥ i; else 0.

        >>> Dual([[1], [1]], [[1], [1]], [1, 0]).mask().tolist()[1]
        [Fraction(0, 1), Fraction(1, 1)]
        """
        ones = self.a[:, None] * 0 + 1
        return kernel_matrix(ones, ones, self.a)

    def matrix(self) -> Shaped[Any, "T T"]:
        """Return L ∘ (q kᵀ) [T, T]; O(T²W).

        >>> Dual([[1], [1]], [[2], [3]], [1, 1]).matrix().tolist()[1]
        [Fraction(2, 1), Fraction(3, 1)]
        """
        return self.mask() * (self.q @ self.k.T)


def attention_dual(
    M: Matrix, width: int | None = None, *, tolerance: float | None = None
) -> Dual | None:
    """Return the masked attention of least width that equals M, or None if that exceeds `width`.

    The least width is the largest number of new columns in one of the finest diagonal blocks (theorem
    "Which matrices are masked attention of width N"): the mask forgets at each cut, and inside a block
    queries and keys factor the completion of least rank.

    Parameters
    ----------
    M
        Lower triangular, T × T, T ≥ 1, exact or floating as in `block_ranks`.
    width
        The most that is allowed, at least 0. Default: the semiseparable order N of M, so that the
        question is whether a model of N states has masked attention of width N. T always suffices.
    tolerance
        For floats only, as in `new_columns`.

    Returns
    -------
    Dual | None
        Of the least width (0 only for M = 0); narrower blocks are padded with zeros. Exact
        duals equal M. In floats rounding grows like the ratio of the largest decay to the least, to
        the power T: 1e-14 of the largest entry is usual, what exceeds the square root of the rank
        tolerance is refused. Source: own proof of theorem 4.1 of arXiv 2510.04944. Cost: O(T³) exact
        operations, O(T⁴) in floats (T = 256: half a second).

    Raises
    ------
    TypeError, ValueError
        As in `minimal_completion`; if width is no integer or negative.

    >>> attention_dual([[1, 0, 0], [0, 1, 0], [1, 0, 1]]).width
    2
    >>> attention_dual([[2, 0, 0, 0], [1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]) is None
    True
    """
    matrix = lower_triangular("M", M)
    if width is None:
        width = semiseparable_order(matrix, tolerance=tolerance)
    elif isinstance(width, bool) or not isinstance(width, Integral):
        raise TypeError(f"width: {type(width).__name__} is given, but an integer or None is needed")
    elif width < 0:
        raise ValueError(f"width: {width} is given, but at least 0 is needed")
    new = new_columns(matrix, tolerance=tolerance)
    blocks = diagonal_blocks(matrix)
    columns = [[s for s, t in enumerate(new) if t in block] for block in blocks]
    least = max(map(len, columns))
    if least > width:
        return None
    found = factors(matrix, tolerance, new)
    tokens = len(matrix)
    blank = zeros if isinstance(matrix, np.ndarray) else matrix.new_zeros
    q, k, a = blank(tokens, least), blank(tokens, least), blank(tokens) + 1
    for block, own in zip(blocks, columns, strict=True):
        rows = slice(block.start, block.stop)
        q[rows, : len(own)] = found.q[rows][:, own]
        k[rows, : len(own)] = found.k[rows][:, own]
        if block.start:
            a[block.start] = a[block.start] * 0
    return Dual(q, k, a)
