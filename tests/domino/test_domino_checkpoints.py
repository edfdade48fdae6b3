"""Checkpoints: whole or not at all, exact, and refused with a sentence where they do not fit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from softbook.domino.model.checkpoints import (
    FORMAT,
    digest_of,
    read_checkpoint,
    restore,
    same_settings,
    tensors_of,
    write_checkpoint,
)


def trained(seed: int, steps: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    source = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=source))
    for _ in range(steps):
        optimiser.zero_grad()
        model(torch.randn(8, 3, generator=source)).square().mean().backward()
        optimiser.step()
    return model, optimiser


def test_a_training_goes_on_from_a_file_to_the_same_bits(tmp_path):
    file = tmp_path / "deep" / "one.safetensors"
    model, optimiser = trained(0)
    write_checkpoint(file, tensors_of(model, optimiser), {"done": 3})
    other, tuned = trained(1)
    tensors, state = read_checkpoint(file)
    restore(other, tuned, tensors)
    assert state == {"done": 3}
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
    for _ in range(2):
        for one, update in ((model, optimiser), (other, tuned)):
            update.zero_grad()
            one(x).square().mean().backward()
            update.step()
    assert digest_of(model) == digest_of(other)
    assert list(tmp_path.rglob("*.part")) == []


def test_without_the_moments_it_does_not_go_on_to_the_same_bits(tmp_path):
    """The planted fault of the test above: a checkpoint that forgets the optimiser."""
    model, optimiser = trained(0)
    other, tuned = trained(1)
    kept = {n: one for n, one in tensors_of(model, optimiser).items() if n.startswith("model:")}
    restore(other, tuned, kept)
    assert digest_of(model) == digest_of(other)
    x = torch.randn(8, 3, generator=torch.Generator().manual_seed(2))
    for one, update in ((model, optimiser), (other, tuned)):
        update.zero_grad()
        one(x).square().mean().backward()
        update.step()
    assert digest_of(model) != digest_of(other)


def test_tied_weights_and_scalars_are_kept(tmp_path):
    tied = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    optimiser = torch.optim.Adam(tied.parameters())
    tied(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    write_checkpoint(tmp_path / "tied", tensors_of(tied, optimiser), {})
    tensors, _ = read_checkpoint(tmp_path / "tied")
    assert tensors["optimiser:step:0.weight"].shape == ()
    before = digest_of(tied)
    with torch.no_grad():
        tied[0].weight.zero_()
    restore(tied, optimiser, tensors)
    assert digest_of(tied) == before
    assert tied[1].weight is tied[0].weight


def test_a_kill_while_writing_leaves_the_file_before(tmp_path):
    file = tmp_path / "one.safetensors"
    write_checkpoint(file, {"a": torch.ones(2)}, {"done": 1})
    script = """
import os, signal, sys
import torch
from softbook.domino.model import checkpoints

def half(tensors, part, metadata):
    part.write_bytes(b"half of a file")
    os.kill(os.getpid(), signal.SIGKILL)

checkpoints.save_file = half
checkpoints.write_checkpoint(sys.argv[1], {"a": torch.zeros(2)}, {"done": 2})
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(file)], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "one.safetensors.part").exists()
    tensors, state = read_checkpoint(file)
    assert state == {"done": 1}
    assert tensors["a"].tolist() == [1.0, 1.0]
    write_checkpoint(file, {"a": torch.zeros(2)}, {"done": 2})
    assert read_checkpoint(file)[1] == {"done": 2}


def test_files_that_are_none_are_refused_with_a_sentence(tmp_path):
    file = tmp_path / "one"
    with pytest.raises(FileNotFoundError):
        read_checkpoint(file)
    write_checkpoint(file, {"a": torch.ones(500)}, {})
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"file: .*one is not a whole safetensors file"):
        read_checkpoint(file)
    save_file({"a": torch.ones(1)}, file)
    with pytest.raises(ValueError, match=f"holds no format, but {FORMAT} is needed"):
        read_checkpoint(file)
    save_file({"a": torch.ones(1)}, file, metadata={"format": FORMAT, "state": "{"})
    with pytest.raises(ValueError, match=r"the state in .* is damaged"):
        read_checkpoint(file)
    with pytest.raises(ValueError, match="state: JSON cannot hold it"):
        write_checkpoint(file, {}, {"reward": float("nan")})
    (tmp_path / "taken.part").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_checkpoint(tmp_path / "taken", {}, {})


def test_every_setting_that_differs_is_named():
    same_settings("f", {"a": 1}, json.loads(json.dumps({"a": 1})))
    with pytest.raises(ValueError, match=r"a = 1, but 2 is given; b = None, but 3 is given"):
        same_settings("f", {"a": 1}, {"a": 2, "b": 3})


def test_weights_of_another_build_are_refused_and_nothing_changes():
    model, optimiser = trained(0)
    before = digest_of(model)
    tensors = tensors_of(*trained(1))
    lacking = {name: one for name, one in tensors.items() if name != "model:2.bias"}
    with pytest.raises(ValueError, match=r"checkpoint: it lacks the weight 2\.bias"):
        restore(model, optimiser, lacking)
    with pytest.raises(ValueError, match=r"holds, beyond those of the model, the weight 9\.bias"):
        restore(model, optimiser, {**tensors, "model:9.bias": torch.ones(1)})
    with pytest.raises(ValueError, match=r"its 2\.bias is torch.float32 of shape \(2,\), but"):
        restore(model, optimiser, {**tensors, "model:2.bias": torch.ones(2)})
    assert digest_of(model) == before
