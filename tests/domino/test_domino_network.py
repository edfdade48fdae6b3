"""The two networks: what they see, what they leave alone, what they refuse; and their files."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from softbook.domino.experiment.weights import load_network, save_network
from softbook.domino.model.checkpoints import write_checkpoint
from softbook.domino.model.network import MaskedNet, Oracle

REACH = 4 + 2 * (1 + 2 + 4)
"""Sites to either side that a default denoiser sees: half of 9, then half of 5 at dilations 1, 2, 4."""


@pytest.fixture
def letters():
    return torch.randint(0, 4, (3, 60), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return MaskedNet().double()


@pytest.fixture
def oracle():
    torch.manual_seed(0)
    return Oracle().double()


def touched(model, tokens, site):
    """The sites whose logits change when one token does."""
    other = tokens.clone()
    other[:, site] = (other[:, site] + 1) % 4
    with torch.no_grad():
        return (model(tokens, 0.0) != model(other, 0.0)).any(-1).any(0).nonzero().flatten().tolist()


def test_a_token_is_seen_as_far_as_the_dilations_reach_and_no_farther(net, letters):
    assert touched(net, letters, 30) == list(range(30 - REACH, 30 + REACH + 1))


def test_inner_sites_do_not_know_where_they_stand(net, letters):
    moved = letters.roll(1, 1)
    inner = slice(REACH, 60 - REACH - 1)
    with torch.no_grad():
        first, second = net(letters)[:, inner], net(moved)[:, 1:][:, inner]
    assert torch.allclose(first, second, rtol=0, atol=1e-12)


def test_rows_do_not_see_each_other(net, oracle, letters):
    with torch.no_grad():
        assert torch.allclose(net(letters)[1:2], net(letters[1:2]), rtol=0, atol=1e-12)
        assert torch.allclose(oracle(letters)[1:2], oracle(letters[1:2]), rtol=0, atol=1e-12)


def test_a_mask_is_a_token_of_its_own(net, letters):
    masked = letters.clone()
    masked[:, 30] = 4
    assert (net(masked) != net(letters)).any()


@pytest.mark.parametrize("length", [1, 5, 80, 200])
def test_any_length_is_read(net, oracle, length):
    tokens = torch.zeros(2, length, dtype=torch.int64)
    assert net(tokens).shape == (2, length, 4)
    assert oracle(tokens).shape == (2,)


def test_layers_beyond_a_cycle_of_dilations_start_again():
    dilations = [layer.mix.dilation[0] for layer in MaskedNet(layers=7, widest=8).trunk.layers]
    assert dilations == [1, 2, 4, 8, 1, 2]


def test_one_hot_rows_have_the_value_of_their_letters(oracle, letters):
    shown = F.one_hot(letters, 4).double()
    assert torch.equal(oracle(letters), oracle(shown))


def test_the_gradient_in_probabilities_is_that_of_differences(oracle, letters):
    shown = torch.full((1, 12, 4), 0.25, dtype=torch.float64).requires_grad_()
    torch.autograd.gradcheck(oracle, shown)


def test_nan_stays_nan_in_its_row_only(oracle, letters):
    shown = F.one_hot(letters, 4).double()
    shown[1, 7, 2] = float("nan")
    assert oracle(shown).isnan().tolist() == [False, True, False]


def test_a_file_gives_back_the_same_network(tmp_path, net, letters):
    save_network(tmp_path / "net.safetensors", net.float(), {"seed": 3})
    again, notes = load_network(MaskedNet, tmp_path / "net.safetensors")
    assert notes == {"seed": 3}
    assert torch.equal(again(letters), net(letters))


def test_a_file_of_another_network_is_refused(tmp_path, oracle):
    save_network(tmp_path / "net.safetensors", oracle, {})
    with pytest.raises(ValueError, match="holds Oracle, but MaskedNet is needed"):
        load_network(MaskedNet, tmp_path / "net.safetensors")


def test_a_checkpoint_is_no_network(tmp_path):
    write_checkpoint(tmp_path / "net.safetensors", {"a": torch.ones(1)}, {"done": 1})
    with pytest.raises(ValueError, match="holds no network, but MaskedNet is needed"):
        load_network(MaskedNet, tmp_path / "net.safetensors")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"kernel": 4}, "kernel: 4 is given, but an odd number is needed"),
        ({"layers": 0}, "layers: 0 is given, but at least 1 is needed"),
        ({"channels": 0}, "channels: 0 is given"),
        ({"tokens": 0}, "tokens: 0 is given"),
        ({"widest": 0}, "widest: 0 is given"),
    ],
)
@pytest.mark.parametrize("kind", [MaskedNet, Oracle])
def test_settings_that_are_not_allowed(kind, settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        kind(**settings)


@pytest.mark.usefixtures("as_reader")
def test_tokens_that_are_not_allowed(net, oracle):
    with pytest.raises(ValueError, match="tokens: 0 to 5 are given, but 0 to 4 are needed"):
        net(torch.tensor([[0, 5]]))
    with pytest.raises(ValueError, match="tokens: 0 to 4 are given, but 0 to 3 are needed"):
        oracle(torch.tensor([[0, 4]]))
    with pytest.raises(ValueError, match=r"tokens: shape \(2,\) is given, but \[n, d\] is needed"):
        net(torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"shape \(1, 2, 5\) is given, but \[n, d, 4\]"):
        oracle(torch.zeros(1, 2, 5))
