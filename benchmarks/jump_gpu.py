"""Speed of the jump's Triton kernels beside their peers; nothing is timed while a draw is wrong.

Needs a CUDA device, and says so where there is none. A peer that the machine refuses is named with
its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softbook.kernels.jump import jump, log_prob
from softbook.provenance import write_result

DATA = Path(__file__).parents[1] / "softbook" / "diffusion" / "data" / "jump_gpu.json"
ROWS, TOKENS = 8192, 131072
SHAPES = ((ROWS, TOKENS), (64, TOKENS), (ROWS, 32768), (65536, 64))
STAYS = (0.0, 0.9)
Sampler = Callable[..., tuple[Tensor, Tensor]]


def inputs(rows: int, tokens: int, device: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return logits and masked tokens, always the same; every fifth row has few possible tokens."""
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn(rows, tokens, generator=generator, device=device, dtype=dtype) * 2
    logits[::5, tokens // 3 :] = -torch.inf
    return logits, torch.full((rows,), tokens, device=device)


def eager(logits: Tensor, tokens: Tensor, stay: float, prior: str) -> tuple[Tensor, Tensor]:
    """The jump as samplers write it in torch: softmax, exponential noise, argmax, where."""
    p = logits.float().softmax(-1)
    drawn = (p / torch.empty_like(p).exponential_()).argmax(-1)
    return _finish(p, drawn, tokens, stay, prior)


def multinomial(logits: Tensor, tokens: Tensor, stay: float, prior: str) -> tuple[Tensor, Tensor]:
    """The jump by softmax and torch.multinomial."""
    p = logits.float().softmax(-1)
    return _finish(p, torch.multinomial(p, 1)[:, 0], tokens, stay, prior)


def _finish(
    p: Tensor, drawn: Tensor, tokens: Tensor, stay: float, prior: str
) -> tuple[Tensor, Tensor]:
    size = p.shape[1]
    jumps = torch.rand(len(tokens), device=p.device) >= stay
    if prior == "masked":
        jumps &= tokens == size
    after = torch.where(jumps, drawn, tokens)
    chance = (1 - stay) * p.gather(1, after.clamp(max=size - 1)[:, None])[:, 0]
    chance = torch.where(after < size, chance, torch.zeros_like(chance))
    return after, (chance + stay * (after == tokens)).log()


def ours(logits: Tensor, tokens: Tensor, stay: float, prior: str) -> tuple[Tensor, Tensor]:
    """The jump of the book."""
    return jump(logits, tokens, stay, prior=prior, seed=0)


def peers() -> dict[str, Callable[[], Sampler]]:
    """Return what is measured by name; each is made only when its turn comes."""
    return {
        "jump": lambda: ours,
        "eager": lambda: eager,
        "compiled": lambda: torch.compile(eager, dynamic=False),
        "multinomial": lambda: multinomial,
    }


def gate(device: str, dtype: torch.dtype, sampler: Sampler = ours) -> None:
    """Raise RuntimeError unless draws are possible, as frequent as they should be, and scored right.

    Tokens must be those of the float64 definition but for one in a hundred thousand, which ties by
    rounding explain, and log probabilities within 8 units of float32.
    """
    for tokens in (60, 1300, 131071):
        rows = 4096 if tokens < 5000 else 64
        for prior in ("masked", "uniform"):
            logits, current = inputs(rows, tokens, device, dtype)
            if prior == "uniform":  # where staying and drawing the same token come together
                current = logits.argmax(-1)
            after, log_p = sampler(logits, current, 0.3, prior)
            exact = logits.double().cpu(), current.cpu()
            wanted, _ = jump(*exact, 0.3, prior=prior, seed=0)
            apart = int((after.cpu() != wanted).sum())
            scored = log_prob(*exact, after.cpu(), 0.3, prior=prior)
            error = ((log_p.cpu() - scored).abs() / scored.abs().clamp(min=1)).max()
            if apart > max(1, rows // 100_000) or not error <= 8 * torch.finfo(torch.float32).eps:
                raise RuntimeError(
                    f"{prior} prior, {tokens} tokens, {dtype}: {apart} draws of {rows} are off, "
                    f"log probabilities by {float(error):.1e}: nothing is timed"
                )


def milliseconds(sampler: Sampler, logits: Tensor, tokens: Tensor, stay: float) -> float:
    """Return the median time of one jump on the device."""
    from triton.testing import do_bench

    return float(do_bench(lambda: sampler(logits, tokens, stay, "masked"), return_mode="median"))


def measure() -> list[dict[str, Any]]:
    """Measure on the CUDA device, write the chapter's data and return the rows; none without one."""
    if not torch.cuda.is_available():
        print("  no CUDA device: the jump's kernels are not measured")
        return []
    start, rows = time.perf_counter(), []
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        gate("cuda", dtype)
    for count, size in SHAPES:
        logits, tokens = inputs(count, size, "cuda", torch.bfloat16)
        for stay in STAYS:
            for name, load in peers().items():
                row: dict[str, Any] = {"rows": count, "V": size, "stay": stay, "form": name}
                try:
                    row["milliseconds"] = round(milliseconds(load(), logits, tokens, stay), 4)
                except RuntimeError as reason:
                    row["refused"] = f"{type(reason).__name__}: {reason}"[:200]
                rows.append(row)
        del logits
    machine = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    settings = {"dtype": "bfloat16", "prior": "masked"}
    took = time.perf_counter() - start
    result = {"machine": machine, "rows": rows}
    write_result(DATA, result, settings=settings, seeds=[0], seconds=took, packages=["triton"])
    return rows
