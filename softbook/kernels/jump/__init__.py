"""One jump of a discrete-diffusion sampler: posterior, rate, stay or jump, and draw, in one pass.

`jump` draws and `log_prob` scores; `reference` holds the float64 definition, `random` the
counter-based random numbers that all forms share, `cpu` the form in torch and `gpu` the Triton
kernels.

>>> import torch
>>> logits = torch.tensor([[0.0, -torch.inf], [-torch.inf, 0.0]])
>>> tokens, log_p = jump(logits, torch.tensor([2, 2]), 0.0, seed=0)  # 2 is the mask
>>> tokens.tolist(), log_p.tolist()
([0, 1], [0.0, 0.0])
"""

from softbook.kernels.jump.ops import jump, log_prob

__all__ = ["jump", "log_prob"]
