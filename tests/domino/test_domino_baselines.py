"""The other ways of steering: each against the law that it is to sample, on spaces that can be counted."""

from __future__ import annotations

import itertools
import weakref

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor, nn

from softbook.diffusion import masked_sampler_law, random_law
from softbook.diffusion.model.path import posteriors
from softbook.domino.model.baselines import particles
from softbook.domino.model.baselines.backpropagation import backpropagate
from softbook.domino.model.baselines.guidance import guided
from softbook.domino.model.baselines.particles import smc
from softbook.domino.model.baselines.search import best_of_n, best_of_n_law

SITES, TOKENS, STEPS = 3, 3, 3
SPACE = {"sites": SITES, "tokens": TOKENS, "steps": STEPS}
LEVEL = 1e-6
"""A law is refused when data as bad as these have a smaller probability under it."""
DATA = random_law(TOKENS, SITES, seed=0) ** 0.3
DATA /= DATA.sum()
CONDITIONALS = torch.from_numpy(posteriors(DATA, 0.5, np.eye(TOKENS + 1)[TOKENS]))
REFERENCE = torch.from_numpy(masked_sampler_law(DATA, STEPS))
REWARDS = torch.randn((TOKENS,) * SITES, generator=torch.Generator().manual_seed(1)).double()
SLOPES = torch.tensor([[0.0, 1.0, -1.0], [0.5, 0.0, 0.2], [-0.3, 0.3, 0.0]])


def place(tokens: Tensor, letters: int) -> Tensor:
    return (tokens * letters ** torch.arange(SITES - 1, -1, -1)).sum(1)


def model(tokens: Tensor, t: float) -> Tensor:
    """Sites that depend on one another: the posteriors of a random law."""
    return CONDITIONALS[place(tokens, TOKENS + 1)].log()


def reward(tokens: Tensor) -> Tensor:
    return REWARDS.flatten()[place(tokens, TOKENS)]


def tilted(law: Tensor, rewards: Tensor, beta: float) -> Tensor:
    weights = law * (rewards / beta).exp()
    return weights / weights.sum()


def fits(tokens: Tensor, law: Tensor) -> bool:
    found = torch.bincount(place(tokens, TOKENS), minlength=law.numel()).numpy()
    wanted = len(tokens) * law.flatten().numpy()
    # The approximation by a chi-square law needs some draws in each cell: the rare ones are put together.
    rare = wanted < 10
    cells = [np.append(one[~rare], one[rare].sum()) for one in (found, wanted)]
    return chisquare(*(one[cells[1] > 0] for one in cells)).pvalue > LEVEL


def test_the_law_of_the_best_is_that_of_all_groups():
    ties = REWARDS.round()
    for of in (1, 2, 3):
        law = torch.zeros(TOKENS**SITES, dtype=torch.float64)
        flat, level = REFERENCE.flatten(), ties.flatten()
        for group in itertools.product(range(len(flat)), repeat=of):
            chance = flat[list(group)].prod()
            law[max(group, key=lambda one: level[one])] += chance
        found = best_of_n_law(REFERENCE, ties, of)
        torch.testing.assert_close(found.flatten(), law, rtol=1e-12, atol=1e-15)
    # KL of the best of N is at most log N - (N - 1)/N (Beirami et al. 2024).
    best = best_of_n_law(REFERENCE, REWARDS, 8)
    gap = torch.special.xlogy(best, best / REFERENCE).nansum()
    assert 0 < gap <= np.log(8) - 7 / 8
    with pytest.raises(
        ValueError, match=r"reward: a table of shape \(3,\) is given, but \(3, 3, 3\)"
    ):
        best_of_n_law(REFERENCE, torch.zeros(3), 2)


def test_the_best_of_n_is_drawn_from_its_law():
    found = best_of_n(model, reward, 3000, of=4, **SPACE, seed=0, batch=4001)
    assert fits(found, best_of_n_law(REFERENCE, REWARDS, 4))
    assert not fits(found, best_of_n_law(REFERENCE, REWARDS, 3))
    assert torch.equal(found, best_of_n(model, reward, 3000, of=4, **SPACE, seed=0, batch=4001))
    assert not torch.equal(found, best_of_n(model, reward, 3000, of=4, **SPACE, seed=1, batch=4001))


