"""How an error moves through the layers: theorem T3' with all of its rounding.

Let u be the unit round-off of the networks' dtype, γ_k = ku/(1−ku), and η its smallest normal number. A computed
dot product of n terms plus a bias errs by at most γ_{n+1}(|W||a|+|b|) + nη, in any order of summation (Higham
2002, section 3.1; nη for products that underflow).

Three computed runs matter: a, of the ReLU network whose output is asked about; â, of the compiled network; and
a', of the ReLU network inside the certificate. a and a' may differ, since a batch of another size or another
number of threads sums in another order. Let |a−â| ≤ e and |a−a'| ≤ r. With |a| ≤ |a'|+r and |â| ≤ |a|+e the
pre-activations of one layer obey |z−ẑ| ≤ p and |z−z'| ≤ q with

    p = |W|e + γ_{n+1}(2|W||a'| + 2|b| + 2|W|r + |W|e) + 2nη,
    q = |W|r + γ_{n+1}(2|W||a'| + 2|b| + |W|r) + 2nη.

So z ≤ z'+q and |ẑ| ≥ |z'|−q−p, and theorem T3' holds with these in the places of z and |z|−p. A computed head
errs by at most 8u(|z'|+q+p) + 20u/β + η on top of it. For softmax over the scores (s, 0), s = βẑ, as
`scaled_dot_product_attention` computes it (subtract the larger score, which is exact since one is 0;
exponentiate; sum; divide; multiply by the values (ẑ, 0); add):

- β rounded to the dtype, and the product βẑ: relative 2u in s, so that the output moves by at most
  |ẑ|σ'(s)·2u|s| ≤ 0.88u/β, since max s²σ'(s) < 0.44;
- two exponentials, each good to 20 units in the last place (the coarsest that torch's vector code uses), that
  is 40u: the weight moves by at most σ(1−σ)·80u, the output by |s|σ(1−σ)·80u/β ≤ 17.92u/β, since
  max sσ(s)σ(−s) < 0.224;
- one sum, a division (or a reciprocal and a product), one product, and a sum with zero, which is exact: at most
  4u|ẑ|; second-order terms and an underflow of a weight within another u|ẑ|;
- limited scores: none, the smaller weight is 0 there with and without the limit;
- an underflow of the product: η.

Where a sum of the magnitudes of one pre-activation exceeds the dtype's largest number, one order of summation
overflows and another does not: the bound is infinite there.

The certificate itself is computed in float64. All its sums but two have terms ≥ 0, and each layer's result is
enlarged by 1 + γ_{n+16} of float64. In min(p, max(z'+q+p, 0)) the sum may cancel; where it is positive and below p,
|z'+q| ≤ p, so that its rounding is at most 2up. The argument v of φ is a difference: rounding q+p moves φ(v)/β by
at most 0.1u(q+p), as |φ'| ≤ 0.1. Both are covered by the 8u above, of which a head needs 4u and a second-order
term (a sum, a quotient of two roundings, a product); the difference and its product with β have relative error 2u, which
moves φ by at most 2u·max|vφ'(v)| < 0.54u. In float64 β is exact, so that 0.44 + 17.92 + 0.54 < 20; in float32 the
certificate's own rounding does not count, and 0.88 + 17.92 < 20.

This holds for matrix products in the dtype itself and for gradual underflow: not where
`torch.set_float32_matmul_precision` allows shorter formats, nor under `torch.set_flush_denormal(True)`.
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
# σ(−u) is 0 in float64 beyond u = 746, and u = inf must not become 0 · inf.
FAR = 1e3


def _round_off(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps / 2


def _gamma(terms: int, round_off: float) -> float:
    return terms * round_off / (1 - terms * round_off)


def envelope(u: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return φ(u) of theorem T3' for tensors; `theory.gap_envelope` is its definition.

    >>> envelope(torch.tensor([0.0, torch.inf]).double()).tolist() == [KAPPA, 0.0]
    True
    """
    u = u.clamp(max=FAR)
    return torch.where(u <= 1 + KAPPA, KAPPA, u * torch.sigmoid(-u))


