"""How often a model is right, how it errs, and where it looks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from softbook.checks import count
from softbook.induction.model.network import attention_of, spread
from softbook.induction.model.two_steps import Models

__all__ = ["Accuracy", "accuracy"]


@dataclass(frozen=True)
class Accuracy:
    """Shares of test sequences, and mean attention; one number for each setting and seed.

    Attributes
    ----------
    correct
        The greatest logit is the output's.
    pseudo
        It is not, but that of the token at (ℓ1+ℓ2)/2 + 2, rounded down: where the output would stand if ℓ1 = ℓ2.
    leftmost
        It is not, but that of the token at ℓmin + 2, with ℓmin the least length with mass.
    on_output, on_middle
        Attention at ℓ1 + 2 and at (ℓ1+ℓ2)/2 + 2.
    """

    correct: Float64[Tensor, "settings seeds"]
    pseudo: Float64[Tensor, "settings seeds"]
    leftmost: Float64[Tensor, "settings seeds"]
    on_output: Float64[Tensor, "settings seeds"]
    on_middle: Float64[Tensor, "settings seeds"]


def accuracy(
    models: Models, *, family: str = "conflict", samples: int = 1024, seed: int = 10**6
) -> Accuracy:
    """Test models on `samples` new sequences of a family ("train", "conflict" or "pairs") each.

    `seed`: each model's test starts from it plus the seed of its training, so that tests are independent.

    Source: Kawata et al. 2025, Figures 3 and 5.

    >>> models = __import__("softbook.induction").induction.train_two_steps([0.5, 0.5], [2, 3], vocabulary=32, triggers=1)
    >>> round(accuracy(models, family="train").correct.item(), 2)
    1.0
    """
    sequences = models.draw(count("samples", samples), family=family, seed=count("seed", seed, 0))
    weights = attention_of(models.attention, sequences)
    told = (spread(weights, sequences, models.vocabulary) @ models.value.mT).argmax(-1)
    right = told == sequences.output
    middle = ((sequences.first + sequences.second) // 2 + 1).unsqueeze(-1)
    least = torch.tensor([int(models.lengths[row > 0].min()) for row in models.masses])
    left = (least + 1).to(middle.device).view(-1, 1, 1, 1).expand_as(middle)

    def errs(place: Tensor) -> Tensor:
        return share(~right & (told == sequences.tokens.gather(-1, place).squeeze(-1)))

    def share(values: Tensor) -> Tensor:
        return values.to(torch.float64).mean(-1).cpu()

    def attends(place: Tensor) -> Tensor:
        return share(weights.gather(-1, place).squeeze(-1))

    return Accuracy(
        correct=share(right),
        pseudo=errs(middle),
        leftmost=errs(left),
        on_output=attends((sequences.first + 1).unsqueeze(-1)),
        on_middle=attends(middle),
    )
