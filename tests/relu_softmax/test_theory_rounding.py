"""The rounding terms of the certificate, one by one, and a search for what they miss."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from torch import Tensor, nn

from softbook.relu_softmax import AttentionNetwork, compile_network, relu_head
from softbook.relu_softmax.claims.networks import CutAtZero
from softbook.relu_softmax.model import bounds
from softbook.relu_softmax.model.bounds import PropagatedError

F64 = torch.float64


def test_the_suprema_that_the_derivation_uses():
    s = np.linspace(0, 60, 600_001)
    slope = expit(s) * expit(-s)
    assert 0.439 < (s * s * slope).max() < 0.44
    assert 0.2238 < (s * slope).max() < 0.224
    past = s[s >= 1.2785]
    slope_of_envelope = expit(-past) * (1 - past * expit(past))
    assert 0.099 < np.abs(slope_of_envelope).max() < 0.1
    assert 0.26 < (past * np.abs(slope_of_envelope)).max() < 0.27
    assert bounds.HEAD_ABSOLUTE > 0.44 + 80 * 0.224 + 2 * 0.27
    assert bounds.HEAD_ABSOLUTE > 0.88 + 80 * 0.224


# One axis and two take different kernels of scaled_dot_product_attention.
@pytest.mark.parametrize("shape", [(-1,), (1, -1), (1, 1, -1)])
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_a_head_errs_within_its_own_terms(dtype, shape):
    """Against 50 digits, over 48 decades of sharpness."""
    generator = torch.Generator().manual_seed(0)
    u, tiny, worst = torch.finfo(dtype).eps / 2, torch.finfo(dtype).tiny, 0.0
    with mpmath.workdps(50):
        for exponent in range(-40, 9, 4):
            beta = 1.3 * 10.0**exponent
            draw = torch.rand(2, 60, generator=generator, dtype=F64)
            z = ((2 * draw[0] - 1) * 10 ** (5 * draw[1] - 3) / beta).to(dtype)
            z = z[z.isfinite()]
            out = relu_head(z.reshape(shape), beta).ravel()
            for a, b in zip(z.tolist(), out.tolist(), strict=True):
                exact = mpmath.mpf(a) / (1 + mpmath.exp(-mpmath.mpf(beta) * a))
                allowed = u * (
                    bounds.HEAD_RELATIVE * abs(a) + bounds.HEAD_ABSOLUTE / mpmath.mpf(beta)
                )
                worst = max(worst, float(abs(b - exact) / (allowed + tiny)))
    # The terms serve exponentials of 20 units; those of this machine are better.
    assert 0.02 < worst < 1


@given(
    terms=st.integers(1, 200),
    seed=st.integers(0, 9999),
    scale=st.floats(-18, 15).map(lambda e: 10.0**e),
)
def test_a_dot_product_errs_within_its_term_in_any_order(terms, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    w, a = (torch.randn(terms, generator=generator) * scale for _ in range(2))
    bias = torch.randn((), generator=generator) * scale**2
    exact = math.fsum([*(w.double() * a.double()).tolist(), bias.item()])
    size = (w.double().abs() @ a.double().abs()).item() + abs(bias.item())
    allowed = bounds._gamma(terms + 1, 2.0**-24) * size + (terms + 1) * 2.0**-126
    for _ in range(4):
        order = torch.randperm(terms, generator=generator)
        total = bias.clone()
        for product in w[order] * a[order]:
            total = total + product
        assert abs(total.item() - exact) <= allowed
        assert abs((w[order] @ a[order] + bias).item() - exact) <= allowed


@torch.no_grad()
def _move_to_kink(network: nn.Sequential, x: Tensor, units: Tensor, aim: Tensor) -> Tensor:
    """Move inputs by Newton steps to where a unit's pre-activation is `aim`; `network` ends there."""
    for _ in range(3):
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            z = network(x).gather(1, units[:, None])[:, 0]
            (slope,) = torch.autograd.grad(z.sum(), x)
        step = (z - aim)[:, None] * slope / slope.square().sum(1, keepdim=True).clamp(min=1e-12)
        x = (x - step.clamp(-10, 10)).detach()
    return x


