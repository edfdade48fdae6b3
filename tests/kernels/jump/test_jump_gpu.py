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
    assert len(cases) == 22
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
    if line["name"] == "sums" and not line["wide_loads"]:
        found.append("reads less than 16 bytes at a time")
    return found


@pytest.mark.parametrize(
    ("dtype", "sizes"), [("bf16", [64, 1300, 131072]), ("fp16", [131072]), ("fp32", [131072])]
)
def test_every_launch_compiles_for_hopper_without_spilling(dtype, sizes):
    """At 14 instructions a logit an H200 works as long as it reads bf16 at 4.3 TB/s."""
    made = lines("jump_gate.py", dtype, *map(str, sizes))
    assert [line["name"] for line in made] == ["choose", "sums", "draw", "score"] * 2 * len(sizes)
    found = {f"{line['name']} {line['tokens']}": faults(line) for line in made if faults(line)}
    assert found == {}
    loops = [x["per_logit"] for x in made if x["name"] == "sums" and x["tokens"] == 131072]
    assert len(loops) == 2
    assert all(0 < loop < 14 for loop in loops)


def test_small_integers_compile_too():
    """Triton gives them 32 bits, and makes a constant of the number 1."""
    made = lines("jump_gate.py", "bf16", "small", "ones")
    assert [line["name"] for line in made] == ["choose", "sums", "draw", "score"] * 2
    assert not any(line["spilled"] for line in made)


def test_a_kernel_that_spills_is_seen():
    (made,) = lines("jump_gate.py", "bf16", "fault")
    assert any("spills" in fault for fault in faults(made))


def test_a_gpu_backend_says_what_it_lacks():
    from softbook.kernels.jump import jump

    with pytest.raises(ValueError, match="backend: 'gpu' is given, but the tensors are on 'cpu'"):
        jump(torch.zeros(2), torch.tensor(2), 0.5, seed=0, backend="gpu")
