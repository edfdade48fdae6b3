"""Structured state-space duality as one operator: a gated linear recurrence in linear time.

`ssd` is the operator; `reference` holds its float64 definition, twice; `scalar` and `diagonal` are
the chunked forms on a CPU, and `gpu` the Triton kernels.

>>> import torch
>>> q = k = v = torch.ones(1, 3, 1, 1)
>>> o, _ = ssd(q, k, v, torch.zeros(1, 3, 1))  # decay exp(0) = 1: a running sum
>>> o.flatten().tolist()
[1.0, 2.0, 3.0]
"""

from softbook.kernels.ssd.ops import ssd

__all__ = ["ssd"]
