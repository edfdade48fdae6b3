"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse

__all__ = ["count"]


def count(text: str) -> int:
    """Return the integer >= 1 that `text` says; argparse prints the sentence where it says none.

    >>> count("12")
    12
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is given, but an integer >= 1 is needed")
    return number
