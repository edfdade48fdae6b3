"""Fine-tuning: it learns, it stays near its reference, and no kill or bad reward loses anything."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from softbook.domino.model.checkpoints import digest_of, read_checkpoint
from softbook.domino.model.finetune import Finetuned, finetune
from softbook.domino.model.gradient import METHODS, policy_gradient
from softbook.domino.model.regulariser import FORMS
from softbook.domino.model.rewards import rewards_of
from softbook.domino.model.rollout import rollout
from softbook.domino.model.seeds import seed_of
from softbook.domino.model.update import ROLLOUT

SITES, TOKENS = 3, 2
SMALL = {"sites": SITES, "tokens": TOKENS, "steps": 4, "batch": 16, "progress": False}


class Net(nn.Module):
    """A small network with dropout: its training mode would make likelihoods unrepeatable."""

    def __init__(self, seed: int = 0, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.inner = nn.Linear(SITES * (TOKENS + 1) + 1, 8, dtype=dtype)
        self.drop = nn.Dropout(0.5)
        self.outer = nn.Linear(8, SITES * TOKENS, dtype=dtype)
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in self.parameters():
                weight.copy_(0.3 * torch.randn(weight.shape, generator=source))

    def forward(self, tokens: Tensor, t: float) -> Tensor:
        shown = nn.functional.one_hot(tokens, TOKENS + 1).flatten(1).to(self.inner.weight.dtype)
        shown = torch.cat([shown, torch.full_like(shown[:, :1], t)], 1)
        return self.outer(self.drop(self.inner(shown).tanh())).view(-1, SITES, TOKENS)


def ones(tokens: Tensor) -> Tensor:
    return tokens.sum(1)


def same(one: Finetuned, other: Finetuned) -> bool:
    return (
        digest_of(one.model) == digest_of(other.model)
        and one.stopped == other.stopped
        and all(np.array_equal(v, other.history[k], True) for k, v in one.history.items())
    )


def run(file: str | Path | None = None, kill: str = "", iterations: int = 9) -> Finetuned:
    """Fine-tune as the tests of a kill do; at `kill` the process ends there and then."""
    asked = [0]

    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def reward(tokens: Tensor) -> Tensor:
        asked[0] += 1
        if kill == "reward" and asked[0] == 8:
            end()
        return ones(tokens)

    def callback(iteration: int, model: nn.Module, row: dict[str, float]) -> None:
        if kill == "callback" and iteration == 4:
            end()

    return finetune(
        Net(),
        reward,
        **SMALL,
        iterations=iterations,
        method="grpo",
        groups=2,
        strength=0.1,
        rate=0.05,
        checkpoint=file,
        every=3,
        callback=callback,
    )


KILLED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("tuning", sys.argv[1])
tuning = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tuning)
tuning.torch.set_num_threads(1)
tuning.run(sys.argv[2], sys.argv[3])
"""


@pytest.mark.parametrize(("kill", "done"), [("callback", 3), ("reward", 6)])
def test_a_killed_run_goes_on_to_the_same_numbers(kill, done, tmp_path):
    file = tmp_path / "run.safetensors"
    ended = subprocess.run([sys.executable, "-c", KILLED, __file__, str(file), kill])
    assert ended.returncode == -signal.SIGKILL
    assert len(read_checkpoint(file)[0]["history:reward"]) == done
    whole = run()
    assert same(run(file), whole)
    # And once more, where all is done: nothing is trained on.
    assert same(run(file), whole)


def test_a_checkpoint_without_the_optimiser_would_be_seen(tmp_path, monkeypatch):
    """The planted fault of the test above."""
    file = tmp_path / "run.safetensors"
    run(file, iterations=6)
    real = read_checkpoint

    def forgetful(path):
        tensors, state = real(path)
        return {n: one for n, one in tensors.items() if not n.startswith("optimiser")}, state

    monkeypatch.setattr("softbook.domino.model.history.read_checkpoint", forgetful)
    assert not same(run(file), run())


def test_a_run_may_be_made_longer(tmp_path):
    file = tmp_path / "run.safetensors"
    assert len(run(file, iterations=4).history["reward"]) == 4
    assert same(run(file), run())


LEARNT = SMALL | {"batch": 64, "iterations": 30, "rate": 0.02}


