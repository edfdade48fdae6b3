"""The committed references: what they know, and the command that makes them."""

from __future__ import annotations

import json

import pytest
import torch

from softbook.domino.experiment import pretraining
from softbook.domino.experiment.pretraining import STEPS, load_reference, main, references
from softbook.domino.experiment.weights import load_network
from softbook.domino.model.denoising import likelihood, pretrain
from softbook.domino.model.network import MaskedNet


@pytest.mark.parametrize("name", list(STEPS))
def test_the_committed_references_know_more_than_letters(name):
    new = references(7)[:200]
    found = float(likelihood(load_reference(name), new).mean())
    shares = new.flatten().bincount().double() / new.numel()
    alone = 80 * float((shares * shares.log()).sum())
    assert alone < found < 0


def test_the_strong_reference_knows_more_than_the_weak():
    new = references(7)[:500]
    weak, strong = (likelihood(load_reference(name), new) for name in ("weak", "strong"))
    gain = strong - weak
    assert float(gain.mean()) > 3 * float(gain.std()) / len(gain) ** 0.5


def test_a_reference_that_is_not_there():
    with pytest.raises(ValueError, match="name: 'other' is given, but one of weak, strong"):
        load_reference("other")


def test_the_command_writes_the_network_with_its_notes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretraining, "STEPS", {"weak": 2})
    monkeypatch.setattr(pretraining, "COUNT", 50)
    main(["weak", "--out", str(tmp_path / "net.safetensors")])
    net, notes = load_network(MaskedNet, tmp_path / "net.safetensors")
    assert json.dumps(notes)
    assert (notes["steps"], notes["count"], notes["seed"]) == (2, 50, 0)
    again = pretrain(references(), steps=2, progress=False, channels=pretraining.CHANNELS)[0]
    assert torch.equal(net(references()[:1]), again(references()[:1]))
    assert "nats a site" in capsys.readouterr().out
