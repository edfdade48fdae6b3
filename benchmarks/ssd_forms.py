"""The forms of one map that `ssd` is measured beside, as a reader would write them in torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from softbook.kernels.ssd import ssd

HEADS, STATES, CHANNELS, CHUNK = 8, 64, 64, 64
Form = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def inputs(tokens: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return q, k, v and log decays of one batch, float32, always the same."""
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(1, tokens, HEADS, size, generator=generator)
        for size in (STATES, STATES, CHANNELS)
    )
    return q / STATES**0.5, k, v, -0.1 * torch.rand(1, tokens, HEADS, generator=generator)


def loop(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """Token by token."""
    state = torch.zeros(1, HEADS, STATES, CHANNELS)
    outputs = []
    rows = (x.unbind(1) for x in (q, k, v, log_a.exp()[..., None, None]))
    for q_t, k_t, v_t, a_t in zip(*rows, strict=True):
        state = a_t * state + k_t[..., None] * v_t[..., None, :]
        outputs.append((q_t[..., None, :] @ state).squeeze(-2))
    return torch.stack(outputs, 1)


def _decays(log_a: Tensor) -> Tensor:
    """Return exp(s_i - s_j) for j <= i and zeros above, from log decays in the last dimension."""
    sums = log_a.cumsum(-1)
    return (sums[..., :, None] - sums[..., None, :]).tril().exp().tril()


def quadratic(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """The T x T matrix, written out."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return (((q @ k.mT) * _decays(log_a.mT)) @ v).transpose(1, 2)


def plain(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """The textbook chunked form: differences of sums, and a loop over the chunks' states."""
    tokens = q.shape[1]
    q, k, v = (x.view(1, -1, CHUNK, HEADS, x.shape[-1]).permute(0, 3, 1, 2, 4) for x in (q, k, v))
    gates = log_a.view(1, -1, CHUNK, HEADS).permute(0, 3, 1, 2)
    sums = gates.cumsum(-1)
    added = (k * (sums[..., -1:] - sums).exp()[..., None]).mT @ v
    totals = sums[..., -1].exp()[..., None, None]
    state, states = torch.zeros_like(added[:, :, 0]), []
    for chunk in range(added.shape[2]):
        states.append(state)
        state = totals[:, :, chunk] * state + added[:, :, chunk]
    inside = (q @ k.mT * _decays(gates)) @ v
    o = inside + (q * sums.exp()[..., None]) @ torch.stack(states, 2)
    return o.permute(0, 2, 3, 1, 4).reshape(1, tokens, HEADS, CHANNELS)


def chunked(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """The operator of this library."""
    return ssd(q, k, v, log_a)[0]


def sdpa(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> Tensor:
    """Causal softmax attention of the same size: another map, and the usual one."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)


def compiled() -> Form:
    """Return a new compilation of `plain`: one that has met other lengths would slow down."""
    torch._dynamo.reset()
    return torch.compile(plain, dynamic=False)


def form(name: str) -> Form:
    """Return a form by name."""
    forms: dict[str, Form] = {
        "loop": loop,
        "quadratic": quadratic,
        "plain": plain,
        "chunked": chunked,
        "sdpa": sdpa,
    }
    return compiled() if name == "compiled" else forms[name]


def run(call: Form, tensors: tuple[Tensor, ...], kind: str) -> Any:
    """Run a form once, "forward" or "both" ways."""
    if kind == "forward":
        with torch.no_grad():
            return call(*tensors)
    leaves = [x.detach().requires_grad_() for x in tensors]
    output = call(*leaves)
    return torch.autograd.grad(output, leaves, torch.ones_like(output), allow_unused=True)
