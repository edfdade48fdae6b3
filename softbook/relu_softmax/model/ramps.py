"""Ramps: one head over many anchors, or two heads of two keys.

Glossary: anchors = p, sharpness = c = βh², spacing = h.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from softbook.attention import attend, score_limit
from softbook.relu_softmax.model.heads import relu_head
from softbook.relu_softmax.model.scores import fits, floating
from softbook.relu_softmax.theory.checks import count, interval, positive


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
    if places.ndim != 1 or len(places) < 2 or not bool((places.diff() > 0).all()):
        raise ValueError("places: at least two increasing numbers are needed")
    if places.dtype != u.dtype:
        raise TypeError(f"places: dtype {places.dtype} is given, but {u.dtype} is needed, as in u")
    largest = torch.finfo(u.dtype).max
    reach, gap = float(places.abs().amax()), float(places.diff().amin())
    # Scores up to c·reach² must stay finite; a softmax so sharp has long been the nearest anchor.
    c = min(c, largest / (64 * (reach + gap) ** 2))
    # So far outside, the last anchor has all the weight: e^{−2c·far·gap} underflows.
    far = min(reach + gap + score_limit(u.dtype) / (2 * c * gap), largest / 4)
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
    floating("s", s)
    low, high = interval(low, high)
    steps = count("anchors", anchors, 2) - 1
    fits(s.dtype, low, high)
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
    floating("s", s)
    low, high = interval(low, high)
    fits(s.dtype, low, high)
    # Beyond the score limit both heads are exact; so far outside, s itself no longer matters.
    far = min(score_limit(s.dtype) / positive("beta", beta), torch.finfo(s.dtype).max / 4)
    near = s.clamp(low - far, high + far)
    return low + relu_head(near - low, beta) - relu_head(near - high, beta)
