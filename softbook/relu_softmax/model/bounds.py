"""How an error moves through the layers: theorem T3' with all of its rounding.

Let u be the unit round-off of the networks' dtype and γ_k = ku/(1−ku). A computed dot product of n terms
plus a bias errs by at most γ_{n+1}(|W||a|+|b|), in any order of summation (Higham 2002, section 3.1). Both
networks round; with |â| ≤ |a|+e their pre-activations differ by at most

    p = |W|e + γ_{n+1}(2|W||a| + 2|b| + |W|e).

A computed head errs by at most 8u(|z|+p) + 20u/β on top of theorem T3':

- score βz rounded: the output moves by at most |z|σ'(βz)·u|βz| ≤ 0.45u/β, since max s²σ'(s) < 0.45;
- two exponentials, each good to 20 units in the last place (the coarsest that torch's vector code
  uses), that is 40u: the weight moves by at most σ(1−σ)·80u, the output by |s|σ(1−σ)·80u/β ≤ 18u/β;
- one sum, one division, one product and one sum with zero: at most 5u of the output;
- an underflow of a weight: below u|z|.

The certificate itself is computed in float64. Its own rounding is covered by enlarging each layer's result
by a factor 1 + γ with γ taken for its fan-in in float64.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from softbook.relu_softmax.theory.gap import KAPPA

HEAD_RELATIVE = 8.0
HEAD_ABSOLUTE = 20.0
SLACK = 16


def _round_off(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps / 2


def _gamma(terms: int, round_off: float) -> float:
    return terms * round_off / (1 - terms * round_off)


def envelope(u: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return φ(u) of theorem T3' for tensors; `theory.gap_envelope` is its definition.

    >>> envelope(torch.zeros(1).double()).item() == KAPPA
    True
    """
    return torch.where(u <= 1 + KAPPA, KAPPA, u * torch.sigmoid(-u))


@dataclass(frozen=True)
class PropagatedError:
    """Activations of the ReLU network and a bound on how far the compiled one differs from them.

    Attributes
    ----------
    value
        Activations as computed in the network's dtype, or None for a whole box.
    magnitude
        Their absolute values or, for a box, a bound on these; float64.
    error
        The bound e; float64, the same shape.
    """

    value: Tensor | None
    magnitude: Tensor
    error: Tensor
    beta: float
    dtype: torch.dtype

    @classmethod
    def at(cls, x: Tensor, beta: float, dtype: torch.dtype) -> PropagatedError:
        """Start at one batch of inputs, which both networks share."""
        wide = x.double().abs()
        return cls(x, wide, torch.zeros_like(wide), beta, dtype)

    @classmethod
    def of_box(cls, largest: Tensor, beta: float, dtype: torch.dtype) -> PropagatedError:
        """Start with all inputs whose entries are at most `largest` in size."""
        return cls(None, largest, torch.zeros_like(largest), beta, dtype)

    def through(self, stage: nn.Module) -> PropagatedError:
        """Return the state behind one layer of a compiled network."""
        if isinstance(stage, nn.Linear):
            return self._linear(stage)
        if isinstance(stage, nn.Flatten):
            value = None if self.value is None else stage(self.value)
            return replace(
                self, value=value, magnitude=stage(self.magnitude), error=stage(self.error)
            )
        return self._heads()

    def _linear(self, layer: nn.Linear) -> PropagatedError:
        weight = layer.weight.double().abs()
        bias = (
            torch.zeros(len(weight)).double() if layer.bias is None else layer.bias.double().abs()
        )
        terms = layer.in_features + 1
        gamma = _gamma(terms, _round_off(self.dtype))
        carried = self.error @ weight.mT
        size = self.magnitude @ weight.mT + bias
        error = carried + gamma * (2 * size + carried)
        error = error * (1 + _gamma(terms + SLACK, _round_off(torch.float64)))
        if self.value is None:
            return replace(self, magnitude=size * (1 + 2 * gamma), error=error)
        value = layer(self.value)
        return replace(self, value=value, magnitude=value.double().abs(), error=error)

    def _passed(self, z: Tensor, p: Tensor) -> Tensor:
        """Bound |relu(ẑ) − relu(z)|: a unit is off, and passes nothing on, only where z + p ≤ 0."""
        return torch.minimum(p, (z + p).clamp(min=0))

    def _heads(self) -> PropagatedError:
        p, size, round_off = self.error, self.magnitude, _round_off(self.dtype)
        if self.value is None:
            passed, softened = p, torch.full_like(p, KAPPA)
            value, magnitude = None, size
        else:
            z = self.value.double()
            passed = self._passed(z, p)
            softened = envelope(self.beta * (size - p).clamp(min=0))
            value = self.value.relu()
            magnitude = value.double()
        rounding = round_off * (HEAD_RELATIVE * (size + p) + HEAD_ABSOLUTE / self.beta)
        error = (passed + softened / self.beta + rounding) * (
            1 + _gamma(SLACK, _round_off(torch.float64))
        )
        return replace(self, value=value, magnitude=magnitude, error=error)
