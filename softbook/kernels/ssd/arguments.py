"""What `ssd` accepts: shapes, types and settings, each refused in a sentence."""

from __future__ import annotations

import math

import torch
from torch import Tensor

BACKENDS = ("auto", "reference", "cpu", "gpu")
CHUNK_SIZES = (16, 32, 64, 128, 256)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_arguments(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_a: Tensor,
    scale: float,
    initial_state: Tensor | None,
    chunk_size: int | None,
    cu_seqlens: Tensor | None,
    backend: str,
) -> None:
    """Raise TypeError or ValueError, naming the argument, unless the call has a meaning."""
    for name, tensor in (("q", q), ("k", k), ("v", v), ("log_a", log_a)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: {type(tensor).__name__} is given, but a tensor is needed")
        if tensor.dtype not in FLOATS:
            raise TypeError(f"{name}: dtype {tensor.dtype} is given, but a floating one is needed")
        if tensor.device != q.device:
            raise ValueError(f"{name}: device {tensor.device} is given, but q is on {q.device}")
    _check_shapes(q, k, v, log_a)
    _check_types(q, k, v, log_a)
    _check_settings(scale, chunk_size, backend, q.device.type)
    if cu_seqlens is not None:
        _check_packing(cu_seqlens, q)
    if initial_state is not None:
        _check_state(initial_state, q, v, cu_seqlens)


def _check_shapes(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> None:
    for name, tensor, letters in (("q", q, "[B, T, G, N]"), ("v", v, "[B, T, H, P]")):
        if tensor.ndim != 4:
            raise ValueError(
                f"{name}: shape {tuple(tensor.shape)} is given, but {letters} is needed"
            )
    if k.shape != q.shape:
        raise ValueError(
            f"k: shape {tuple(k.shape)} is given, but that of q, {tuple(q.shape)}, is needed"
        )
    if v.shape[:2] != q.shape[:2]:
        raise ValueError(
            f"v: batch and time {tuple(v.shape[:2])} are given, but those of q, "
            f"{tuple(q.shape[:2])}, are needed"
        )
    groups, width = q.shape[2:]
    heads = v.shape[2]
    for name, size in (("q: groups", groups), ("q: state width N", width), ("v: heads", heads)):
        if size == 0:
            raise ValueError(f"{name} 0 is given, but at least 1 is needed")
    if heads % groups:
        raise ValueError(
            f"v: {heads} heads are given, but a multiple of q's {groups} groups is needed"
        )
    shape = (*v.shape[:3], width)
    if tuple(log_a.shape) not in (shape[:3], shape):
        raise ValueError(
            f"log_a: shape {tuple(log_a.shape)} is given, but {shape[:3]} (one decay a head) or "
            f"{shape} (one a channel) is needed"
        )


def _check_types(q: Tensor, k: Tensor, v: Tensor, log_a: Tensor) -> None:
    if not q.dtype == k.dtype == v.dtype:
        raise TypeError(
            f"q, k, v: dtypes {q.dtype}, {k.dtype} and {v.dtype} are given, but one is needed"
        )
    if log_a.dtype not in (q.dtype, torch.float32) or (
        q.dtype == torch.float64 and log_a.dtype != q.dtype
    ):
        wanted = "torch.float64" if q.dtype == torch.float64 else f"{q.dtype} or torch.float32"
        raise TypeError(f"log_a: dtype {log_a.dtype} is given, but {wanted} is needed")


def _check_settings(scale: float, chunk_size: int | None, backend: str, device: str) -> None:
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise TypeError(f"scale: {type(scale).__name__} is given, but a number is needed")
    if not math.isfinite(scale):
        raise ValueError(f"scale: {scale} is given, but a finite number is needed")
    if chunk_size is not None and chunk_size not in CHUNK_SIZES:
        raise ValueError(
            f"chunk_size: {chunk_size} is given, but one of "
            f"{', '.join(map(str, CHUNK_SIZES))} or None is needed"
        )
    if backend not in BACKENDS:
        raise ValueError(
            f"backend: {backend!r} is given, but one of {', '.join(BACKENDS)} is needed"
        )
    if (backend, device) in (("gpu", "cpu"), ("cpu", "cuda")):
        raise ValueError(f"backend: {backend!r} is given, but the tensors are on {device!r}")


def _check_packing(cu_seqlens: Tensor, q: Tensor) -> None:
    if not isinstance(cu_seqlens, Tensor):
        raise TypeError(f"cu_seqlens: {type(cu_seqlens).__name__} is given, but a tensor is needed")
    if cu_seqlens.dtype not in (torch.int32, torch.int64):
        raise TypeError(
            f"cu_seqlens: dtype {cu_seqlens.dtype} is given, but int32 or int64 is needed"
        )
    if cu_seqlens.ndim != 1 or len(cu_seqlens) < 2:
        raise ValueError(
            f"cu_seqlens: shape {tuple(cu_seqlens.shape)} is given, but [sequences + 1] is needed"
        )
    if q.shape[0] != 1:
        raise ValueError(
            f"cu_seqlens: packed sequences beside a batch of {q.shape[0]} are given, but batch 1 is "
            "needed"
        )


def _check_state(state: Tensor, q: Tensor, v: Tensor, cu_seqlens: Tensor | None) -> None:
    if not isinstance(state, Tensor):
        raise TypeError(f"initial_state: {type(state).__name__} is given, but a tensor is needed")
    rows = q.shape[0] if cu_seqlens is None else len(cu_seqlens) - 1
    shape = (rows, v.shape[2], q.shape[3], v.shape[3])
    if tuple(state.shape) != shape:
        raise ValueError(
            f"initial_state: shape {tuple(state.shape)} is given, but {shape} is needed"
        )
    wanted = state_dtype(v)
    if state.dtype != wanted:
        raise TypeError(f"initial_state: dtype {state.dtype} is given, but {wanted} is needed")
    if state.device != q.device:
        raise ValueError(f"initial_state: device {state.device} is given, but q is on {q.device}")


def state_dtype(v: Tensor) -> torch.dtype:
    """Return the states' type: float64 beside float64 inputs, float32 beside all others."""
    return torch.float64 if v.dtype == torch.float64 else torch.float32


def check_values(log_a: Tensor, cu_seqlens: Tensor | None, check_gates: bool) -> None:
    """Raise ValueError where a decay exceeds one (unless allowed) or the packing is not one."""
    if check_gates and bool((log_a > 0).any()):
        raise ValueError(
            f"log_a: {float(log_a.max()):.3g} is given, but at most 0 is needed (a decay of at most "
            "1); check_gates=False allows growth"
        )
    if cu_seqlens is None:
        return
    ends = cu_seqlens.tolist()
    if ends[0] != 0 or ends[-1] != log_a.shape[1] or ends != sorted(ends):
        raise ValueError(
            f"cu_seqlens: {ends if len(ends) < 9 else [*ends[:4], '...', ends[-1]]} is given, but "
            f"numbers rising from 0 to the {log_a.shape[1]} tokens are needed"
        )
