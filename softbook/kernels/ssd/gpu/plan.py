"""What is launched and how: one table, read by the launcher and by the ahead-of-time gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softbook.kernels.ssd.gpu import scalar, scalar_backward

CHUNK = 64  # the rows of a Hopper tensor instruction; smaller chunks fall back to slower ones
SCAN_BLOCK = 1024
INT64 = {"START", "LEN", "FIRST"}
FLOAT32 = {"S", "DS", "D", "DQ", "DK", "INITIAL", "FINAL"}


@dataclass(frozen=True)
class Launch:
    """A kernel with its compile-time constants, warps and stages."""

    name: str
    kernel: Any
    constants: dict[str, Any]
    warps: int = 4
    stages: int = 2

    def signature(self, dtype: str) -> dict[str, str]:
        """Return Triton's type of each argument when the inputs are ``dtype`` (such as bf16)."""
        types = {}
        for name in self.kernel.arg_names:
            if name in self.constants:
                types[name] = "constexpr"
            elif name in INT64:
                types[name] = "*i64"
            elif name in FLOAT32:
                types[name] = "*fp32"
            elif name == "scale":
                types[name] = "fp32"
            elif name in ("H", "G"):
                types[name] = "i32"
            else:
                types[name] = f"*{dtype}"
        return types


def tile(width: int) -> int:
    """Return the width of a tile: 16 (the least of a dot), 32 or 64.

    >>> tile(20), tile(128)
    (32, 64)
    """
    return 16 if width <= 16 else 32 if width <= 32 else 64


def plan(N: int, P: int, has_initial: bool) -> dict[str, Launch]:
    """Return every launch of a forward and a backward call for states of N by P."""
    size = {"N": N, "P": P, "BQ": CHUNK, "BN": tile(N), "BP": tile(P)}
    scan = {"SIZE": N * P, "BLOCK": SCAN_BLOCK}
    rows = [
        Launch("states", scalar.chunk_states, {**size, "REVERSE": False}),
        Launch("states_back", scalar.chunk_states, {**size, "REVERSE": True}),
        Launch("scan", scalar.scan_states, {**scan, "REVERSE": False, "HAS_INITIAL": has_initial}),
        Launch("scan_back", scalar.scan_states, {**scan, "REVERSE": True, "HAS_INITIAL": True}),
        Launch("outputs", scalar.chunk_outputs, size),
        Launch("dq", scalar_backward.chunk_dqk, {**size, "OF_K": False}),
        Launch("dk", scalar_backward.chunk_dqk, {**size, "OF_K": True}),
        Launch("dv", scalar_backward.chunk_dv, size),
        Launch("gates", scalar_backward.chunk_gates, size),
    ]
    return {row.name: row for row in rows}
