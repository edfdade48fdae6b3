"""The small samplers of the figures: a run that can be followed, exact deviations, old data."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from softbook.domino.experiment import toy
from softbook.domino.experiment.toy import (
    BASELINES,
    alike,
    chain,
    deviation,
    estimates,
    judge,
    reuse,
)
from softbook.domino.model.exact import exact_return

MANY = 300


def errors(runs: int, baseline: str, added: float) -> np.ndarray:
    """Squared relative errors of simulated estimates, one a seed."""
    length = toy.wanted().norm()
    found = [estimates(runs, baseline, added, seed) - toy.wanted() for seed in range(MANY)]
    return np.array([float((one.norm() / length) ** 2) for one in found])


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(("runs", "added"), [(2, 0.0), (8, 0.0), (32, 3.0)])
def test_simulated_errors_have_the_exact_deviation(baseline, runs, added):
    found = errors(runs, baseline, added)
    error = found.std() / math.sqrt(MANY)
    # Within 4.5 standard errors: wrongly red once in a hundred thousand.
    assert abs(found.mean() - deviation(runs, baseline, added) ** 2) < 4.5 * error


def test_a_deviation_without_the_pairs_is_noticed(monkeypatch):
    """The planted fault: the U-statistic's variance taken for that of a mean of its projections."""
    whole = toy._variances
    monkeypatch.setattr(
        toy, "_variances", lambda added: (whole(added)[0], (whole(added)[1][0], 0.0))
    )
    with pytest.raises(AssertionError):
        test_simulated_errors_have_the_exact_deviation(BASELINES[1], 2, 0.0)


def test_a_constant_leaves_the_baselined_estimate_alone():
    one, two = (estimates(16, BASELINES[1], added, 3) for added in (0.0, 10.0))
    assert torch.allclose(one, two, atol=1e-12, rtol=0)
    assert deviation(16, BASELINES[0], 10.0) > 3 * deviation(16, BASELINES[0], 0.0)


def test_a_run_is_consistent():
    for seed in range(20):
        run = chain(3, 4, 5, beta=0.5, seed=seed)
        assert run.states[0].tolist() == [3] * 4
        assert run.reward == float(alike(run.states[-1:])[0])
        total = 0.0
        for k in range(5):
            before, after = run.states[k], run.states[k + 1]
            moved = before != after
            assert bool((before[moved] == 3).all())
            log = run.chances[k][moved, after[moved]].log().sum()
            assert float(run.logs[k]) == pytest.approx(float(log), abs=1e-12)
            total += float(run.logs[k])
        assert total <= 0
    assert not bool((run.states[-1] == 3).any())


def test_a_steered_run_is_more_alike():
    def mean(beta: float) -> float:
        return float(np.mean([chain(3, 5, 6, beta=beta, seed=s).reward for s in range(100)]))

    # Evenly drawn, 4/3 neighbours are alike in the mean, with deviation below 1 a run.
    assert mean(0.4) > 4 / 3 + 0.5
    assert abs(mean(math.inf) - 4 / 3) < 0.5


def test_reuse_begins_at_the_exact_return_and_with_ratio_one():
    found = reuse(16, 5, clip=0.2, noise=1.0)
    assert found[0, 0] == pytest.approx(
        float(exact_return(toy._start(3).logits.detach(), judge(), 4)), abs=1e-12
    )
    assert found[1, 0] == pytest.approx(0.0, abs=1e-12)
    assert found[2, 0] == pytest.approx(1.0, abs=1e-12)


def test_the_clip_bounds_what_is_believed():
    for seed in range(4):
        free = reuse(8, 40, clip=math.inf, noise=2.0, seed=seed)
        held = reuse(8, 40, clip=0.2, noise=2.0, seed=seed)
        assert free[1, -1] > 3 * held[1, -1]
        assert free[2].max() > held[2].max()
