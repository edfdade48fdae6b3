"""Draws: counted against the law, with named wrong samplers that the count must refuse.

Were the seeds fresh, a right sampler would fail any of these chi-square tests with a probability of
at most 10^-6; every wrong sampler named here is refused.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from softbook.kernels.jump import cpu, jump, ops, random

PRIORS = pytest.mark.parametrize("prior", ["masked", "uniform"])
SIZES = {60: 40_000, 1300: 20_000, 4096: 10_000}


def counted(trial, prior, vocabulary, sampler=jump, **case):
    """Return the p-value of draws on one row's logits, and the case."""
    made = trial.make_case(vocabulary, prior=prior, **case)
    return trial.p_value(made.drawn(sampler, SIZES[vocabulary], seed=1), made.law())


@PRIORS
@pytest.mark.parametrize("vocabulary", SIZES)
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_tokens_come_as_often_as_they_should(trial, prior, vocabulary, spread):
    """A flat posterior, and a heavy one; vocabularies below, beyond and at whole tiles."""
    assert counted(trial, prior, vocabulary, spread=spread) > trial.ALARM


@pytest.mark.parametrize("prior", ["masked", "uniform"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_too(trial, prior, dtype):
    case = trial.make_case(1300, prior=prior)
    case = case._replace(logits=case.logits.to(dtype))
    assert trial.p_value(case.drawn(jump, 20_000, seed=2), case.law()) > trial.ALARM


def test_a_token_beyond_the_vocabulary_leaves_and_never_returns(trial):
    """The uniform prior's noise that no datum uses."""
    case = trial.make_case(60, token=75, prior="uniform")
    drawn = case.drawn(jump, 40_000, seed=3)
    assert trial.p_value(drawn, case.law()) > trial.ALARM
    assert set(drawn[drawn >= 60].tolist()) == {75}


@PRIORS
def test_the_reference_draws_by_the_law(trial, prior):
    case = trial.make_case(600, prior=prior)
    drawn = case.drawn(jump, 5000, seed=1, backend="reference")
    assert trial.p_value(drawn, case.law()) > trial.ALARM


def test_a_large_vocabulary(trial):
    """131,071 tokens: not a multiple of the tile. Rare tokens share cells."""
    case = trial.make_case(131071, spread=3.0)
    assert trial.p_value(case.drawn(jump, 2000, seed=4), case.law()) > trial.ALARM


def test_rows_seeds_and_offsets_are_independent(trial):
    """Pairs of draws against the product of their laws."""
    case = trial.make_case(4, stay_probability=0.2)
    pairs = torch.as_tensor(case.law()).outer(torch.as_tensor(case.law())).flatten().numpy()
    one = case.drawn(jump, 20_000, seed=5)
    others = {
        "the next row": (one[0::2], one[1::2]),
        "another seed": (one, case.drawn(jump, 20_000, seed=6)),
        "a seed of the same low bits": (one, case.drawn(jump, 20_000, seed=5 + 2**32)),
        "the next step": (one, case.drawn(jump, 20_000, seed=5, offset=20_000)),
        "an offset of the same low bits": (one, case.drawn(jump, 20_000, seed=5, offset=2**32)),
    }
    for first, second in others.values():
        assert trial.p_value(5 * first + second, pairs) > trial.ALARM
    assert trial.p_value(5 * one + case.drawn(jump, 20_000, seed=5), pairs) < 1e-100


def words_with(fault):
    """Return the random words of a sampler with a fault in them."""

    return lambda *x: fault(random.words(*x), x[-1])


def same_noise(seed, rows, first, count, purpose):
    return random.words(seed, rows, 0, count, random.TILES)


def no_noise_for(silent):
    return lambda made, purpose: torch.full_like(made, 2**31) if purpose == silent else made


def coarse(made, purpose):
    return made if purpose == random.COIN else made >> 29 << 29


def with_sums(wrong):
    return lambda logits, part, peaks, sums, *x: draw(logits, part, peaks, wrong(sums), *x)


draw = cpu._draw
chances = ops.chances
WRONG = {
    "rate: the step itself, not step / (1 - t)": (
        ops,
        "chances",
        lambda stay, step, time, *x: chances(1 - step, None, None, *x),
    ),
    "rate: exponential, 1 - exp(-step / (1 - t))": (
        ops,
        "chances",
        lambda stay, step, time, *x: chances(2.718281828 ** (-step / (1 - time)), None, None, *x),
    ),
    "rate: step / t": (
        ops,
        "chances",
        lambda stay, step, time, *x: chances(1 - step / time, None, None, *x),
    ),
    "draw: the likeliest token": (cpu, "words", words_with(no_noise_for(random.TOKENS))),
    "draw: random numbers of three bits": (cpu, "words", words_with(coarse)),
    "draw: noise of a normal law": (
        cpu,
        "gumbel",
        lambda words, dtype: 1.28 * torch.special.ndtri(random.uniform(words, dtype)),
    ),
    "draw: a temperature of 1.2": (cpu, "gumbel", lambda *x: 1.2 * random.gumbel(*x)),
}
WRONG_TILES = {
    "the one of the largest sum": ("words", words_with(no_noise_for(random.TILES))),
    "by its largest logit": ("_draw", with_sums(torch.ones_like)),
    "without its largest logit": ("_draw", lambda x, part, peaks, *y: draw(x, part, 0 * peaks, *y)),
    "by noise that its tokens share": ("words", same_noise),
}


@PRIORS
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_samplers_are_refused(trial, monkeypatch, prior, wrong):
    assert counted(trial, prior, 60) > trial.ALARM
    monkeypatch.setattr(*WRONG[wrong])
    assert counted(trial, prior, 60) < trial.ALARM


@PRIORS
@pytest.mark.parametrize("wrong", WRONG_TILES)
def test_wrong_tiles_are_refused(trial, monkeypatch, prior, wrong):
    """Three tiles, each with one likely token."""
    case = trial.make_case(1300, prior=prior, spread=0.0, stay_probability=0.1)
    case.logits[[0, 513, 1026]] = torch.tensor([4.0, 3.0, 5.0])
    assert trial.p_value(case.drawn(jump, 10_000, seed=1), case.law()) > trial.ALARM
    monkeypatch.setattr(cpu, *WRONG_TILES[wrong])
    assert trial.p_value(case.drawn(jump, 10_000, seed=1), case.law()) < trial.ALARM


@PRIORS
def test_the_power_of_the_count(trial, prior):
    """Wrong laws that can be written down are refused with a probability of 0.999 or more."""
    case = trial.make_case(60, prior=prior)
    right = case.law()

    def other(jump=0.2 / 0.7, logits=case.logits):
        settings = {"prior": prior, "stay_probability": 1 - jump}
        return trial.Case(logits, case.token, settings).law()

    laws = [
        other(0.2),
        other(1 - math.exp(-0.2 / 0.7)),
        other(2 / 3),
        other(logits=case.logits / 1.2),
    ]
    if prior == "uniform":
        barred = case.logits.clone()
        barred[case.token] = -torch.inf
        laws.append(other(logits=barred))
    assert trial.power(right, other(), SIZES[60]) < 2 * trial.ALARM
    assert min(trial.power(right, law, SIZES[60]) for law in laws) > 0.999


def never_the_current(logits, tokens, **settings):
    """The jump excludes the current token: it forgets that a draw may leave a site where it was."""
    barred = logits.scatter(1, tokens[:, None], -torch.inf)
    return jump(barred, tokens, **settings)


def always_from_the_posterior(logits, tokens, **settings):
    """Forgets to stay at all."""
    return jump(logits, tokens, **settings | {"step": 0.7})


def a_token_on(logits, tokens, **settings):
    """Puts every draw one place further."""
    after, log_p = jump(logits, tokens, **settings)
    return torch.where(after < logits.shape[1], (after + 1) % logits.shape[1], after), log_p


@pytest.mark.parametrize("wrong", [never_the_current, always_from_the_posterior, a_token_on])
def test_samplers_that_forget_are_refused(trial, wrong):
    assert counted(trial, "uniform", 60) > trial.ALARM
    assert counted(trial, "uniform", 60, wrong) < trial.ALARM


@PRIORS
@pytest.mark.parametrize("vocabulary", [3, 511, 513, 2000])
def test_a_token_of_probability_zero_is_never_drawn(prior, vocabulary):
    """Each row allows few tokens, some in the last tile, some of a very small probability."""
    count = 2000
    logits = torch.full((count, vocabulary), -torch.inf)
    allowed = torch.randint(0, vocabulary, (count, 3))
    allowed[:, 2] = vocabulary - 1
    logits.scatter_(1, allowed, torch.tensor([-80.0, 0.0, -5.0]).expand(count, -1))
    tokens = torch.where(
        torch.rand(count) < 0.5, vocabulary, torch.randint(0, vocabulary, (count,))
    )
    after, log_p = jump(logits, tokens, 0.1, prior=prior, seed=7)
    moved = after != tokens
    assert logits[moved].gather(1, after[moved, None]).isfinite().all()
    assert log_p.isfinite().all()
    if prior == "masked":
        assert torch.equal(after[tokens < vocabulary], tokens[tokens < vocabulary])
    assert 0.1 < moved.double().mean() < 0.95


def test_the_seed_decides_and_tilings_do_not(monkeypatch):
    """Rows alone, in parts, in blocks of any size, on more threads, in other orders of memory."""
    logits, tokens = torch.randn(90, 1700), torch.randint(0, 1701, (90,))
    wanted = jump(logits, tokens, 0.3, prior="uniform", seed=8, offset=100)
    for size in (1, 7, 89):
        for low in range(0, 90, size):
            part = slice(low, low + size)
            again = jump(logits[part], tokens[part], 0.3, prior="uniform", seed=8, offset=100 + low)
            assert all(torch.equal(a, b[part]) for a, b in zip(again, wanted, strict=True))
    turned = logits.t().contiguous().t(), torch.cat([logits, logits], 1)[:, :1700]
    for same in turned:
        again = jump(same, tokens, 0.3, prior="uniform", seed=8, offset=100)
        assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))
    for block in (1, 1000, 2000, 2**14, 2**22):
        monkeypatch.setattr(cpu, "BLOCK", block)
        again = jump(logits, tokens, 0.3, prior="uniform", seed=8, offset=100)
        assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))
    torch.set_num_threads(2)
    again = jump(logits, tokens, 0.3, prior="uniform", seed=8, offset=100)
    torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))
    other = jump(logits, tokens, 0.3, prior="uniform", seed=9, offset=100)
    assert not torch.equal(other[0], wanted[0])


