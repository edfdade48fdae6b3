"""The population's weights against enumeration, against gradients of samples, and in their limit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from softbook.induction import population_logits, population_weights, sequences_at
from softbook.induction.model.network import attended
from softbook.induction.model.task import sample_sequences, stack
from softbook.induction.model.two_steps import attention_gradient, value_gradient
from softbook.induction.theory import weights as rooms


def one_hot(tokens: list[int], longest: int, vocabulary: int) -> np.ndarray:
    x = np.zeros((len(tokens), longest + 2 * vocabulary))
    for place, token in enumerate(tokens):
        x[place, place] = x[place, longest + token] = 1
        if place:
            x[place, longest + vocabulary + tokens[place - 1]] = 1
    return x


def enumerated(masses, lengths, vocabulary, triggers, previous):
    """Return both expectations by a loop over all sequences, with dense features."""
    longest, ordinary = 2 * max(lengths) + 3, vocabulary - triggers
    every = []
    for mass, length in zip(masses, lengths, strict=True):
        for trigger in range(triggers):
            for rest in itertools.product(range(triggers, vocabulary), repeat=2 * length + 1):
                tokens = [*rest[:length], trigger, *rest[length:], trigger]
                chance = mass / (triggers * ordinary ** (2 * length + 1))
                every.append((chance, one_hot(tokens, longest, vocabulary), rest[length]))
    value = np.zeros((vocabulary, longest + 2 * vocabulary))
    for chance, x, output in every:
        value += chance * np.outer(np.eye(vocabulary)[output] - 1 / vocabulary, x.mean(0))
    if not previous:
        value[:, longest + vocabulary :] = 0
    total = np.zeros((len(value[0]), len(value[0])))
    for chance, x, output in every:
        use = x @ value.T @ (np.eye(vocabulary)[output] - 1 / vocabulary)
        total += chance * np.outer((use - use.mean()) / len(x) @ x, x[-1])
    return value, total


CASES = [
    ((0.3, 0.7), (1, 2), 3, 1),
    ((0.3, 0.7), (1, 2), 4, 2),
    ((1.0,), (1,), 6, 3),
    ((0.4, 0.6), (3, 1), 3, 1),
    ((0.5, 0.0, 0.5), (1, 2, 3), 3, 1),
]


@pytest.mark.parametrize("previous", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_every_entry_is_the_expectation_over_all_sequences(case, previous):
    found = population_weights(*case, previous=previous)
    value, attention = enumerated(*case, previous)
    np.testing.assert_allclose(found.value, value, atol=2e-15)
    np.testing.assert_allclose(found.attention, attention, atol=2e-16)


def test_a_planted_fault_in_the_ties_is_seen(monkeypatch):
    real = rooms._same
    monkeypatch.setattr(rooms, "_same", lambda *given: (real(*given)[0], 0.0))
    found = population_weights(*CASES[1])
    assert abs(found.attention - enumerated(*CASES[1], True)[1]).max() > 1e-5


@pytest.mark.parametrize("previous", [True, False])
def test_gradients_of_samples_agree_within_their_interval(previous):
    # 200 independent batches at a tiny value rate, so that the output's softmax is linear to 1e-6: the mean
    # of each entry lies within 5.5 standard errors of the population's for all 1,600 entries.
    masses, lengths, vocabulary, triggers, rate = [0.4, 0.6], [1, 3], 8, 2, 1e-3
    exact = population_weights(masses, lengths, vocabulary, triggers, previous=previous)
    value = torch.from_numpy(exact.value).expand(200, -1, -1)
    drawn = stack(
        [
            sample_sequences(masses, lengths, 500, vocabulary=8, triggers=2, seed=seed)
            for seed in range(200)
        ]
    )
    for found, wanted in (
        (value_gradient(drawn, vocabulary), None if not previous else exact.value),
        (attention_gradient(rate * value, drawn) / rate, exact.attention),
    ):
        if wanted is None:
            continue
        mean, error = found.mean(0), found.std(0) / 200**0.5
        gap = (mean - torch.from_numpy(wanted)).abs()
        assert (gap <= 5.5 * error + 1e-6 * exact.scale).all()
        # The test has power: a tenth of the induction entry lies far outside.
        assert float(error.max()) < 0.02 * exact.scale


@pytest.mark.parametrize("previous", [True, False])
def test_many_tokens_tend_to_the_limit_like_one_over_their_number(previous):
    masses, lengths, triggers, one, two = [0.2, 0.5, 0.3], [3, 5, 6], 2, 4, 6
    wanted = population_logits(masses, lengths, triggers, one, two, previous=previous)
    gaps = []
    for vocabulary in (64, 128, 256):
        found = population_weights(
            masses, lengths, vocabulary, triggers, previous=previous, longest=16
        )
        tokens = [*range(10, 14), 1, 40, *range(20, 26), 1]
        x = one_hot(tokens, 16, vocabulary)
        logits = x @ found.attention @ x[-1] * triggers / found.scale
        gaps.append(abs(logits - wanted).max())
    assert gaps[0] > gaps[1] > gaps[2]
    assert 1.6 < gaps[1] / gaps[2] < 2.5


def test_what_the_last_token_asks_is_three_columns():
    found = population_weights([1.0], [2], 8, 1)
    drawn = sequences_at([2], [2], vocabulary=8, triggers=1)
    matrix = torch.from_numpy(found.attention)
    x = one_hot(drawn.tokens[0].tolist(), 7, 8)
    np.testing.assert_allclose(attended(matrix, drawn)[0], found.attention @ x[-1], atol=1e-17)


def test_bad_settings_get_a_sentence(as_reader):
    with pytest.raises(ValueError, match="vocabulary: 3 is given, but at least 4"):
        population_weights([1.0], [1], 3, 2)
    with pytest.raises(ValueError, match="longest: 6 is given, but at least 7"):
        population_weights([1.0], [2], 8, 1, longest=6)