def shares(law: Tensor, beta: float, runs: int = 800) -> tuple[Tensor, Tensor]:
    """Return z-values of E[Z] and of E[Z * share of a state], which particles estimate without bias."""
    seen = []
    for seed in range(runs):
        found = smc(model, reward, 6, beta=beta, **SPACE, seed=seed, threshold=0.7, guesses=2)
        share = torch.bincount(place(found.final, TOKENS), minlength=law.numel()) / 6
        seen.append(torch.cat([torch.ones(1), share]) * np.exp(found.log_mean))
    drawn = torch.stack(seen)
    weights = law.flatten() * (REWARDS.flatten() / beta).exp()
    wanted = torch.cat([weights.sum()[None], weights])
    # States of a handful of draws are not near a normal law: only those of some share are asked.
    sure = wanted > 0.02 * weights.sum()
    z = (drawn.mean(0) - wanted) / drawn.std(0) * runs**0.5
    return z[0], z[sure]


def test_particles_estimate_the_tilted_law_without_bias():
    constant, states = shares(REFERENCE, beta=1.0)
    assert len(states) > 5
    # Five standard errors: seen by chance once in a million times.
    assert constant.abs() < 5
    assert states.abs().max() < 5


def test_whatever_is_guessed_the_law_stays(monkeypatch):
    """A guess of nothing but first letters only costs particles."""
    first = lambda state, logits, source: state.where(state < TOKENS, 0)  # noqa: E731
    monkeypatch.setattr(particles, "complete", first)
    constant, states = shares(REFERENCE, beta=1.0)
    assert constant.abs() < 5
    assert states.abs().max() < 5


def test_particles_that_are_not_resampled_are_seen(monkeypatch):
    """The planted fault of the tests above: weights are forgotten, and nobody goes on for another."""
    monkeypatch.setattr(particles, "_systematic", lambda weights, source: torch.arange(6))
    assert shares(REFERENCE, beta=1.0)[1].abs().max() > 5


def test_many_particles_approach_the_tilted_law():
    wanted = tilted(REFERENCE, REWARDS, 0.5)
    apart = []
    for many in (100, 10_000):
        gaps = []
        for seed in range(5):
            found = smc(model, reward, many, beta=0.5, **SPACE, seed=seed)
            share = torch.bincount(place(found.final, TOKENS), minlength=27) / many
            gaps.append(0.5 * (share - wanted.flatten()).abs().sum())
            assert found.effective.shape == (STEPS,)
            assert found.effective.max() <= many
        apart.append(torch.stack(gaps).mean())
    # A hundred times the particles are ten times nearer; three times tells it from not at all.
    assert apart[1] < apart[0] / 3


def test_one_particle_is_a_draw_of_the_model_and_a_seed_repeats():
    one = torch.cat([smc(model, reward, 1, beta=1.0, **SPACE, seed=s).final for s in range(600)])
    assert fits(one, REFERENCE)
    first, again = (smc(model, reward, 50, beta=1.0, **SPACE, seed=3) for _ in range(2))
    assert torch.equal(first.final, again.final)
    assert smc(model, reward, 50, beta=1.0, **SPACE, seed=3, threshold=0.0).resampled == 1


def additive(shown: Tensor) -> Tensor:
    return (shown * SLOPES.to(shown.dtype)).sum((1, 2))


def independent(tokens: Tensor, t: float) -> Tensor:
    return (
        torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8]])
        .log()
        .expand(len(tokens), -1, -1)
    )


def test_guidance_is_exact_for_independent_sites_and_sums():
    found = guided(independent, additive, 4000, beta=0.5, **SPACE, seed=0)
    each = (independent(torch.zeros(1, SITES), 0.0)[0] + SLOPES / 0.5).double().softmax(-1)
    law = torch.einsum("a,b,c->abc", *each)
    assert fits(found, law)
    assert not fits(guided(independent, additive, 4000, beta=0.7, **SPACE, seed=0), law)
    assert torch.equal(found, guided(independent, additive, 4000, beta=0.5, **SPACE, seed=0))


