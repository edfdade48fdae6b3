"""Compile the jump's kernels for a GPU that is not there, and read what the compiler made of them.

`python tests/kernels/jump/jump_gate.py` prints the table: registers, spilled bytes, shared memory
and instructions of every launch, and how many instructions a logit the loop over the logits takes,
for Hopper (sm_90). With types and sizes of the vocabulary given, it prints lines of JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ssd"))

import triton
from gpu_gate import TOOLS, compile_kernel
from gpu_gate import read as listed

from softbook.kernels.jump.gpu.plan import TILE, Launch, plan


@dataclass(frozen=True)
class Compiled:
    """What a kernel became; `per_logit` counts the instructions of a loop over logits."""

    name: str
    dtype: str
    tokens: int
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


def build(row: Launch, dtype: str, tokens: int, signature: dict | None = None) -> Compiled:
    """Compile one launch for sm_90; 16 divides the sizes where it divides the vocabulary."""
    signature = signature or row.signature(dtype)
    places = {name: place for place, name in enumerate(row.kernel.arg_names)}
    fixed = {name: 1 for name, kind in signature.items() if kind == "constexpr"} | row.constants
    constants = {(places[name],): value for name, value in fixed.items()}
    even = [name for name, kind in signature.items() if kind.startswith("*")]
    # A row of another length starts anywhere, but its stride can be even all the same.
    even += [
        name
        for name in ("tokens", "stride")
        if tokens % 4 == 0 and signature.get(name, "constexpr") != "constexpr"
    ]
    aligned = {(places[name],): [["tt.divisibility", 16]] for name in even}
    kernel = compile_kernel(row, signature, constants, aligned)
    made = listed(row.name, kernel)
    code = disassembled(kernel.asm["cubin"])
    held = row.constants.get("ACROSS", 0) * TILE
    return Compiled(
        name=row.name,
        dtype=dtype,
        tokens=tokens,
        registers=made.registers,
        spilled=made.spilled,
        shared=made.shared,
        instructions=len(code),
        per_logit=longest_loop(code) * row.warps * 32 / held if held else 0.0,
        wide_loads=sum("LDG" in text and ".128" in text for _, text in code),
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


def longest_loop(code: list[tuple[int, str]]) -> int:
    """Return the instructions between the farthest jump back and its target."""
    spans = [0]
    for at, text in code:
        if match := re.search(r"\bBRA (?:\S+ )?`?\(?0x([0-9a-f]+)", text):
            target = int(match[1], 16)
            if target < at:
                spans.append(sum(target <= place <= at for place, _ in code))
    return max(spans)


def spoiled() -> Launch:
    """Return the sums with tiles too many for the registers of one warp."""
    row = plan(131072, True, False)["sums"]
    return replace(row, constants={**row.constants, "ACROSS": 32}, warps=1)


def main(arguments: list[str]) -> None:
    """Print the table, or lines of JSON for a type and sizes; "fault" is a launch that spills.

    "small" and "ones" are the launches as Triton makes them for small integers.
    """
    if arguments:
        dtype, *sizes = arguments
        for size in sizes:
            if size == "fault":
                print(json.dumps(asdict(build(spoiled(), dtype, 131072))))
                continue
            if size in ("ones", "small"):
                for row in plan(1, True, True).values():
                    types = small(row, dtype, size == "ones")
                    print(json.dumps(asdict(build(row, dtype, 1, types))))
                continue
            for masked in (True, False):
                for row in plan(int(size), masked, masked).values():
                    print(json.dumps(asdict(build(row, dtype, int(size)))))
        return
    print(f"Triton {triton.__version__}, sm_90, 131072 tokens")
    print("| prior | launch | type | registers | spilled | shared | instructions | a logit |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for masked, dtype in product((True, False), ("bf16", "fp32")):
        for row in plan(131072, masked, False).values():
            made = build(row, dtype, 131072)
            print(
                f"| {'masked' if masked else 'uniform'} | {made.name} | {dtype} "
                f"| {made.registers} | {made.spilled} | {made.shared} | {made.instructions} "
                f"| {made.per_logit:.1f} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
