"""Single softmax heads: each is one call of `attend` with explicit queries, keys and values.

Glossary: z = pre-activation, beta = β sharpness, self_score = λ, anchors = p, sharpness = c = βh².
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.attention import attend, score_limit
from softbook.relu_softmax.theory.checks import count, interval, positive


def _floating(name: str, value: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: {type(value).__name__} is given, but a tensor is needed")
    if not value.is_floating_point():
        raise TypeError(f"{name}: dtype {value.dtype} is given, but a floating one is needed")
    return value


def _with_null(entries: Tensor) -> Tensor:
    """Put each entry beside a null token: shape [..., 2, 1]."""
    return torch.stack([entries, torch.zeros_like(entries)], dim=-1).unsqueeze(-1)


def relu_head(z: Float[Tensor, "*shape"], beta: float) -> Float[Tensor, "*shape"]:
    """Return ReLU by one head of two keys: z σ(βz), computed by attention.

    For each z: query β; keys z and 0 (the null key, or sink); values z and 0.

    Parameters
    ----------
    z
        Finite pre-activations of any shape, floating.
    beta
        Sharpness β > 0, in the inverse unit of z.

    Returns
    -------
    Tensor
        As z; 0 ≤ relu(z) − result ≤ κ/β (theorem T1). Cost: O(1) a entry. Differentiable.

    Raises
    ------
    TypeError, ValueError
        If z is no floating tensor or β is not finite and positive.

    Notes
    -----
    Keys are limited to ±(score limit)/β: beyond it one weight is exactly 0 already, so that no
    result changes, while βz cannot overflow.

    >>> relu_head(torch.tensor([-1.0, 0.0, 2.0]), beta=200.0)
    tensor([0., 0., 2.])
    """
    _floating("z", z)
    beta = positive("beta", beta)
    limit = min(score_limit(z.dtype) / beta, torch.finfo(z.dtype).max)
    # The query takes what of β its dtype can hold; the keys carry the rest.
    query = min(beta, torch.finfo(z.dtype).max)
    key = _with_null(z.clamp(-limit, limit) * (beta / query))
    return attend(torch.full_like(key[..., :1, :], query), key, _with_null(z))[..., 0, 0]


def rounded_relu_head(
    z: Float[Tensor, "*shape"], beta: float, *, offset: float, precision: torch.dtype
) -> Float[Tensor, "*shape"]:
    """Return the two-key head whose key is stored in a shorter format: a hypothesis broken.

    The pre-activation is z = x − offset. The key of x is (round(x), 1), the query β(1, −offset), as in
    a network whose keys are kept in `precision`; values stay exact. The rounding of x moves the corner
    by up to half a step of that format at x, however large β is.

    >>> z = torch.tensor([0.01], dtype=torch.float64)
    >>> rounded_relu_head(z, 1e6, offset=8.0, precision=torch.bfloat16)
    tensor([0.0050], dtype=torch.float64)
    """
    _floating("z", z)
    beta = positive("beta", beta)
    stored = (z + offset).to(precision).to(z.dtype)
    # Scores β(round(x) − offset), limited as in `relu_head`.
    limit = score_limit(z.dtype) / beta
    key = _with_null((stored - offset).clamp(-limit, limit))
    return attend(torch.full_like(key[..., :1, :], beta), key, _with_null(z))[..., 0, 0]


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
        Sharpness β > 0, and λ (any finite number).

    Returns
    -------
    Tensor
        As z; within κ/β + 2Z(n−1)e^{−λ} of ReLU (theorem T1'). Cost: O(n²) scores of width n + 2.

    >>> unmasked_relu_head(torch.tensor([-1.0, 2.0]), beta=200.0, self_score=50.0).round()
    tensor([0., 2.])
    """
    _floating("z", z)
    beta = positive("beta", beta)
    if z.ndim < 1 or z.shape[-1] < 1:
        raise ValueError(f"z: shape {tuple(z.shape)} is given, but at least one token is needed")
    n = z.shape[-1]
    # Relative to all other scores (0 and λ), a larger difference changes no weight.
    limit = score_limit(z.dtype) + 2 * abs(self_score)
    scaled = (z.clamp(-limit / beta, limit / beta) * beta).clamp(-limit, limit)
    eye = torch.eye(n, dtype=z.dtype, device=z.device)
    sink = torch.cat([torch.zeros(1, n, dtype=z.dtype), torch.ones(1, 2, dtype=z.dtype)], -1)
    key = torch.cat([torch.cat([eye, torch.zeros(n, 2, dtype=z.dtype)], -1), sink.to(eye)])
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


