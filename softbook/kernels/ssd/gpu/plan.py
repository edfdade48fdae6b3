"""What is launched and how: one table, read by the launcher and by the ahead-of-time gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from softbook.kernels.ssd.gpu import diagonal, diagonal_backward, one_pass, scalar, scalar_backward

CHUNK = 64  # the rows of a Hopper tensor instruction; smaller chunks fall back to slower ones
SCAN_BLOCK = 1024
ONE_PASS_STATES = 128  # as many states as one program can keep without spilling
ONE_PASS_PROGRAMS = 132  # the multiprocessors of an H100 or H200: fewer programs leave some idle
INT64 = {"START", "LEN", "FIRST"}
FLOAT32 = {"S", "DS", "D", "DQ", "DK", "DG", "INITIAL", "FINAL"}
GATES = {"A", "DA"}


@dataclass(frozen=True)
class Launch:
    """A kernel with its compile-time constants, warps and stages."""

    name: str
    kernel: Any
    constants: dict[str, Any]
    warps: int = 4
    stages: int = 2

    def signature(self, dtype: str, gates: str | None = None) -> dict[str, str]:
        """Return Triton's type of each argument when q, k and v are ``dtype`` (such as bf16).

        ``gates`` is the type of the log decays where it is another one (fp32).
        """
        types = {}
        for name in self.kernel.arg_names:
            if name in self.constants:
                types[name] = "constexpr"
            elif name in INT64:
                types[name] = "*i64"
            elif name in FLOAT32:
                types[name] = "*fp32"
            elif name in GATES:
                types[name] = f"*{gates or dtype}"
            elif name == "scale":
                types[name] = "fp32"
            elif name in ("H", "G"):
                types[name] = "i32"
            else:
                types[name] = f"*{dtype}"
        return types


def tile(width: int, most: int = 64) -> int:
    """Return the width of a tile: 16 (the least of a dot), 32 or 64, and no more than ``most``.

    >>> tile(20), tile(128), tile(128, 16)
    (32, 64, 16)
    """
    return min(most, 16 if width <= 16 else 32 if width <= 32 else 64)


def plan(N: int, P: int, has_initial: bool, half: bool = True) -> dict[str, Launch]:
    """Return every launch of a forward and a backward call for states of N by P.

    ``half`` says that q, k and v are 16 bits wide. float32 is multiplied without tensor cores, from
    registers: there more warps and smaller tiles keep a program from spilling.
    """

    def sizes(most: int) -> dict[str, Any]:
        return {"N": N, "P": P, "BQ": CHUNK, "BN": tile(N, most), "BP": tile(P, most)}

    scan = {"SIZE": N * P, "BLOCK": SCAN_BLOCK, "GATES": 1}
    wide = {"constants": sizes(64 if half else 32), "warps": 4 if half else 8}
    narrow = wide if half else {"constants": sizes(16), "warps": 8}
    gates = {"constants": sizes(64 if half else 16), "warps": 8}

    def row(name: str, kernel: Any, settings: dict[str, Any], **more: bool) -> Launch:
        return Launch(name, kernel, {**settings["constants"], **more}, settings["warps"])

    rows = [
        row("states", scalar.chunk_states, wide, REVERSE=False),
        row("states_back", scalar.chunk_states, wide, REVERSE=True),
        Launch("scan", scalar.scan_states, {**scan, "REVERSE": False, "HAS_INITIAL": has_initial}),
        Launch("scan_back", scalar.scan_states, {**scan, "REVERSE": True, "HAS_INITIAL": True}),
        row("outputs", scalar.chunk_outputs, wide),
        row("dq", scalar_backward.chunk_dqk, narrow, OF_K=False),
        row("dk", scalar_backward.chunk_dqk, narrow, OF_K=True),
        row("dv", scalar_backward.chunk_dv, wide),
        row("gates", scalar_backward.chunk_gates, gates),
    ]
    if half and N <= ONE_PASS_STATES:
        whole = {"N": N, "P": P, "BQ": CHUNK, "BN": max(16, 1 << (N - 1).bit_length())}
        whole |= {"BP": tile(P, 32), "HAS_INITIAL": has_initial}
        rows.append(Launch("one_pass", one_pass.one_pass, whole, warps=8))
    return {row.name: row for row in rows}


def diagonal_plan(N: int, P: int, has_initial: bool, half: bool = True) -> dict[str, Launch]:
    """Return every launch for a gate a channel, as ``plan`` does for a gate a head."""
    most, warps = (64, 4) if half else (32, 8)
    sizes = {"N": N, "P": P, "BQ": CHUNK, "BP": tile(P, most)}
    scan = {"SIZE": N * P, "BLOCK": SCAN_BLOCK, "GATES": N}

    def states(name: str, reverse: bool) -> Launch:
        constants = {**sizes, "BN": tile(N, most), "REVERSE": reverse}
        return Launch(name, diagonal.diagonal_states, constants, warps)

    def row(name: str, kernel: Any) -> Launch:
        constants = {"BN": tile(N, 32), "HALVINGS": CHUNK.bit_length() - 1}
        return Launch(name, kernel, {**sizes, **constants}, warps)

    rows = [
        states("states", False),
        states("states_back", True),
        Launch("scan", scalar.scan_states, {**scan, "REVERSE": False, "HAS_INITIAL": has_initial}),
        Launch("scan_back", scalar.scan_states, {**scan, "REVERSE": True, "HAS_INITIAL": True}),
        row("outputs", diagonal.diagonal_outputs),
        row("dq", diagonal_backward.diagonal_dq),
        row("dk", diagonal_backward.diagonal_dk),
        row("dv", diagonal_backward.diagonal_dv),
    ]
    return {row.name: row for row in rows}
