"""Ranks that decide what a causal matrix needs: states, or the width of masked attention."""

from softbook.ssd.theory.ranks import (
    block_ranks,
    diagonal_blocks,
    new_columns,
    semiseparable_order,
)
from softbook.ssd.theory.softmax import softmax_order

__all__ = [
    "block_ranks",
    "diagonal_blocks",
    "new_columns",
    "semiseparable_order",
    "softmax_order",
]
