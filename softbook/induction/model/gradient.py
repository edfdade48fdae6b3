"""The loss of many one-layer models and its gradient, written out.

Rows are gathered and counts are scattered, so that a step costs little more than its arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from softbook.induction.model.task import PAD, Sequences

__all__ = ["Batch", "gradients", "loss_and_gradients", "prepared"]


@dataclass(frozen=True)
class Batch:
    """Sequences as numbers of features.

    Two features more than a model has stand behind the others, so that nothing else needs a mask: one that
    is always zero (before the first token), one whose score is −∞ (behind the end).
    """

    index: Int64[
        Tensor, "models samples places"
    ]  # of the token at each place, then of the one before
    query: Float[Tensor, "models samples more"]  # x_T
    answer: Int64[Tensor, "models samples 1"]


def prepared(sequences: Sequences, vocabulary: int, dtype: torch.dtype) -> Batch:
    """Return sequences as numbers of features, for `gradients`."""
    tokens, longest = sequences.tokens, sequences.tokens.shape[-1]
    features, behind = longest + 2 * vocabulary, tokens == PAD
    index = tokens.new_empty(*tokens.shape[:-1], 2 * longest)
    token, before = index[..., :longest], index[..., longest:]
    torch.add(tokens, longest, out=token).masked_fill_(behind, features + 1)
    torch.add(tokens[..., :-1], longest + vocabulary, out=before[..., 1:])
    before[..., 0] = features
    before.masked_fill_(behind, features)
    last = sequences.tokens.gather(-1, (sequences.ends - 2).unsqueeze(-1)).squeeze(-1)
    asks = (sequences.ends - 1, longest + sequences.trigger, longest + vocabulary + last)
    query = torch.zeros(*last.shape, features + 2, dtype=dtype, device=tokens.device)
    return Batch(
        index,
        query.scatter_(-1, torch.stack(asks, -1), 1.0),
        sequences.output.unsqueeze(-1),
    )


def gradients(
    value: Float[Tensor, "models vocabulary more"],
    attention: Float[Tensor, "models more more"],
    batch: Batch,
) -> tuple[
    Float[Tensor, " models"],
    Float[Tensor, "models vocabulary more"],
    Float[Tensor, "models more more"],
]:
    """As `loss_and_gradients`, on weights with the two features more."""
    longest, samples = batch.index.shape[-1] // 2, batch.answer.shape[1]

    def gathered(rows: Tensor) -> Tensor:
        both = rows.gather(-1, batch.index)
        return (both[..., :longest] + both[..., longest:]).add_(rows[..., :longest])

    def scattered(each: Tensor) -> Tensor:
        found = each.new_zeros(*each.shape[:-1], value.shape[-1])
        found[..., :longest] = each
        return found.scatter_add_(-1, batch.index, each.repeat(1, 1, 2))

    asked = batch.query @ attention.mT
    asked[..., -1] = -torch.inf
    weights = gathered(asked).softmax(-1)
    read = scattered(weights)
    error = (read @ value.mT).log_softmax(-1)
    loss = -error.gather(-1, batch.answer).mean((1, 2))
    ones = error.new_full((1, 1, 1), -1.0).expand(batch.answer.shape)
    error.exp_().scatter_add_(-1, batch.answer, ones).div_(samples)
    use = gathered(error @ value)
    gains = use.sub_((weights * use).sum(-1, keepdim=True)).mul_(weights)
    by_value, by_attention = error.mT @ read, scattered(gains).mT @ batch.query
    by_value[..., -2:] = 0.0
    by_attention[..., -2:, :] = 0.0
    return loss, by_value, by_attention


def loss_and_gradients(
    value: Float[Tensor, "models vocabulary features"],
    attention: Float[Tensor, "models features features"],
    sequences: Sequences,
) -> tuple[
    Float[Tensor, " models"],
    Float[Tensor, "models vocabulary features"],
    Float[Tensor, "models features features"],
]:
    """Return each model's mean cross-entropy on its own sequences, with its gradients by W_V and W_KQ.

    `sequences` has the dimension of models in front. Cost: O(models · samples · (T + (L + 2N)²)).

    >>> from softbook.induction.model.task import sample_sequences, stack
    >>> drawn = stack([sample_sequences([1.0], [2], 10, vocabulary=9, triggers=1)])
    >>> loss, *gradients = loss_and_gradients(torch.zeros(1, 9, 25), torch.zeros(1, 25, 25), drawn)
    >>> print(f"{loss.item():.4f}")  # log 9
    2.1972
    """
    more = torch.nn.functional.pad
    batch = prepared(sequences, value.shape[1], value.dtype)
    loss, by_value, by_attention = gradients(
        more(value, (0, 2)), more(attention, (0, 2, 0, 2)), batch
    )
    return loss, by_value[..., :-2], by_attention[..., :-2, :-2]
