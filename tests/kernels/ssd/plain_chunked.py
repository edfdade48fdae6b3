"""The chunked form as a textbook has it: what the operator's rounding is measured beside."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def plain(q, k, v, log_a, *, initial_state, output_final_state, scale=1.0, chunk_size=64):
    """The textbook chunked form: cumulative sums, their differences, autograd; one head a group."""
    tokens, width = q.shape[1], q.shape[3]
    log_a = log_a if log_a.ndim == 4 else log_a[..., None].expand(*log_a.shape, width)
    padding = (0, 0, 0, 0, 0, -tokens % chunk_size)
    q, k, v, log_a = (
        F.pad(x, padding).unflatten(1, (-1, chunk_size)).permute(0, 3, 1, 2, 4)
        for x in (q, k, v, log_a)
    )
    sums = log_a.cumsum(-2)
    below = torch.ones(chunk_size, chunk_size).tril().bool()[..., None]
    logs = (sums[..., :, None, :] - sums[..., None, :, :]).masked_fill(~below, -torch.inf)
    inside = scale * (q[..., :, None, :] * k[..., None, :, :] * logs.exp()).sum(-1) @ v
    added = (k * (sums[..., -1:, :] - sums).exp()).mT @ v
    state, states = initial_state.to(v.dtype), []
    for chunk in range(added.shape[2]):
        states.append(state)
        state = sums[:, :, chunk, -1, :, None].exp() * state + added[:, :, chunk]
    o = inside + scale * (q * sums.exp()) @ torch.stack(states, 2)
    return o.permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :tokens], state
