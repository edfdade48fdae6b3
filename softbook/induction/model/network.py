r"""The one-layer model $f=W_VX\,\mathrm{softmax}(X^\top W_{KQ}x_T)$, for many models at once.

A column $x_i$ of $X$ is the sum of three unit vectors: its position, its token, the token before it. So no
product with $X$ is formed: rows of the matrices are gathered, and attention is scattered.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from softbook.induction.model.task import PAD, Sequences

__all__ = ["attended", "attention_of", "outputs_of", "places", "spread"]


def _widths(matrix: Tensor, sequences: Sequences) -> tuple[int, int]:
    """Return L and N; raise unless the features of the matrix are L + 2N."""
    longest, features = sequences.tokens.shape[-1], matrix.shape[-1]
    if features <= longest or (features - longest) % 2:
        raise ValueError(
            f"sequences: they are {longest} long, which {features} features of the form L + 2N do not fit"
        )
    vocabulary = (features - longest) // 2
    if int(sequences.tokens.max()) >= vocabulary:
        raise ValueError(
            f"sequences: token {int(sequences.tokens.max())} is given, but the matrix knows {vocabulary} tokens"
        )
    return longest, vocabulary


def places(
    sequences: Sequences, vocabulary: int
) -> tuple[
    Int64[Tensor, "*models samples longest"],
    Int64[Tensor, "*models samples longest"],
    Bool[Tensor, "*models samples longest"],
]:
    """Return the numbers of the token and the previous-token feature at each place, and where a token stands.

    Behind the end, and for the previous token of the first, the number is any valid one: use
    the third part, and leave out place 0.

    >>> from softbook.induction.model.task import sequences_at
    >>> drawn = sequences_at([0], [0], vocabulary=9, triggers=1, longest=4)
    >>> [part[0].tolist() for part in places(drawn, 9)]
    [[4, 12, 4, 4], [13, 13, 21, 13], [True, True, True, False]]
    """
    tokens, longest = sequences.tokens, sequences.tokens.shape[-1]
    valid = tokens != PAD
    token = longest + tokens.clamp(min=0)
    before = longest + vocabulary + tokens.roll(1, -1).clamp(min=0)
    return token, before, valid


def attended(
    attention: Float[Tensor, "*models features features"], sequences: Sequences
) -> Float[Tensor, "*stacked samples features"]:
    """Return W_KQ x_T: what the last token asks for, feature by feature."""
    longest, vocabulary = _widths(attention, sequences)
    ends = sequences.ends
    last = sequences.tokens.gather(-1, (ends - 2).unsqueeze(-1)).squeeze(-1)
    features = attention.shape[-1]
    lead = torch.broadcast_shapes(attention.shape[:-2], ends.shape[:-1])
    columns = attention.mT.expand(*lead, features, features).reshape(-1, features)
    offset = features * torch.arange(len(columns) // features, device=columns.device).view(*lead, 1)
    asks = (ends - 1, longest + sequences.trigger, longest + vocabulary + last)
    first, *others = (columns[(ask + offset).flatten()] for ask in asks)
    found = first + others[0] + others[1]
    return found.view(*lead, ends.shape[-1], features)


def spread(
    weights: Float[Tensor, "*models samples longest"], sequences: Sequences, vocabulary: int
) -> Float[Tensor, "*models samples features"]:
    """Return Σ_i weights_i x_i; `weights` is zero behind the end."""
    token, before, _ = places(sequences, vocabulary)
    empty = weights.new_zeros(*weights.shape[:-1], 2 * vocabulary)
    longest = weights.shape[-1]
    shape = weights.shape
    found = empty.scatter_add(-1, (token - longest).expand(shape), weights)
    later = weights[..., 1:]
    found = found.scatter_add(-1, (before - longest)[..., 1:].expand(later.shape), later)
    return torch.cat([weights, found], -1)


def attention_of(
    attention: Float[Tensor, "*models features features"], sequences: Sequences
) -> Float[Tensor, "*stacked samples longest"]:
    """Return the attention that the last token pays to each place: softmax(Xᵀ W_KQ x_T), 0 behind the end.

    Parameters
    ----------
    attention
        W_KQ, key feature by query feature, with any dimensions in front: many models.
    sequences
        L long, of N tokens, with L + 2N features. The dimensions in front of both are broadcast: one model, or
        one set of sequences, for many of the other.

    >>> from softbook.induction.model.task import sequences_at
    >>> drawn = sequences_at([1], [2], vocabulary=9, triggers=1)
    >>> attention_of(torch.zeros(24, 24), drawn)[0, 0].item() == torch.tensor(1 / 6).item()
    True
    """
    _, vocabulary = _widths(attention, sequences)
    asked = attended(attention, sequences)
    token, before, valid = places(sequences, vocabulary)
    longest = sequences.tokens.shape[-1]
    shape = (*asked.shape[:-1], longest)
    by_before = asked.gather(-1, before.expand(shape))
    by_before = torch.cat([torch.zeros_like(by_before[..., :1]), by_before[..., 1:]], -1)
    scores = asked[..., :longest] + asked.gather(-1, token.expand(shape)) + by_before
    return scores.masked_fill(~valid, -torch.inf).softmax(-1)


def outputs_of(
    value: Float[Tensor, "*models vocabulary features"],
    attention: Float[Tensor, "*models features features"],
    sequences: Sequences,
) -> Float[Tensor, "*stacked samples vocabulary"]:
    """Return the model's logits f of the next token; arguments as for `attention_of`.

    >>> from softbook.induction.model.task import sequences_at
    >>> drawn = sequences_at([1], [2], vocabulary=9, triggers=1)
    >>> print(f"{outputs_of(torch.ones(9, 24), torch.zeros(24, 24), drawn)[0, 0]:.3f}")  # 3 - 1/6
    2.833
    """
    weights = attention_of(attention, sequences)
    return spread(weights, sequences, value.shape[-2]) @ value.mT
