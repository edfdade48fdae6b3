"""Explicit softmax attention: queries, keys and values, with the scale and the mask in plain sight."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["attend", "attention_weights", "score_limit"]


def _check(query: Tensor, key: Tensor) -> None:
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query, key: widths {query.shape[-1]} and {key.shape[-1]} are given, but one width is needed"
        )


def attend(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    value: Float[Tensor, "*batch keys value_width"],
    mask: Bool[Tensor, "*#batch queries keys"] | None = None,
) -> Float[Tensor, "*batch queries value_width"]:
    """Return softmax(query keyᵀ) value: one head, scale 1.

    Parameters
    ----------
    query, key, value
        Floating tensors of one dtype.
    mask
        True where a query may see a key; everything is seen where it is left out.

    Returns
    -------
    Tensor
        One row a query. Cost: O(queries · keys · width) for each batch entry.

    Raises
    ------
    ValueError
        If the widths or the number of keys disagree.

    >>> scores, values = torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[1.0], [3.0]]])
    >>> attend(torch.ones(1, 1, 1), scores, values)
    tensor([[[2.]]])
    """
    _check(query, key)
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"key, value: {key.shape[-2]} keys and {value.shape[-2]} values are given, "
            "but each key needs one value"
        )
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)


def attention_weights(
    query: Float[Tensor, "*batch queries width"],
    key: Float[Tensor, "*batch keys width"],
    mask: Bool[Tensor, "*#batch queries keys"] | None = None,
) -> Float[Tensor, "*batch queries keys"]:
    """Return softmax(query keyᵀ): what each query takes from each key; each row sums to one.

    >>> attention_weights(torch.ones(1, 1), torch.tensor([[0.0], [0.0]]))
    tensor([[0.5000, 0.5000]])
    """
    _check(query, key)
    scores = query @ key.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1)


def score_limit(dtype: torch.dtype) -> float:
    """Return a score difference at which the weaker key's weight is exactly 0 in `dtype`.

    Twice the logarithm of the smallest positive number. Limiting scores there changes no result,
    and keeps them finite where the product of sharpness and input overflows.

    >>> math.exp(-score_limit(torch.float64))
    0.0
    """
    info = torch.finfo(dtype)
    return -2.0 * (math.log(info.tiny) + math.log(info.eps))
