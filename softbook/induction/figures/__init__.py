"""The explorables of chapter 4; importing registers them."""

from softbook.induction.figures import phase

__all__ = ["phase"]
