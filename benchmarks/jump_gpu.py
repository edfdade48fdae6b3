"""Speed of the jump's Triton kernels beside their peers; nothing is timed while a draw is wrong.

Needs a CUDA device, and says so where there is none. A peer that the machine refuses is named with
its reason.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.device import Clock, median, timed, verdict
from softbook.kernels.jump import jump, log_prob
from softbook.provenance import write_result

DATA = Path(__file__).parents[1] / "softbook" / "diffusion" / "data" / "jump_gpu.json"
ROWS, TOKENS = 8192, 131072
SHAPES = ((ROWS, TOKENS), (64, TOKENS), (ROWS, TOKENS - 1), (ROWS, 32768), (65536, 64))
PRIORS = ("masked", "uniform")
STAYS = (0.0, 0.9)
AIM, AIM_RATIO = 0.9, 5.0
"""Milliseconds of a jump of ROWS rows that all open, and how many times as long eager torch takes."""
Form = Callable[..., Any]


def inputs(
    rows: int, tokens: int, device: str, dtype: torch.dtype, prior: str = "masked"
) -> tuple[Tensor, Tensor]:
    """Return logits and tokens, always the same; every fifth row has few possible tokens.

    The tokens are masks, or for the uniform prior the likeliest ones: there, staying and drawing
    the same token come together.
    """
    generator = torch.Generator(device).manual_seed(0)
    logits = torch.randn(rows, tokens, generator=generator, device=device, dtype=dtype) * 2
    logits[::5, tokens // 3 :] = -torch.inf
    if prior == "uniform":
        return logits, logits.argmax(-1)
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


def eager_score(logits: Tensor, tokens: Tensor, after: Tensor, stay: float, prior: str) -> Tensor:
    """The score of a move as it is written in torch: log-softmax, gather, where."""
    return _score(_entry(logits.float().log_softmax(-1), after).exp(), tokens, after, stay, prior)


def _finish(
    p: Tensor, drawn: Tensor, tokens: Tensor, stay: float, prior: str
) -> tuple[Tensor, Tensor]:
    jumps = torch.rand(len(tokens), device=p.device) >= stay
    if prior == "masked":
        jumps &= tokens == p.shape[1]
    after = torch.where(jumps, drawn, tokens)
    return after, _score(_entry(p, after), tokens, after, stay, prior)


def _entry(table: Tensor, after: Tensor) -> Tensor:
    return table.gather(1, after.clamp(max=table.shape[1] - 1)[:, None])[:, 0]


def _score(chance: Tensor, tokens: Tensor, after: Tensor, stay: float, prior: str) -> Tensor:
    """The log probability of a move from tokens of `inputs`: masks, or in the vocabulary."""
    if prior == "masked":
        return torch.where(after == tokens, stay, (1 - stay) * chance).log()
    return ((1 - stay) * chance + stay * (after == tokens)).log()


def ours(logits: Tensor, tokens: Tensor, stay: float, prior: str) -> tuple[Tensor, Tensor]:
    """The jump of the book."""
    return jump(logits, tokens, stay, prior=prior, seed=0)


def our_score(logits: Tensor, tokens: Tensor, after: Tensor, stay: float, prior: str) -> Tensor:
    """The score of the book."""
    return log_prob(logits, tokens, after, stay, prior=prior)


def _compiled(form: Form) -> Form:
    # What was compiled before counts against a limit, past which a form silently runs eager.
    torch.compiler.reset()
    return torch.compile(form, dynamic=False)


def forms() -> dict[str, dict[str, Callable[[], Form]]]:
    """Return what is measured by call and name; each is made only when its turn comes."""
    return {
        "jump": {
            "jump": lambda: ours,
            "eager": lambda: eager,
            "compiled": lambda: _compiled(eager),
            "multinomial": lambda: multinomial,
        },
        "log_prob": {
            "log_prob": lambda: our_score,
            "eager": lambda: eager_score,
            "compiled": lambda: _compiled(eager_score),
        },
    }


def gate(device: str, dtype: torch.dtype, sampler: Form = ours, scorer: Form = our_score) -> None:
    """Raise RuntimeError unless draws are possible, as frequent as they should be, and scored right.

    Tokens must be those of the float64 definition but for one in a hundred thousand, which ties by
    rounding explain, and log probabilities within 8 units of float32.
    """
    for tokens in (60, 1300, 131071):
        rows = 4096 if tokens < 5000 else 64
        for prior in PRIORS:
            logits, current = inputs(rows, tokens, device, dtype, prior)
            after, log_p = sampler(logits, current, 0.3, prior)
            score = scorer(logits, current, after, 0.3, prior)
            exact = logits.double().cpu(), current.cpu()
            wanted, _ = jump(*exact, 0.3, prior=prior, seed=0)
            apart = int((after.cpu() != wanted).sum())
            scored = log_prob(*exact, after.cpu(), 0.3, prior=prior)
            both = torch.stack([log_p.cpu(), score.cpu()])
            error = ((both - scored).abs() / scored.abs().clamp(min=1)).max()
            if apart > max(1, rows // 100_000) or not error <= 8 * torch.finfo(torch.float32).eps:
                raise RuntimeError(
                    f"{prior} prior, {tokens} tokens, {dtype}: {apart} draws of {rows} are off, "
                    f"log probabilities by {float(error):.1e}: nothing is timed"
                )


def needed(rows: int, tokens: int, stay: float, prior: str) -> float:
    """Return the bytes of 16-bit logits that a jump must read, on average, and that a score must.

    A masked row is read if it opens, one of the uniform prior always: staying, too, has a
    probability that depends on it.
    """
    return 2 * rows * tokens * (1 - stay if prior == "masked" else 1.0)


def compare(rows: int, tokens: int, device: str, clock: Clock) -> Iterator[dict[str, Any]]:
    """Yield a row for each form, prior and probability to stay at one size, in bfloat16."""
    for prior in PRIORS:
        logits, current = inputs(rows, tokens, device, torch.bfloat16, prior)
        for stay in STAYS:
            after, _ = ours(logits, current, stay, prior)
            for call, ways in forms().items():
                moved = (after,) if call == "log_prob" else ()
                arguments = (logits, current, *moved, stay, prior)
                read = needed(rows, tokens, stay, prior)
                at = {"call": call, "rows": rows, "V": tokens, "prior": prior, "stay": stay}
                made = {name: timed(load, arguments, read, clock) for name, load in ways.items()}
                eager_time = made["eager"]["milliseconds"]
                for name, row in made.items():
                    spent = row["milliseconds"]
                    ratio = round(eager_time / spent, 2) if eager_time and spent else None
                    yield {**at, "form": name, "times_eager": ratio, **row}


def measure() -> list[dict[str, Any]]:
    """Measure on the CUDA device, write the chapter's data and return the rows; none without one."""
    if not torch.cuda.is_available():
        print("  no CUDA device: the jump's kernels are not measured")
        return []
    start = time.perf_counter()
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        gate("cuda", dtype)
    rows = [row for shape in SHAPES for row in compare(*shape, "cuda", median)]
    machine = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    settings = {"dtype": "bfloat16", "command": "python -m benchmarks jump-gpu"}
    took = time.perf_counter() - start
    result = {"machine": machine, "rows": rows, "verdict": summary(rows)}
    write_result(DATA, result, settings=settings, seeds=[0], seconds=took, packages=["triton"])
    return rows


def summary(rows: list[dict[str, Any]]) -> str:
    """Return whether the aim is met: ROWS masked rows of TOKENS logits, all of which open."""
    setting = {"call": "jump", "rows": ROWS, "V": TOKENS, "prior": "masked", "stay": 0.0}
    at = [row for row in rows if all(row[name] == value for name, value in setting.items())]
    return f"{ROWS} x {TOKENS}: {verdict(at, 'jump', AIM, ('eager', AIM_RATIO))}"
