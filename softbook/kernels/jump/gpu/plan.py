"""What is launched and how: one table, read by the launcher and by the ahead-of-time gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softbook.kernels.jump.gpu import draw, sums
from softbook.kernels.jump.reference import TILE

ROWS = 256  # rows whose coins one program throws
ACROSS = 4  # tiles that a program of one warp holds at once, without a barrier between threads
PROGRAMS = 132 * 32  # the multiprocessors of an H100 or H200, times the programs that one can hold
TYPES = {
    **dict.fromkeys(("seed", "offset", "mask"), "i64"),
    **dict.fromkeys(("tokens", "tiles", "rows", "share"), "i32"),
    "stride": "i64",
    **dict.fromkeys(("TOKENS", "BEFORE", "AFTER"), "*i64"),
    **dict.fromkeys(("STAY", "JUMP", "PEAKS", "SUMS", "LOG"), "*fp32"),
    "READ": "*i8",
}


@dataclass(frozen=True)
class Launch:
    """A kernel with its compile-time constants and warps."""

    name: str
    kernel: Any
    constants: dict[str, Any]
    warps: int = 4
    stages: int = 2

    def signature(self, dtype: str) -> dict[str, str]:
        """Return Triton's type of each argument for logits of a type (such as bf16)."""
        types = {"X": f"*{dtype}", **TYPES}
        return {
            name: "constexpr" if name in self.constants else types[name]
            for name in self.kernel.arg_names
        }


def plan(tokens: int, masked: bool, each: bool) -> dict[str, Launch]:
    """Return every launch for a vocabulary; ``each`` says that a row has its own probabilities."""
    kind = {"EACH": int(each), "MASKED": masked}
    tiles = -(-tokens // TILE)
    wide = max(4, 1 << (tiles - 1).bit_length())
    last = {**kind, "TILE": TILE, "WIDE": wide}
    rows = [
        Launch("choose", sums.choose_rows, {**kind, "BLOCK": ROWS}),
        Launch("sums", sums.tile_sums, {"TILE": TILE, "ACROSS": across(tiles)}, warps=1),
        Launch("draw", draw.draw, {**last, "GIVEN": False}),
        Launch("score", draw.draw, {**last, "GIVEN": True}),
    ]
    return {row.name: row for row in rows}


def across(tiles: int) -> int:
    """Return how many tiles one program holds at once.

    >>> across(1), across(3), across(256)
    (1, 4, 4)
    """
    return min(ACROSS, 1 << (tiles - 1).bit_length())


def programs(rows: int, tiles: int) -> tuple[int, int]:
    """Return how many programs share a row, and how many blocks of tiles each of them takes.

    >>> programs(8192, 256), programs(4, 256)
    ((1, 64), (64, 1))
    """
    blocks = -(-tiles // across(tiles))
    share = -(-blocks // min(blocks, max(1, -(-PROGRAMS // max(1, rows)))))
    return -(-blocks // share), share
