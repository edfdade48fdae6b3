"""T2, T3 and T3' against adversaries: true certificates hold, false ones are caught by the same search."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from softbook.relu_softmax import AttentionNetwork, compile_network
from softbook.relu_softmax.model import bounds
from softbook.relu_softmax.model.bounds import PropagatedError
from softbook.relu_softmax.theory import (
    KAPPA,
    depth_bound,
    entrywise_depth_bound,
    path_norm_bound,
    translation_interval,
)

F64 = torch.float64


def _network(generator: torch.Generator, depth: int, width: int, spread: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    fan_in = 2
    for _ in range(depth):
        layers += [nn.Linear(fan_in, width), nn.ReLU()]
        fan_in = width
    network = nn.Sequential(*layers, nn.Linear(fan_in, 1)).double().eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=F64) * spread
    return network


@torch.no_grad()
def _near_corners(
    generator: torch.Generator, network: nn.Sequential, beta: float, n: int
) -> Tensor:
    """Return inputs moved to within a few 1/β of some first unit's corner."""
    weight, bias = network[0].weight, network[0].bias
    unit = torch.randint(0, len(weight), (n,), generator=generator)
    x = torch.randn(n, 2, generator=generator, dtype=F64)
    aim = (torch.rand(n, generator=generator, dtype=F64) * 6 - 3) / beta
    excess = (x * weight[unit]).sum(1) + bias[unit] - aim
    return x - excess[:, None] * weight[unit] / weight[unit].square().sum(1, keepdim=True)


def adversaries(
    nets: int, seed: int = 0, n: int = 500
) -> Iterator[tuple[nn.Sequential, AttentionNetwork, Tensor]]:
    """Draw small nets of many sharpnesses and scales, in both precisions, with inputs at corners."""
    generator = torch.Generator().manual_seed(seed)
    for k in range(nets):
        draw = torch.rand(4, generator=generator, dtype=F64)
        depth, width = 1 + int(4 * draw[0]), 1 + int(5 * draw[1])
        beta, spread = float(10 ** (12 * draw[2] - 2)), float(10 ** (2 * draw[3] - 1))
        network = _network(generator, depth, width, spread)
        x = _near_corners(generator, network, beta, n)
        dtype = (torch.float32, F64)[k % 2]
        network = network.to(dtype)
        yield network, compile_network(network, beta), x.to(dtype)


@torch.no_grad()
def worst_use(nets: int, kind: type[PropagatedError] = PropagatedError) -> float:
    """Return the largest |network − compiled| over its certificate; above 1 is a refutation."""
    worst = 0.0
    for network, compiled, x in adversaries(nets):
        state = kind.at(x, compiled.beta, x.dtype)
        for stage in compiled.stages:
            state = state.through(stage)
        difference = (network(x) - compiled(x)).abs().double()
        worst = max(worst, float((difference / state.error).nan_to_num(nan=0.0).max()))
    return worst


class CutAtZero(PropagatedError):
    """Planted: every unit with z < 0 counts as dead."""

    def _passed(self, z: Tensor, p: Tensor) -> Tensor:
        return torch.where(z < 0, 0.0, p)


class DroppedError(PropagatedError):
    """Planted: what comes from earlier layers is dropped."""

    def _passed(self, z: Tensor, p: Tensor) -> Tensor:
        return torch.zeros_like(p)


def test_certificates_hold_in_100_000_trials_and_are_tight():
    assert 0.999 < worst_use(nets=200) <= 1.0


@pytest.mark.parametrize("fault", [CutAtZero, DroppedError])
def test_a_wrong_rule_is_refuted_by_the_same_search(fault):
    assert worst_use(nets=60, kind=fault) > 1.01


def test_a_wrong_constant_is_refuted(monkeypatch):
    monkeypatch.setattr(bounds, "KAPPA", 0.278)
    assert worst_use(nets=60) > 1.0005


@pytest.mark.parametrize("constants", [("_gamma", lambda *_: 0.0), ("_round_off", lambda *_: 0.0)])
def test_without_its_rounding_terms_the_certificate_fails(monkeypatch, constants):
    monkeypatch.setattr(bounds, *constants)
    assert worst_use(nets=60) > 1.01


