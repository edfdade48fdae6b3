"""Trajectories are what they say: states, coins, seeds, and sentences."""

from __future__ import annotations

import pytest
import torch

from softbook.domino import rollout


def even(tokens, t):
    return torch.zeros(*tokens.shape, 3)


def test_sites_open_once_and_stay():
    drawn = rollout(even, 200, sites=5, tokens=3, steps=4, seed=0, grid=[0, 0.1, 0.3, 0.8, 1])
    assert drawn.state(0).eq(3).all()
    assert drawn.state(4).equal(drawn.final)
    assert drawn.final.max() < 3
    for k in range(4):
        before, after = drawn.state(k), drawn.state(k + 1)
        assert after[before < 3].equal(before[before < 3])
        assert (before != after).equal(drawn.opened == k)
    # 1000 sites: shares of the steps are the grid's, within 4 standard deviations.
    shares = drawn.opened.flatten().bincount(minlength=4) / 1000
    wanted = torch.tensor([0.1, 0.2, 0.5, 0.2])
    assert ((shares - wanted).abs() < 4 * (wanted * (1 - wanted) / 1000).sqrt()).all()
    assert drawn.coin(3) == 1


def test_uniform_states_seeds_and_rows():
    first, again, other = (
        rollout(even, 6, sites=5, tokens=3, steps=4, seed=seed, prior="uniform")
        for seed in (0, 0, 1)
    )
    assert first.states.equal(again.states)
    assert not first.states.equal(other.states)
    assert first.states.shape == (5, 6, 5)
    assert first.state(4).equal(first.final)
    assert first.rows([4, 1]).state(2).equal(first.state(2)[[4, 1]])
    masked = rollout(even, 6, sites=5, tokens=3, steps=4, seed=0)
    assert masked.rows(torch.tensor([4, 1])).state(2).equal(masked.state(2)[[4, 1]])


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"samples": 0}, "samples: 0 is given, but at least 1"),
        ({"prior": "mask"}, "prior: 'mask' is given"),
        ({"grid": [0, 1]}, "grid: 2 times are given, but 3"),
        ({"model": lambda x, t: torch.zeros(1, 2, 9)}, r"model: \[1, 2, 9\] is returned"),
        ({"model": lambda x, t: torch.full((1, 2, 3), torch.nan)}, "model: its logits in step"),
    ],
)
def test_sentences(change, sentence):
    given = {"model": even, "samples": 1, "sites": 2, "tokens": 3, "steps": 2, "seed": 0} | change
    with pytest.raises(ValueError, match=sentence):
        rollout(given.pop("model"), given.pop("samples"), **given)
