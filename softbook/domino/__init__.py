"""Steering a discrete flow: its sampler as a policy, fine-tuned towards a reward (chapter 5).

>>> import torch
>>> drawn = rollout(lambda x, t: torch.zeros(*x.shape, 4), 2, sites=3, tokens=4, steps=5, seed=0)
>>> drawn.final.shape
torch.Size([2, 3])
"""

from softbook.domino.model.baselines.backpropagation import backpropagate
from softbook.domino.model.baselines.guidance import guided
from softbook.domino.model.baselines.particles import Particles, smc
from softbook.domino.model.baselines.search import best_of_n, best_of_n_law
from softbook.domino.model.deviation import exact_deviation, step_deviation
from softbook.domino.model.exact import (
    Trajectories,
    enumerated_gradient,
    exact_gradient,
    exact_return,
    exact_states,
    exact_terminal_law,
    tilted_law,
    trajectories,
)
from softbook.domino.model.finetune import Finetuned, finetune
from softbook.domino.model.gradient import (
    advantages,
    log_ratio,
    policy_gradient,
    step_log_prob,
    surrogate,
)
from softbook.domino.model.regulariser import tv_regulariser
from softbook.domino.model.rollout import Rollout, rollout
from softbook.domino.model.table import Table
from softbook.domino.theory.bounds import group_scale, reported_exponent, tv_bound

__all__ = [
    "Finetuned",
    "Particles",
    "Rollout",
    "Table",
    "Trajectories",
    "advantages",
    "backpropagate",
    "best_of_n",
    "best_of_n_law",
    "enumerated_gradient",
    "exact_deviation",
    "exact_gradient",
    "exact_return",
    "exact_states",
    "exact_terminal_law",
    "finetune",
    "group_scale",
    "guided",
    "log_ratio",
    "policy_gradient",
    "reported_exponent",
    "rollout",
    "smc",
    "step_deviation",
    "step_log_prob",
    "surrogate",
    "tilted_law",
    "trajectories",
    "tv_bound",
    "tv_regulariser",
]
