"""Scores that neither overflow nor lose what matters, and the head of two keys that all others use."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from softbook.attention import attend, score_limit


def floating(name: str, value: Tensor) -> Tensor:
    """Return `value`; raise a TypeError unless it is a floating tensor.

    >>> floating("z", torch.zeros(1))
    tensor([0.])
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: {type(value).__name__} is given, but a tensor is needed")
    if not value.is_floating_point():
        raise TypeError(f"{name}: dtype {value.dtype} is given, but a floating one is needed")
    return value


def fits(dtype: torch.dtype, low: float, high: float) -> None:
    """Raise a ValueError unless the ends of an interval, and its width, are ordinary numbers of `dtype`.

    >>> fits(torch.float32, 0.0, 1.0)
    """
    info = torch.finfo(dtype)
    if max(abs(low), abs(high)) > info.max / 4 or high - low < info.tiny:
        raise ValueError(
            f"low, high: {low!r} and {high!r} are given, but {dtype} needs ends of at most "
            f"{info.max / 4:.3g} in size that lie at least {info.tiny:.3g} apart"
        )


def _with_null(entries: Tensor) -> Tensor:
    """Put each entry beside a null token: shape [..., 2, 1]."""
    return torch.stack([entries, torch.zeros_like(entries)], dim=-1).unsqueeze(-1)


def factors(x: Tensor, beta: float, limit: float) -> tuple[float, Tensor]:
    """Return a query q and keys k with qk = βx, limited to ±limit, such that nothing overflows.

    The query takes what of β its dtype holds with room to spare (a power of two beyond), the keys
    carry the rest. Where q = β and βx is within the limit, the keys are x itself.

    >>> factors(torch.tensor([1e30, 0.5]), 4.0, 200.0)
    (4.0, tensor([50.0000,  0.5000]))
    """
    info = torch.finfo(x.dtype)
    query = min(beta, 2.0 ** (0.75 * math.log2(info.max) // 1))
    rest = min(beta / query, info.max)
    if rest > 1:
        x = x.clamp(-info.max / rest / 2, info.max / rest / 2) * rest
    most = min(limit / query, info.max)
    return query, x.clamp(-most, most)


def two_keys(score: Tensor, value: Tensor, beta: float) -> Tensor:
    """Attend to a token with score β·score and the given value, and to a null token.

    >>> two_keys(torch.tensor([-9.0, 9.0]), torch.tensor([1.0, 1.0]), 30.0)
    tensor([0., 1.])
    """
    query, entries = factors(score, beta, score_limit(score.dtype))
    key = _with_null(entries)
    return attend(torch.full_like(key[..., :1, :], query), key, _with_null(value))[..., 0, 0]
