"""A printed number must be the same text on every machine whose last bits differ."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

from softbook.reporting import show, table, text

numbers = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)


@given(numbers, st.integers(1, 9), st.floats(-1, 1))
def test_what_is_printed_survives_the_stated_error(number: float, digits: int, share: float):
    error = 1e-3 if digits < 3 else 1e-12
    try:
        printed = text(number, digits, error)
    except ValueError:
        reject()
    assert text(number * (1 + 0.99 * share * error), digits, 0.0) == printed
    # Half a unit of the last digit, at worst of a number that begins with 1.
    assert math.isclose(float(printed), number, rel_tol=0.5001 * 10 ** (1 - digits))


@given(numbers.filter(bool), st.integers(1, 15))
def test_the_stated_digits_are_there(number: float, digits: int):
    mantissa = text(number, digits, 0.0).lower().lstrip("-").split("e")[0]
    shown = mantissa.replace(".", "").lstrip("0")
    assert len(shown) == digits


@pytest.mark.parametrize("digits", [1, 6, 15])
def test_a_border_is_refused_and_its_neighbours_are_not(digits: int):
    border = 1 + 0.5 * 10.0 ** (1 - digits)
    with pytest.raises(ValueError, match="border between"):
        text(border, digits)
    assert text(border * (1 + 1e-3 * 10.0 ** (1 - digits)), digits, 1e-18)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (True, "True"),
        (7, "7"),
        (123456789, "123456789"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.5, "0.500000"),
        (123456.0, "123456"),
        (-1.5e300, "-1.50000e+300"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        ("word", "word"),
        (torch.tensor(0.25), "0.250000"),
        (torch.tensor([3]), "3"),
        (torch.tensor(True), "True"),
    ],
)
def test_kinds_of_values(value: object, printed: str):
    assert text(value) == printed


def test_bad_input_is_told_in_a_sentence():
    with pytest.raises(ValueError, match="digits: 0 is given"):
        text(1.0, digits=0)
    with pytest.raises(ValueError, match="error: 1 is given"):
        text(1.0, error=1)
    with pytest.raises(ValueError, match="rows: row 1 has b, but the first has a"):
        table([{"a": 1}, {"b": 1}])


def test_nothing_is_printed_of_nothing(capsys: pytest.CaptureFixture[str]):
    show()
    table([])
    assert capsys.readouterr().out == ""
