"""The trained trends: repeatable, resumable, and the committed numbers can be made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from softbook.provenance import read_result
from softbook.relu_softmax.experiment import uap
from softbook.relu_softmax.experiment.anchors import AnchorHeads
from softbook.relu_softmax.experiment.setting import SEEDS, Setting, problem, run_setting
from softbook.relu_softmax.experiment.stacked import StackedAttention, mean_squares, stream, train
from softbook.relu_softmax.experiment.trends import loglog_slope

SMALL = Setting(tokens=4, keys=7, features=3, width=8, heads=2, samples=40, epochs=3, batch=8)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices train faster on one thread, above all where other tests run beside."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def layer_for(setting: Setting, seeds: list[int]) -> StackedAttention:
    return StackedAttention(
        seeds,
        features=setting.features,
        tokens=setting.tokens,
        keys=setting.keys,
        heads=setting.heads,
        width=setting.width,
        dtype=torch.float64,
    )


def trained_alone(setting: Setting, seed: int, orders_of: int) -> tuple[list[float], float]:
    """Train one model in plain torch, heads and softmax written out; epoch losses and test error."""
    start = layer_for(setting, [seed])
    p = {
        name: value.detach()[0].clone().requires_grad_() for name, value in start.named_parameters()
    }
    x_train, y_train, x_test, y_test, _ = (
        part[0] for part in problem(setting, [seed], torch.float64)
    )
    width, size = setting.width, setting.width // setting.heads

    def forward(x):
        token = (x @ p["token_weight"] + p["token_bias"]) * p["modulation"]
        rows = torch.cat([token, p["extra"].expand(len(x), -1, -1)], dim=1)
        q, k, v = (rows @ p["qkv_weight"] + p["qkv_bias"]).split(width, dim=-1)
        heads = []
        for h in range(setting.heads):
            part = slice(h * size, (h + 1) * size)
            scores = q[..., part] @ k[..., part].transpose(1, 2) / size**0.5
            heads.append(torch.softmax(scores, dim=-1) @ v[..., part])
        out = torch.cat(heads, dim=-1) @ p["out_weight"] + p["out_bias"]
        return out[:, : setting.tokens]

    def error(x, y):
        wanted = torch.zeros(*y.shape, width, dtype=y.dtype)
        wanted[..., 0] = y
        return F.mse_loss(forward(x), wanted)

    optimiser = torch.optim.Adam(p.values(), lr=setting.rate)
    order, losses = stream(orders_of, "order"), []
    for _ in range(setting.epochs):
        epoch = []
        for chosen in torch.randperm(len(x_train), generator=order).split(setting.batch):
            loss = error(x_train[chosen], y_train[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            epoch.append(loss.item())
        losses.append(float(np.mean(epoch)))
    return losses, error(x_test, y_test).item()


def trained_stacked(setting: Setting, seeds: list[int]):
    layer = layer_for(setting, seeds)
    data = problem(setting, seeds, torch.float64)[:4]
    return train(layer, seeds, data, epochs=setting.epochs, batch=setting.batch, rate=setting.rate)


# float64 and 12 steps: what differs is the order of sums, far below 1e-10 of the loss.
TIGHT = 1e-10


def test_stacked_training_is_training_alone():
    seeds = [3, 5, 8]
    curve = trained_stacked(SMALL, seeds)
    for column, seed in enumerate(seeds):
        losses, test = trained_alone(SMALL, seed, orders_of=seed)
        np.testing.assert_allclose(curve.train[:, column].numpy(), losses, rtol=TIGHT)
        assert curve.test[-1, column].item() == pytest.approx(test, rel=TIGHT)


def test_planted_fault_the_batches_of_another_seed_are_seen():
    curve = trained_stacked(SMALL, [3, 5])
    losses, _ = trained_alone(SMALL, 3, orders_of=5)
    assert abs(curve.train[-1, 0].item() / losses[-1] - 1) > 1e3 * TIGHT


def test_a_seed_gives_the_same_numbers_again_and_in_any_company():
    first, again = run_setting(SMALL, [7, 9]), run_setting(SMALL, [7, 9])
    first.pop("seconds"), again.pop("seconds")
    assert first == again
    alone = run_setting(SMALL, [9], dtype=torch.float64)
    both = run_setting(SMALL, [7, 9], dtype=torch.float64)
    # figures are kept to six digits
    assert both["mse"][1] == pytest.approx(alone["mse"][0], rel=2e-6)
    assert both["built"]["heads"][1] == alone["built"]["heads"][0]


def test_a_seed_has_the_same_inputs_in_every_setting():
    one, other = problem(SMALL, [4]), problem(replace(SMALL, keys=9, low=-1.0, high=1.0), [4])
    assert torch.equal(one.x_test, other.x_test)
    assert torch.equal(one.s_test, other.s_test)
    assert other.y_test.abs().max() <= 1


def test_the_committed_numbers_can_be_made_again():
    """All seeds of the narrowest range: data, ramps built by hand, and the first epoch's training.

    Single precision, another machine and another thread count round differently; over 25 Adam steps
    that moves a loss by less than 1e-4 of itself, while another stream of data or start values moves
    it by a per cent and more.
    """
    result = uap.load()
    stored = next(r for r in result["results"] if r["setting"]["high"] == 5.0)
    made = run_setting(replace(Setting(**stored["setting"]), epochs=1), SEEDS)
    assert result["provenance"]["seeds"] == list(SEEDS)
    np.testing.assert_allclose(made["baseline"], stored["baseline"], rtol=1e-4)
    for name, values in made["built"].items():
        np.testing.assert_allclose(values, stored["built"][name], rtol=1e-4)
    for name in ("train", "test"):
        assert made["curve"][name][0] == pytest.approx(stored["curve"][name][0], rel=1e-3)
    other = run_setting(replace(Setting(**stored["setting"]), epochs=1), SEEDS[:1])
    assert other["baseline"][0] != pytest.approx(stored["baseline"][1], rel=1e-3)


def test_the_committed_slopes_follow_from_the_committed_numbers():
    result = uap.load()
    again = uap.summary(result["results"])
    for made, stored in zip(again, result["trends"], strict=True):
        assert (made["quantity"], made["results"]) == (stored["quantity"], stored["results"])
        for figure in ("mse", "ramp_mse"):
            for key in ("exponent", "low", "high"):
                assert made[figure][key] == pytest.approx(stored[figure][key], abs=2e-4)
        for label in ("built_best", "built_sharp"):
            np.testing.assert_allclose(made[label]["error"], stored[label]["error"], rtol=1e-5)


TINY = (
    uap.Trend("keys", tuple(replace(SMALL, keys=p) for p in (4, 5, 6)), -1.0),
    uap.Trend("range", (replace(SMALL, low=-2.0, high=2.0), replace(SMALL, keys=4)), None),
)


def numbers(result):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result["results"]]


def test_a_kill_loses_no_finished_setting(tmp_path, monkeypatch):
    arguments = {"trends": TINY, "seeds": (1, 2), "progress": False}
    whole = uap.run(tmp_path / "whole.json", parts=tmp_path / "a", **arguments)
    real, calls = uap.run_setting, []

    def killed_at_the_third(setting, *rest, **more):
        calls.append(setting)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(setting, *rest, **more)

    monkeypatch.setattr(uap, "run_setting", killed_at_the_third)
    parts, out = tmp_path / "b", tmp_path / "resumed.json"
    with pytest.raises(KeyboardInterrupt):
        uap.run(out, parts=parts, **arguments)
    assert not out.exists()
    assert len(list(parts.iterdir())) == 2
    resumed = uap.run(out, parts=parts, **arguments)
    assert len(calls) == 3 + 2  # four settings: two kept, two made after the kill
    assert numbers(resumed) == numbers(whole)
    assert resumed["trends"] == whole["trends"]
    assert read_result(out) == resumed
    assert list(parts.iterdir()) == []


def test_two_processes_make_what_one_makes(tmp_path):
    arguments = {"trends": TINY[1:], "seeds": (1, 2), "progress": False}
    one = uap.run(tmp_path / "one.json", parts=tmp_path / "parts", **arguments)
    two = uap.run(tmp_path / "two.json", parts=tmp_path / "parts", jobs=2, **arguments)
    assert numbers(two) == numbers(one)
    with pytest.raises(ValueError, match="jobs: 0"):
        uap.run(tmp_path / "two.json", parts=tmp_path / "parts", jobs=0, **arguments)


def test_a_broken_part_and_other_seeds_are_made_anew(tmp_path):
    arguments = {"trends": TINY[1:], "progress": False}
    parts = tmp_path / "parts"
    for setting in TINY[1].settings:
        broken = uap._part(parts, setting, (1, 2))
        broken.parent.mkdir(exist_ok=True)
        broken.write_text('{"mse": [', encoding="utf-8")
    one = uap.run(tmp_path / "one.json", parts=parts, seeds=(1, 2), **arguments)
    two = uap.run(tmp_path / "two.json", parts=parts, seeds=(1, 3), **arguments)
    assert one["results"][0]["mse"][0] == pytest.approx(two["results"][0]["mse"][0], rel=1e-4)
    assert one["results"][0]["mse"][1] != two["results"][0]["mse"][1]


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="heads: 3 is given, but a divisor of width = 8"):
        layer_for(replace(SMALL, heads=3), [0])
    with pytest.raises(ValueError, match=r"keys: 3 is given, but at least tokens = 4"):
        layer_for(replace(SMALL, keys=3), [0])
    with pytest.raises(ValueError, match="seeds: none"):
        layer_for(SMALL, [])
    with pytest.raises(ValueError, match=r"x: shape \(1, 2, 4, 5\) is given"):
        layer_for(SMALL, [0])(torch.zeros(1, 2, 4, 5, dtype=torch.float64))
    with pytest.raises(ValueError, match="seed: -1"):
        stream(-1, "data")
    with pytest.raises(ValueError, match=r"low, high: 1\.0, 1\.0"):
        Setting(low=1.0, high=1.0)
    with pytest.raises(ValueError, match="samples: 4"):
        Setting(samples=4)
    with pytest.raises(ValueError, match="tokens: 3"):
        Setting(tokens=3)
    with pytest.raises(ValueError, match="epochs, batch, rate: 0"):
        train(layer_for(SMALL, [0]), [0], problem(SMALL, [0])[:4], epochs=0, batch=1, rate=1.0)
    with pytest.raises(ValueError, match=r"low, high: 2\.0, 1\.0"):
        AnchorHeads(2.0, 1.0, anchors=3)
    with pytest.raises(ValueError, match="anchors, heads, sharpness: 1, 1"):
        AnchorHeads(0.0, 1.0, anchors=1)
    with pytest.raises(ValueError, match="at least two different"):
        loglog_slope(np.ones(2), np.ones((1, 2)))
    with pytest.raises(ValueError, match="all values must be finite"):
        loglog_slope(np.array([1.0, 2.0]), np.array([[1.0, np.nan]]))
    with pytest.raises(ValueError, match=r"y: shape \(0, 2\) is given"):
        loglog_slope(np.array([1.0, 2.0]), np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"level: 1\.0"):
        loglog_slope(np.array([1.0, 2.0]), np.ones((1, 2)), level=1.0)


def test_the_mean_square_counts_every_column_and_the_ramp_its_own():
    output = torch.zeros(1, 1, 1, 4)
    output[..., 0], output[..., 2] = 3.0, 2.0
    whole, ramp = mean_squares(output, torch.ones(1, 1, 1))
    assert (whole.item(), ramp.item()) == ((2.0**2 + 2.0**2) / 4, 4.0)
