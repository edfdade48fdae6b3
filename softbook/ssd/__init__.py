"""State-space models that are attention, and those that are not (chapter 2).

>>> import torch
>>> q = k = torch.ones(3, 1, dtype=torch.float64)
>>> kernel_matrix(q, k, torch.tensor([1.0, 0.5, 0.5], dtype=torch.float64))[2]
tensor([0.2500, 0.5000, 1.0000], dtype=torch.float64)
"""

from softbook.kernels.ssd import ssd
from softbook.ssd.model import (
    Dual,
    absorb_decays,
    attention_dual,
    diagonal_as_heads,
    kernel_matrix,
    minimal_completion,
)
from softbook.ssd.theory import (
    block_ranks,
    diagonal_blocks,
    new_columns,
    semiseparable_order,
    softmax_order,
)

__all__ = [
    "Dual",
    "absorb_decays",
    "attention_dual",
    "block_ranks",
    "diagonal_as_heads",
    "diagonal_blocks",
    "kernel_matrix",
    "minimal_completion",
    "new_columns",
    "semiseparable_order",
    "softmax_order",
    "ssd",
]
