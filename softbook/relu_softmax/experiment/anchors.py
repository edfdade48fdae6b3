"""The ramp built by hand: anchor heads, no training.

One head with p anchors is the object of theorem T4 (`softbook.relu_softmax.theory`): its keys carry the
anchors, its scores fall with the squared distance to them, its values are the anchors themselves. With H
heads the interval [low, high] is cut into H equal parts; head h makes the ramp of its part, and the ramps
are summed. Both go through `F.scaled_dot_product_attention`.

Measured here: the largest error over the real line, against anchors, heads and range, and the mean square
on the data on which `uap` trains its models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["SHARPNESS", "AnchorHeads", "largest_errors"]

SHARPNESS = {"best": 2.72, "sharp": 50.0}
"""Two values of c = beta * spacing^2: near the smallest error (measured, see T4), and the nearest-anchor limit."""


@dataclass(frozen=True)
class AnchorHeads:
    """`heads` attention heads with `anchors` keys each that together make clip(s, low, high).

    Spacing of the anchors: h = (high - low) / (heads * (anchors - 1)); inverse temperature beta = c / h^2
    with c = `sharpness`. Needs low < high, heads >= 1, anchors >= 2, sharpness > 0, else a ValueError.

    >>> ramp = AnchorHeads(-1.0, 1.0, anchors=41)
    >>> bool((ramp(torch.tensor([-9.0, 0.3, 9.0])) - torch.tensor([-1.0, 0.3, 1.0])).abs().max() < 4e-3)
    True
    """

    low: float
    high: float
    anchors: int
    heads: int = 1
    sharpness: float = SHARPNESS["best"]

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(
                f"low, high: {self.low}, {self.high} are given, but low < high is needed"
            )
        if self.anchors < 2 or self.heads < 1 or not self.sharpness > 0:
            raise ValueError(
                f"anchors, heads, sharpness: {self.anchors}, {self.heads}, {self.sharpness} are given, "
                "but >= 2, >= 1 and > 0 are needed"
            )

    @property
    def spacing(self) -> float:
        """The distance h between neighbouring anchors, in the unit of s."""
        return (self.high - self.low) / (self.heads * (self.anchors - 1))

    def __call__(self, s: Float[Tensor, " points"]) -> Float[Tensor, " points"]:
        """Return the heads' sum at `s`, in float64. Cost: O(points * heads * anchors)."""
        s = s.to(torch.float64)
        part = (self.high - self.low) / self.heads
        starts = self.low + part * torch.arange(self.heads, dtype=torch.float64)
        # around the middle of its own part a head's scores stay small, which keeps their rounding small
        middle = starts + part / 2
        offset = torch.linspace(-part / 2, part / 2, self.anchors, dtype=torch.float64)
        beta = self.sharpness / self.spacing**2
        local = s - middle[:, None]  # (heads, points)
        query = torch.stack([local, torch.ones_like(local)], dim=-1)[None]
        key = torch.stack([2 * beta * offset, -beta * offset.square()], dim=-1)
        value = torch.stack([offset + part / 2, torch.zeros_like(offset)], dim=-1)
        shape = (1, self.heads, self.anchors, 2)
        out = F.scaled_dot_product_attention(
            query, key.expand(shape), value.expand(shape), scale=1.0
        )
        return self.low + out[0, :, :, 0].sum(dim=0)

    def largest_error(self, points: int = 32) -> float:
        """Return max |output - clip(s, low, high)| on a grid of `points` (>= 2) a spacing.

        The grid holds every anchor and reaches four spacings beyond both ends; farther out the error
        only falls. Unit: that of s.

        >>> ramp = AnchorHeads(0.0, 1.0, anchors=11, sharpness=50.0)
        >>> 0.4 < ramp.largest_error() / ramp.spacing < 0.5
        True
        """
        count = self.heads * (self.anchors - 1)
        steps = torch.arange(-4 * points, (count + 4) * points + 1, dtype=torch.float64) / points
        s = self.low + steps * self.spacing
        return float((self(s) - s.clamp(self.low, self.high)).abs().max())


def largest_errors(ramps: Sequence[AnchorHeads]) -> list[float]:
    """Return `largest_error` of each ramp.

    >>> a, b = largest_errors([AnchorHeads(0.0, 1.0, anchors=11), AnchorHeads(0.0, 1.0, anchors=21)])
    >>> round(a / b, 3)
    2.0
    """
    return [ramp.largest_error() for ramp in ramps]
