"""Digits and depth: what is proved is so, and a fault in the proof is seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from softbook.relu_softmax.experiment.depth import depth_study, he_network
from softbook.relu_softmax.experiment.digits import (
    BETAS,
    agreement,
    at_sharpness,
    certified_agreement,
    train_digits,
)
from softbook.relu_softmax.model import AttentionNetwork, compile_network


@pytest.fixture(scope="module")
def run():
    return train_digits()


@pytest.mark.parametrize("beta", [1.0, 3.0, 10.0, 100.0, 1e4, 1e6])
def test_what_is_proved_agrees_on_every_digit(run, beta):
    decided = agreement(run.network, compile_network(run.network, beta), run.test_x)
    assert not bool((decided.proved & ~decided.same).any())
    assert bool((decided.margin[decided.proved] > decided.needed[decided.proved]).all())


@pytest.mark.parametrize("beta", [1.0, 3.0, 10.0])
def test_what_is_proved_agrees_in_single_precision(run, beta):
    network = nn.Sequential(*(_single(layer) for layer in run.network)).eval()
    decided = agreement(network, compile_network(network, beta), run.test_x.float())
    assert not bool((decided.proved & ~decided.same).any())


def _single(layer: nn.Module) -> nn.Module:
    if not isinstance(layer, nn.Linear):
        return nn.ReLU()
    copy = nn.Linear(layer.in_features, layer.out_features)
    copy.load_state_dict({k: v.float() for k, v in layer.state_dict().items()})
    return copy


def test_planted_fault_a_certificate_divided_by_100_proves_what_is_false(run):
    compiled = compile_network(run.network, 1.0)
    small = compiled.certificate(run.test_x) / 100
    decided = agreement(run.network, compiled, run.test_x, small)
    assert bool((decided.proved & ~decided.same).any())


class Adversary(AttentionNetwork):
    """Moves every logit by the whole certificate, against the class on top."""

    def __init__(self, allowed: torch.Tensor) -> None:
        super().__init__([], beta=1.0)
        self.allowed = allowed

    def forward(self, x):
        top = x.argmax(-1, keepdim=True)
        return x + self.allowed.scatter(-1, top, -self.allowed.gather(-1, top))

    def certificate(self, x):
        return self.allowed


def against(logits: torch.Tensor, allowed: torch.Tensor, claimed: torch.Tensor):
    return agreement(nn.Sequential(nn.Identity()), Adversary(allowed), logits, claimed)


def test_the_proof_is_exact_against_the_worst_network_within_the_certificate():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 5, generator=draw, dtype=torch.float64)
    allowed = torch.rand(20_000, 5, generator=draw, dtype=torch.float64)
    decided = against(logits, allowed, allowed)
    # the adversary reaches every bound, so proved and surviving are the same inputs
    assert torch.equal(decided.proved, decided.same)
    assert 0.05 < decided.proved.double().mean() < 0.95


@pytest.mark.parametrize("fault", ["the rival's certificate left out", "the runner-up overlooked"])
def test_planted_faults_in_the_margin_are_seen(fault):
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 5, generator=draw, dtype=torch.float64)
    allowed = torch.rand(20_000, 5, generator=draw, dtype=torch.float64)
    top = logits.argmax(-1, keepdim=True)
    claimed = torch.zeros_like(allowed)
    if fault == "the rival's certificate left out":
        claimed.scatter_(-1, top, allowed.gather(-1, top))
    else:
        second = logits.topk(2).indices[:, 1:]
        claimed = allowed.scatter(-1, second, -torch.inf)
    decided = against(logits, allowed, claimed)
    assert bool((decided.proved & ~decided.same).any())


def test_a_tie_and_a_nan_prove_nothing():
    logits = torch.tensor([[1.0, 1.0, 0.0], [torch.nan, 1.0, 0.0], [2.0, torch.nan, 0.0]])
    zero = torch.zeros(3, 3)
    assert not against(logits, zero, zero).proved.any()
    clear = torch.tensor([[3.0, 1.0, 0.0]])
    assert not against(clear, torch.zeros(1, 3), torch.tensor([[0.0, torch.nan, 0.0]])).proved.any()


def test_shares_rise_with_sharpness_and_certificates_bind():
    table = certified_agreement()
    np.testing.assert_array_equal(table["beta"], BETAS)
    assert (table["proved"] <= table["agree"]).all()
    assert (table["proved_globally"] <= table["proved"]).all()
    assert (np.diff(table["proved"]) >= 0).all()
    assert table["proved"][-1] == table["agree"][-1] == 1.0
    assert at_sharpness(BETAS[0])[1].same.double().mean() == table["agree"][0]


def test_training_again_gives_the_same_network(run):
    again = train_digits.__wrapped__()
    for one, other in zip(run.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)
    np.testing.assert_array_equal(run.test_accuracy, again.test_accuracy)
    assert run.test_accuracy[0] < 0.3
    assert run.test_accuracy[-1] > 0.94
    assert len(run.train_loss) == len(run.test_loss) == len(run.test_accuracy) == 41


def test_the_split_is_stratified(run):
    for labels in (run.train_y, run.test_y):
        shares = torch.bincount(labels, minlength=10).double() / len(labels)
        assert 0.094 < shares.min() <= shares.max() < 0.106
    assert 0 <= run.test_x.min() <= run.test_x.max() <= 1


@pytest.mark.parametrize("wrong", [{"hidden": ()}, {"hidden": (0,)}, {"epochs": 0}])
def test_wrong_sizes_are_named(wrong):
    with pytest.raises(ValueError, match=r"hidden, epochs: .* are given"):
        train_digits(**wrong)


def test_the_global_certificate_is_lost_in_depth_and_the_other_is_not():
    study = depth_study(depths=(1, 2, 4, 8), inputs=1000)
    assert (study.error <= study.certificate).all()
    assert (study.certificate <= study.global_certificate).all()
    assert (study.median_certificate <= study.certificate).all()
    assert (study.looseness[:, 0] < 100).all()
    assert (study.looseness[:, -1] > 3e4).all()
    assert (study.looseness[:, -1] > 1e3 * study.looseness[:, 0]).all()


# Three seeds of an earlier trial with its own random streams: depth, width, global certificate at beta = 100.
@pytest.mark.parametrize(
    ("depth", "width", "known"), [(1, 32, 1.7e-2), (2, 32, 0.14), (8, 16, 525.0)]
)
def test_the_global_certificates_of_an_earlier_trial_lie_within_the_seeds_scatter(
    depth, width, known
):
    values = depth_study((depth,), width, beta=100.0, inputs=10, seeds=range(8)).global_certificate
    logs = np.log(values[:, 0])
    # the known figure is a mean of three: its own scatter is the seeds' over the root of three
    spread = logs.std(ddof=1) * np.sqrt(1 / 3 + 1 / len(logs))
    assert abs(np.log(known) - logs.mean()) < 4 * spread


def test_wrong_depths_are_named():
    with pytest.raises(ValueError, match="depth, width, features: 0, 8, 4"):
        he_network(0, 8)
    with pytest.raises(ValueError, match="inputs: 0"):
        depth_study(depths=(1,), inputs=0)
    with pytest.raises(ValueError, match="beta"):
        depth_study(depths=(1,), inputs=1, beta=-1.0)


def test_a_network_is_the_same_for_the_same_seed():
    one, other = he_network(2, 6, seed=3), he_network(2, 6, seed=3)
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(next(one.parameters()), next(he_network(2, 6, seed=4).parameters()))
