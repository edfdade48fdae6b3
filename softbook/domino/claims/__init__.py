"""The claims of chapter 5: importing this package registers them."""

from softbook.domino.claims import distance, gradient, groups, jumps, optimum, quoted, study

__all__ = ["distance", "gradient", "groups", "jumps", "optimum", "quoted", "study"]
