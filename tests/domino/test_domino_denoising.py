"""Pretraining on one's own rows: the loss against an enumeration, seeds, what a trained network knows, what is refused."""

from __future__ import annotations

import itertools

import pytest
import torch

from softbook.domino.model import denoising
from softbook.domino.model.denoising import likelihood, pretrain

QUICK = {"steps": 30, "batch": 16, "channels": 8, "progress": False}


@pytest.fixture(scope="module")
def rows():
    """Letters that repeat with period 2: two masked neighbours of an open site are known."""
    even = torch.tensor([[0, 1] * 6, [1, 0] * 6, [2, 2] * 6])
    return even.repeat(20, 1)


def any_model(tokens, time):
    """Logits that differ from site to site and with all that is open."""
    sites = torch.arange(tokens.shape[1], dtype=torch.float64)
    known = (tokens + 1.0).double() @ (sites + 1).sin()
    return torch.stack([(known[:, None] * (s + 1) + sites).cos() for s in range(3)], -1)


def bound_by_orders(model, row, mask):
    """The mean over all orders of Σ log p(next letter | letters before it): the definition."""
    total, orders = 0.0, list(itertools.permutations(range(len(row))))
    for order in orders:
        state = torch.full_like(row, mask)
        for site in order:
            total += float(model(state[None], 0.0)[0, site].log_softmax(-1)[row[site]])
            state[site] = row[site]
    return total / len(orders)


def test_the_likelihood_is_the_mean_over_all_orders():
    row = torch.tensor([2, 0, 1, 1])
    estimates = likelihood(any_model, row.expand(20_000, 4), 3, rounds=4)
    error = float(estimates.std()) / len(estimates) ** 0.5
    # Five standard errors: a right estimate fails once in two million seeds, and the seed is fixed.
    assert abs(float(estimates.mean()) - bound_by_orders(any_model, row, 3)) < 5 * error
    assert error < 0.01


def test_fewer_rounds_mean_the_same():
    row = torch.tensor([2, 0, 1, 1])
    estimates = likelihood(any_model, row.expand(20_000, 4), 3, rounds=1)
    error = float(estimates.std()) / len(estimates) ** 0.5
    assert abs(float(estimates.mean()) - bound_by_orders(any_model, row, 3)) < 5 * error


def test_an_estimate_that_counts_a_number_of_masks_too_often_is_found(monkeypatch):
    """Planted: one masked site is never asked for."""
    honest = denoising._nats
    monkeypatch.setattr(
        denoising, "_nats", lambda m, r, k, hidden, s: honest(m, r, k, hidden.clamp(min=2), s)
    )
    row = torch.tensor([2, 0, 1, 1])
    estimates = likelihood(any_model, row.expand(20_000, 4), 3, rounds=4)
    error = float(estimates.std()) / len(estimates) ** 0.5
    assert abs(float(estimates.mean()) - bound_by_orders(any_model, row, 3)) > 5 * error


def test_likelihood_of_nan_logits_is_nan():
    broken = likelihood(lambda x, t: torch.full((*x.shape, 3), torch.nan), torch.zeros(2, 4).long())
    assert broken.isnan().all()


def test_a_masked_site_between_open_ones_is_known_after_training(rows):
    net, losses = pretrain(rows, 3, steps=200, batch=32, channels=16, progress=False)
    state = rows[:3].clone()
    state[:, 5] = 3
    assert net(state)[:, 5].argmax(-1).tolist() == rows[:3, 5].tolist()
    assert sum(losses[-20:]) < sum(losses[:20]) / 2
    # Which of three rows it is costs log 3 in all; a model of lone letters pays that at every site.
    assert float(likelihood(net, rows[:60], 3).mean()) > -3 * torch.tensor(3.0).log()


def test_same_seed_same_weights_another_seed_others(rows):
    first, second, third = (pretrain(rows, 3, seed=seed, **QUICK)[0] for seed in (1, 1, 2))
    state = rows[:2]
    assert torch.equal(first(state), second(state))
    assert not torch.equal(first(state), third(state))


def test_training_leaves_the_callers_generator_alone(rows):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    pretrain(rows, 3, **QUICK)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "steps: 0 is given, but at least 1 is needed"),
        ({"batch": 0}, "batch: 0 is given"),
        ({"rate": 0.0}, "rate: 0.0 is given, but a number above 0 is needed"),
        ({"rate": float("nan")}, "rate: nan is given"),
        ({"seed": -1}, "seed: -1 is given"),
    ],
)
def test_settings_that_are_not_allowed(rows, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        pretrain(rows, 3, **{**QUICK, **change})


@pytest.mark.parametrize(
    "wrong", [torch.full((2, 4), 3), torch.full((2, 4), -1), torch.zeros(0, 4)]
)
def test_rows_that_are_not_letters(wrong):
    with pytest.raises(ValueError, match=r"rows: shape .* letters 0 to 2"):
        pretrain(wrong.long(), 3, **QUICK)
