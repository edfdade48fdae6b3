"""Both certificates against depth: the global one multiplies norms, the one per input does not.

He-initialised networks (entries of W from N(0, 2 / fan-in), zero biases, one output), inputs uniform on
[-1, 1]^d. The global certificate carries the product of the layers' absolute row sums, so it grows
exponentially with depth while the true error does not; the certificate per input knows which units are
far from their kink.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from softbook.relu_softmax.model import compile_network

__all__ = ["DepthStudy", "depth_study", "he_network"]


def he_network(
    depth: int, width: int, seed: int = 0, *, features: int = 4, dtype: torch.dtype = torch.float64
) -> nn.Sequential:
    """Return a ReLU network with `depth` hidden layers of `width` units and one output, He-initialised.

    `depth`, `width`, `features` >= 1, else a ValueError; biases are 0.

    >>> len(he_network(depth=2, width=8))
    5
    """
    if min(depth, width, features) < 1:
        raise ValueError(
            f"depth, width, features: {depth}, {width}, {features} are given, but >= 1 is needed"
        )
    draw = torch.Generator().manual_seed(seed)
    sizes = [features] + [width] * depth + [1]
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        linear = nn.utils.skip_init(nn.Linear, before, after, dtype=dtype)
        with torch.no_grad():
            weight = torch.randn(after, before, generator=draw, dtype=torch.float64)
            linear.weight.copy_(weight * math.sqrt(2 / before))
            linear.bias.zero_()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval().requires_grad_(False)


@dataclass(frozen=True)
class DepthStudy:
    """Errors against depth for each seed, in the unit of the output.

    `output`: largest output of the ReLU network; `error`: largest measured difference; `certificate`: largest certificate per input; `median_certificate`:
    its median over inputs; `global_certificate`: valid on the whole box [-1, 1]^d.
    """

    depth: Float[np.ndarray, " depths"]
    output: Float[np.ndarray, "seeds depths"]
    error: Float[np.ndarray, "seeds depths"]
    certificate: Float[np.ndarray, "seeds depths"]
    median_certificate: Float[np.ndarray, "seeds depths"]
    global_certificate: Float[np.ndarray, "seeds depths"]

    @property
    def looseness(self) -> Float[np.ndarray, "seeds depths"]:
        """How many times the global certificate exceeds the measured error."""
        return self.global_certificate / self.error


@torch.no_grad()
def depth_study(
    depths: Sequence[int] = tuple(range(1, 9)),
    width: int = 16,
    beta: float = 1e4,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    inputs: int = 5000,
    features: int = 4,
) -> DepthStudy:
    """Compile He networks of each depth and measure error and both certificates on random inputs.

    `depths` each >= 1; `beta` > 0; `inputs` >= 1 points of [-1, 1]^features, the same for all depths of a
    seed. Cost: O(len(seeds) * sum(depths) * inputs * width^2); about 4 s on one core at the defaults.

    >>> study = depth_study(depths=(1, 4), inputs=200)
    >>> bool((study.error <= study.certificate).all())
    True
    """
    if inputs < 1:
        raise ValueError(f"inputs: {inputs} is given, but at least 1 is needed")
    table = np.empty((5, len(seeds), len(depths)))
    for row, seed in enumerate(seeds):
        draw = torch.Generator().manual_seed(seed)
        x = 2 * torch.rand(inputs, features, generator=draw, dtype=torch.float64) - 1
        for column, depth in enumerate(depths):
            network = he_network(depth, width, seed, features=features)
            compiled = compile_network(network, beta)
            certificate, output = compiled.certificate(x), network(x)
            table[:, row, column] = (
                float(output.abs().max()),
                float((compiled(x) - output).abs().max()),
                float(certificate.max()),
                float(certificate.median()),
                float(compiled.global_certificate(-1.0, 1.0).max()),
            )
    return DepthStudy(np.array(depths, dtype=float), *table)
