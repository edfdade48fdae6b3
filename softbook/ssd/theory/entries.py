"""Entries that are exact (Fractions) or floating (float64), and the sentences for all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

Matrix = Sequence[Any] | Shaped[np.ndarray, "T T"] | Shaped[Tensor, "T T"]
"""A square matrix as it may be given: nested sequences, a numpy array or a tensor."""

# What the rounding of entries adds to singular values, in units of max(shape) · 2⁻⁵² of the largest one:
# an entry that is a sum of products of decays is off by a few units, and a rank must not count that.
ROUNDING = 8


def entries(name: str, value: Any) -> np.ndarray | Tensor:
    """Return an object array of Fractions where all entries are rational, else a float64 tensor.

    Parameters
    ----------
    name
        What a sentence about the argument calls it.
    value
        Nested sequences, a numpy array or a tensor of any shape. Integers and Fractions are exact;
        one float among them makes all of them floating.

    Raises
    ------
    TypeError, ValueError
        If it is no array of real numbers, or an entry is NaN, infinite or beyond float64.

    >>> entries("M", [[1, Fraction(1, 3)]])
    array([[Fraction(1, 1), Fraction(1, 3)]], dtype=object)
    >>> entries("M", [[1.0, 2]])
    tensor([[1., 2.]], dtype=torch.float64)
    """
    if isinstance(value, Tensor):
        if value.dtype.is_complex:
            raise TypeError(f"{name}: dtype {value.dtype} is given, but real numbers are needed")
        if value.is_floating_point():
            return _finite(name, value.double())
        value = value.cpu().numpy()
    if isinstance(value, np.ndarray):
        array = value
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        array = _array(name, value)
    else:
        raise TypeError(f"{name}: {type(value).__name__} is given, but an array is needed")
    if array.dtype.kind == "f":
        return _finite(name, torch.from_numpy(array.astype(np.float64)))
    if array.dtype.kind not in "biuO":
        raise TypeError(f"{name}: dtype {array.dtype} is given, but real numbers are needed")
    return _from_objects(name, array.astype(object))


def _array(name: str, value: Sequence[Any]) -> np.ndarray:
    """Return nested sequences as an object array; ragged ones are refused."""
    try:
        return np.array(value, dtype=object)
    except ValueError:
        raise ValueError(
            f"{name}: rows of different lengths are given, but one is needed"
        ) from None


def _from_objects(name: str, array: np.ndarray) -> np.ndarray | Tensor:
    flat = array.ravel()
    for entry in flat:
        if isinstance(entry, (list, tuple, np.ndarray)):
            raise ValueError(f"{name}: rows of different lengths are given, but one is needed")
        if not isinstance(entry, Real):
            raise TypeError(
                f"{name}: an entry of type {type(entry).__name__} is given, but ints, Fractions or "
                "floats are needed"
            )
    if all(isinstance(entry, Rational) for entry in flat):
        return _fractions(flat).reshape(array.shape)
    try:
        return _finite(name, torch.from_numpy(array.astype(np.float64)))
    except OverflowError:
        raise ValueError(f"{name}: an entry beyond float64 is given beside a float") from None


def _fractions(flat: np.ndarray) -> np.ndarray:
    result = np.empty(len(flat), dtype=object)
    result[:] = [
        Fraction(int(entry)) if isinstance(entry, Integral) else Fraction(entry) for entry in flat
    ]
    return result


def _finite(name: str, value: Tensor) -> Tensor:
    if not bool(value.isfinite().all()):
        raise ValueError(f"{name}: NaN or an infinite entry is given, but finite ones are needed")
    return value


def alike(**values: Any) -> tuple[Any, ...]:
    """Return arrays that are all exact, or all float64 where one of them is floating.

    >>> alike(q=[1], k=[0.5])
    (tensor([1.], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    found = {name: entries(name, value) for name, value in values.items()}
    if not any(isinstance(value, Tensor) for value in found.values()):
        return tuple(found.values())
    try:
        return tuple(
            value if isinstance(value, Tensor) else torch.from_numpy(value.astype(np.float64))
            for value in found.values()
        )
    except OverflowError:
        names = ", ".join(found)
        raise ValueError(f"{names}: an entry beyond float64 is given beside floats") from None


def lower_triangular(name: str, value: Any) -> np.ndarray | Tensor:
    """Return `value` as `entries` does; raise a ValueError unless it is T × T and lower triangular.

    T ≥ 1; what lies above the diagonal is exactly 0.

    >>> lower_triangular("M", [[1, 0], [2, 3]]).tolist()[1]
    [Fraction(2, 1), Fraction(3, 1)]
    """
    matrix = entries(name, value)
    shape = tuple(matrix.shape)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"{name}: shape {shape} is given, but a square matrix is needed")
    array = matrix.detach().cpu().numpy() if isinstance(matrix, Tensor) else matrix
    above = np.argwhere(np.triu(array != 0, 1))
    if len(above):
        j, i = (int(place) for place in above[0])
        raise ValueError(
            f"{name}: {array[j, i]} is given in row {j}, column {i}, but above the diagonal 0 is needed"
        )
    return matrix


def floats(matrix: Tensor) -> np.ndarray:
    """Return the numbers of a float64 tensor, without its history.

    >>> floats(torch.ones(1, dtype=torch.float64))
    array([1.])
    """
    return np.asarray(matrix.detach().cpu().numpy())


def near_one(array: np.ndarray) -> np.ndarray:
    """Return floats times the power of two that brings the largest size into [1/2, 1); 0 stays 0.

    >>> near_one(np.array([0.0, -6.0]))
    array([ 0.  , -0.75])
    """
    return np.asarray(np.ldexp(array, -np.frexp(np.abs(array).max())[1]))


def rank_tolerance(tolerance: float | None, shape: tuple[int, ...]) -> float:
    """Return the share of the largest singular value up to which one counts as zero.

    `tolerance` itself where it is given; else 8 max(shape) 2⁻⁵² of the block's shape. Rounded entries
    move a singular value by about √max(shape) 2⁻⁵³ of the largest one for each unit of rounding.

    >>> rank_tolerance(None, (4, 2)) == 32 * 2.0**-52
    True
    """
    return ROUNDING * max(shape) * 2.0**-52 if tolerance is None else tolerance


def check_tolerance(tolerance: float | None, exact: bool) -> float | None:
    """Return `tolerance`; raise unless it is None, or a number in [0, 1) beside floating entries.

    >>> check_tolerance(1e-6, exact=False)
    1e-06
    """
    if tolerance is None:
        return None
    if isinstance(tolerance, bool) or not isinstance(tolerance, Real):
        raise TypeError(
            f"tolerance: {type(tolerance).__name__} is given, but a number or None is needed"
        )
    if not (math.isfinite(tolerance) and 0 <= tolerance < 1):
        raise ValueError(f"tolerance: {tolerance} is given, but a number in [0, 1) is needed")
    if exact:
        raise ValueError(
            f"tolerance: {tolerance} is given, but exact entries have exact ranks: None is needed"
        )
    return float(tolerance)
