"""The explorables of chapter 5: importing this package registers them by id."""

from softbook.domino.figures import bound, chain, clip, estimate, frontier, hack, steps, study

__all__ = ["bound", "chain", "clip", "estimate", "frontier", "hack", "steps", "study"]
