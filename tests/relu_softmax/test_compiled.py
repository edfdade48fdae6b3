"""Compiled networks: which networks, what comes out, and files."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import nn

from softbook.relu_softmax import AttentionNetwork, compile_network

F64 = torch.float64


def _seeded(*layers: nn.Module, dtype: torch.dtype = F64) -> nn.Sequential:
    generator = torch.Generator().manual_seed(5)
    network = nn.Sequential(*layers).to(dtype).eval()
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=F64).to(dtype)
    return network


def _mlp(dtype: torch.dtype = F64) -> nn.Sequential:
    return _seeded(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2), dtype=dtype)


NETWORKS = {
    "usual": ((nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (4, 3), 5, 1),
    "no read-out": ((nn.Linear(3, 5), nn.ReLU()), (4, 3), 5, 1),
    "ReLU first": ((nn.ReLU(), nn.Linear(3, 2)), (4, 3), 3, 1),
    "several ReLUs": ((nn.Linear(3, 5), nn.ReLU(), nn.ReLU(), nn.ReLU()), (4, 3), 15, 3),
    "no ReLU": ((nn.Linear(3, 5), nn.Linear(5, 2)), (4, 3), 0, 0),
    "one Linear": ((nn.Linear(3, 5),), (4, 3), 0, 0),
    "no bias": ((nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2, bias=False)), (4, 3), 5, 1),
    "images": ((nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1)), (4, 2, 3), 5, 1),
    "ReLU before Flatten": ((nn.ReLU(), nn.Flatten(), nn.Linear(6, 5)), (4, 2, 3), 6, 1),
    "positions side by side": (
        (nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.ReLU(), nn.Linear(8, 2)), (4, 2, 3), 8, 2,
    ),
    "Flatten without effect": ((nn.Linear(3, 5), nn.Flatten(), nn.ReLU(), nn.Linear(5, 2)), (4, 3), 5, 1),
    "extra axes": ((nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (2, 1, 4, 3), 5, 1),
    "one input": ((nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (3,), 5, 1),
    "empty batch": ((nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (0, 3), 5, 1),
    "nested": (
        (nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.ReLU(), nn.Dropout(0.5))), nn.Identity(),
         nn.Sequential(), nn.Linear(5, 2)), (4, 3), 5, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_networks_of_all_forms(name, dtype):
    layers, shape, heads, depth = NETWORKS[name]
    network = _seeded(*layers, dtype=dtype)
    x = torch.linspace(-1, 1, max(1, math.prod(shape)), dtype=dtype)[: math.prod(shape)]
    x = x.reshape(shape)
    for beta in (1.0, 1e3, 1e9):
        compiled = compile_network(network, beta)
        assert (compiled.heads, compiled.layers) == (heads, depth)
        difference = (network(x) - compiled(x)).abs().double()
        certificate = compiled.certificate(x)
        assert certificate.shape == network(x).shape
        assert certificate.dtype == F64
        assert (difference <= certificate).all()
        everywhere = compiled.global_certificate(-1.0, 1.0)
        assert (certificate <= everywhere * (1 + 1e-6) + 1e-30).all()
    assert compiled.parameter_count == sum(p.numel() for p in network.parameters())


def test_the_network_is_copied_and_stays_as_it_is():
    network = _mlp()
    compiled = compile_network(network, 10.0)
    before = compiled(torch.ones(1, 3, dtype=F64)).detach()
    with torch.no_grad():
        network[0].weight.zero_()
    torch.testing.assert_close(compiled(torch.ones(1, 3, dtype=F64)), before)


def test_gradients_flow_through_the_heads():
    compiled = compile_network(_mlp(), 3.0)
    x = torch.linspace(-1, 1, 6, dtype=F64).reshape(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(compiled, x)
    compiled(x).sum().backward()
    assert all(parameter.grad is not None for parameter in compiled.parameters())


@pytest.mark.parametrize("beta", [1e-30, 1.0, 1e30, 1e300])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e10])
def test_no_finite_input_becomes_nan(beta, size):
    for dtype in (torch.float32, F64):
        compiled = compile_network(_mlp(dtype), beta)
        x = size * torch.tensor([[1.0, -1.0, 0.5]], dtype=dtype)
        assert torch.isfinite(compiled(x)).all()
        assert not compiled.certificate(x).isnan().any()
        assert not compiled.global_certificate(-size, size).isnan().any()


def test_what_is_unknown_is_infinite_and_nan_stays_nan():
    compiled = compile_network(_mlp(), 10.0)
    x = torch.tensor([[1.0, 2.0, 3.0], [1e308, 1e308, 1e308], [1.0, math.nan, 0.0]], dtype=F64)
    certificate = compiled.certificate(x)
    assert certificate[0].isfinite().all()
    assert (certificate[1] == math.inf).all()
    assert certificate[2].isnan().all()


class Doubled(nn.Linear):
    """A layer that does more than its class."""

    def forward(self, x):
        return 2 * super().forward(x)


def _hooked() -> nn.Sequential:
    network = nn.Sequential(nn.Linear(3, 2))
    network[0].register_forward_hook(lambda *_: None)
    return network


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (
            lambda: nn.Linear(2, 2),
            TypeError,
            "network: Linear is given, but nn.Sequential is needed",
        ),
        (lambda: nn.Sequential(), ValueError, "network: no Linear layer is given"),
        (lambda: nn.Sequential(nn.ReLU()), ValueError, "network: no Linear layer is given"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.GELU())),
            TypeError,
            r"network\[1\]\[0\]: GELU is given, but only Linear, ReLU",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)),
            ValueError,
            r"network\[1\]: Dropout in training",
        ),
        (lambda: nn.Sequential(Doubled(2, 2)), TypeError, r"network\[0\]: Doubled is given"),
        (lambda: nn.Sequential(nn.LazyLinear(2)), TypeError, r"network\[0\]: LazyLinear is given"),
        (_hooked, ValueError, r"network\[0\]: Linear has forward hooks"),
        (
            lambda: nn.Sequential(nn.Linear(2, 2).half()),
            TypeError,
            "network: torch.float16 is given",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).double()),
            TypeError,
            "network: torch.float32, torch.float64 is given",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(2, 2)),
            ValueError,
            r"network\[2\]: takes 2 features, but 3 arrive",
        ),
        (
            lambda: nn.Sequential(nn.Linear(2, 3), nn.Flatten(), nn.Linear(4, 2)),
            ValueError,
            r"network\[2\]: takes 4 features, but 3 arrive",
        ),
    ],
)
def test_networks_that_cannot_be_compiled(make, error, sentence):
    with pytest.raises(error, match=sentence):
        compile_network(make(), 10.0)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda c: c(torch.ones(2, 3)),
            TypeError,
            "x: dtype torch.float32 is given, but torch.float64",
        ),
        (lambda c: c.certificate([1.0]), TypeError, "x: list is given"),
        (
            lambda c: c(torch.ones(2, 4).double()),
            ValueError,
            r"x: shape \(2, 4\) arrives at layer 0",
        ),
        (lambda c: c.certificate(torch.ones(()).double()), ValueError, r"x: shape \(\) arrives"),
        (
            lambda c: c.global_certificate(1.0, -1.0),
            ValueError,
            "low, high: 1.0 and -1.0 are given",
        ),
        (lambda c: c.global_certificate(-math.inf, 1.0), ValueError, "finite ends are needed"),
        (
            lambda c: c.global_certificate(torch.zeros(2), 1.0),
            ValueError,
            "one number or 3 are needed",
        ),
        (lambda c: compile_network(_mlp(), 0.0), ValueError, "beta: 0.0 is given"),
    ],
)
def test_input_that_does_not_fit(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(compile_network(_mlp(), 10.0))


def test_a_dropout_without_effect_is_no_matter():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)).train()
    assert compile_network(network, 10.0).heads == 0


@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    double=st.booleans(),
    beta=st.floats(1e-3, 1e9),
)
@settings(max_examples=20)
def test_files_bring_back_the_same_network(tmp_path_factory, widths, double, beta):
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in itertools.pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out, bias=fan_out % 2 == 0), nn.ReLU()]
    compiled = compile_network(_seeded(*layers, dtype=F64 if double else torch.float32), beta)
    path = tmp_path_factory.mktemp("network") / "network.safetensors"
    compiled.save(path)
    loaded = AttentionNetwork.load(path)
    assert loaded.to_dict() == compiled.to_dict() == json.loads(json.dumps(compiled.to_dict()))
    x = torch.ones(2, widths[0], dtype=F64 if double else torch.float32)
    assert torch.equal(loaded(x), compiled(x))
    assert torch.equal(loaded.certificate(x), compiled.certificate(x))
    assert sorted(child.name for child in path.parent.iterdir()) == [path.name]


def _damaged(tmp_path, structure=None, form="softbook.attention-network.1", **weights):
    path = tmp_path / "network.safetensors"
    compiled = compile_network(_mlp(), 10.0)
    compiled.save(path)
    kept = {
        name: tensor for name, tensor in (load_file(path) | weights).items() if tensor is not None
    }
    text = (
        structure
        if isinstance(structure, str)
        else json.dumps(compiled.to_dict() | (structure or {}))
    )
    save_file(kept, path, metadata={"format": form, "structure": text})
    return path


STAGES = compile_network(_mlp(), 10.0).to_dict()["stages"]


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ({"form": "other.2"}, "holds other.2, but softbook.attention-network.1 is needed"),
        ({"structure": "{"}, "the structure in .* is damaged"),
        ({"structure": "[]"}, "beta and stages are needed"),
        ({"structure": {"beta": -1.0}}, "beta: -1.0 is given"),
        ({"structure": {"beta": "x"}}, "beta: str is given"),
        ({"structure": {"stages": 3}}, "is damaged"),
        ({"structure": {"stages": [{"kind": "exec"}]}}, "describes no layer of this format"),
        ({"structure": {"stages": [{"kind": "attention", "width": 0}]}}, "width: 0 is given"),
        ({"structure": {"stages": STAGES[:1]}}, "holds, beyond its structure, the weight stages.2.bias"),
        ({"structure": {"stages": [STAGES[0], {"kind": "attention", "width": 4}, STAGES[2]]}}, "4 heads stand behind 5 units"),
        ({"stages.0.bias": None}, "lacks the weight stages.0.bias"),
        ({"stages.0.bias": torch.zeros(4, dtype=F64)}, r"has the shape \(4,\), but \(5,\) is needed"),
        ({"stages.0.bias": torch.zeros(5)}, "torch.float32, torch.float64 found"),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path, damage, sentence):
    with pytest.raises(ValueError, match=sentence):
        AttentionNetwork.load(_damaged(tmp_path, **damage))


def test_other_files(tmp_path):
    path = tmp_path / "text"
    path.write_text("not a network")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        AttentionNetwork.load(path)
    with pytest.raises(FileNotFoundError):
        AttentionNetwork.load(tmp_path / "absent")
    save_file({"a": torch.ones(1)}, path)
    with pytest.raises(ValueError, match="holds no format"):
        AttentionNetwork.load(path)
