"""Run in a process of its own with TRITON_INTERPRET=1: kernels for a gate a channel.

Prints one line of JSON a case, and takes the same arguments, as `gpu_lab.py` does.
"""

from __future__ import annotations

import json
import sys

import torch
from gpu_lab import FAULTS, case, mend_bfloat16, poison_outputs


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
        ("one channel", f32, [0, 66], "weak", 1, 1),
        ("500 steps", f32, [0, 500], "weak", 16, 16),
    ]
    for one in cases[:2] if "few" in sys.argv else cases:
        sys.stdout.write(json.dumps(case(*one, channels=True)) + "\n")
    if "few" in sys.argv:
        return
    shapes = {
        "groups": {"G": 2, "H": 6, "B": 2},
        "a head a group, no first state": {"G": 3, "H": 3, "initial": False},
    }
    for name, shape in shapes.items():
        made = case(name, f32, [0, 65], "mixed", 20, 24, channels=True, **shape)
        sys.stdout.write(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
