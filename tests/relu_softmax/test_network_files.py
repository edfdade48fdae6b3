"""Compiled networks at rest: files bit by bit, modes, and what no certificate covers."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from softbook.relu_softmax import AttentionNetwork, compile_network

F64 = torch.float64


def mlp(dtype: torch.dtype = F64) -> nn.Sequential:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)).to(dtype)
    generator = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=F64).to(dtype)
    return network


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "network.safetensors"
    compile_network(mlp(), 10.0).save(path)
    return path


def test_a_file_cut_anywhere_is_told(saved, tmp_path):
    whole, part = saved.read_bytes(), tmp_path / "part"
    for length in range(len(whole)):
        part.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="is not a safetensors file"):
            AttentionNetwork.load(part)


def test_a_flipped_bit_is_told_or_changes_numbers_alone(saved, tmp_path):
    whole, damaged = saved.read_bytes(), tmp_path / "damaged"
    told = whole_again = 0
    for place in range(0, len(whole), 3):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        damaged.write_bytes(changed)
        try:
            network = AttentionNetwork.load(damaged)
        except ValueError as error:
            told += str(error).startswith("path: ")
        else:
            whole_again += 1
            assert [type(stage).__name__ for stage in network.stages] == [
                "Linear", "AttentionReLU", "Linear",
            ]  # fmt: skip
    assert told + whole_again == len(range(0, len(whole), 3))
    assert told > 100


@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_weights_come_back_bit_by_bit(tmp_path, dtype):
    network = mlp(dtype)
    with torch.no_grad():
        network[0].weight[0] = torch.tensor([-0.0, math.nan, math.inf])
        network[0].weight[1] = torch.finfo(dtype).tiny / 8
    compiled = compile_network(network, 10.0)
    compiled.save(tmp_path / "n")
    loaded = AttentionNetwork.load(tmp_path / "n")
    word = torch.int32 if dtype is torch.float32 else torch.int64
    for name, tensor in compiled.state_dict().items():
        assert torch.equal(loaded.state_dict()[name].view(word), tensor.view(word))
    assert not loaded.training


def test_tied_layers_become_separate_ones(tmp_path):
    layer = nn.Linear(4, 4)
    compiled = compile_network(nn.Sequential(layer, nn.ReLU(), layer), 10.0)
    compiled.save(tmp_path / "n")
    x = torch.ones(2, 4)
    assert torch.equal(AttentionNetwork.load(tmp_path / "n")(x), compiled(x))
    assert compiled.parameter_count == 40


def test_the_network_shares_nothing_and_keeps_its_modes():
    network = mlp().train()
    before = copy.deepcopy(network.state_dict())
    compiled = compile_network(network, 10.0)
    assert network.training
    assert network[0].training
    assert not any(module.training for module in compiled.modules())
    kept = {parameter.data_ptr() for parameter in network.parameters()}
    assert not kept & {parameter.data_ptr() for parameter in compiled.parameters()}
    with torch.no_grad():
        for parameter in compiled.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_what_is_trained_on_after_compilation_moves_the_answer():
    compiled = compile_network(mlp(), 5.0).train()
    x, goal = torch.ones(1, 3, dtype=F64), torch.zeros(1, 2, dtype=F64)
    optimiser = torch.optim.SGD(compiled.parameters(), 1e-3)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = (compiled(x) - goal).square().sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_certificates_of_shorter_formats_are_refused():
    compiled = compile_network(mlp(), 10.0).half()
    x = torch.ones(1, 3, dtype=torch.float16)
    assert compiled(x).dtype == torch.float16
    with pytest.raises(TypeError, match=r"torch.float16 are given, but certificates need float32"):
        compiled.certificate(x)
    with pytest.raises(TypeError, match=r"torch.float16 are given, but certificates need float32"):
        compiled.global_certificate(-1.0, 1.0)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize("sizes", [(0, 3), (3, 0)])
def test_layers_without_features_are_told(sizes):
    with (
        pytest.warns(UserWarning, match="zero-element"),
        pytest.raises(
            ValueError, match=r"network\[0\]: Linear.* has no features, but at least one"
        ),
    ):
        compile_network(nn.Sequential(nn.Linear(*sizes)), 1.0)


@pytest.mark.usefixtures("as_reader")
def test_ends_that_are_no_numbers_are_told():
    compiled = compile_network(mlp(), 1.0)
    for low in ("a", None, object()):
        with pytest.raises(TypeError, match=r"^low, high: .* are given, but numbers or tensors"):
            compiled.global_certificate(low, 1.0)
    assert compiled.global_certificate([-1.0] * 3, torch.ones(3)).shape == (2,)


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OSError, match=r"^path: .*absent.* cannot be written"):
        compile_network(mlp(), 1.0).save(tmp_path / "absent" / "n")


STAGES = compile_network(mlp(), 10.0).to_dict()["stages"]
FLATTEN = {"kind": "flatten", "start": 1, "end": -1}


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[" * 100_000, "is damaged"),
        ('{"beta": NaN, "stages": []}', "beta: nan is given"),
        (json.dumps({"beta": True, "stages": STAGES}), "beta: bool is given"),
        (json.dumps({"beta": 1, "stages": STAGES, "more": 1}), "beta and stages are needed"),
        (json.dumps({"beta": 1, "stages": [None]}), "describes no layer"),
        (
            json.dumps({"beta": 1, "stages": [STAGES[0] | {"bias": "no"}, *STAGES[1:]]}),
            "bias: 'no' is given",
        ),
        (
            json.dumps({"beta": 1, "stages": [STAGES[0] | {"in": 10**12}, *STAGES[1:]]}),
            "has the shape",
        ),
        (
            json.dumps({"beta": 1, "stages": [STAGES[0] | {"out": 10**400}, *STAGES[1:]]}),
            "is damaged",
        ),
        (
            json.dumps({"beta": 1, "stages": [FLATTEN | {"start": 1.5}, *STAGES]}),
            "start: float is given",
        ),
        (
            json.dumps({"beta": 1, "stages": [FLATTEN | {"end": "a"}, *STAGES]}),
            "end: str is given",
        ),
    ],
)
def test_structures_that_are_none(saved, text, sentence):
    weights = load_file(saved)
    save_file(
        weights, saved, metadata={"format": "softbook.attention-network.1", "structure": text}
    )
    with pytest.raises(ValueError, match=sentence):
        AttentionNetwork.load(saved)
