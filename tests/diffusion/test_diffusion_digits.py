"""Digits, samplers from shared random numbers, and statistics: each against what it must be."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import binom
from sklearn.datasets import load_digits

from softbook.diffusion.experiment import sampling, statistics
from softbook.diffusion.experiment.digits import coarse, pixels
from softbook.diffusion.experiment.parts import picture, table, text
from softbook.diffusion.experiment.sampling import _turns, noise, sample
from softbook.diffusion.experiment.statistics import nearest, of_mean, of_share, pair_error
from softbook.diffusion.experiment.training import Denoiser
from softbook.diffusion.model.distances import total_variation
from softbook.diffusion.model.samplers import continuous_law, masked_sampler_law
from softbook.diffusion.theory import parallel_unmasking_bound

RUNS = 40_000


@dataclass
class Known:
    """A denoiser that is not trained, with steep logits, as a model and as conditionals."""

    sites: int = 3
    tokens: int = 2

    def __post_init__(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = Denoiser(self.sites, self.tokens, 8)
        with torch.no_grad():
            for value in self.net.parameters():
                value *= 4

    def conditionals(self, tokens, time):
        with torch.no_grad():
            return self.net(torch.from_numpy(tokens)).double().softmax(-1).numpy()

    def law(self, steps, runs=RUNS):
        return table(sample(self.net, *noise(runs, self.sites, 5), steps), self.tokens)


def likely(states: int, runs: int = RUNS) -> float:
    """The most that the law of iid samples is away from theirs: wrong once in 10^6 (bounded differences)."""
    return math.sqrt(states / (4 * runs)) + math.sqrt(math.log(1e6) / (2 * runs))


def test_pixels_are_the_digits_cut_at_half_always_in_the_same_order():
    rows, held_out = pixels()
    given = {(image >= 8).tobytes() for image in load_digits().images}
    both = torch.cat([rows, held_out])
    assert len(both) == 1797
    assert {row.numpy().astype(bool).tobytes() for row in both} == given
    assert pixels()[1].equal(held_out)
    counts = np.sort((load_digits().images >= 8).reshape(1797, -1).sum(1))
    assert np.array_equal(np.sort(both.sum(1).numpy()), counts)


def test_quadrants_show_each_shade_and_keep_their_place():
    rows = coarse()
    assert rows.unique().tolist() == [0, 1, 2]
    assert min(torch.bincount(rows.flatten()) / rows.numel()) > 0.3
    # The upper left quadrant of a shuffled image is darker the more ink it has.
    ink = torch.cat(pixels()).view(-1, 8, 8)[:, :4, :4].sum((1, 2)).double()
    means = [ink[rows[:, 0] == shade].mean() for shade in range(3)]
    assert means[0] < means[1] < means[2]
    assert table(rows, 3).sum() == pytest.approx(1)


def test_pictures_survive_their_words():
    for row in pixels()[0][:50]:
        assert np.array_equal(picture(text(row)).ravel(), row.numpy())


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 50])
def test_turns_number_the_cells_that_hold_a_time(steps):
    times, _ = noise(60, 5, 3)
    turns = _turns(times, steps)
    for row, found in zip(times.tolist(), turns.tolist(), strict=True):
        cells = [math.floor(time * steps) for time in row]
        order = sorted(set(cells))
        assert found == [order.index(cell) for cell in cells]
    assert torch.equal(_turns(times, None), times.argsort(1).argsort(1))


@pytest.mark.parametrize("tokens", [2, 3])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_samples_follow_the_samplers_law(steps, tokens):
    known = Known(tokens=tokens)
    flat = np.full((tokens,) * 3, tokens**-3.0)
    exact = masked_sampler_law(flat, steps, conditionals=known.conditionals)
    assert total_variation(known.law(steps), exact) < likely(tokens**3)


def test_one_at_a_time_follows_the_continuous_law():
    known = Known()
    exact = continuous_law(np.full((2,) * 3, 1 / 8), conditionals=known.conditionals)
    assert total_variation(known.law(None), exact) < likely(8)
    # The test has power: one step is another law.
    assert total_variation(known.law(1), exact) > 2 * likely(8)


def test_planted_fault_draws_that_are_shared_by_the_sites_are_seen():
    known, (times, draws) = Known(), noise(RUNS, 3, 5)
    exact = masked_sampler_law(np.full((2,) * 3, 1 / 8), 2, conditionals=known.conditionals)
    fault = table(sample(known.net, times, draws[:, :1].expand(-1, 3), 2), 2)
    assert total_variation(fault, exact) > 2 * likely(8)


@pytest.mark.parametrize("steps", [2, 8, 64])
def test_coupled_runs_differ_between_the_distance_and_the_bound(steps):
    known, numbers = Known(), noise(RUNS, 3, 5)
    same = (sample(known.net, *numbers, steps) == sample(known.net, *numbers)).all(1)
    differ = 1 - float(same.double().mean())
    slack = math.sqrt(math.log(1e6) / (2 * RUNS))
    assert differ <= parallel_unmasking_bound(3, steps, form="birthday") + slack
    flat = np.full((2,) * 3, 1 / 8)
    laws = [
        masked_sampler_law(flat, steps, conditionals=known.conditionals),
        continuous_law(flat, conditionals=known.conditionals),
    ]
    assert total_variation(*laws) <= differ + slack


def test_planted_fault_runs_that_are_not_coupled_break_the_bound():
    known, (times, draws), (_, others) = Known(), noise(RUNS, 3, 5), noise(RUNS, 3, 6)
    alone = sample(known.net, times, draws)
    for fault in ((times, others), (times.flip(1), draws)):
        differ = float((sample(known.net, *fault, 64) != alone).any(1).double().mean())
        slack = math.sqrt(math.log(1e6) / (2 * RUNS))
        assert differ > parallel_unmasking_bound(3, 64, form="birthday") + slack


def test_the_error_of_pairs_is_unbiased_where_the_plain_one_is_not():
    rng = torch.Generator().manual_seed(1)
    squares, plain = [], []
    for _ in range(300):
        x, y = (torch.rand(size, 6, generator=rng) < 0.4 for size in (80, 60))
        x, y = x.double(), y.double()
        squares.append(statistics._squared(x.T @ x, 80, y.T @ y, 60))
        first, second = torch.triu_indices(6, 6, 1)
        gap = (x.T @ x / 80 - y.T @ y / 60)[first, second]
        plain.append(float((gap**2).mean()))
    mean, spread = np.mean(squares), np.std(squares) / math.sqrt(300)
    assert abs(mean) < 4.9 * spread
    assert np.mean(plain) > 4.9 * spread  # without the correction the test fails


def test_the_interval_of_pairs_covers():
    rng, covered, truth = torch.Generator().manual_seed(2), 0, 0.6**2 - 0.4**2
    for _ in range(200):
        x = (torch.rand(300, 6, generator=rng) < 0.6).long()
        y = (torch.rand(300, 6, generator=rng) < 0.4).long()
        _, low, high = pair_error(x, y)
        covered += low <= truth <= high
    # What a right interval of 95 % falls below once in 10^4.
    assert covered >= binom.ppf(1e-4, 200, 0.95)


def test_nearest_is_the_least_of_all_distances():
    x, y = noise(9, 5, 1)[0].round().long(), noise(7, 5, 2)[0].round().long()
    least = [min(int((a != b).sum()) for b in y) for a in x]
    assert nearest(x, y).tolist() == least


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (3, 40), (2000, 4000)])
def test_ends_of_a_share_leave_their_tails(successes, trials):
    value, low, high = of_share(successes, trials)
    assert value == successes / trials
    if successes:
        assert binom.sf(successes - 1, trials, low) == pytest.approx(0.025)
    if successes < trials:
        assert binom.cdf(successes, trials, high) == pytest.approx(0.025)
    assert 0 <= low <= value <= high <= 1


def test_the_interval_of_a_mean_is_normal():
    value, low, high = of_mean(torch.tensor([0.0, 2.0, 0.0, 2.0]))
    spread = math.sqrt(4 / 3) / 2
    assert [value, value - low, high - value] == pytest.approx(
        [1, 1.96 * spread, 1.96 * spread], 1e-3
    )


def test_wrong_arguments_are_named():
    model = Known().net
    for call, words in (
        (lambda: sample(model, *noise(2, 3), steps=0), "steps: 0 is given"),
        (lambda: sample(model, *noise(2, 4)), r"times, draws: shapes \(2, 4\)"),
        (lambda: noise(0, 3), "rows: 0 is given"),
        (lambda: pair_error(torch.zeros(60, 2).long(), torch.zeros(9, 2).long()), "60 and 9 rows"),
        (lambda: of_share(1, 0), "trials: 0 is given"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_every_k_makes_at_most_d_calls(monkeypatch):
    known, calls = Known(), []
    forward = known.net.forward
    monkeypatch.setattr(known.net, "forward", lambda x, t=0.0: calls.append(len(x)) or forward(x))
    for steps, most in itertools.product((1, 2, 4096, None), [3]):
        calls.clear()
        sampling.sample(known.net, *noise(10, 3), steps)
        assert len(calls) <= min(most, steps or most)
