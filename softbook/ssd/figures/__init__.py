"""The explorables of chapter 2: importing this package registers them by id."""

from softbook.ssd.figures import breaks, cost, duals, matrices, ranks, training

__all__ = ["breaks", "cost", "duals", "matrices", "ranks", "training"]