def anchor_head(
    u: Float[Tensor, "*shape"], places: Float[Tensor, " anchors"], sharpness: float
) -> Float[Tensor, "*shape"]:
    """Return the softmax mean of `places`, each with score −c(u − place)².

    The score is linear in u up to a term that all keys share: query (2cu, −c), key (place, place²).

    Parameters
    ----------
    u
        Finite inputs of any shape, in the unit of `places`.
    places
        [p], increasing; centre them on zero, since the scores grow with their squares.
    sharpness
        c > 0.

    >>> anchor_head(torch.tensor([0.9]), torch.tensor([-1.0, 0.0, 1.0]), 50.0)
    tensor([1.])
    """
    c = positive("sharpness", sharpness)
    # So far outside, the last anchor has all the weight: e^{−2c·far·gap} underflows.
    far = (
        places.abs().amax()
        + places.diff().amin()
        + score_limit(u.dtype) / (2 * c * places.diff().amin())
    )
    inside = u.clamp(-far, far)
    query = torch.stack([2 * c * inside, torch.full_like(inside, -c)], dim=-1).unsqueeze(-2)
    key = torch.stack([places, places.square()], dim=-1).expand(*u.shape, -1, 2)
    return attend(query, key, places.unsqueeze(-1).expand(*u.shape, -1, 1))[..., 0, 0]


def anchor_ramp(
    s: Float[Tensor, "*shape"], low: float, high: float, anchors: int, sharpness: float
) -> Float[Tensor, "*shape"]:
    """Return clip_{[low, high]}(s) by one head over p equally spaced anchors (theorem T4).

    Anchor k stands at L_k = low + kh with h = (high−low)/(p−1) and has the score −c((s−L_k)/h)².

    Parameters
    ----------
    s
        Finite inputs of any shape.
    low, high
        Ends of the ramp, low < high.
    anchors
        p ≥ 2.
    sharpness
        c = βh² > 0. Near c = 2.7 the error is least: sharper is not better.

    Returns
    -------
    Tensor
        As s; within `ramp_bound` of the ramp. Cost: O(p) an entry.

    >>> anchor_ramp(torch.tensor([-9.0, 0.25, 9.0]), 0.0, 1.0, 5, 50.0)
    tensor([0.0000, 0.2500, 1.0000])
    """
    _floating("s", s)
    low, high = interval(low, high)
    steps = count("anchors", anchors, 2) - 1
    spacing, middle = (high - low) / steps, low + (high - low) / 2
    places = torch.arange(anchors, dtype=s.dtype, device=s.device) - steps / 2
    return middle + spacing * anchor_head((s - middle) / spacing, places, sharpness)


def two_head_ramp(
    s: Float[Tensor, "*shape"], low: float, high: float, beta: float
) -> Float[Tensor, "*shape"]:
    """Return clip_{[low, high]}(s) by two heads of two keys: low + relu(s−low) − relu(s−high).

    Within κ/β of the ramp for every s; cost O(1) an entry.

    >>> two_head_ramp(torch.tensor([-9.0, 0.25, 9.0]), 0.0, 1.0, 1e4)
    tensor([0.0000, 0.2500, 1.0000])
    """
    low, high = interval(low, high)
    return low + relu_head(s - low, beta) - relu_head(s - high, beta)


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
    _floating("x", x)
    beta = positive("beta", beta)
    if x.ndim == 0 or x.shape[dim] == 0:
        raise ValueError(f"x: shape {tuple(x.shape)} is given, but at least one entry is needed")
    entries = x.movedim(dim, -1)
    # A softmax does not see a common shift; a constant one leaves the gradients as they are.
    below = entries - entries.amax(-1, keepdim=True).detach()
    query = min(beta, torch.finfo(x.dtype).max)
    key = below.clamp(min=-score_limit(x.dtype) / beta).unsqueeze(-1) * (beta / query)
    asked = torch.full_like(key[..., :1, :], query)
    return attend(asked, key, entries.unsqueeze(-1))[..., 0, 0]


def minimum(x: Float[Tensor, ...], beta: float, dim: int = -1) -> Float[Tensor, ...]:
    """Return the minimum along `dim` by one head; as `maximum`, by sign.

    >>> minimum(torch.tensor([0.0, 1.0, -2.0]), beta=50.0)
    tensor(-2.)
    """
    return -maximum(-_floating("x", x), beta, dim)
