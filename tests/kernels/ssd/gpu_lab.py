"""Run in a process of its own with TRITON_INTERPRET=1: kernels against a float64 recurrence.

Prints one line of JSON a case: name, dtype, the worst error of each result relative to the
largest entry, the same error of plain torch in that dtype, and whether gradients at zero
transitions are exactly zero.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch
import triton.language as tl
from triton.runtime import interpreter

from softbook.kernels.ssd import gpu

NAMES = ("o", "final", "dq", "dk", "dv", "da", "dinitial")


def mend_bfloat16() -> None:
    """Mend the interpreter: it multiplies bit patterns in dot and truncates in casts."""
    builder = interpreter.InterpreterBuilder
    dot, cast = builder.create_dot, builder.cast_impl

    def widen(handle):
        if handle.dtype.scalar != tl.bfloat16:
            return handle
        data = (handle.data.astype(np.uint32) << 16).view(np.float32)
        return interpreter.TensorHandle(data, tl.float32)

    def create_dot(self, a, b, d, *more):
        return dot(self, widen(a), widen(b), d, *more)

    def cast_impl(self, source, target):
        narrow = getattr(target, "scalar", target) == tl.bfloat16
        if narrow and source.dtype.scalar == tl.float32:
            bits = np.ascontiguousarray(source.data, dtype=np.float32).view(np.uint32)
            bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
            return interpreter.TensorHandle(bits.astype(np.uint16), tl.bfloat16)
        return cast(self, source, target)

    builder.create_dot, builder.cast_impl = create_dot, cast_impl
    for name in ("create_fp_to_fp", "create_fp_trunc", "create_fp_ext"):
        if hasattr(builder, name):
            setattr(builder, name, lambda self, s, t, *more: self.cast_impl(s, t))


def poison_outputs() -> None:
    """Fill every torch.empty with NaN, so that an unwritten place is seen."""
    for name in ("empty", "empty_like"):
        plain = getattr(torch, name)

        def filled(*args, plain=plain, **kwargs):
            made = plain(*args, **kwargs)
            return made.fill_(float("nan")) if made.is_floating_point() else made

        setattr(torch, name, filled)


def recurrence(q, k, v, a, initial, bounds, scale):
    """The definition, one step at a time; differentiable, in the dtype of its inputs."""
    share = v.shape[2] // q.shape[2]
    q, k = (x.repeat_interleave(share, 2) for x in (q, k))
    outs, finals = [], []
    for s in range(len(bounds) - 1):
        h = initial[s]
        for t in range(bounds[s], bounds[s + 1]):
            h = a[0, t].exp()[:, None, None] * h + k[0, t][:, :, None] * v[0, t][:, None, :]
            outs.append(scale * (q[0, t][:, :, None] * h).sum(1))
        finals.append(h)
    o = torch.stack(outs)[None] if outs else v * 0
    return o, torch.stack(finals)


def plain(inputs, bounds, scale, do, dfinal, dtype):
    """All results of the recurrence in one dtype, gradients by autograd."""
    leaves = [x.to(dtype).detach().requires_grad_() for x in inputs]
    o, final = recurrence(*leaves, bounds, scale)
    torch.autograd.backward([o, final], [do.to(dtype), dfinal.to(dtype)])
    return [
        o.detach(),
        final.detach(),
        *(torch.zeros_like(x) if x.grad is None else x.grad for x in leaves),
    ]


def gates(kind: str, T: int, H: int) -> torch.Tensor:
    weak = -torch.rand(1, T, H) * 0.1
    if kind == "strong":
        return -torch.rand(1, T, H) * 90
    if kind == "positive":
        return torch.rand(1, T, H) * 0.02
    if kind == "mixed":
        weak[torch.rand(1, T, H) < 0.1] = float("-inf")
        weak[torch.rand(1, T, H) < 0.1] = -800.0
        weak[torch.rand(1, T, H) < 0.2] = 0.0
    return weak


def error(got, want) -> float:
    if want.numel() == 0:
        return 0.0
    return ((got.double() - want).abs().max() / want.abs().max().clamp(min=1e-30)).item()


def case(name: str, dtype: torch.dtype, bounds: list[int], kind: str, N: int, P: int) -> dict:
    torch.manual_seed(5)
    T, H, G = bounds[-1], 2, 1
    q, k, v = torch.randn(1, T, G, N), torch.randn(1, T, G, N), torch.randn(1, T, H, P)
    initial = torch.randn(len(bounds) - 1, H, N, P)
    do, dfinal = torch.randn(1, T, H, P).to(dtype), torch.randn_like(initial)
    q, k, v, a = (x.to(dtype) for x in (q, k, v, gates(kind, T, H)))
    inputs, scale = (q, k, v, a, initial), 0.7
    packed = torch.tensor(bounds) if len(bounds) > 2 else None
    o, final = gpu.forward(*inputs, packed, scale, None)
    got = [o, final, *gpu.backward(do, dfinal, *inputs, packed, scale, None)]
    want = plain(inputs, bounds, scale, do, dfinal, torch.float64)
    torch_own = plain(inputs, bounds, scale, do, dfinal, dtype)
    zero = a == float("-inf")
    return {
        "case": name,
        "dtype": str(dtype)[6:],
        "error": {x: error(g, w) for x, g, w in zip(NAMES, got, want, strict=True)},
        "plain": {x: error(g, w) for x, g, w in zip(NAMES, torch_own, want, strict=True)},
        "zeros": bool((got[5][zero] == 0).all()),
    }


def main() -> None:
    mend_bfloat16()
    poison_outputs()
    f32, f16, b16 = torch.float32, torch.float16, torch.bfloat16
    cases = [
        ("one step", f32, [0, 1], "weak", 20, 24),
        ("63 steps, strong", f32, [0, 63], "strong", 20, 24),
        ("130 steps, mixed", f32, [0, 130], "mixed", 20, 24),
        ("several tiles", f32, [0, 70], "weak", 72, 80),
        ("packed, one empty", f32, [0, 5, 5, 75, 76], "mixed", 20, 24),
        ("no steps", f32, [0, 0], "weak", 20, 24),
        ("positive", f32, [0, 100], "positive", 20, 24),
        ("mixed", b16, [0, 130], "mixed", 20, 24),
        ("mixed", f16, [0, 130], "mixed", 20, 24),
        ("several tiles", b16, [0, 70], "weak", 72, 80),
    ]
    for one in cases:
        sys.stdout.write(json.dumps(case(*one)) + "\n")


if __name__ == "__main__":
    main()
