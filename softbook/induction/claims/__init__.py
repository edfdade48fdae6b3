"""The claims of chapter 4: importing this package registers them."""

from softbook.induction.claims import margins, output, quoted, ratios, steps, trained

__all__ = ["margins", "output", "quoted", "ratios", "steps", "trained"]