def adversary(
    generator: torch.Generator, dtype: torch.dtype, n: int = 48
) -> tuple[nn.Sequential, AttentionNetwork, Tensor]:
    """Draw a net with weights of scale 0.01 to 100, and inputs at kinks of first and second layers."""
    draw = torch.rand(5, generator=generator, dtype=F64)
    depth, width = 1 + int(3 * draw[0]), 1 + int(4 * draw[1])
    beta, spread = float(10 ** (9 * draw[2] - 1)), float(10 ** (4 * draw[3] - 2))
    sizes = [2, *[width] * depth, 1]
    layers: list[nn.Module] = []
    for k in range(depth + 1):
        layers += [nn.Linear(sizes[k], sizes[k + 1], bias=bool(draw[4] < 0.8)), nn.ReLU()]
    network = nn.Sequential(*layers[:-1]).double().eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=F64) * spread
    x = torch.randn(n, 2, generator=generator, dtype=F64)
    aim = (torch.rand(n, generator=generator, dtype=F64) * 6 - 3) / beta
    units = torch.randint(0, width, (n,), generator=generator)
    third = n // 3
    x[:third] = _move_to_kink(network[:1], x[:third], units[:third], aim[:third])
    if depth > 1:
        x[third : 2 * third] = _move_to_kink(
            network[:3], x[third : 2 * third], units[third : 2 * third], aim[third : 2 * third]
        )
    network = network.to(dtype)
    return network, compile_network(network, beta), x.to(dtype)


@torch.no_grad()
def search(nets: int, kind: type[PropagatedError], seed: int = 0) -> tuple[float, int]:
    """Return the largest share of the certificate that is used, and the number of nets above it."""
    generator = torch.Generator().manual_seed(seed)
    worst, refuted = 0.0, 0
    for k in range(nets):
        network, compiled, x = adversary(generator, (torch.float32, F64)[k % 2])
        state: PropagatedError = kind.at(x, compiled.beta, x.dtype)
        for stage in compiled.stages:
            state = state.through(stage)
        difference = (network(x) - compiled(x)).abs().double()
        used = (difference / state.error).nan_to_num(nan=0.0).max().item()
        worst, refuted = max(worst, used), refuted + (used > 1)
    return worst, refuted


class Bare(PropagatedError):
    """Planted: theorem T3' without its rounding terms."""

    def _linear(self, layer: nn.Linear) -> PropagatedError:
        carried = self.error @ layer.weight.double().abs().mT
        value = layer(self.value)
        zero = torch.zeros_like(carried)
        return Bare(value, value.double().abs(), carried, zero, self.beta, self.dtype)

    def _heads(self) -> PropagatedError:
        z, p = self.value.double(), self.error
        softened = bounds.envelope(self.beta * (z.abs() - p).clamp(min=0)) / self.beta
        value = self.value.relu()
        error = self._passed(z, p) + softened
        return Bare(value, value.double(), error, torch.zeros_like(error), self.beta, self.dtype)


def test_2000_adversaries_do_not_refute_the_certificate():
    worst, refuted = search(2000, PropagatedError)
    assert refuted == 0
    assert 0.99 < worst <= 1


def test_the_same_search_refutes_false_certificates():
    worst, refuted = search(300, CutAtZero)
    assert worst > 1.5
    assert refuted >= 5
    worst, refuted = search(300, Bare)
    assert worst > 1.5
    assert refuted >= 20


@torch.no_grad()
def test_the_certificate_of_an_input_is_below_that_of_its_box():
    generator = torch.Generator().manual_seed(7)
    for k in range(200):
        network, compiled, x = adversary(generator, (torch.float32, F64)[k % 2], n=12)
        low, high = x.double().min(0).values, x.double().max(0).values
        everywhere = compiled.global_certificate(low, high)
        assert (compiled.certificate(x) <= everywhere * (1 + 1e-9)).all()
        inside = low + (high - low) * torch.rand(40, 2, generator=generator, dtype=F64)
        inside = inside.to(x.dtype)
        assert ((network(inside) - compiled(inside)).abs().double() <= everywhere).all()


def test_one_order_of_summation_overflows():
    """1 + 1 − 1 times a number near the largest: finite in one order, infinite in another."""
    network = nn.Sequential(nn.Linear(3, 1, bias=False), nn.ReLU(), nn.Linear(1, 1))
    network[0].weight.data = torch.tensor([[1.0, 1.0, -1.0]])
    compiled = compile_network(network, 1.0)
    x = torch.full((2, 3), 3e38)
    x[1] = 1.0
    certificate = compiled.certificate(x)
    assert certificate[0] == math.inf
    assert certificate[1].isfinite()
    assert compiled.global_certificate(-3e38, 3e38) == math.inf
    first = compile_network(network[:1], 1.0)
    assert first.certificate(x)[0] == math.inf


@given(seed=st.integers(0, 9999), batch=st.integers(2, 40))
@torch.no_grad()
def test_a_batch_and_its_rows_are_both_within_the_certificate(seed, batch):
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(nn.Linear(33, 40), nn.ReLU(), nn.Linear(40, 3)).eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    x = torch.randn(batch, 33, generator=generator)
    compiled = compile_network(network, 1e9)
    certificate = compiled.certificate(x)
    alone = torch.cat([compiled(row) for row in x.split(1)])
    for soft in (alone, compiled(x), compiled(x.flip(0)).flip(0)):
        for sharp in (network(x), torch.stack([network(row) for row in x])):
            assert ((soft - sharp).abs().double() <= certificate).all()
