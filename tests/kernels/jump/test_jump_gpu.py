"""The GPU's kernels without a GPU: run by Triton's interpreter, and compiled ahead for Hopper."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton has wheels for Linux only")

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
UNIT = torch.finfo(torch.float32).eps
SHARED = 227 * 1024
"""Bytes of shared memory that one program can have on Hopper."""
ISSUED = 132 * 4 * 32 * 1.755e9 / (4.3e12 / 2)
"""Instructions of a thread that an H200 issues in the time it reads one logit of 2 bytes: 13.8.

132 multiprocessors start 4 instructions of 32 threads a cycle, at 1.755 GHz; its memory is read at
4.3 TB/s. A vocabulary that 16 does not divide has no other limit: its loop has no mask either.
"""


@pytest.fixture(scope="module", autouse=True)
def cache():
    """Keep what is compiled in the folder of all that is built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(ROOT / "_build" / "triton"))
        yield


def lines(script: str, *arguments: str, **environment: str) -> list[dict]:
    """Return what a script prints; the check of shapes and types cannot stand in kernels' code."""
    run = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def wrong(line: dict) -> list[str]:
    """Return what is wrong with one case of the lab: other tokens, errors past 8 units, other bits."""
    found = []
    if line["different"]:
        found.append(f"{line['different']} differ from torch")
    if not line.get("error", 0.0) <= 8 * UNIT:
        found.append(f"an error of {line['error']}")
    if not line.get("same bits", True):
        found.append("other bits from other programs")
    return found


def test_kernels_draw_what_torch_draws_in_the_interpreter():
    cases = lines("jump_lab.py", TRITON_INTERPRET="1")
    assert len(cases) == 24
    assert {case["case"]: wrong(case) for case in cases if wrong(case)} == {}
    assert sum(case.get("moved", 0) for case in cases) > 120


@pytest.mark.parametrize(
    "fault",
    ["rows shifted", "stride forgotten", "seed forgotten", "sums not written", "no tiles"],
)
def test_spoiled_kernels_are_seen(fault):
    assert any(wrong(line) for line in lines("jump_lab.py", fault, TRITON_INTERPRET="1"))


def faults(line: dict) -> list[str]:
    """Return what must not be in a compiled launch."""
    found = []
    if line["spilled"]:
        found.append(f"spills {line['spilled']} bytes")
    if line["shared"] > SHARED:
        found.append(f"needs {line['shared']} bytes of shared memory")
    if line["name"] == "sums":
        if not 0 < line["per_logit"] < ISSUED:
            found.append(f"takes {line['per_logit']} instructions a logit")
        if line["stride"] % 16 == 0 and not line["wide_loads"]:
            found.append("reads less than 16 bytes at a time")
    return found


@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        ("bf16", ["64", "1300", "131071", "131071/131072", "131072"]),
        ("fp16", ["131072"]),
        ("fp32", ["131072"]),
    ],
)
def test_every_launch_compiles_for_hopper_without_spilling(dtype, sizes):
    """Rows of any length, at any distance: those that 16 divides are read 16 bytes at a time."""
    made = lines("jump_gate.py", dtype, *sizes)
    assert [line["name"] for line in made] == ["choose", "sums", "draw", "score"] * 2 * len(sizes)
    found = {f"{line['name']} {line['tokens']}": faults(line) for line in made if faults(line)}
    assert found == {}
    narrow = {line["stride"] for line in made if line["name"] == "sums" and not line["wide_loads"]}
    assert narrow == {1300, 131071} & {int(size.split("/")[-1]) for size in sizes}


def test_small_integers_compile_too():
    """Triton gives them 32 bits, and makes a constant of the number 1."""
    made = lines("jump_gate.py", "bf16", "small", "ones")
    assert [line["name"] for line in made] == ["choose", "sums", "draw", "score"] * 2
    assert not any(line["spilled"] for line in made)


def test_spoiled_launches_are_seen():
    """Too many tiles at once; a mask in every block, for an odd vocabulary in even rows."""
    crowded, masked = (faults(line) for line in lines("jump_gate.py", "bf16", "crowded", "masked"))
    assert any("spills" in fault for fault in crowded)
    assert any("instructions a logit" in fault for fault in masked)
    assert "reads less than 16 bytes at a time" in masked


def test_a_gpu_backend_says_what_it_lacks():
    from softbook.kernels.jump import jump

    with pytest.raises(ValueError, match="backend: 'gpu' is given, but the tensors are on 'cpu'"):
        jump(torch.zeros(2), torch.tensor(2), 0.5, seed=0, backend="gpu")
