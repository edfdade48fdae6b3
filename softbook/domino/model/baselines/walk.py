"""One step of the masked sampler whose letters another law than the model's may draw."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from softbook.checks import number

__all__ = ["Model", "all_masked", "complete", "draw", "opened", "temperature", "times"]

Model = Callable[[Tensor, float], Tensor]


def temperature(beta: float) -> float:
    """Return β of the tilted law p·e^{r/β}, a finite number above 0.

    >>> temperature(0.5)
    0.5
    """
    if not 0 < (found := number("beta", beta)) < math.inf:
        raise ValueError(f"beta: {beta} is given, but a finite number above 0 is needed")
    return found


def times(steps: int) -> list[tuple[float, float]]:
    """Return (t, w) of each step of the uniform grid: its start, and the probability that a site opens.

    >>> times(2)
    [(0.0, 0.5), (0.5, 1.0)]
    """
    return [(step / steps, 1 / (steps - step)) for step in range(steps)]


def all_masked(model: Model, samples: int, sites: int, mask: int) -> Int64[Tensor, "samples sites"]:
    """Return the states at time 0, where the weights of a module are; else on the CPU.

    >>> all_masked(lambda tokens, t: tokens, 1, 2, 4).tolist()
    [[4, 4]]
    """
    weights = model.parameters() if isinstance(model, nn.Module) else iter(())
    device = next((weight.device for weight in weights), torch.device("cpu"))
    return torch.full((samples, sites), mask, device=device)


def draw(
    logits: Float[Tensor, "n sites tokens"], source: torch.Generator
) -> Int64[Tensor, "n sites"]:
    """Draw a letter for each site by the Gumbel trick; the generator is on the CPU, whatever the device.

    >>> draw(torch.tensor([[[0.0, -1e9]]]), torch.Generator().manual_seed(0)).tolist()
    [[0]]
    """
    noise = torch.rand(logits.shape, generator=source, dtype=torch.float64).to(logits.device)
    return (logits.double() - (-noise.log()).log()).argmax(-1)


def opened(
    tokens: Int64[Tensor, "n sites"], coin: float, mask: int, source: torch.Generator
) -> Tensor:
    """Toss the coins of a step: true where a masked site opens.

    >>> opened(torch.tensor([[2, 0]]), 1.0, 2, torch.Generator().manual_seed(0)).tolist()
    [[True, False]]
    """
    tossed = torch.rand(tokens.shape, generator=source, dtype=torch.float64) < coin
    return tossed.to(tokens.device) & (tokens == mask)


def complete(
    tokens: Int64[Tensor, "n sites"],
    logits: Float[Tensor, "n sites letters"],
    source: torch.Generator,
) -> Int64[Tensor, "n sites"]:
    """Draw every masked site at once: a guess of the sequence that becomes of this state.

    >>> far = torch.tensor([[[0.0, -1e9], [0.0, 0.0]]])
    >>> complete(torch.tensor([[2, 1]]), far, torch.Generator().manual_seed(0)).tolist()
    [[0, 1]]
    """
    return torch.where(tokens == logits.shape[-1], draw(logits, source), tokens)
