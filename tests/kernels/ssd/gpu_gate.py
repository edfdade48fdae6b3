"""Compile kernels for a GPU that is not there, and read what the compiler made of them.

`python tests/kernels/ssd/gpu_gate.py` prints the table: registers, spilled bytes, shared memory and
tensor instructions of every launch, for Hopper (sm_90).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from softbook.kernels.ssd.gpu.plan import Launch, diagonal_plan, plan

SHARED = 227 * 1024
"""Bytes of shared memory that one program can have on Hopper."""

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
STARTS = re.compile(r"^\s*(%[\w#:, %]+?) = \"?([\w.]+)\"?(.*)$")
VALUES = re.compile(r"%\w+")
# Ops behind which a value is another thing: loaded data are no accumulator.
SOURCES = ("tt.load", "tt.splat", "tt.make_range", "arith.constant")


@dataclass(frozen=True)
class Compiled:
    """What a kernel became."""

    name: str
    registers: int
    spilled: int
    shared: int
    tensor: int
    dots: int
    turned: list[str]

    def faults(self, half: bool) -> list[str]:
        """Return what must not be, in words; `half` precision must use the tensor cores."""
        found = []
        if self.spilled:
            found.append(f"{self.name} spills {self.spilled} bytes")
        if self.shared > SHARED:
            found.append(f"{self.name} needs {self.shared} bytes of shared memory")
        if half and self.dots and not self.tensor:
            found.append(f"{self.name} multiplies without tensor cores (HGMMA)")
        return found + [f"{self.name}: {line}" for line in self.turned]


def build(row: Launch, dtype: str, gates: str | None = None) -> Compiled:
    """Compile one launch of the plan for sm_90."""
    signature = row.signature(dtype, gates)
    places = {name: place for place, name in enumerate(row.kernel.arg_names)}
    constants = {(places[name],): value for name, value in row.constants.items()}
    # Pointers from torch lie on 16 bytes; without a word on it loads would be narrow.
    aligned = {
        (places[name],): [["tt.divisibility", 16]]
        for name, kind in signature.items()
        if kind.startswith("*")
    }
    return read(row.name, compile_kernel(row, signature, constants, aligned))


def compile_kernel(row: Launch, signature: dict, constants: dict, aligned: dict) -> Any:
    """Return Triton's compiled kernel."""
    source = ASTSource(row.kernel, signature, constants, aligned)
    options = {"num_warps": row.warps, "num_stages": row.stages}
    return triton.compile(source, target=GPUTarget("cuda", 90, 32), options=options)


def read(name: str, kernel: Any) -> Compiled:
    """Return what the compiler's listings say."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        usage = _tool("cuobjdump", "-res-usage", file.name)
        listing = _tool("nvdisasm", "-c", file.name)
    number = {key: int(value) for key, value in re.findall(r"(REG|STACK):(\d+)", usage)}
    ttir = kernel.asm["ttir"]
    return Compiled(
        name=name,
        registers=number["REG"],
        spilled=number["STACK"],
        shared=kernel.metadata.shared,
        tensor=len(re.findall(r"\bHGMMA\b", listing)),
        dots=len(re.findall(r"\btt\.dot\b", ttir)),
        turned=turned_accumulators(ttir),
    )


def _tool(name: str, *arguments: str) -> str:
    return subprocess.run(
        [TOOLS / name, *arguments], capture_output=True, text=True, check=True
    ).stdout


def turned_accumulators(ttir: str) -> list[str]:
    """Return the dots of a listing that read a transposed result of another dot.

    Triton before 3.7.1 makes wrong numbers of them on Hopper. What a loop returns counts as the
    result of a dot: that is where sums are kept.
    """
    made: dict[str, tuple[str, list[str]]] = {}
    for line in ttir.splitlines():
        if match := STARTS.match(line):
            names, op, rest = match.groups()
            inputs = VALUES.findall(rest.split(" : ")[0])
            for name in VALUES.findall(names):
                made[name] = (op, inputs)

    def accumulated(value: str) -> bool:
        op, inputs = made.get(value.split("#")[0], ("", []))
        if op in ("tt.dot", "scf.for"):
            return True
        return op not in SOURCES and any(accumulated(one) for one in inputs)

    def turned(value: str) -> bool:
        op, inputs = made.get(value.split("#")[0], ("", []))
        if op == "tt.trans":
            return any(accumulated(one) for one in inputs)
        return op not in (*SOURCES, "tt.dot", "scf.for") and any(turned(one) for one in inputs)

    return [
        f"a dot reads the transposed sum {operand}"
        for op, inputs in list(made.values())
        if op == "tt.dot"
        for operand in inputs[:2]
        if turned(operand)
    ]


def main(arguments: list[str]) -> None:
    """Print a table of all; or, with types and sizes given, a line of JSON for each launch.

    `scalar bf16 fp32 64x64` are the kind of gates, the types of values and gates, and N x P.
    `fault` compiles, whatever the type, one launch that is made for 16 bits.
    """
    plans = {"scalar": plan, "diagonal": diagonal_plan}
    if arguments:
        kind, dtype, gates, *sizes = arguments
        if sizes == ["fault"]:
            print(json.dumps(asdict(build(plan(64, 64, True)["gates"], dtype, gates))))
            return
        for size in sizes:
            for row in plans[kind](*map(int, size.split("x")), True, dtype != "fp32").values():
                print(json.dumps(asdict(build(row, dtype, gates))))
        return
    print(f"Triton {triton.__version__}, sm_90")
    print("| gates | N, P | launch | type | registers | spilled bytes | shared bytes | HGMMA |")
    print("|---|---|---|---|--:|--:|--:|--:|")
    for kind, dtype, states in product(plans, ("bf16", "fp32"), (64, 128)):
        for row in plans[kind](states, 64, True, dtype != "fp32").values():
            made = build(row, dtype, "fp32")
            print(
                f"| {kind} | {states}, 64 | {row.name} | {dtype} | {made.registers} "
                f"| {made.spilled} | {made.shared} | {made.tensor} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
