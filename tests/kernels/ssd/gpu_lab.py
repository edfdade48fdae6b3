"""Run in a process of its own with TRITON_INTERPRET=1: kernels against a float64 recurrence.

Prints one line of JSON a case: name, dtype, the worst error of each result relative to the
largest entry, the root mean square errors of the kernels and of the textbook's chunked form in
that dtype, and whether gradients at zero transitions are exactly zero. With the name of a fault as
argument, the kernels are spoiled by it first; with "few", two cases run.
"""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
import torch
import triton.language as tl
from plain_chunked import plain
from triton.runtime import interpreter

from softbook.kernels.ssd import gpu
from softbook.kernels.ssd.gpu import launch
from softbook.kernels.ssd.reference import recurrence

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


def record_launches() -> list[str]:
    """Return a list that fills with the names of what is launched from now on."""
    names: list[str] = []
    run = getattr(launch._Call.run, "plain", launch._Call.run)

    def recorded(self, name, *rest, **tensors):
        names.append(name)
        return run(self, name, *rest, **tensors)

    recorded.plain = run
    launch._Call.run = recorded
    return names


def answers(operator, inputs, bounds, do, dfinal, scale):
    """All results of a torch operator on packed sequences, gradients by autograd."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    q, k, v, a, initial = leaves
    share = v.shape[2] // q.shape[2]
    q, k = (x.repeat_interleave(share, 2) for x in (q, k))
    runs = [
        operator(
            *(x[:, low:high] for x in (q, k, v, a)),
            initial_state=initial[n : n + 1] if len(bounds) > 2 else initial,
            output_final_state=True,
            scale=scale,
        )
        for n, (low, high) in enumerate(itertools.pairwise(bounds))
        if high > low or operator is definition
    ]
    o = torch.cat([run[0] for run in runs], 1) if runs else v * 0
    final = torch.cat([run[1] for run in runs]) if runs else initial
    loss = (o.double() * do).sum()
    if len(final) == len(dfinal):
        loss = loss + (final.double() * dfinal).sum()
    grads = torch.autograd.grad(loss, leaves, allow_unused=True)
    zero = (torch.zeros_like(x) if g is None else g for x, g in zip(leaves, grads, strict=True))
    return [o.detach(), final.detach(), *zero]


def definition(q, k, v, a, *, initial_state, output_final_state, scale):
    """The recurrence in float64."""
    return recurrence(q, k, v, a, initial_state, scale)


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


def rounding(got, want) -> float:
    if want.numel() == 0:
        return 0.0
    return (got.double() - want).square().mean().sqrt().item()


def case(name: str, dtype: torch.dtype, bounds: list[int], kind: str, N: int, P: int,
         G: int = 1, H: int = 2, B: int = 1, initial: bool = True,
         channels: bool = False) -> dict:  # fmt: skip
    """Compare one call; more than two bounds pack sequences, which needs B = 1.

    With `channels`, every channel has a gate of its own.
    """
    torch.manual_seed(5)
    T, packed = bounds[-1], None
    if len(bounds) > 2:
        packed = torch.tensor(bounds)
    q, k, v = torch.randn(B, T, G, N), torch.randn(B, T, G, N), torch.randn(B, T, H, P)
    a = torch.cat([gates(kind, T, H * N if channels else H) for _ in range(B)])
    a = a.view(B, T, H, N) if channels else a
    states = torch.randn(B if packed is None else len(bounds) - 1, H, N, P)
    do, dfinal = torch.randn(B, T, H, P).to(dtype), torch.randn_like(states)
    q, k, v, a = (x.to(dtype) for x in (q / N**0.5, k, v, a))
    first = states if initial else None
    scale = 0.7
    launched = record_launches()
    o, final = gpu.forward(q, k, v, a, first, packed, scale, None)
    forward = list(launched)
    got = [o, final, *gpu.backward(do, dfinal, q, k, v, a, first, packed, scale, None)]
    if first is None:
        states = torch.zeros_like(states)
    inputs = (q, k, v, a, states)
    exact = tuple(x.double() for x in inputs)
    want = answers(definition, exact, bounds, do.double(), dfinal.double(), scale)
    own = answers(plain, inputs, bounds, do.double(), dfinal.double(), scale)
    results = [x for x in zip(NAMES, got, want, own, strict=True) if x[1] is not None]
    zero = a == float("-inf")
    return {
        "case": name,
        "dtype": str(dtype)[6:],
        "forward": forward,
        "error": {x: error(g, w) for x, g, w, _ in results},
        "rounding": {x: rounding(g, w) for x, g, w, _ in results},
        "plain": {x: rounding(p, w) for x, _, w, p in results if p.shape == w.shape},
        "zeros": bool((got[5][zero] == 0).all()),
    }


FAULTS = {
    # No fault: every call goes in one pass, however few its programs are.
    "one pass": lambda: setattr(launch, "ONE_PASS_PROGRAMS", 1),
    "gates shifted": lambda: setattr(launch, "forward", _shifted(launch.forward)),
    "output not written": lambda: setattr(launch._Call, "tiles", lambda self, name, *axes: 0),
}


def _shifted(forward):
    return lambda q, k, v, a, *rest: forward(q, k, v, a.roll(1, 1), *rest)


def main() -> None:
    mend_bfloat16()
    poison_outputs()
    faults = [name for name in sys.argv[1:] if name != "few"]
    for fault in faults:
        FAULTS[fault]()
    f32, f16, b16 = torch.float32, torch.float16, torch.bfloat16
    cases = [
        ("one step", f32, [0, 1], "weak", 20, 24),
        ("63 steps, strong", f32, [0, 63], "strong", 20, 24),
        ("130 steps, mixed", f32, [0, 130], "mixed", 20, 24),
        ("several tiles", f32, [0, 70], "weak", 72, 80),
        ("packed, one empty", f32, [0, 5, 5, 75, 76], "mixed", 20, 24),
        ("no steps", f32, [0, 0], "weak", 20, 24),
        ("500 steps", f32, [0, 500], "weak", 16, 16),
        ("positive", f32, [0, 100], "positive", 20, 24),
        ("mixed", b16, [0, 130], "mixed", 20, 24),
        ("mixed", f16, [0, 130], "mixed", 20, 24),
        ("several tiles", b16, [0, 70], "weak", 72, 80),
        ("packed, one empty", b16, [0, 5, 5, 75, 76], "mixed", 20, 24),
    ]
    for one in cases[1:3] if "few" in sys.argv else cases:
        sys.stdout.write(json.dumps(case(*one)) + "\n")
    if "few" in sys.argv:
        return
    shapes = {
        "groups": {"G": 2, "H": 6, "B": 2},
        "a head a group, no first state": {"G": 3, "H": 3, "initial": False},
    }
    for name, shape in shapes.items():
        sys.stdout.write(json.dumps(case(name, f32, [0, 65], "mixed", 20, 24, **shape)) + "\n")


if __name__ == "__main__":
    main()
