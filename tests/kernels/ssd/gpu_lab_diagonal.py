"""Run in a process of its own with TRITON_INTERPRET=1: a gate a channel against a float64 loop.

Prints one line of JSON a case: name, dtype, the worst error of each result relative to the largest
entry, and whether gradients at zero transitions are exactly zero. With "few", two cases run; with
"gates shifted", the forward kernels get the gates of other steps.
"""

from __future__ import annotations

import json
import sys

import torch
from gpu_lab import (
    FAULTS,
    NAMES,
    answers,
    definition,
    error,
    gates,
    mend_bfloat16,
    poison_outputs,
)

from softbook.kernels.ssd import gpu


def case(name: str, dtype: torch.dtype, bounds: list[int], kind: str, N: int, P: int,
         G: int = 1, H: int = 2, B: int = 1, initial: bool = True) -> dict:  # fmt: skip
    """Compare one call; more than two bounds pack sequences, which needs B = 1."""
    torch.manual_seed(5)
    T = bounds[-1]
    packed = torch.tensor(bounds) if len(bounds) > 2 else None
    q, k, v = torch.randn(B, T, G, N), torch.randn(B, T, G, N), torch.randn(B, T, H, P)
    a = torch.stack([gates(kind, T, H * N)[0] for _ in range(B)]).view(B, T, H, N)
    states = torch.randn(B if packed is None else len(bounds) - 1, H, N, P)
    do, dfinal = torch.randn(B, T, H, P).to(dtype), torch.randn_like(states)
    q, k, v, a = (x.to(dtype) for x in (q / N**0.5, k, v, a))
    first = states if initial else None
    o, final = gpu.forward(q, k, v, a, first, packed, 0.7, None)
    got = [o, final, *gpu.backward(do, dfinal, q, k, v, a, first, packed, 0.7, None)]
    if first is None:
        states = torch.zeros_like(states)
    exact = tuple(x.double() for x in (q, k, v, a, states))
    want = answers(definition, exact, bounds, do.double(), dfinal.double(), 0.7)
    results = [x for x in zip(NAMES, got, want, strict=True) if x[1] is not None]
    return {
        "case": name,
        "dtype": str(dtype)[6:],
        "error": {x: error(g, w) for x, g, w in results},
        "zeros": bool((got[5][a == float("-inf")] == 0).all()),
    }


def main() -> None:
    mend_bfloat16()
    poison_outputs()
    for fault in (name for name in sys.argv[1:] if name != "few"):
        FAULTS[fault]()
    f32, f16, b16 = torch.float32, torch.float16, torch.bfloat16
    cases = [
        ("63 steps, strong", f32, [0, 63], "strong", 20, 24),
        ("130 steps, mixed", f32, [0, 130], "mixed", 20, 24),
        ("one step", f32, [0, 1], "weak", 20, 24),
        ("17 steps", f32, [0, 17], "weak", 20, 24),
        ("several tiles", f32, [0, 70], "mixed", 72, 80),
        ("packed, one empty", f32, [0, 5, 5, 75, 76], "mixed", 20, 24),
        ("no steps", f32, [0, 0], "weak", 20, 24),
        ("positive", f32, [0, 100], "positive", 20, 24),
        ("strong", b16, [0, 63], "strong", 20, 24),
        ("mixed", b16, [0, 130], "mixed", 20, 24),
        ("mixed", f16, [0, 130], "mixed", 20, 24),
        ("several tiles", b16, [0, 70], "weak", 72, 80),
        ("packed, one empty", b16, [0, 5, 5, 75, 76], "mixed", 20, 24),
    ]
    for one in cases[:2] if "few" in sys.argv else cases:
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
