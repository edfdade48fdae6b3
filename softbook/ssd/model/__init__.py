"""The objects of the duality: kernel matrices, heads, completions and duals."""

from softbook.ssd.model.absorb import absorb_decays
from softbook.ssd.model.completion import minimal_completion
from softbook.ssd.model.dual import Dual, attention_dual
from softbook.ssd.model.kernel import diagonal_as_heads, kernel_matrix

__all__ = [
    "Dual",
    "absorb_decays",
    "attention_dual",
    "diagonal_as_heads",
    "kernel_matrix",
    "minimal_completion",
]