def test_guidance_is_not_exact_for_sites_that_depend_on_one_another():
    found = guided(model, additive, 4000, beta=0.5, **SPACE, seed=0)
    every = torch.tensor(list(itertools.product(range(TOKENS), repeat=SITES)))
    sums = additive(nn.functional.one_hot(every, TOKENS).double()).view(REWARDS.shape)
    assert not fits(found, tilted(REFERENCE, sums, 0.5))


class Free(nn.Module):
    """Free logits of every site, whatever the others are."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(SITES, TOKENS))

    def forward(self, tokens: Tensor, t: float) -> Tensor:
        return self.logits.expand(len(tokens), -1, -1)


TUNED = {**SPACE, "iterations": 60, "rate": 0.1, "progress": False}


def test_back_propagation_finds_the_best_letters_and_the_reference_holds_it():
    free = backpropagate(Free(), additive, **TUNED)
    assert free.model.logits.argmax(-1).tolist() == SLOPES.argmax(-1).tolist()
    assert free.history["reward"][-1] > free.history["reward"][0] + 1
    assert np.isnan(free.history["regulariser"]).all()
    held = backpropagate(Free(), additive, **TUNED, strength=15.0)
    assert held.history["regulariser"][0] == 0
    assert held.history["regulariser"][-1] > 0
    assert held.model.logits.abs().max() < free.model.logits.abs().max() / 2
    again = backpropagate(Free(), additive, **TUNED)
    assert torch.equal(again.model.logits, free.model.logits)


def test_a_reward_downwards_is_seen():
    """The planted fault of the test above."""
    wrong = backpropagate(Free(), lambda shown: -additive(shown), **TUNED)
    assert wrong.model.logits.argmax(-1).tolist() != SLOPES.argmax(-1).tolist()


class Held:
    """A tensor that a graph keeps for its way back."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


def kept(steps: int, truncate: int | None) -> int:
    """Return how many tensors the graphs hold at most while one iteration goes on."""
    alive, most = weakref.WeakSet(), [0]

    def pack(tensor: Tensor) -> Held:
        held = Held(tensor)
        alive.add(held)
        most[0] = max(most[0], len(alive))
        return held

    settings = TUNED | {"steps": steps, "iterations": 1}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
        backpropagate(Free(), additive, **settings, truncate=truncate)
    return most[0]


def test_its_memory_grows_with_the_steps_that_carry_gradients():
    """What a policy gradient does not: the graphs of all these steps are alive at once."""
    few, some, many = (kept(steps, None) for steps in (4, 8, 16))
    assert many - some == 2 * (some - few) > 0
    assert kept(16, 8) - kept(16, 4) == some - few
    assert kept(16, 20) == many


def test_what_is_not_allowed(as_reader):
    for beta in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"beta: {beta} is given, but a finite number above 0"):
            smc(model, reward, 5, beta=beta, **SPACE, seed=0)
    with pytest.raises(ValueError, match="particles: 0 is given"):
        smc(model, reward, 0, beta=1.0, **SPACE, seed=0)
    with pytest.raises(ValueError, match="reward: it has no gradient in the probabilities"):
        guided(model, lambda p: p.argmax(-1).sum(-1), 2, beta=1.0, **SPACE, seed=0)
    with pytest.raises(ValueError, match=r"reward: shape \(2, 3\) is returned for 2 sequences"):
        guided(model, lambda p: p.sum(-1), 2, beta=1.0, **SPACE, seed=0)
    with pytest.raises(ValueError, match="reward: some are not finite"):
        backpropagate(Free(), lambda p: p.sum((1, 2)) / 0, **TUNED)
    with pytest.raises(TypeError, match=r"model: function is given, but a torch\.nn\.Module"):
        backpropagate(model, additive, **TUNED)
    with pytest.raises(ValueError, match=r"warmth: 0\.0 is given, but a finite number above 0"):
        backpropagate(Free(), additive, **TUNED, warmth=0.0)
