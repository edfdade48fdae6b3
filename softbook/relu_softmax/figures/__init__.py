"""The explorables of chapter 1: importing this package registers them by id."""

from softbook.relu_softmax.figures import digits, heads, networks, primitives, ramps, trends

__all__ = ["digits", "heads", "networks", "primitives", "ramps", "trends"]
