"""The definition of `ssd` in float64, derived twice: the recurrence, and the T x T matrix.

Everything fast is held to these two; neither borrows from the other.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["quadratic", "recurrence"]


def recurrence(
    q: Float[Tensor, "B T G N"],
    k: Float[Tensor, "B T G N"],
    v: Float[Tensor, "B T H P"],
    log_a: Float[Tensor, "B T H"] | Float[Tensor, "B T H N"],
    initial_state: Float[Tensor, "B H N P"] | None = None,
    scale: float = 1.0,
) -> tuple[Float[Tensor, "B T H P"], Float[Tensor, "B H N P"]]:
    """Run h_t = exp(log_a_t) h_{t-1} + k_t v_t^T and o_t = scale q_t^T h_t token by token.

    Everything is float64 and differentiable. O(T N P) operations a head, T of them in a row.
    Source: Dao and Gu (2024), the recurrence of a scalar-identity or diagonal state-space model.

    >>> import torch
    >>> one = torch.ones(1, 2, 1, 1)
    >>> o, state = recurrence(one, one, one, torch.tensor(0.5).log().expand(1, 2, 1))
    >>> [round(value, 6) for value in o.flatten().tolist()], round(float(state), 6)
    ([1.0, 1.5], 1.5)
    """
    q, k, v, decays = _float64(q, k, v, log_a)
    state = v.new_zeros(*_state_shape(q, v)) if initial_state is None else initial_state.double()
    outputs = []
    # unbind: the backward pass of an index in a loop would fill a whole tensor at each step.
    for q_t, k_t, v_t, a_t in zip(
        q.unbind(1), k.unbind(1), v.unbind(1), decays.unbind(1), strict=True
    ):
        state = a_t[..., None] * state + k_t[..., None] * v_t[..., None, :]
        outputs.append(scale * (q_t[..., None] * state).sum(-2))
    return (torch.stack(outputs, 1) if outputs else v.clone()), state


def quadratic(
    q: Float[Tensor, "B T G N"],
    k: Float[Tensor, "B T G N"],
    v: Float[Tensor, "B T H P"],
    log_a: Float[Tensor, "B T H"] | Float[Tensor, "B T H N"],
    initial_state: Float[Tensor, "B H N P"] | None = None,
    scale: float = 1.0,
) -> tuple[Float[Tensor, "B T H P"], Float[Tensor, "B H N P"]]:
    """Multiply the values by the T x T matrix whose entry (t, s) is scale sum_n q_tn (prod a) k_sn.

    The products of decays run down each column, so that a zero transition needs no logarithm.
    Float64, O(T^2 N) time and memory a head: for short sequences only.

    >>> import torch
    >>> one = torch.ones(1, 2, 1, 1)
    >>> o, _ = quadratic(one, one, one, torch.tensor(0.5).log().expand(1, 2, 1))
    >>> [round(value, 6) for value in o.flatten().tolist()]
    [1.0, 1.5]
    """
    q, k, v, decays = _float64(q, k, v, log_a)
    tokens = v.shape[1]
    if tokens == 0:
        state = v.new_zeros(*_state_shape(q, v)) if initial_state is None else initial_state
        return v.clone(), state.double()
    # below[t, s] is a_t below the diagonal and 1 elsewhere: its product down column s is a_t ... a_{s+1}.
    below = torch.ones(tokens, tokens, device=v.device).tril(-1).bool()[..., None, None]
    factors = torch.where(below, decays[:, :, None], torch.ones_like(decays)[:, :, None])
    weights = (
        factors.cumprod(1) * torch.ones(tokens, tokens, device=v.device).tril()[..., None, None]
    )
    matrix = scale * torch.einsum(
        "bthn,btshn,bshn->bhts", q, weights.expand(*weights.shape[:4], q.shape[3]), k
    )
    output = torch.einsum("bhts,bshp->bthp", matrix, v)
    state = torch.einsum("bshn,bshp->bhnp", weights[:, -1] * k, v)
    if initial_state is not None:
        carried = decays.cumprod(1)
        output = output + scale * torch.einsum(
            "bthn,bhnp->bthp", q * carried, initial_state.double()
        )
        state = state + carried[:, -1, ..., None] * initial_state.double()
    return output, state


def _float64(
    q: Tensor, k: Tensor, v: Tensor, log_a: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return float64 queries, keys [B,T,H,N], values and decays [B,T,H,N or 1], a head each."""
    share = v.shape[2] // q.shape[2]
    decays = log_a.double().exp()
    return (
        q.double().repeat_interleave(share, 2),
        k.double().repeat_interleave(share, 2),
        v.double(),
        decays if decays.ndim == 4 else decays[..., None],
    )


def _state_shape(q: Tensor, v: Tensor) -> tuple[int, int, int, int]:
    return v.shape[0], v.shape[2], q.shape[3], v.shape[3]