@pytest.mark.parametrize("vocabulary", [30, 1300, 40_000])
def test_float32_draws_what_float64_draws(vocabulary):
    """All but one draw in 10^5 at most: where two candidates tie within rounding."""
    rows = 2**21 // vocabulary + 500
    logits = 2 * torch.randn(vocabulary).expand(rows, -1)
    tokens = torch.full((rows,), vocabulary)
    found = jump(logits, tokens, 0.0, seed=10)[0]
    wanted = jump(logits.double(), tokens, 0.0, seed=10)[0]
    assert (found != wanted).sum() <= 1


@PRIORS
def test_the_reference_draws_the_same(prior):
    logits, tokens = torch.randn(300, 1300).double(), torch.randint(0, 1301, (300,))
    one, two = (
        jump(logits, tokens, 0.3, prior=prior, seed=11, backend=backend)
        for backend in ("cpu", "reference")
    )
    assert torch.equal(one[0], two[0])
    torch.testing.assert_close(one[1], two[1], rtol=1e-12, atol=1e-12)


@PRIORS
def test_poisoned_memory_is_never_read(prior, poisoned):
    logits, tokens = torch.randn(40, 1300), torch.randint(0, 1301, (40,))
    after, log_p = jump(logits, tokens, 0.3, prior=prior, seed=12)
    assert ((after >= 0) & (after <= 1300)).all()
    torch.use_deterministic_algorithms(False)
    again = jump(logits, tokens, 0.3, prior=prior, seed=12)
    assert torch.equal(after, again[0])
    assert torch.equal(log_p, again[1])


