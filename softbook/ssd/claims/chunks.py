"""The claim on the chunked form: how far rounding can carry it from the recurrence."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from softbook.claims import Claim, Hypothesis, Tolerance, register
from softbook.kernels.ssd import ssd
from softbook.knobs import Choice, Integer, Linear, Log
from softbook.ssd.claims.common import SEED

CHANNELS = 3
ROUND_OFF = {"float32": 2.0**-24, "float64": 2.0**-53}


def relative(roundings: float, precision: str) -> float:
    """Return R u / (1 − R u): what R roundings in a row do to a term, at most.

    >>> relative(1.0, "float64") < 2.0**-52
    True
    """
    bound = roundings * ROUND_OFF[precision]
    return bound / (1 - bound)


def chunked_roundings(tokens: int, states: int, chunk: int) -> int:
    """Return R, the most roundings through which a term of the chunked form goes.

    Its decays: four units u for each gate's exponential, one for each product. Inside a chunk the
    score, the mask and the values; across chunks two at each chunk's end.

    >>> chunked_roundings(1, 1, 64), chunked_roundings(64, 16, 64)
    (6, 399)
    """
    return 5 * (tokens - 1) + states + min(chunk, tokens) + 2 * -(-tokens // chunk) + 2


def _inputs(
    kind: str,
    tokens: int,
    states: int,
    gate: float,
    zeros: float,
    precision: str,
    seed: int,
    growth: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return q, k, v and log decays of one head; one of four seeds has positive entries alone."""
    rng = np.random.default_rng(seed)
    q, k, v = (
        torch.from_numpy(rng.standard_normal((1, tokens, 1, size)))
        for size in (states, states, CHANNELS)
    )
    if seed % 4 == 0:
        # Nothing cancels: the error is seen relative to the output itself.
        q, k, v = q.abs(), k.abs(), v.abs()
    shape = (1, tokens, 1) if kind == "scalar" else (1, tokens, 1, states)
    log_a = torch.from_numpy(-gate * rng.exponential(size=shape))
    log_a[torch.from_numpy(rng.random(shape) < zeros)] = -math.inf
    if growth:
        log_a[:, 1:4], k[:, :4] = growth, 0.0
    dtype = getattr(torch, precision)
    return q.to(dtype), k.to(dtype), v.to(dtype), log_a.to(dtype)


def _factored(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """Return the outputs of one chunk whose decays are quotients: the planted fault."""
    sums = log_a.cumsum(1).unsqueeze(-1) if log_a.ndim == 3 else log_a.cumsum(1)
    scores = torch.einsum("bihn,bjhn->bhij", q * sums.exp(), k * (-sums).exp())
    return torch.einsum("bhij,bjhp->bihp", scores.tril(), v)


def relative_error(
    kind: str,
    tokens: int,
    states: int,
    chunk: int,
    gate: float,
    zeros: float,
    precision: str,
    seed: int,
    growth: float = 0.0,
    form: str = "products",
) -> float:
    """Return the largest error over what the operator makes of absolute values; NaN if one is NaN.

    Two runs of the recurrence in float64 and one of the chunked form, O(T N) each; `kind` and the
    other settings are the claim's.

    >>> relative_error("scalar", 2, 1, 16, 0.1, 0.0, "float64", seed=0) < 1e-15
    True
    """
    q, k, v, log_a = _inputs(kind, tokens, states, gate, zeros, precision, seed, growth)
    if form == "factored":
        found = _factored(q, k, v, log_a)
    else:
        found, _ = ssd(q, k, v, log_a, chunk_size=chunk, backend="cpu", check_gates=False)
    # Signed and absolute values run through the recurrence together.
    q, k, v, log_a = (entry.double() for entry in (q, k, v, log_a))
    q2, k2, v2 = (torch.cat([entry, entry.abs()]) for entry in (q, k, v))
    gates = log_a.expand(2, *log_a.shape[1:])
    exact, _ = ssd(q2, k2, v2, gates, backend="reference", check_gates=False)
    # Products of decays that underflow, or nearly, count as zero; their terms are as small.
    number = torch.finfo(getattr(torch, precision))
    largest = float(q.abs().max() * k.abs().max() * v.abs().max()) + 1
    lost = 8 * number.tiny / number.eps * tokens * states * largest
    error = ((found.double() - exact[:1]).abs() - lost).clamp(min=0)
    # Where nothing but zeros is summed, nothing may be wrong: 0/0 counts as 0, all else as infinite.
    share = torch.where(error == 0, error, error / exact[1:])
    return float(share.max())


def _reference_rounding(tokens: int, states: int, **_: object) -> float:
    return relative(6 * (tokens - 1) + states + 3, "float64")


register(
    Claim(
        id="ssd-chunked",
        title="Chunks compute the recurrence, up to a counted rounding",
        statement=(
            "Let no decay exceed one. In floating point with unit round-off $u$, the chunked form with chunks of $C$ tokens differs from the recurrence "
            "of $N$ states over $T$ tokens by at most"
            "\n\n"
            r"$$\begin{aligned}&|\hat o_{tp}-o_{tp}|\\&\;\le\;\frac{Ru}{1-Ru}\;\mathrm{ssd}\bigl(|q|,|k|,|v|\bigr)_{tp}\end{aligned}$$"
            "\n\n"
            r"with $R=5(T-1)+N+\min(C,T)+2\lceil T/C\rceil+2$, "
            "however strong the gates are, zero transitions included, and but for products of decays so small that they count as zero (below $10^{-30}$ in float32). "
            "(The form in torch on a processor, for scalar-identity and diagonal transitions; outputs, not gradients.)"
        ),
        evidence="proved",
        source="own",
        knobs={
            "tokens": Integer(1, 160, default=100, label="tokens T"),
            "states": Integer(1, 16, default=8, label="states N"),
            "kind": Choice(["scalar", "diagonal"], label="transitions"),
            "chunk": Choice([16, 32, 64], 32, label="chunk C"),
            "gate": Log(1e-4, 100, default=0.1, label="gate strength −log a", unit="nats a token"),
            "zeros": Linear(0, 0.5, default=0, label="share of zero transitions"),
            "precision": Choice(["float32", "float64"], label="precision"),
            "seed": SEED,
        },
        predicted=lambda tokens, states, chunk, precision, **_: relative(
            chunked_roundings(tokens, states, chunk), precision
        ),
        measured=relative_error,
        tolerance=Tolerance(
            "the recurrence that it is compared with is rounded in float64: 6(T − 1) + N + 3 roundings a term, "
            "exponentials good to two units in the last place",
            _reference_rounding,
        ),
        hypotheses=[
            Hypothesis(
                "decays between tokens are products of decays (not quotients of exponentials)",
                lambda form="products", **_: form == "products",
                violation={"tokens": 32, "gate": 10.0, "form": "factored"},
            ),
            Hypothesis(
                "no decay exceeds one",
                lambda growth=0.0, **_: growth <= 0,
                violation={"growth": 60.0},
            ),
        ],
        depends=["ssd-scalar", "ssd-heads"],
    )
)
