"""Exact elimination from the last row up: the echelon forms of M[t:] for every t, in one pass.

Source: own. For each cut t the rows t..T and the columns 1..t change together, so that the rank of
one block says nothing about the next. What can be kept is the row space: M[t:] is M[t+1:] and one row
more. The leading columns of its echelon form give the ranks of all its column prefixes at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import Shaped

Echelon = dict[int, list[int]]
"""Rows of integers by their leading column; each is zero before it."""


def echelons(matrix: Shaped[np.ndarray, "T T"]) -> Iterator[tuple[int, Echelon]]:
    """Yield (t, echelon form of the rows t, t+1, …) for t = T−1 down to 0.

    The form is one dictionary that grows: take what is needed before the next step. The rank of
    M[t:, :c] is the number of leading columns below c, and column c of M[t:] lies outside of the
    span of the columns before it exactly if it is a leading column. O(T³) operations on integers.

    Parameters
    ----------
    matrix
        Fractions. Rows are scaled to integers, which changes neither ranks nor relations of columns.

    >>> one = Fraction(1)
    >>> [(t, sorted(form)) for t, form in echelons(np.array([[one, 0 * one], [one, one]]))]
    [(1, [0]), (0, [0, 1])]
    """
    form: Echelon = {}
    for t in range(len(matrix) - 1, -1, -1):
        _insert(form, _integers(list(matrix[t])))
        yield t, form


def _integers(row: list[Fraction]) -> list[int]:
    scale = math.lcm(*(entry.denominator for entry in row))
    return _primitive([int(entry * scale) for entry in row])


def _primitive(row: list[int]) -> list[int]:
    """Divide a row by its common divisor, so that its integers stay short."""
    divisor = math.gcd(*row)
    return [entry // divisor for entry in row] if divisor > 1 else row


def _insert(form: Echelon, row: list[int]) -> None:
    """Reduce a row by the form and add what is left of it."""
    for column in range(len(row)):
        if not row[column]:
            continue
        other = form.get(column)
        if other is None:
            form[column] = row
            return
        divisor = math.gcd(row[column], other[column])
        ours, theirs = other[column] // divisor, row[column] // divisor
        row = _primitive([ours * x - theirs * y for x, y in zip(row, other, strict=True)])


def leading_columns(matrix: Shaped[np.ndarray, "T T"]) -> tuple[frozenset[int], ...]:
    """Return for each t the leading columns of the echelon form of M[t:]; M is exact.

    >>> leading_columns(np.array([[Fraction(1), Fraction(0)], [Fraction(1), Fraction(1)]]))[1]
    frozenset({0})
    """
    found = {t: frozenset(form) for t, form in echelons(matrix)}
    return tuple(found[t] for t in range(len(matrix)))


def combination(form: Echelon, column: int) -> dict[int, Fraction]:
    """Return the coefficients with which leading columns before `column` add up to it.

    Parameters
    ----------
    form
        An echelon form in which `column` does not lead.
    column
        Its index.

    Raises
    ------
    ValueError
        If the column leads: then no combination of earlier ones gives it.

    >>> combination({0: [2, 0, 6], 1: [0, 1, 5]}, 2)
    {1: Fraction(5, 1), 0: Fraction(3, 1)}
    """
    if column in form:
        raise ValueError(f"column: {column} is given, which the columns before it do not span")
    shares: dict[int, Fraction] = {}
    # Rows that lead behind the column are zero up to it.
    for lead in sorted((lead for lead in form if lead < column), reverse=True):
        row = form[lead]
        rest = row[column] - sum(row[other] * share for other, share in shares.items())
        shares[lead] = Fraction(rest) / row[lead]
    return shares