@pytest.mark.parametrize("prior", ["masked", "uniform"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(method, prior):
    tuned = finetune(Net(), ones, **LEARNT, method=method, prior=prior)
    assert tuned.history["reward"][0] < 2
    assert tuned.history["reward"][-5:].mean() > 2.5


def test_a_reward_given_to_another_sequence_does_not_teach():
    """The planted fault of the test above: rewards of the neighbour."""
    tuned = finetune(Net(), lambda x: ones(x).roll(1), **LEARNT, method="reinforce")
    assert tuned.history["reward"][-5:].mean() < 2.5


@pytest.mark.parametrize("method", METHODS)
def test_the_first_update_is_the_policy_gradient(method):
    """With all steps in one update the gradient is that of `policy_gradient` on the same rollout."""
    model = Net(dtype=torch.float64).eval()
    settings = {name: SMALL[name] for name in ("sites", "tokens", "steps")}
    drawn = rollout(model, 16, **settings, seed=seed_of(0, ROLLOUT, 0))
    found = policy_gradient(model, drawn, rewards_of(ones, drawn.final), method=method)
    norm = math.sqrt(sum(one.square().sum().item() for one in found.values()))
    tuned = finetune(
        model, ones, **SMALL, method=method, epochs=1, steps_per_update=4, iterations=1
    )
    assert tuned.history["gradient"][0] == pytest.approx(norm, rel=1e-12)
    assert (tuned.history["ratio"][0], tuned.history["clipped"][0]) == (1, 0)


def test_adam_follows_that_gradient_upwards():
    """Adam's first step is the rate against the sign of what is minimised: here along the gradient."""
    model = Net(dtype=torch.float64).eval()
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    settings = {name: SMALL[name] for name in ("sites", "tokens", "steps")}
    drawn = rollout(model, 16, **settings, seed=seed_of(0, ROLLOUT, 0))
    rise = policy_gradient(model, drawn, rewards_of(ones, drawn.final), method="ppo")
    finetune(model, ones, **SMALL, epochs=1, steps_per_update=4, iterations=1, rate=1e-3)
    for name, weight in model.named_parameters():
        sure = rise[name].abs() > 1e-4
        moved = (weight.detach() - before[name])[sure]
        torch.testing.assert_close(moved, 1e-3 * rise[name][sure].sign(), rtol=1e-3, atol=0)


def test_ratios_leave_one_with_several_updates_and_are_clipped():
    more = finetune(Net(), ones, **SMALL, epochs=6, rate=0.1, iterations=3)
    assert more.history["ratio"][0] > 1.2
    assert more.history["ratio"].min() > 1
    assert more.history["clipped"][0] > 0
    free = finetune(Net(), ones, **SMALL, epochs=6, rate=0.1, iterations=3, clip=math.inf)
    assert free.history["clipped"].max() == 0
    assert digest_of(free.model) != digest_of(more.model)


@pytest.mark.parametrize("form", FORMS)
def test_the_reference_is_a_frozen_copy_and_holds_the_model(form):
    settings = LEARNT | {"regulariser": form, "epochs": 1}
    loose, tight = (finetune(Net(), ones, **settings, strength=s).history for s in (1e-6, 10.0))
    for one in (loose, tight):
        assert one["regulariser"][0] == pytest.approx(0, abs=1e-6)
        assert one["regulariser"][5:].min() > 0
    assert tight["regulariser"][-5:].mean() < loose["regulariser"][-5:].mean() / 2
    assert tight["reward"][-5:].mean() < loose["reward"][-5:].mean() - 0.3


def test_a_reference_that_moves_along_would_be_seen():
    """The planted fault of the test above: the model itself as its reference."""
    model = Net()
    moved = finetune(
        model, ones, **SMALL, iterations=8, strength=1.0, reference=lambda x, t: model(x, t)
    )
    assert abs(moved.history["regulariser"]).max() < 1e-6


class Held:
    """A tensor that a graph keeps for its way back."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def test_the_memory_is_that_of_one_step():
    """What all graphs hold at once does not grow with the steps of the sampler or of an update."""

    def kept(steps: int) -> int:
        alive, most = weakref.WeakSet(), [0]

        def pack(tensor: Tensor) -> Held:
            held = Held(tensor)
            alive.add(held)
            most[0] = max(most[0], len(alive))
            return held

        settings = SMALL | {"steps": steps, "steps_per_update": steps, "iterations": 2}
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
            finetune(Net(), ones, **settings, strength=0.1)
        return most[0]

    assert 0 < kept(2) == kept(16)


def test_modes_frozen_weights_and_seeds():
    model = Net()
    model.outer.eval()
    model.inner.weight.requires_grad_(False)
    before = digest_of(model.inner)
    first = finetune(model, ones, **SMALL, iterations=2)
    assert (model.training, model.drop.training, model.outer.training) == (True, True, False)
    assert torch.equal(model.inner.weight, Net().inner.weight)
    assert digest_of(model.inner) != before  # the bias still moves
    again = Net()
    again.inner.weight.requires_grad_(False)
    assert same(finetune(again, ones, **SMALL, iterations=2), first)
    other = finetune(Net(), ones, **SMALL, iterations=2, seed=1)
    assert digest_of(other.model) != digest_of(finetune(Net(), ones, **SMALL, iterations=2).model)


def test_early_stops(tmp_path):
    flat = finetune(Net(), lambda x: torch.arange(16.0), **SMALL, iterations=50, patience=4)
    assert (flat.stopped, len(flat.history["reward"])) == ("patience", 5)
    told = []

    def callback(iteration, model, row):
        told.append((iteration, row["reward"]))
        return iteration == 3

    file = tmp_path / "one"
    early = finetune(Net(), ones, **SMALL, iterations=9, callback=callback, checkpoint=file)
    assert (early.stopped, [place for place, _ in told]) == ("callback", [0, 1, 2, 3])
    assert [reward for _, reward in told] == early.history["reward"].tolist()
    later = finetune(Net(), ones, **SMALL, iterations=9, checkpoint=file)
    assert same(later, finetune(Net(), ones, **SMALL, iterations=9))


def test_constant_rewards_get_a_clear_word(tmp_path):
    # Of 0.1 sixteen times the mean is off by a rounding.
    with pytest.warns(UserWarning, match=r"all 16 rewards were equal \(the last: 0\.1\)"):
        tuned = finetune(
            Net(), lambda x: torch.full((16,), 0.1), **SMALL, checkpoint=tmp_path / "one"
        )
    assert (tuned.stopped, len(tuned.history["reward"])) == ("constant rewards", 10)
    assert len(read_checkpoint(tmp_path / "one")[0]["history:reward"]) == 10
    assert digest_of(tuned.model) == digest_of(Net())


@pytest.mark.parametrize(
    ("bad", "error", "sentence"),
    [
        (lambda r: r.where(r != r.max(), math.nan), ValueError, "of 16 are not finite .* nan, of"),
        (lambda r: r / 0, ValueError, r"of 16 are not finite \(the first is inf"),
        (lambda r: r[:3], ValueError, r"shape \(3,\) is returned for 16 sequences"),
        (lambda r: r.mean(), ValueError, r"shape \(\) is returned for 16 sequences"),
        (lambda r: r.to(torch.complex64), TypeError, "real numbers are needed"),
        (lambda r: "much", TypeError, "str is returned, but a tensor"),
    ],
)
def test_a_bad_reward_is_refused_and_nothing_is_lost(bad, error, sentence, tmp_path, as_reader):
    asked, file = [0], tmp_path / "one.safetensors"

    def reward(tokens: Tensor) -> object:
        asked[0] += 1
        found = ones(tokens).double() + 1
        return bad(found) if asked[0] == 5 else found

    with pytest.raises(error, match=f"^reward: .*{sentence}"):
        finetune(Net(), reward, **SMALL, iterations=7, checkpoint=file, every=100)
    rest = finetune(Net(), reward, **SMALL, iterations=7, checkpoint=file)
    asked[0] = 10
    assert same(rest, finetune(Net(), reward, **SMALL, iterations=7))


def test_an_infinite_regulariser_is_refused_before_it_does_harm(tmp_path):
    model = Net()
    with torch.no_grad():
        model.outer.bias[0] = -math.inf
    before = digest_of(model)
    with pytest.raises(ValueError, match="regulariser: cross_entropy is inf in step"):
        finetune(
            model,
            ones,
            **SMALL,
            reference=Net(1),
            regulariser="cross_entropy",
            strength=1.0,
            steps_per_update=4,
            checkpoint=tmp_path / "one",
        )
    assert digest_of(model) == before
    assert (tmp_path / "one").exists()


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    file = tmp_path / "run.safetensors"
    run(file, iterations=1)
    more = {"method": "grpo", "groups": 2, "strength": 0.1, "rate": 0.05, "checkpoint": file}
    with pytest.raises(ValueError, match=r"was begun with rate = 0\.05, but 0\.1 is given"):
        finetune(Net(), ones, **SMALL, **(more | {"rate": 0.1}))
    with pytest.raises(ValueError, match=r"was begun with reference = '.*', but '.*' is given"):
        finetune(Net(1), ones, **SMALL, **more)
    file.write_bytes(b"no checkpoint")
    with pytest.raises(ValueError, match="is not a whole safetensors file"):
        finetune(Net(), ones, **SMALL, **more)


def test_models_and_limits_that_are_not_allowed(as_reader):
    with pytest.raises(TypeError, match=r"model: function is given, but a torch\.nn\.Module"):
        finetune(lambda x, t: x, ones, **SMALL)
    with pytest.raises(ValueError, match="model: none of its weights requires a gradient"):
        finetune(Net().requires_grad_(False), ones, **SMALL)
    for name in ("iterations", "every", "patience"):
        with pytest.raises(ValueError, match=f"{name}: 0 is given, but at least 1"):
            finetune(Net(), ones, **SMALL, **{name: 0})


def test_cost_and_progress_are_told(capsys):
    finetune(Net(), ones, **(SMALL | {"progress": True}), iterations=2)
    told = capsys.readouterr().err
    assert "fine-tuning: 2 iterations of 16 passes of 16 sequences forward and 8 back" in told
    assert "2/2" in told
