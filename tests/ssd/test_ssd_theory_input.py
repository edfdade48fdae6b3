"""What ranks are taken of: exact or floating entries, and a sentence for everything else."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from softbook.ssd import (
    block_ranks,
    diagonal_blocks,
    new_columns,
    semiseparable_order,
    softmax_order,
)
from softbook.ssd.theory.entries import alike, entries

BAD = [
    ([[1, 2], [3, 4]], ValueError, "M: 2 is given in row 0, column 1, but above"),
    ([[1, 0, 0], [1, 1, 0]], ValueError, r"M: shape \(2, 3\) is given, but a square"),
    ([], ValueError, r"M: shape \(0,\) is given, but a square"),
    (torch.zeros(0, 0), ValueError, r"M: shape \(0, 0\) is given"),
    ([[1], [1, 1]], ValueError, "M: rows of different lengths"),
    (torch.tensor([[torch.nan]]), ValueError, "M: NaN or an infinite entry"),
    (np.array([[np.inf]]), ValueError, "M: NaN or an infinite entry"),
    ([[float("nan")]], ValueError, "M: NaN or an infinite entry"),
    ([["1"]], TypeError, "M: an entry of type str is given, but ints, Fractions or floats"),
    ([[1j]], TypeError, "M: an entry of type complex is given"),
    (np.array([[1j]]), TypeError, "M: dtype complex128 is given, but real"),
    (torch.tensor([[1j]]), TypeError, "M: dtype torch.complex64 is given, but real"),
    ([[0.5, 0], [10**400, 1]], ValueError, "M: an entry beyond float64"),
    (7, TypeError, "M: int is given, but an array"),
    ("10", TypeError, "M: str is given, but an array"),
]


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    "function", [block_ranks, new_columns, semiseparable_order, diagonal_blocks]
)
@pytest.mark.parametrize(("value", "error", "words"), BAD)
def test_what_is_no_causal_matrix_is_refused(function, value, error, words):
    with pytest.raises(error, match=words):
        function(value)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("tolerance", "error", "words"),
    [
        (1.0, ValueError, r"tolerance: 1.0 is given, but a number in \[0, 1\)"),
        (-1e-3, ValueError, "tolerance: -0.001 is given"),
        (float("nan"), ValueError, "tolerance: nan is given"),
        ("small", TypeError, "tolerance: str is given"),
        (True, TypeError, "tolerance: bool is given"),
    ],
)
def test_a_tolerance_that_is_none_is_refused(tolerance, error, words):
    with pytest.raises(error, match=words):
        new_columns([[1.0]], tolerance=tolerance)
    with pytest.raises(ValueError, match=r"tolerance: 0\.5 is given, but exact entries"):
        block_ranks([[1]], tolerance=0.5)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("tokens", "error", "words"),
    [
        (0, ValueError, "T: 0 is given, but at least 1"),
        (2.0, TypeError, "T: float is given"),
        (True, TypeError, "T: bool is given"),
    ],
)
def test_a_number_of_tokens_that_is_none_is_refused(tokens, error, words):
    with pytest.raises(error, match=words):
        softmax_order(tokens)


def test_what_is_exact_and_what_is_floating():
    for exact in (
        [[2]],
        np.array([[2]], np.uint8),
        torch.tensor([[2]]),
        np.array([[True]]),
        ((Fraction(2),),),
    ):
        assert isinstance(entries("M", exact)[0, 0], Fraction)
    for floating in (
        [[2.0]],
        np.array([[2]], np.float16),
        torch.tensor([[2.0]]),
        [[np.float32(2)]],
    ):
        assert entries("M", floating).dtype == torch.float64
    one, other = alike(q=[1], k=[0.5])
    assert one.dtype == other.dtype == torch.float64
    with pytest.raises(ValueError, match="q, k: an entry beyond float64"):
        alike(q=[10**400], k=[0.5])
