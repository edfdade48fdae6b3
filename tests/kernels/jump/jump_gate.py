"""Compile the jump's kernels for a GPU that is not there, and read what the compiler made of them.

`python tests/kernels/jump/jump_gate.py` prints the table: registers, spilled bytes, shared memory
and instructions of every launch, and how many instructions a logit the loop over the logits takes,
for Hopper (sm_90). With a type and vocabularies given, it prints lines of JSON; 131071/131072 are
the first 131071 numbers of rows that are 131072 long.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ssd"))

import triton
import triton.language as tl
from gpu_gate import TOOLS, compile_kernel
from gpu_gate import read as listed

from softbook.kernels.jump.gpu import sums
from softbook.kernels.jump.gpu.plan import TILE, Launch, plan


@dataclass(frozen=True)
class Compiled:
    """What a kernel became; `per_logit` and `wide_loads` count in the loop over the logits."""

    name: str
    dtype: str
    tokens: int
    stride: int
    registers: int
    spilled: int
    shared: int
    instructions: int
    per_logit: float
    wide_loads: int


def small(row: Launch, dtype: str, ones: bool) -> dict[str, str]:
    """Return the types that Triton gives small integers: 32 bits, and a constant to the number 1."""
    types = row.signature(dtype)
    kind = "constexpr" if ones else "i32"
    return {name: kind if old in ("i32", "i64") else old for name, old in types.items()}


def build(
    row: Launch, dtype: str, tokens: int, stride: int | None = None, signature: dict | None = None
) -> Compiled:
    """Compile one launch for sm_90, for rows that are `stride` apart (default: as long as used)."""
    stride = stride or tokens
    signature = signature or row.signature(dtype)
    places = {name: place for place, name in enumerate(row.kernel.arg_names)}
    fixed = {name: 1 for name, kind in signature.items() if kind == "constexpr"} | row.constants
    constants = {(places[name],): value for name, value in fixed.items()}
    # Triton's launcher looks whether 16 divides a pointer or a size; torch's pointers lie so.
    even = [name for name, kind in signature.items() if kind.startswith("*")]
    even += [
        name
        for name, size in (("tokens", tokens), ("stride", stride))
        if size % 16 == 0 and signature.get(name, "constexpr") != "constexpr"
    ]
    aligned = {(places[name],): [["tt.divisibility", 16]] for name in even}
    kernel = compile_kernel(row, signature, constants, aligned)
    made = listed(row.name, kernel)
    code = disassembled(kernel.asm["cubin"])
    loop = longest_loop(code)
    held = row.constants.get("ACROSS", 0) * TILE
    return Compiled(
        name=row.name,
        dtype=dtype,
        tokens=tokens,
        stride=stride,
        registers=made.registers,
        spilled=made.spilled,
        shared=made.shared,
        instructions=len(code),
        per_logit=len(loop) * row.warps * 32 / held if held else 0.0,
        wide_loads=sum("LDG" in text and ".128" in text for text in loop),
    )


def disassembled(cubin: bytes) -> list[tuple[int, str]]:
    """Return the address and text of each instruction, without the padding at the end."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        command = [TOOLS / "cuobjdump", "-sass", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = re.findall(r"/\*([0-9a-f]{4,})\*/\s+(.*?)\s*;", text)
    return [(int(at, 16), rest) for at, rest in lines if not rest.startswith("NOP")]


def longest_loop(code: list[tuple[int, str]]) -> list[str]:
    """Return the instructions between the farthest jump back and its target."""
    loops: list[list[str]] = [[]]
    for at, text in code:
        if match := re.search(r"\bBRA (?:\S+ )?`?\(?0x([0-9a-f]+)", text):
            loops.append([held for place, held in code if int(match[1], 16) <= place <= at])
    return max(loops, key=len)


@triton.jit
def masked_sums(X, READ, PEAKS, SUMS, tokens, tiles, stride, share,
                TILE: tl.constexpr, ACROSS: tl.constexpr):  # fmt: skip
    """The sums with a mask in every block."""
    row = tl.program_id(0).to(tl.int64)
    for block in range(0, share):
        sums._block_sums(X, PEAKS, SUMS, row, block, tokens, tiles, stride, TILE, ACROSS, False)


def spoiled(fault: str) -> Launch:
    """Return sums with too many tiles for the registers of one warp, or with a mask throughout."""
    row = plan(131072, True, False)["sums"]
    if fault == "masked":
        return replace(row, kernel=masked_sums)
    return replace(row, constants={**row.constants, "ACROSS": 32}, warps=1)


def compiled(dtype: str, size: str) -> Iterator[Compiled]:
    """Compile what a word of the command line names."""
    if size == "crowded":
        yield build(spoiled(size), dtype, 131072)
    elif size == "masked":
        yield build(spoiled(size), dtype, 131071, 131072)
    elif size in ("ones", "small"):
        for row in plan(1, True, True).values():
            yield build(row, dtype, 1, signature=small(row, dtype, size == "ones"))
    else:
        tokens, _, stride = size.partition("/")
        for masked in (True, False):
            for row in plan(int(tokens), masked, masked).values():
                yield build(row, dtype, int(tokens), int(stride or tokens))


def main(arguments: list[str]) -> None:
    """Print the table, or lines of JSON for a type and sizes.

    "small" and "ones" are the launches as Triton makes them for small integers, "crowded" and
    "masked" launches with a fault.
    """
    if arguments:
        dtype, *sizes = arguments
        for size in sizes:
            for made in compiled(dtype, size):
                print(json.dumps(asdict(made)))
        return
    print(f"Triton {triton.__version__}, sm_90")
    print(
        "| prior | tokens | launch | type | registers | spilled | shared | instructions | a logit |"
    )
    print("|---|--:|---|---|--:|--:|--:|--:|--:|")
    for masked, tokens, dtype in product((True, False), (131072, 131071), ("bf16", "fp32")):
        for row in plan(tokens, masked, False).values():
            made = build(row, dtype, tokens)
            print(
                f"| {'masked' if masked else 'uniform'} | {tokens} | {made.name} | {dtype} "
                f"| {made.registers} | {made.spilled} | {made.shared} | {made.instructions} "
                f"| {made.per_logit:.1f} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
