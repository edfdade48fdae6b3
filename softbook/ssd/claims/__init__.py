"""The claims of chapter 2: importing this package enters them into the ledger."""

from softbook.ssd.claims import (  # isort: skip  (the ledger lists them in this order)
    quoted,
    heads,
    widths,
    apart,
    softmax,
    chunks,
    cost,
    measured,
)

__all__ = [
    "apart",
    "chunks",
    "cost",
    "heads",
    "measured",
    "quoted",
    "softmax",
    "widths",
]
