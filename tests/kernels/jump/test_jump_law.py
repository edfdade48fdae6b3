"""The law of one jump: by hand, by sums, in every corner, its logarithm and its gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.kernels.jump import cpu, jump, log_prob, reference, transition

PRIORS = pytest.mark.parametrize("prior", ["masked", "uniform"])


def by_hand(logits, before, after, stay, prior, mask):
    """The sentences of the docstring, one token at a time."""
    weights = [math.exp(x - max(logits)) for x in logits]
    p = [w / sum(weights) for w in weights]
    chance = p[after] if after < len(p) else 0.0
    if prior == "masked":
        if before != mask:
            return float(after == before)
        return stay if after == mask else (1 - stay) * chance
    return stay * (after == before) + (1 - stay) * chance


@given(
    logits=st.lists(st.floats(-30, 30), min_size=1, max_size=5),
    stay=st.sampled_from([0.0, 1e-9, 0.3, 1.0]),
    prior=st.sampled_from(["masked", "uniform"]),
    extra=st.integers(0, 2),
)
def test_every_entry_by_hand(logits, stay, prior, extra):
    size = len(logits)
    settings = {"prior": prior, "mask": size + extra if prior == "masked" else None}
    x = torch.tensor(logits, dtype=torch.float64)
    for before in range(size + 3):
        for after in range(size + 3):
            wanted = by_hand(logits, before, after, stay, prior, size + extra)
            pair = torch.tensor(before), torch.tensor(after)
            for backend in ("cpu", "reference"):
                found = log_prob(x, *pair, stay, **settings, backend=backend).exp().item()
                assert found == pytest.approx(wanted, rel=1e-12, abs=1e-300)


@PRIORS
@pytest.mark.parametrize(("time", "step"), [(0.0, 0.25), (0.3, 0.1), (0.9, 0.0999)])
def test_the_law_is_that_of_the_rates(prior, time, step):
    """exp of the generator's integral over the step: the integral of 1 / (1 - s) is a logarithm."""
    p = torch.randn(6, dtype=torch.float64).softmax(0).numpy()
    size = 7 if prior == "masked" else 6
    generator = np.zeros((size, size))
    rows = slice(6, 7) if prior == "masked" else slice(None)
    generator[rows, :6] = p
    generator[rows] -= np.eye(size)[rows]
    wanted = scipy.linalg.expm(generator * math.log((1 - time) / (1 - time - step)))
    states = torch.arange(size)
    pairs = states.repeat_interleave(size), states.repeat(size)
    found = log_prob(
        torch.as_tensor(p).log().expand(size**2, -1), *pairs, step=step, time=time, prior=prior
    )
    np.testing.assert_allclose(found.exp().view(size, size), wanted, rtol=0, atol=1e-12)


def tokens_or_mask(count, vocabulary):
    """Return tokens, half of them the mask."""
    tokens = torch.randint(0, vocabulary, (count,))
    return tokens.where(torch.rand(count) < 0.5, torch.tensor(vocabulary))


@PRIORS
def test_a_law_sums_to_one(prior):
    logits = 5 * torch.randn(40, 30, dtype=torch.float64)
    tokens, stay = torch.randint(0, 31, (40,)), torch.rand(40, dtype=torch.float64)
    made = reference.law(logits, tokens, stay, 1 - stay, 30 if prior == "masked" else -1)
    torch.testing.assert_close(made.sum(1), torch.ones(40, dtype=torch.float64), rtol=0, atol=1e-14)


@PRIORS
@pytest.mark.parametrize("vocabulary", [1, 2, 511, 512, 513, 3000])
def test_the_logarithm_in_float32(prior, vocabulary):
    """Within 4 units of float32 of the logarithm itself, or of 1 where it is small."""
    logits = 4 * torch.randn(50, vocabulary)
    before = tokens_or_mask(50, vocabulary)
    after = torch.where(torch.rand(50) < 0.3, before, tokens_or_mask(50, vocabulary))
    found = log_prob(logits, before, after, 0.3, prior=prior)
    wanted = log_prob(logits, before, after, 0.3, prior=prior, backend="reference").double()
    possible = wanted.isfinite()
    assert torch.equal(possible, found.isfinite())
    error = (found.double() - wanted).abs()[possible] / wanted[possible].abs().clamp(min=1)
    assert (error < 4 * torch.finfo(torch.float32).eps).all()


