"""Explicit softmax attention: queries, keys and values, with the scale and the mask in plain sight."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["attend", "attention_weights", "score_limit"]


def _check(mask: Tensor | None, **given: Tensor) -> None:
    """Raise unless the tensors have one floating dtype, two axes or more, one width and one batch shape."""
    for name, tensor in given.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}: {type(tensor).__name__} is given, but a tensor is needed")
        if not tensor.is_floating_point():
            raise TypeError(f"{name}: dtype {tensor.dtype} is given, but a floating one is needed")
        if tensor.ndim < 2:
            raise ValueError(
                f"{name}: shape {tuple(tensor.shape)} is given, but [..., tokens, width] is needed"
            )
    names = ", ".join(given)
    for what, values in (
        ("dtype", [str(tensor.dtype) for tensor in given.values()]),
        ("batch shape", [str(tuple(tensor.shape[:-2])) for tensor in given.values()]),
    ):
        if len(set(values)) > 1:
            raise ValueError(f"{names}: {what} {' and '.join(values)} are given, but one is needed")
    query, key = given["query"], given["key"]
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(
            f"query, key: widths {query.shape[-1]} and {key.shape[-1]} are given, but one width is needed"
        )
    if key.shape[-2] == 0:
        raise ValueError("key: no key is given, but at least one is needed")
    if mask is None:
        return
    if not isinstance(mask, Tensor):
        raise TypeError(f"mask: {type(mask).__name__} is given, but a tensor is needed")
    if mask.dtype != torch.bool:
        raise TypeError(f"mask: dtype {mask.dtype} is given, but torch.bool is needed")
    shape = (*query.shape[:-1], key.shape[-2])
    try:
        mask.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"mask: shape {tuple(mask.shape)} is given, but one that expands to {shape} is needed"
        ) from error
    if not bool(mask.any(-1).all()):
        raise ValueError("mask: a query that sees no key is given, but each needs at least one")


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
        True where a query may see a key (each sees at least one); everything is seen where it is
        left out.

    Returns
    -------
    Tensor
        One row a query. Cost: O(queries · keys · width) for each batch entry.

    Raises
    ------
    TypeError, ValueError
        If a tensor is not floating, or if dtypes, batch shapes, widths or the numbers of keys disagree.

    >>> scores, values = torch.tensor([[[0.0], [0.0]]]), torch.tensor([[[1.0], [3.0]]])
    >>> attend(torch.ones(1, 1, 1), scores, values)
    tensor([[[2.]]])
    """
    _check(mask, query=query, key=key, value=value)
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

    Arguments and errors are those of `attend`, without the values. Cost: O(queries · keys · width).

    >>> attention_weights(torch.ones(1, 1), torch.tensor([[0.0], [0.0]]))
    tensor([[0.5000, 0.5000]])
    """
    _check(mask, query=query, key=key)
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
