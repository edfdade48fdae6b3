"""Tasks and networks of the training experiment: laws of the data, causality, equal size, oracles."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from softbook.ssd.experiment import network as networks
from softbook.ssd.experiment.network import Mixer, Network, hidden, rotary
from softbook.ssd.experiment.setting import MIXERS, Setting, default, settings, stream
from softbook.ssd.experiment.tasks import (
    KEYS,
    SILENT,
    VALUES,
    batch_of,
    corpus,
    held_out,
    recall,
    symbols,
)

SMALL = Setting(width=16, heads=2, state=4, length=16, batch=3, steps=4, logs=2)


def count(setting: Setting) -> int:
    return sum(value.numel() for value in Network(setting).parameters())


@pytest.mark.parametrize("task", ["mqar", "bytes"])
@pytest.mark.parametrize("state", [8, 16, 32])
def test_the_three_networks_have_equal_size(task, state):
    counts = [count(default(task, mixer, state=state)) for mixer in MIXERS]
    # half a hidden unit a block is left over at most, on either side of the dearest
    assert max(counts) - min(counts) <= 2 * (2 * 64 + 1)
    assert max(counts) / min(counts) < 1.003


def test_planted_fault_a_gate_that_is_not_paid_back_is_seen(monkeypatch):
    monkeypatch.setattr(networks, "hidden", lambda setting: 2 * setting.width)
    counts = [count(default("mqar", mixer)) for mixer in MIXERS]
    assert max(counts) / min(counts) > 1.02


def leak(setting: Setting) -> float:
    """How far logits up to t move when the tokens after t do; the later ones must move."""
    model = Network(setting).double()
    tokens, _ = batch_of(setting, 0)
    last, largest = setting.length - 1, 0.0
    for t in (0, setting.length // 2, last - 1):
        other = tokens.clone()
        other[:, t + 1 :] = (other[:, t + 1 :] + 1) % symbols(setting.task)
        with torch.no_grad():
            change = (model(tokens) - model(other)).abs()
        assert change[:, t + 1 :].max() > 1e-3
        largest = max(largest, float(change[:, : t + 1].max()))
    return largest


@pytest.mark.parametrize("mixer", MIXERS)
def test_no_logit_sees_the_future(mixer):
    # sums may be split elsewhere when later tokens change: some roundings of float64, no more
    assert leak(replace(SMALL, mixer=mixer)) < 1e-10


@pytest.mark.parametrize("mixer", MIXERS)
def test_planted_fault_a_mixer_that_runs_backwards_is_seen(mixer, monkeypatch):
    real = Mixer.forward
    monkeypatch.setattr(Mixer, "forward", lambda self, x: real(self, x.flip(1)).flip(1))
    assert leak(replace(SMALL, mixer=mixer)) > 1e-3


def by_hand(mixer: Mixer, x: torch.Tensor) -> torch.Tensor:
    """The mixer as loops over time and heads, from the formulas of the module's docstring."""
    h, n, time = mixer.heads, mixer.state, x.shape[1]
    u = x @ mixer.into.weight.T
    taps = mixer.taps.weight[:, 0]
    late = [sum(taps[:, 3 - j] * u[:, t - j] for j in range(min(4, t + 1))) for t in range(time)]
    q, k, v = torch.stack(late, 1).split([h * n, h * n, x.shape[2]], dim=2)
    q, k, v = (part.unflatten(2, (h, -1)) for part in (q, k, v))
    out = torch.zeros_like(v)
    for head in range(h):
        if mixer.kind == "softmax":
            speed = 10000.0 ** (-torch.arange(n // 2, dtype=x.dtype) / (n // 2))

            def turned(part, t, head=head, speed=speed):
                a, b = part[:, t, head].chunk(2, dim=1)
                z = torch.complex(a, b) * torch.polar(torch.ones_like(speed), t * speed)
                return torch.cat([z.real, z.imag], dim=1)

            for t in range(time):
                scores = [(turned(q, t) * turned(k, s)).sum(1) / math.sqrt(n) for s in range(t + 1)]
                weight = torch.softmax(torch.stack(scores, 1), dim=1)
                out[:, t, head] = sum(weight[:, s, None] * v[:, s, head] for s in range(t + 1))
            continue
        state = torch.zeros(len(x), n, v.shape[3], dtype=x.dtype)
        for t in range(time):
            gate = 1 / (1 + mixer.gate(x[:, t]).exp())  # exp(-softplus(g))
            decay = (
                gate[:, head, None]
                if mixer.kind == "scalar"
                else gate.unflatten(1, (h, n))[:, head]
            )
            state = decay[..., None] * state + k[:, t, head, :, None] * v[:, t, head, None, :]
            out[:, t, head] = (q[:, t, head, :, None] * state).sum(1) / math.sqrt(n)
    out = out / (out.square().mean(dim=3, keepdim=True) + 1e-5).sqrt()
    return out.flatten(2) @ mixer.out.weight.T


@pytest.mark.parametrize("kind", MIXERS)
def test_a_mixer_is_its_formula(kind):
    mixer = Network(replace(SMALL, mixer=kind)).blocks[0].mixer.double()
    x = torch.randn(2, 9, 16, generator=stream(0, "x"), dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(mixer(x), by_hand(mixer, x), rtol=1e-9, atol=1e-9)


def test_rotary_products_depend_on_distance_alone():
    draw = stream(0, "rotary")
    q, k = (torch.randn(1, 1, 1, 8, generator=draw, dtype=torch.float64) for _ in range(2))
    q, k = (rotary(part.expand(1, 12, 1, 8))[0, :, 0] for part in (q, k))
    scores = q @ k.T
    for distance in range(12):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    assert (scores[0, 0] - scores[0, 5]).abs() > 1e-3


@pytest.mark.parametrize("mixer", ["scalar", "diagonal"])
def test_the_gates_start_between_their_time_constants(mixer):
    made = Network(default("mqar", mixer)).blocks[0].mixer
    decay = -made.log_decay(torch.zeros(1, 1, 64))[0, 0]
    torch.testing.assert_close(1 / decay.min(), torch.tensor(256.0), rtol=1e-3, atol=0)
    torch.testing.assert_close(1 / decay.max(), torch.tensor(4.0), rtol=1e-3, atol=0)


def test_networks_of_one_seed_share_what_they_can():
    one, other = (dict(Network(replace(SMALL, mixer=m)).named_parameters()) for m in MIXERS[:2])
    for name in ("embed.weight", "blocks.1.mixer.into.weight", "logits.weight"):
        assert torch.equal(one[name], other[name])
    third = dict(Network(replace(SMALL, seed=1)).named_parameters())
    assert not torch.equal(one["embed.weight"], third["embed.weight"])
    assert hidden(SMALL) > 2 * SMALL.width


def answer(tokens: list[int], place: int) -> int | None:
    """The label at `place`, by reading the sequence: the value told with this key before, if asked now."""
    asked = tokens[place]
    if asked >= KEYS or asked not in tokens[:place]:
        return None
    return tokens[tokens.index(asked) + 1]


def wrong_labels(tokens: torch.Tensor, labels: torch.Tensor) -> int:
    wrong = 0
    for row, wanted in zip(tokens.tolist(), labels.tolist(), strict=True):
        found = [answer(row, place) for place in range(len(row))]
        wrong += sum((SILENT if f is None else f) != w for f, w in zip(found, wanted, strict=True))
    return wrong


@pytest.mark.parametrize("pairs", [1, 2, 8, 64])
def test_recall_asks_every_key_once_and_rightly(pairs):
    tokens, labels = recall(stream(5, "oracle"), 20, pairs)
    assert tokens.shape == labels.shape == (20, 4 * pairs)
    assert wrong_labels(tokens, labels) == 0
    assert ((labels != SILENT).sum(dim=1) == pairs).all()
    told, asked = tokens[:, : 2 * pairs : 2], tokens[:, 2 * pairs :: 2]
    assert (told.sort(dim=1).values == asked.sort(dim=1).values).all()
    assert (told.sort(dim=1).values.diff(dim=1) > 0).all()
    # the value follows its question, as in a text
    assert (tokens[:, 2 * pairs + 1 :: 2] == labels[:, 2 * pairs :: 2]).all()
    assert int(tokens[:, 1::2].min()) >= KEYS
    assert int(tokens.max()) < KEYS + VALUES


def test_planted_fault_labels_of_the_neighbour_are_seen():
    tokens, labels = recall(stream(5, "oracle"), 20, 8)
    assert wrong_labels(tokens, labels.roll(1, dims=0)) > 100


def test_recall_draws_keys_values_and_orders_evenly():
    tokens, _ = recall(stream(6, "law"), 4000, 2)
    for place, low in ((0, 0), (1, KEYS), (4, 0)):
        seen = torch.bincount(tokens[:, place] - low, minlength=64).double()
        # chi-square with 63 degrees of freedom: mean 63, deviation 11.2
        chi = float(((seen - 62.5).square() / 62.5).sum())
        assert 63 - 5 * 11.2 < chi < 63 + 5 * 11.2
    swapped = (tokens[:, 0] == tokens[:, 6]).double().mean()
    assert abs(swapped - 0.5) < 5 * 0.5 / math.sqrt(4000)


def test_the_text_is_split_by_file():
    data = corpus()
    assert not set(data.train_files) & set(data.held_out_files)
    assert len(data.train_files) > 4 * len(data.held_out_files) > 0
    assert all(name.endswith(".py") for name in data.train_files + data.held_out_files)
    assert len(data.train) > 4 * len(data.held_out) > 100_000
    assert "enum.py" in data.held_out_files  # the split follows from the name, in every Python


def test_windows_of_text_are_of_their_side_and_ask_for_the_next_byte():
    setting = default("bytes", "scalar")
    for data, (tokens, labels) in (
        (corpus().train, batch_of(setting, 3)),
        (corpus().held_out, held_out(setting)),
    ):
        assert torch.equal(tokens[:, 1:], labels[:, :-1])
        text = data.numpy().tobytes()
        for row, last in zip(tokens[:9], labels[:9, -1], strict=True):
            assert bytes(row.tolist()) + bytes([int(last)]) in text


def test_batches_depend_on_seed_and_step_but_not_on_the_mixer():
    for task in ("mqar", "bytes"):
        one = batch_of(default(task, "scalar", 1), 7)[0]
        assert torch.equal(one, batch_of(default(task, "softmax", 1), 7)[0])
        assert not torch.equal(one, batch_of(default(task, "scalar", 2), 7)[0])
        assert not torch.equal(one, batch_of(default(task, "scalar", 1), 8)[0])
        held = held_out(default(task, "scalar", 1))[0]
        assert torch.equal(held, held_out(default(task, "softmax", 2))[0])


def test_all_settings_are_different_and_differ_only_where_they_say():
    chosen = settings()
    assert len(set(chosen)) == len(chosen) == len({setting.name for setting in chosen})
    for setting in chosen:
        assert setting == default(setting.task, setting.mixer, setting.seed, setting.state)
        assert setting.logged[0] == 0
        assert setting.logged[-1] == setting.steps
        assert 30 <= len(setting.logged) <= 60


def test_wrong_arguments_are_named(as_reader):
    for given, words in (
        ({"task": "copy"}, "task: 'copy' is given"),
        ({"mixer": "dense"}, "mixer: 'dense' is given"),
        ({"heads": 3}, "heads: 3 is given, but a divisor of width = 64"),
        ({"state": 5}, "state: 5 is given, but an even number"),
        ({"length": 30}, "length: 30 is given, but recall needs a multiple of 4"),
        ({"length": 260}, "length: 260 is given"),
        ({"steps": 0}, "steps: 0 is given, but at least 1"),
        ({"rate": 0.0}, "rate: 0.0 is given"),
        ({"rate": math.nan}, "rate: nan is given"),
        ({"seed": -1}, "seed: -1 is given"),
    ):
        with pytest.raises(ValueError, match=words):
            Setting(**given)
    model = Network(SMALL)
    for tokens, words in (
        (torch.tensor([[3, 128]]), "tokens: 3 to 128 is given, but numbers from 0 to 127"),
        (torch.tensor([[-1, 5]]), "tokens: -1 to 5 is given"),
        (torch.zeros(1, 0, dtype=torch.long), "tokens: none is given"),
    ):
        with pytest.raises(ValueError, match=words):
            model(tokens)
    with pytest.raises(ValueError, match="seed: -1"):
        stream(-1, "x")
    with pytest.raises(ValueError, match="sequences, pairs: 2, 65"):
        recall(stream(0, "x"), 2, 65)
    with pytest.raises(ValueError, match="sequences, pairs: 0, 1"):
        recall(stream(0, "x"), 0, 1)


def test_a_python_without_sources_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"stdlib": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="holds 0 modules as files"):
        corpus.__wrapped__()


def test_a_nan_reaches_the_logits():
    model = Network(SMALL)
    with torch.no_grad():
        model.blocks[0].mixer.out.weight[0, 0] = math.nan
    assert F.softmax(model(batch_of(SMALL, 0)[0]), dim=-1).isnan().all()
