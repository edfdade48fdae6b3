"""Numbers as a reader finds them in sentences and beside controls: powers of ten raised, a true minus sign."""

from __future__ import annotations

__all__ = ["RAISED", "number"]

RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
"""What `str.translate` makes exponents of."""


def number(value: float, digits: int = 3) -> str:
    """Return a number with at most `digits` significant digits, large and small ones as powers of ten.

    `digits` ≥ 1, as in the format `g`, which also says when a power is written.

    >>> number(1.38e-5, 2), number(1e5), number(-0.25), number(1234, 5)
    ('1.4·10⁻⁵', '10⁵', '−0.25', '1234')
    """
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    power = f"10{str(int(exponent)).translate(RAISED)}" if exponent else ""
    if power and mantissa in ("1", "-1"):
        mantissa = mantissa.removesuffix("1")
    elif power:
        mantissa += "·"
    return mantissa.replace("-", "−") + power
