"""Speed of the Triton kernels beside their peers; nothing is timed while an answer is wrong.

Needs a CUDA device, and says so where there is none. Peers that are not installed, or that refuse
the machine, are named with their reason.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.device import Clock, median, timed, verdict
from softbook.kernels.ssd import ssd
from softbook.kernels.ssd.reference import recurrence
from softbook.provenance import write_result

DATA = Path(__file__).parents[1] / "softbook" / "ssd" / "data" / "gpu.json"
BATCH, HEADS, STATES, CHANNELS = 8, 32, 128, 64
LENGTHS, GROUPS = (4096, 16384, 65536), (1, 32)
AIM = 0.15
"""Milliseconds of one forward pass at the shortest length, with q and k that all heads share."""
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(
    batch: int, tokens: int, groups: int, heads: int, device: str, dtype: torch.dtype
) -> Inputs:
    """Return q, k, v and log decays, always the same."""
    generator = torch.Generator(device).manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, device=device, dtype=dtype)

    q, k = (normal(batch, tokens, groups, STATES) for _ in range(2))
    gates = torch.rand(batch, tokens, heads, generator=generator, device=device)
    return q / STATES**0.5, k, normal(batch, tokens, heads, CHANNELS), -0.1 * gates


def gate(device: str, dtype: torch.dtype, operator: Callable = ssd) -> None:
    """Raise RuntimeError unless outputs and every gradient are the definition's.

    The bound is four units of the type's precision, relative to the largest number.
    """
    bound = 4 * torch.finfo(dtype).eps
    for groups in (1, 4):
        tensors = inputs(2, 500, groups, 4, device, dtype)
        found = _answers(operator, tensors)
        wanted = _answers(recurrence, tuple(x.double() for x in tensors))
        for name, one, two in zip(("o", "dq", "dk", "dv", "dlog_a"), found, wanted, strict=True):
            error = float((one.double() - two).abs().max() / two.abs().max())
            if not error <= bound:
                raise RuntimeError(
                    f"{name} at G = {groups}, {dtype}, is off by {error:.1e}: nothing is timed"
                )


def _answers(operator: Callable, tensors: tuple[Tensor, ...]) -> list[Tensor]:
    leaves = [x.detach().requires_grad_() for x in tensors]
    output = operator(*leaves)[0]
    generator = torch.Generator("cpu").manual_seed(1)
    weights = torch.randn(output.shape, generator=generator, dtype=torch.float64).to(output)
    return [output.detach(), *torch.autograd.grad((output * weights).sum(), leaves)]


def peers(tensors: Inputs) -> dict[str, Callable[[], Callable[..., Tensor]]]:
    """Return what is measured by name; each is imported only when its turn comes."""
    heads = tensors[2].shape[2]

    def of_heads(x: Tensor) -> Tensor:
        return x.repeat_interleave(heads // x.shape[2], 2)

    def fla(module: str, name: str) -> Callable[..., Tensor]:
        call = getattr(importlib.import_module(f"fla.ops.{module}"), name)
        gated = module == "simple_gla"
        return lambda q, k, v, g: call(
            of_heads(q), of_heads(k), v, **({"g": g} if gated else {}), scale=1.0
        )[0]

    def mamba() -> Callable[..., Tensor]:
        module = importlib.import_module("mamba_ssm.ops.triton.ssd_combined")
        # Its decay is exp(dt A) and its input dt x: with dt = -log a and A = -1, x is v / dt.
        return lambda q, k, v, g: module.mamba_chunk_scan_combined(
            (v / -g[..., None].clamp(max=-1e-6)).to(v.dtype),
            -g,
            -torch.ones(heads, device=v.device),
            k,
            q,
            chunk_size=256,
        )

    def flash(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
        turned = (x.transpose(1, 2) for x in (of_heads(q), of_heads(k), v))
        return F.scaled_dot_product_attention(*turned, is_causal=True)

    return {
        "ssd": lambda: lambda q, k, v, g: ssd(q, k, v, g, check_gates=False)[0],
        "fla chunk_simple_gla": lambda: fla("simple_gla", "chunk_simple_gla"),
        "fla fused_chunk_simple_gla": lambda: fla("simple_gla", "fused_chunk_simple_gla"),
        "fla chunk_retention": lambda: fla("retention", "chunk_retention"),
        "mamba_chunk_scan_combined": mamba,
        "softmax (flash)": lambda: flash,
    }


def passes(
    load: Callable[[], Callable[..., Tensor]], tensors: Inputs, kind: str
) -> Callable[[], object]:
    """Return what is timed of a form: one forward pass, or "both" passes."""
    call = load()
    leaves = [x.detach().requires_grad_(kind == "both") for x in tensors]

    def run() -> Tensor:
        output = call(*leaves)
        if kind == "both":
            torch.autograd.grad(output, leaves, torch.ones_like(output), allow_unused=True)
        return output

    return run


def needed(tensors: Inputs, kind: str) -> int:
    """Return the bytes of one read of each input and one write of each result.

    Backward, inputs and the output's gradient are read and as many gradients written.
    """
    given = sum(x.nbytes for x in tensors)
    output = tensors[2].nbytes
    return given + output + (kind == "both") * (2 * given + output)


def compare(tensors: Inputs, clock: Clock) -> Iterator[dict[str, Any]]:
    """Yield a row for each form and pass at one size."""
    at = {"T": tensors[0].shape[1], "G": tensors[0].shape[2]}
    for name, load in peers(tensors).items():
        for kind in ("forward", "both"):
            form = partial(passes, load, tensors, kind)
            yield {
                **at,
                "form": name,
                "pass": kind,
                **timed(form, (), needed(tensors, kind), clock),
            }


def measure() -> list[dict[str, Any]]:
    """Measure on the CUDA device, write the chapter's data and return the rows; none without one."""
    if not torch.cuda.is_available():
        print("  no CUDA device: the Triton kernels are not measured")
        return []
    start = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        gate("cuda", dtype)
    for tokens in LENGTHS:
        for groups in GROUPS:
            tensors = inputs(BATCH, tokens, groups, HEADS, "cuda", torch.bfloat16)
            rows += compare(tensors, median)
    machine = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    settings = {"B": BATCH, "H": HEADS, "N": STATES, "P": CHANNELS, "dtype": "bfloat16"}
    took = time.perf_counter() - start
    result = {"machine": machine, "rows": rows, "verdict": summary(rows)}
    write_result(DATA, result, settings=settings, seeds=[0], seconds=took, packages=["triton"])
    return rows


def summary(rows: list[dict[str, Any]]) -> str:
    """Return whether the aim is met: one forward pass of LENGTHS[0] tokens with shared q and k."""
    setting = {"T": LENGTHS[0], "G": 1, "pass": "forward"}
    at = [row for row in rows if all(row[name] == value for name, value in setting.items())]
    return f"T = {LENGTHS[0]}, G = 1: {verdict(at, 'ssd', AIM)}"
