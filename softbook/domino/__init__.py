"""Steering a discrete flow: its sampler as a policy, fine-tuned towards a reward (chapter 5).

>>> import torch
>>> drawn = rollout(lambda x, t: torch.zeros(*x.shape, 4), 2, sites=3, tokens=4, steps=5, seed=0)
>>> drawn.final.shape
torch.Size([2, 3])
"""

from softbook.domino.model.gradient import (
    advantages,
    log_ratio,
    policy_gradient,
    step_log_prob,
    surrogate,
)
from softbook.domino.model.regulariser import tv_regulariser
from softbook.domino.model.rollout import Rollout, rollout

__all__ = [
    "Rollout",
    "advantages",
    "log_ratio",
    "policy_gradient",
    "rollout",
    "step_log_prob",
    "surrogate",
    "tv_regulariser",
]
