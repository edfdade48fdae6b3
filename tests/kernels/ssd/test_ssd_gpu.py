"""The GPU's kernels without a GPU: run by Triton's interpreter, and compiled ahead for Hopper."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

triton = pytest.importorskip("triton", reason="Triton has wheels for Linux only")

from . import gpu_gate  # noqa: E402

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


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


LABS = {"scalar": "gpu_lab.py", "diagonal": "gpu_lab_diagonal.py"}
KINDS = pytest.mark.parametrize("kind", LABS)


def interpreted(kind: str, *faults: str) -> list[dict]:
    """Return the lines of the interpreter's lab; the switch is read when Triton is imported."""
    return lines(LABS[kind], *faults, TRITON_INTERPRET="1")


def compiled(*arguments: str) -> list[gpu_gate.Compiled]:
    """Return what the compiler makes of every launch."""
    return [gpu_gate.Compiled(**line) for line in lines("gpu_gate.py", *arguments)]


def wrong(line: dict) -> list[str]:
    """Return what is wrong with one case of the lab.

    Largest errors within eight units of the inputs' precision; where the textbook's form has no
    NaN and more than a token, root mean square errors at most twice its own.
    """
    bound = 8 * torch.finfo(getattr(torch, line["dtype"])).eps
    found = [f"{name}: {e}" for name, e in line["error"].items() if not e <= bound]
    for name, theirs in line["plain"].items():
        if line["case"] != "one step" and math.isfinite(theirs):
            ours = line["rounding"][name]
            found += [f"{name}: {ours} beside {theirs}"] * (not ours <= 2 * theirs)
    return found + ["a zero transition has a gradient"] * (not line["zeros"])


@KINDS
def test_kernels_agree_with_the_definition_in_the_interpreter(kind):
    cases = interpreted(kind)
    assert len(cases) == {"scalar": 14, "diagonal": 17}[kind]
    assert all(case["forward"] == ["states", "scan", "outputs"] for case in cases)
    assert {case["case"]: wrong(case) for case in cases if wrong(case)} == {}
    assert {case["dtype"] for case in cases} == {"float32", "bfloat16", "float16"}


def test_one_pass_over_the_chunks_agrees_too():
    """16 bits only: float32 would spill, and takes three launches."""
    cases = [case for case in interpreted("scalar", "one pass") if case["dtype"] != "float32"]
    assert len(cases) == 4
    assert {case["case"]: wrong(case) for case in cases if wrong(case)} == {}
    assert all(case["forward"] == ["one_pass"] for case in cases)


@KINDS
@pytest.mark.parametrize("fault", ["gates shifted", "output not written"])
def test_spoiled_kernels_are_seen(kind, fault):
    assert any(wrong(line) for line in interpreted(kind, fault, "few"))


@KINDS
@pytest.mark.parametrize(
    ("dtype", "gates", "size"),
    [
        ("bf16", "fp32", "64x64"),
        ("bf16", "fp32", "128x64"),
        ("bf16", "bf16", "20x24"),
        ("fp32", "fp32", "128x64"),
    ],
)
def test_every_launch_compiles_for_hopper_without_spilling(kind, dtype, gates, size):
    made = compiled(kind, dtype, gates, size)
    assert len(made) == {"scalar": 9 + (dtype == "bf16"), "diagonal": 8}[kind]
    # Tiles of fewer than 64 rows are too low for Hopper's instruction.
    tensor = dtype == "bf16" and size != "20x24"
    assert [fault for one in made for fault in one.faults(half=tensor)] == []


def test_a_kernel_that_spills_or_does_without_tensor_cores_is_seen():
    """float32 in the tiles that are made for 16 bits."""
    (made,) = compiled("scalar", "fp32", "fp32", "fault")
    faults = made.faults(half=True)
    assert any("spills" in fault for fault in faults)
    assert any("tensor cores" in fault for fault in faults)


def test_a_dot_that_reads_a_transposed_sum_is_seen():
    listing = """
    %0 = tt.load %a : tensor<64x64x!tt.ptr<bf16>>
    %1 = tt.trans %0 {order = array<i32: 1, 0>} : tensor<64x64xbf16> -> tensor<64x64xbf16>
    %2 = tt.dot %0, %1, %zero : tensor<64x64xbf16> * tensor<64x64xbf16> -> tensor<64x64xf32>
    %3 = arith.truncf %2 : tensor<64x64xf32> to tensor<64x64xbf16>
    """
    assert gpu_gate.turned_accumulators(listing) == []
    turned = """
    %4 = tt.trans %3 {order = array<i32: 1, 0>} : tensor<64x64xbf16> -> tensor<64x64xbf16>
    %5 = tt.dot %4, %0, %zero : tensor<64x64xbf16> * tensor<64x64xbf16> -> tensor<64x64xf32>
    """
    assert gpu_gate.turned_accumulators(listing + turned) == ["a dot reads the transposed sum %4"]


def test_a_gpu_backend_without_a_gpu_says_so():
    from softbook.kernels.ssd import ssd

    one = torch.ones(1, 2, 1, 1)
    with pytest.raises(ValueError, match="backend: 'gpu' is given, but the tensors are on 'cpu'"):
        ssd(one, one, one, torch.zeros(1, 2, 1), backend="gpu")
