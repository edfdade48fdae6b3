"""Triton kernels of structured state-space duality: forward and backward, both forms of gates.

The map is h_t = exp(log_a_t) h_{t-1} + k_t v_t^T, o_t = scale q_t^T h_t. Triton is imported when
a function here is called, so that a machine without it can import this package.
"""

from __future__ import annotations

from torch import Tensor


def _launcher():
    """Return the module that launches, or say plainly that Triton is missing."""
    try:
        import triton  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            "the backend 'gpu' of ssd needs Triton, which is not installed; "
            "install triton or use the backend 'cpu'"
        ) from error
    from softbook.kernels.ssd.gpu import launch

    return launch


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    initial_state: Tensor | None,
    cu_seqlens: Tensor | None,
    scale: float,
    chunk_size: int | None,
) -> tuple[Tensor, Tensor]:
    """Return the output ``[B,T,H,P]`` in v's dtype and the final states ``[S,H,N,P]`` in float32.

    ``q, k [B,T,G,N]``, ``v [B,T,H,P]``, ``log_a [B,T,H]`` or ``[B,T,H,N]``; S is B, or the
    number of packed sequences. O(T (Q + N) P) operations a head, with a gate a channel
    O(T N Q log Q) more, and O(T N P / Q) numbers of states with chunks of Q. Raises RuntimeError
    without Triton.

    >>> forward.__module__
    'softbook.kernels.ssd.gpu'
    """
    return _launcher().forward(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size)


def backward(
    do: Tensor,
    dfinal: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    initial_state: Tensor | None,
    cu_seqlens: Tensor | None,
    scale: float,
    chunk_size: int | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """Return the gradients of q, k, v, log_a and the initial state (None where that is None).

    States are computed anew. The gradients of q and k are held a head in float32, ``[B,T,H,N]``,
    before they are summed over the heads of a group. With a gate a channel, a part of the gates'
    gradient is held likewise. Errors as in ``forward``.

    >>> backward.__module__
    'softbook.kernels.ssd.gpu'
    """
    return _launcher().backward(
        do, dfinal, q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size
    )
