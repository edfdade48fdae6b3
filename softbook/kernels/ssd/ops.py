"""`ssd` and the custom operators behind it: fake shapes, gradients and devices for torch.compile."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import pairwise

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from softbook.kernels.ssd import cpu, gpu
from softbook.kernels.ssd.arguments import check_arguments, check_values, state_dtype
from softbook.kernels.ssd.reference import recurrence

__all__ = ["ssd"]

CHUNK_SIZE = 64


def ssd(
    q: Float[Tensor, "B T G N"],
    k: Float[Tensor, "B T G N"],
    v: Float[Tensor, "B T H P"],
    log_a: Float[Tensor, "B T H"] | Float[Tensor, "B T H N"],
    *,
    scale: float = 1.0,
    initial_state: Float[Tensor, "S H N P"] | None = None,
    output_final_state: bool = False,
    chunk_size: int | None = None,
    cu_seqlens: Integer[Tensor, " ends"] | None = None,
    backend: str = "auto",
    check_gates: bool = True,
) -> tuple[Float[Tensor, "B T H P"], Float[Tensor, "S H N P"] | None]:
    """Run a gated linear recurrence: h_t = exp(log_a_t) h_{t-1} + k_t v_t^T, o_t = scale q_t^T h_t.

    In the letters of a state-space model q is C, k is B, v is the input x and exp(log_a) is A.

    Parameters
    ----------
    q, k
        Queries and keys; head h reads group h // (H / G), and G divides H.
    v
        Values, in the same type: float16, bfloat16, float32 or float64.
    log_a
        Natural logarithm of the decay, one a head (scalar-identity) or one a channel (diagonal),
        at most 0; -inf is a zero transition, whose gradient is 0. In the type of q or in float32.
    scale
        Multiplies the outputs, not the states.
    initial_state
        States before the first token, float32 (float64 beside float64 inputs); zeros when None.
        S is B, or the number of packed sequences.
    output_final_state
        Whether the states after the last token are returned (None otherwise).
    chunk_size
        Tokens in a chunk: 16, 32, 64, 128 or 256; None takes the default, 64.
    cu_seqlens
        Ends of sequences packed into one batch: 0, T_1, T_1 + T_2, ..., T. Needs B = 1.
    backend
        "reference" is the float64 recurrence, token by token; "cpu" the chunked form in torch;
        "gpu" the Triton kernels; "auto" goes by the tensors' device.
    check_gates
        Whether a decay above one is refused; False allows growth.

    Returns
    -------
    The outputs in v's type, and the final states or None.

    Raises
    ------
    TypeError, ValueError
        Where an argument has no meaning, by name. A NaN in the tensors is no error: it reaches the
        tokens of its own chunk and all later ones.

    O(T (Q (N + P) + N P)) operations a head in chunks of Q, linear in T; the backward pass makes
    the states anew instead of storing them. Source: Dao and Gu (2024), structured state-space
    duality.

    Examples
    --------
    >>> import torch
    >>> q = k = v = torch.ones(1, 4, 1, 1)
    >>> log_a = torch.tensor([1.0, 0.5, 0.0, 0.5]).log().view(1, 4, 1)
    >>> o, state = ssd(q, k, v, log_a, output_final_state=True)
    >>> o.flatten().tolist(), state.item()
    ([1.0, 1.5, 1.0, 1.5], 1.5)
    """
    check_arguments(q, k, v, log_a, scale, initial_state, chunk_size, cu_seqlens, backend)
    if backend == "gpu" and (missing := _why_not_triton(v, chunk_size or CHUNK_SIZE)):
        raise NotImplementedError(
            f"backend: 'gpu' is given, but {missing}; 'auto' takes torch there"
        )
    if backend == "reference":
        check_values(log_a, cu_seqlens, check_gates)
        o, final = _reference(q, k, v, log_a, initial_state, cu_seqlens, float(scale))
    else:
        o, final = torch.ops.softbook.ssd_forward(
            q,
            k,
            v,
            log_a,
            initial_state,
            cu_seqlens,
            float(scale),
            chunk_size or CHUNK_SIZE,
            check_gates,
        )
    return o, final if output_final_state else None


def _reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    state: Tensor | None,
    cu_seqlens: Tensor | None,
    scale: float,
) -> tuple[Tensor, Tensor]:
    runs = [
        recurrence(q[:, time], k[:, time], v[:, time], log_a[:, time], first, scale)
        for time, first in _sequences(v, state, cu_seqlens)
    ]
    o = torch.cat([output for output, _ in runs], 1)
    return o.to(v.dtype), torch.cat([final for _, final in runs]).to(state_dtype(v))


def _sequences(
    v: Tensor, state: Tensor | None, cu_seqlens: Tensor | None
) -> list[tuple[slice, Tensor | None]]:
    """Return where each packed sequence stands (or all tokens), with its first state."""
    if cu_seqlens is None:
        return [(slice(0, v.shape[1]), state)]
    ends = pairwise(cu_seqlens.tolist())
    firsts = None if state is None else state.split(1)
    return [(slice(*end), firsts and firsts[n]) for n, end in enumerate(ends)]


def _why_not_triton(v: Tensor, chunk_size: int) -> str | None:
    """Return why the Triton kernels do not take these inputs, or None where they do."""
    if find_spec("triton") is None:
        return "Triton is not installed"
    if v.dtype == torch.float64:
        return "the Triton kernels have no float64"
    if chunk_size != CHUNK_SIZE:
        return f"the Triton kernels have chunks of {CHUNK_SIZE} only, not of {chunk_size}"
    return None


def _run_forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    initial_state: Tensor | None,
    cu_seqlens: Tensor | None,
    scale: float,
    chunk_size: int,
    check_gates: bool,
) -> tuple[Tensor, Tensor]:
    check_values(log_a, cu_seqlens, check_gates)
    runs = [
        cpu.forward(q[:, time], k[:, time], v[:, time], log_a[:, time], first, scale, chunk_size)
        for time, first in _sequences(v, initial_state, cu_seqlens)
    ]
    if len(runs) == 1:
        return runs[0]
    return torch.cat([o for o, _ in runs], 1), torch.cat([final for _, final in runs])


def _run_backward(
    do: Tensor,
    dfinal: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    initial_state: Tensor | None,
    cu_seqlens: Tensor | None,
    scale: float,
    chunk_size: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    sequences = _sequences(v, initial_state, cu_seqlens)
    lasts = [dfinal] if cu_seqlens is None else dfinal.split(1)
    runs = [
        cpu.backward(
            do[:, time],
            last,
            q[:, time],
            k[:, time],
            v[:, time],
            log_a[:, time],
            first,
            scale,
            chunk_size,
        )
        for (time, first), last in zip(sequences, lasts, strict=True)
    ]
    if len(runs) == 1:
        return runs[0]
    dq, dk, dv, dlog_a, dstates = (list(parts) for parts in zip(*runs, strict=True))
    along = torch.cat(dq, 1), torch.cat(dk, 1), torch.cat(dv, 1), torch.cat(dlog_a, 1)
    return *along, torch.cat(dstates)


_INPUTS = "Tensor q, Tensor k, Tensor v, Tensor log_a, Tensor? initial_state, Tensor? cu_seqlens"
_SETTINGS = "float scale, int chunk_size"
_forward = torch.library.custom_op(
    "softbook::ssd_forward",
    _run_forward,
    mutates_args=(),
    schema=f"({_INPUTS}, {_SETTINGS}, bool check_gates) -> (Tensor, Tensor)",
)
_backward = torch.library.custom_op(
    "softbook::ssd_backward",
    _run_backward,
    mutates_args=(),
    schema=f"(Tensor do, Tensor dfinal, {_INPUTS}, {_SETTINGS})"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
)


@_forward.register_kernel("cuda")
def _(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size, check_gates):
    if _why_not_triton(v, chunk_size):
        return _run_forward(
            q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size, check_gates
        )
    check_values(log_a, cu_seqlens, check_gates)
    return gpu.forward(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size)


@_backward.register_kernel("cuda")
def _(do, dfinal, q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size):
    arguments = (do, dfinal, q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size)
    if _why_not_triton(v, chunk_size):
        return _run_backward(*arguments)
    *grads, dinitial = gpu.backward(*arguments)
    return *grads, torch.zeros_like(dfinal) if dinitial is None else dinitial


@_forward.register_fake
def _(q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size, check_gates):
    rows = v.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
    shape = (rows, v.shape[2], q.shape[3], v.shape[3])
    return v.new_empty(v.shape), v.new_empty(shape, dtype=state_dtype(v))


@_backward.register_fake
def _(do, dfinal, q, k, v, log_a, initial_state, cu_seqlens, scale, chunk_size):
    return tuple(x.new_empty(x.shape) for x in (q, k, v, log_a, dfinal))


def _save(ctx, inputs, output):
    q, k, v, log_a, initial_state, cu_seqlens, ctx.scale, ctx.chunk_size, _ = inputs
    ctx.save_for_backward(q, k, v, log_a, initial_state, cu_seqlens)


def _gradients(ctx, do, dfinal):
    settings = ctx.scale, ctx.chunk_size
    grads = torch.ops.softbook.ssd_backward(do, dfinal, *ctx.saved_tensors, *settings)
    dinitial = None if ctx.saved_tensors[4] is None else grads[4]
    return *grads[:4], dinitial, None, None, None, None


torch.library.register_autograd("softbook::ssd_forward", _gradients, setup_context=_save)