@PRIORS
@pytest.mark.parametrize("level", [0.0, -9e4, 9e4])
@pytest.mark.parametrize("stay", [0.0, 1e-8, 0.4, 1 - 1e-7])
def test_all_mass_on_the_current_token_is_certain(prior, level, stay):
    logits = torch.full((3, 700), -torch.inf)
    logits[:, 600] = level
    tokens = torch.full((3,), 600)
    after, log_p = jump(logits, tokens, stay, prior=prior, seed=0)
    assert torch.equal(after, tokens)
    assert log_p.tolist() == [0.0] * 3


def test_all_mass_on_one_token_opens_the_mask_with_the_coin_s_probability():
    logits = torch.full((1000, 700), -torch.inf)
    logits[:, 600] = -1e4
    after, log_p = jump(logits, torch.full((1000,), 700), 0.4, seed=0)
    assert set(after.tolist()) == {600, 700}
    wanted = torch.where(after == 600, math.log(0.6), math.log(0.4))
    torch.testing.assert_close(log_p, wanted.float())


@PRIORS
def test_a_jump_returns_the_logarithm_of_its_token(prior):
    logits = torch.randn(20, 15, 800)
    tokens = tokens_or_mask(300, 800).view(20, 15)
    stay = torch.rand(20, 1)
    after, log_p = jump(logits, tokens, stay, prior=prior, seed=1)
    assert log_p.isfinite().all()
    assert (log_p <= 0).all()
    assert torch.equal(log_p, log_prob(logits, tokens, after, stay, prior=prior))


def test_a_large_common_level_loses_no_digit():
    """Logits near 10^4 have steps of 10^-3 in float32, differences of logits do not."""
    levels = torch.tensor([0.0, 1.0, 2.5]).repeat(10, 300)
    mask, first = torch.full((10,), 900), torch.zeros(10, dtype=torch.int64)
    one, two = (log_prob(levels + shift, mask, first, 0.0) for shift in (0.0, 8192.0))
    torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)


@PRIORS
@pytest.mark.parametrize("vocabulary", [2, 600])
def test_the_gradient_is_the_definition_s(prior, vocabulary):
    logits = torch.randn(30, vocabulary, dtype=torch.float64)
    before = tokens_or_mask(30, vocabulary)
    after = torch.where(torch.rand(30) < 0.4, before, torch.randint(0, vocabulary, (30,)))
    stay = torch.rand(30, dtype=torch.float64)
    grads = []
    for backend in ("cpu", "reference"):
        leaf = logits.clone().requires_grad_()
        made = log_prob(leaf, before, after, stay, prior=prior, backend=backend)
        grads += torch.autograd.grad(made[made.isfinite()].sum(), leaf)
    torch.testing.assert_close(*grads, rtol=1e-10, atol=1e-12)


def test_numerical_derivatives():
    logits = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)
    before, after = torch.tensor([0, 1, 2, 5]), torch.tensor([0, 3, 2, 5])

    def run(x):
        return log_prob(x, before, after, 0.4, prior="uniform")

    assert torch.autograd.gradcheck(run, logits)


@pytest.mark.parametrize(
    ("place", "name", "fault"),
    [
        (
            cpu,
            "log_transition",
            lambda b, a, p, s, j, m: transition.log_transition(b, a, p, j, s, m),
        ),
        (cpu, "log_transition", lambda b, a, p, s, j, m: j.log() + p),
        (cpu, "needs_logits", lambda *x: transition.needs_logits(*x) & False),
        (cpu, "_whole", lambda peaks, sums, part: (peaks.amax(1), sums.sum(1))),
    ],
    ids=["stay and jump swapped", "no chance to stay", "rows not read", "peaks not taken off"],
)
@PRIORS
def test_planted_faults_are_seen(monkeypatch, prior, place, name, fault):
    monkeypatch.setattr(place, name, fault)
    with pytest.raises(AssertionError):
        test_the_logarithm_in_float32(prior, 3000)
