"""The claims of chapter 1: importing this package enters them into the ledger."""

from softbook.relu_softmax.claims import (  # isort: skip  (the ledger lists them in this order)
    quoted,
    heads,
    networks,
    ramps,
    maxima,
    recipes,
    sawtooth,
    soft,
    measured,
)

__all__ = [
    "heads",
    "maxima",
    "measured",
    "networks",
    "quoted",
    "ramps",
    "recipes",
    "sawtooth",
    "soft",
]
