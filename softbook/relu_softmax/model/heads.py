"""Single softmax heads: each is one call of `attend` with explicit queries, keys and values.

Glossary: z = pre-activation, beta = β sharpness, self_score = λ.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.attention import attend, score_limit
from softbook.relu_softmax.model.scores import factors, floating, two_keys
from softbook.relu_softmax.theory.checks import number, positive


def relu_head(z: Float[Tensor, "*shape"], beta: float) -> Float[Tensor, "*shape"]:
    """Return ReLU by one head of two keys: z σ(βz), computed by attention.

    For each z: query β; keys z and 0 (the sink); values z and 0.

    Parameters
    ----------
    z
        Finite pre-activations of any shape, floating.
    beta
        Sharpness β > 0, in the inverse unit of z.

    Returns
    -------
    Tensor
        As z; 0 ≤ relu(z) − result ≤ κ/β (theorem T1), up to the rounding of one head, which is
        derived in `softbook.relu_softmax.model.bounds`. Cost: O(1) an entry. Differentiable. NaN
        stays NaN; no finite input becomes NaN or infinite, at any β.

    Raises
    ------
    TypeError, ValueError
        If z is no floating tensor or β is not finite and positive.

    Notes
    -----
    Scores are limited to ±`score_limit`: beyond it one weight is exactly 0 already, so that no
    result changes, while βz cannot overflow (an infinite score would make the softmax NaN).

    >>> relu_head(torch.tensor([-1.0, 0.0, 2.0]), beta=200.0)
    tensor([0., 0., 2.])
    """
    floating("z", z)
    return two_keys(z, z, positive("beta", beta))


def rounded_relu_head(
    z: Float[Tensor, "*shape"], beta: float, *, offset: float, precision: torch.dtype
) -> Float[Tensor, "*shape"]:
    """Return the two-key head whose key is stored in a shorter format: a hypothesis broken.

    The pre-activation is z = x − offset. The key of x is (round(x), 1), the query β(1, −offset), as in
    a network whose keys are kept in `precision`; values stay exact. The rounding of x moves the corner
    by up to half a step of that format at x, however large β is: the error no longer falls
    with β. It keeps its sign, since any weight in [0, 1] gives at most ReLU.

    Parameters
    ----------
    z
        Finite pre-activations of any shape, floating.
    beta
        Sharpness β > 0.
    offset
        Finite; what the bias takes away.
    precision
        Floating dtype in which keys are stored, for example `torch.bfloat16`.

    >>> z = torch.tensor([0.01], dtype=torch.float64)
    >>> rounded_relu_head(z, 1e6, offset=8.0, precision=torch.bfloat16)
    tensor([0.0050], dtype=torch.float64)
    """
    floating("z", z)
    if not math.isfinite(number("offset", offset)):
        raise ValueError(f"offset: {offset!r} is given, but a finite number is needed")
    if not (isinstance(precision, torch.dtype) and precision.is_floating_point):
        raise TypeError(f"precision: {precision} is given, but a floating dtype is needed")
    stored = (z + offset).to(precision).to(z.dtype)
    return two_keys(stored - offset, z, positive("beta", beta))


def unmasked_relu_head(
    z: Float[Tensor, "*batch tokens"], beta: float, self_score: float
) -> Float[Tensor, "*batch tokens"]:
    """Return ReLU of every token by one head that sees all tokens and a sink, without a mask.

    Keys (e_j, 0, 0) for token j and (0, 1, 1) for the sink; query (λe_i, λ, −βz_i); values z_j and 0.

    Parameters
    ----------
    z
        One number a token; the last axis runs over the n ≥ 1 tokens.
    beta, self_score
        Sharpness β > 0, and λ (any finite number not below −max/16 of the dtype).

    Returns
    -------
    Tensor
        As z; within κ/β + 2Z(n−1)e^{−λ} of ReLU (theorem T1'). Cost: O(n²) scores of width n + 2.

    >>> unmasked_relu_head(torch.tensor([-1.0, 2.0]), beta=200.0, self_score=50.0).round()
    tensor([0., 2.])
    """
    floating("z", z)
    beta = positive("beta", beta)
    if z.ndim < 1 or z.shape[-1] < 1:
        raise ValueError(f"z: shape {tuple(z.shape)} is given, but at least one token is needed")
    least = -torch.finfo(z.dtype).max / 16
    if not (math.isfinite(number("self_score", self_score)) and self_score >= least):
        raise ValueError(
            f"self_score: {self_score!r} is given, but a finite number of at least {least:.3g} is needed"
        )
    n = z.shape[-1]
    # At twice the score limit the other tokens' weight is 0 already.
    self_score = min(self_score, 2 * score_limit(z.dtype))
    # Relative to all other scores (0 and λ), a larger difference changes no weight.
    limit = score_limit(z.dtype) + 2 * abs(self_score)
    factor, entries = factors(z, beta, limit)
    scaled = entries * factor
    eye = torch.eye(n, dtype=z.dtype, device=z.device)
    sink = torch.cat([eye.new_zeros(1, n), eye.new_ones(1, 2)], -1)
    key = torch.cat([torch.cat([eye, eye.new_zeros(n, 2)], -1), sink])
    query = torch.cat(
        [
            (self_score * eye).expand(*z.shape, n),
            torch.full_like(z, self_score).unsqueeze(-1),
            -scaled.unsqueeze(-1),
        ],
        dim=-1,
    )
    value = torch.cat([z, torch.zeros_like(z[..., :1])], -1).unsqueeze(-1)
    return attend(query, key.expand(*z.shape[:-1], n + 1, n + 2), value)[..., 0]


def maximum(x: Float[Tensor, ...], beta: float, dim: int = -1) -> Float[Tensor, ...]:
    """Return the maximum along `dim` by one head: scores βx, values x (theorem T5).

    Parameters
    ----------
    x
        Finite numbers; the axis `dim` holds the n ≥ 1 entries.
    beta
        Sharpness β > 0.
    dim
        The axis that is reduced.

    Returns
    -------
    Tensor
        Without that axis; between max − W((n−1)/e)/β and max. Cost: O(n).

    >>> maximum(torch.tensor([0.0, 1.0, -2.0]), beta=50.0)
    tensor(1.)
    """
    floating("x", x)
    beta = positive("beta", beta)
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(f"dim: {type(dim).__name__} is given, but an integer is needed")
    if not -x.ndim <= dim < x.ndim:
        raise ValueError(f"dim: {dim} is given, but x has the shape {tuple(x.shape)}")
    if x.shape[dim] == 0:
        raise ValueError(f"x: shape {tuple(x.shape)} is given, but at least one entry is needed")
    entries = x.movedim(dim, -1)
    # A softmax does not see a common shift; a constant one leaves the gradients as they are.
    below = entries - entries.amax(-1, keepdim=True).detach()
    query, keys = factors(below, beta, score_limit(x.dtype))
    key = keys.unsqueeze(-1)
    asked = torch.full_like(key[..., :1, :], query)
    return attend(asked, key, entries.unsqueeze(-1))[..., 0, 0]


def minimum(x: Float[Tensor, ...], beta: float, dim: int = -1) -> Float[Tensor, ...]:
    """Return the minimum along `dim` by one head; as `maximum`, by sign.

    >>> minimum(torch.tensor([0.0, 1.0, -2.0]), beta=50.0)
    tensor(-2.)
    """
    return -maximum(-floating("x", x), beta, dim)