@dataclass(frozen=True)
class PropagatedError:
    """Activations of the ReLU network and a bound on how far the compiled one differs from them.

    Attributes
    ----------
    value
        Activations a' as computed in the network's dtype, or None for a whole box.
    magnitude
        Their absolute values or, for a box, a bound on |a| in every run; float64.
    error
        The bound e on |a − â|; float64, the same shape.
    drift
        The bound r on |a − a'|, two runs of the ReLU network; float64, 0 for a box.
    """

    value: Tensor | None
    magnitude: Tensor
    error: Tensor
    drift: Tensor
    beta: float
    dtype: torch.dtype

    @classmethod
    def at(cls, x: Tensor, beta: float, dtype: torch.dtype) -> PropagatedError:
        """Start at one batch of inputs, which all networks share."""
        wide = x.double().abs()
        return cls(x, wide, torch.zeros_like(wide), torch.zeros_like(wide), beta, dtype)

    @classmethod
    def of_box(cls, largest: Tensor, beta: float, dtype: torch.dtype) -> PropagatedError:
        """Start with all inputs whose entries are at most `largest` in size."""
        zero = torch.zeros_like(largest)
        return cls(None, largest, zero, zero, beta, dtype)

    def through(self, stage: nn.Module) -> PropagatedError:
        """Return the state behind one layer of a compiled network."""
        if isinstance(stage, nn.Linear):
            return self._linear(stage)
        if isinstance(stage, nn.Flatten):
            return replace(
                self,
                value=None if self.value is None else stage(self.value),
                magnitude=stage(self.magnitude),
                error=stage(self.error),
                drift=stage(self.drift),
            )
        return self._heads()

    def tiled(self, features: int) -> PropagatedError:
        """Return the state of a box behind a Flatten that puts several positions side by side."""
        times = features // self.error.shape[-1]
        return replace(
            self,
            magnitude=self.magnitude.repeat(1, times),
            error=self.error.repeat(1, times),
            drift=self.drift.repeat(1, times),
        )

    def _linear(self, layer: nn.Linear) -> PropagatedError:
        weight = layer.weight.double().abs()
        bias = 0.0 if layer.bias is None else layer.bias.double().abs()
        terms = layer.in_features + 1
        gamma = _gamma(terms, _round_off(self.dtype))
        underflow = 2 * terms * torch.finfo(self.dtype).tiny
        own = 1 + _gamma(terms + SLACK, _round_off(torch.float64))
        carried, drifted = self.error @ weight.mT, self.drift @ weight.mT
        size = self.magnitude @ weight.mT + bias
        error = (carried + gamma * (2 * size + 2 * drifted + carried) + underflow) * own
        # |a|, |a'| and |â| are at most |a'| + r + e: does every partial sum stay finite?
        reach = (size + drifted + carried) * (1 + 3 * gamma)
        error = error.masked_fill(reach > torch.finfo(self.dtype).max, torch.inf)
        if self.value is None:
            magnitude = size * (1 + 3 * gamma) + underflow
            return replace(self, magnitude=magnitude, error=error, drift=torch.zeros_like(error))
        drift = (drifted + gamma * (2 * size + drifted) + underflow) * own
        value = layer(self.value)
        return replace(self, value=value, magnitude=value.double().abs(), error=error, drift=drift)

    def _passed(self, z: Tensor, p: Tensor) -> Tensor:
        """Bound |relu(ẑ) − relu(z)|: a unit is off, and passes nothing on, only where z + p ≤ 0."""
        return torch.minimum(p, (z + p).clamp(min=0))

    def _heads(self) -> PropagatedError:
        p, q, size = self.error, self.drift, self.magnitude
        if self.value is None:
            passed, softened, drift = p, torch.full_like(p, KAPPA), q
            value, magnitude = None, size
        else:
            z = self.value.double()
            passed = self._passed(z + q, p)
            softened = envelope(self.beta * (size - (q + p)).clamp(min=0))
            drift = torch.minimum(q, (z + q).clamp(min=0))
            value = self.value.relu()
            magnitude = value.double()
        rounding = _round_off(self.dtype) * (
            HEAD_RELATIVE * (size + q + p) + HEAD_ABSOLUTE / self.beta
        )
        error = (passed + softened / self.beta + rounding + torch.finfo(self.dtype).tiny) * (
            1 + _gamma(SLACK, _round_off(torch.float64))
        )
        return replace(self, value=value, magnitude=magnitude, error=error, drift=drift)