def test_steps_to_the_end_leave_no_mask_and_the_posterior():
    """Eight steps of a fixed posterior draw from it: masks open at the right times in all."""
    logits = torch.tensor([0.0, 1.0, 2.0]).expand(30_000, -1)
    tokens, masks = torch.full((30_000,), 3), []
    for k in range(8):
        tokens, _ = jump(logits, tokens, step=1 / 8, time=k / 8, seed=13, offset=30_000 * k)
        masks.append((tokens == 3).double().mean().item())
    assert masks[-1] == 0
    assert masks == pytest.approx([1 - k / 8 for k in range(1, 9)], abs=0.02)
    shares = torch.bincount(tokens) / 30_000
    torch.testing.assert_close(shares, logits[0].softmax(0), rtol=0, atol=0.02)


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that is made, views of the logits left out."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.numbers = logits.untyped_storage().data_ptr(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, torch.Tensor) and (one.untyped_storage().data_ptr() != self.logits):
                self.numbers = max(self.numbers, one.untyped_storage().nbytes() // 4)
        return made


@PRIORS
def test_no_table_of_probabilities_is_made(prior):
    """Nothing that is made for 100 x 40,000 logits is larger than three blocks."""
    logits, tokens = torch.randn(100, 40_000), torch.full((100,), 40_000)
    with Largest(logits) as plain:
        logits.softmax(-1)
    assert plain.numbers == logits.numel()
    mask = 40_000 if prior == "masked" else -1
    with Largest(logits) as largest:
        after, _ = cpu.jump(logits, tokens, *torch.tensor([[0.1], [0.9]]), mask, 1, 0)
        cpu.log_prob(logits, tokens, after, *torch.tensor([[0.1], [0.9]]), mask)
    assert cpu.BLOCK <= largest.numbers <= 3 * cpu.BLOCK < logits.numel() / 4
