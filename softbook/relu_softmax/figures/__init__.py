"""The explorables of chapter 1: importing this package registers them by id."""

from softbook.relu_softmax.figures import heads, networks, primitives, ramps, trends

__all__ = ["heads", "networks", "primitives", "ramps", "trends"]