@torch.no_grad()
def test_the_order_of_summation_is_no_matter():
    generator = torch.Generator().manual_seed(1)
    network = _network(generator, 3, 64, 0.3).float()
    compiled = compile_network(network, 1e12)
    x = _near_corners(generator, network.double(), 1e12, 200).float()
    network.float()
    alone = torch.cat([network(row) for row in x.split(1)])
    shuffled = torch.randperm(64, generator=generator)
    network[0].weight.data, network[0].bias.data = (
        network[0].weight[shuffled],
        network[0].bias[shuffled],
    )
    network[2].weight.data = network[2].weight[:, shuffled]
    certificate = compiled.certificate(x)
    for other in (alone, network(x)):
        assert ((other - compiled(x)).abs().double() <= certificate).all()
    assert (alone - network(x)).abs().max() > 0


@torch.no_grad()
def test_the_global_certificate_holds_where_the_box_ends():
    for network, compiled, x in adversaries(60, seed=3):
        wide = x.double()
        everywhere = compiled.global_certificate(wide.min(0).values, wide.max(0).values)
        assert ((network(x) - compiled(x)).abs().double() <= everywhere).all()
        assert (compiled.certificate(x) <= everywhere * (1 + 1e-9)).all()


@torch.no_grad()
def test_depth_makes_the_global_certificate_loose():
    generator = torch.Generator().manual_seed(0)
    network = _network(generator, 8, 16, (2 / 16) ** 0.5)
    x = torch.rand(2000, 2, generator=generator, dtype=F64) * 2 - 1
    compiled = compile_network(network, 1e6)
    assert compiled.global_certificate(-1.0, 1.0).max() > 100 * compiled.certificate(x).max()


@given(
    seed=st.integers(0, 9999),
    width=st.integers(1, 12),
    beta=st.floats(-2, 6).map(lambda e: 10.0**e),
)
@torch.no_grad()
def test_one_hidden_layer_errs_within_a_one_sided_interval(seed, width, beta):
    generator = torch.Generator().manual_seed(seed)
    network = _network(generator, 1, width, 1.0)
    x = _near_corners(generator, network, beta, 64)
    difference = network(x) - compile_network(network, beta)(x)
    low, high = translation_interval(network[2].weight[0], beta)
    rounding = 1e-13 * (1 + x.abs().max().item() + 1 / beta)
    assert low - rounding <= difference.min() <= difference.max() <= high + rounding


@given(seed=st.integers(0, 9999), depth=st.integers(1, 5), width=st.integers(1, 6))
@torch.no_grad()
def test_forms_of_the_depth_bound(seed, depth, width):
    network = _network(torch.Generator().manual_seed(seed), depth, width, 1.0)
    weights = [layer.weight for layer in network if isinstance(layer, nn.Linear)]
    entrywise = entrywise_depth_bound([weight.numpy() for weight in weights], 10.0)
    normwise = depth_bound([float(weight.abs().sum(1).max()) for weight in weights], 10.0)
    assert entrywise.max() <= normwise * (1 + 1e-12)
    compiled = compile_network(network, 10.0).global_certificate(-1.0, 1.0)
    torch.testing.assert_close(compiled, torch.from_numpy(entrywise), rtol=1e-9, atol=0)


@torch.no_grad()
def test_the_path_norm_bounds_units_of_their_own_sharpness():
    generator = torch.Generator().manual_seed(0)
    network = _network(generator, 1, 6, 3.0)
    norms = network[0].weight.norm(dim=1)
    bound = path_norm_bound(network[2].weight[0], norms, 50.0)
    x = _near_corners(generator, network, 50.0, 5000)
    expected = network(x)
    # Rescaled to norm 1, the same function has one sharpness for all units.
    network[0].weight /= norms[:, None]
    network[0].bias /= norms
    network[2].weight *= norms
    error = (compile_network(network, 50.0)(x) - expected).abs().max().item()
    assert 0.1 * bound < error <= bound


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: path_norm_bound([1.0], [1.0, 2.0], 1.0), "weights, norms: shapes"),
        (lambda: path_norm_bound([1.0], [0.0], 1.0), "norms: each must be above 0"),
        (lambda: depth_bound([], 1.0), "norms: \\[\\] are given"),
        (lambda: entrywise_depth_bound([], 1.0), "weights: none is given"),
        (lambda: translation_interval([1.0], 0.0), "beta: 0.0 is given"),
    ],
)
def test_settings_that_no_theorem_allows(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_no_depth_no_error():
    assert depth_bound([3.0], KAPPA) == 0.0
    assert entrywise_depth_bound([[[3.0]]], KAPPA).tolist() == [0.0]
