"""What the task draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from softbook.induction import family_pairs, sample_sequences, sequences_at
from softbook.induction.model.task import PAD


@given(
    st.integers(0, 6), st.integers(0, 6), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99)
)
def test_a_sequence_is_fillers_trigger_output_fillers_trigger(first, second, triggers, more, seed):
    drawn = sequences_at(
        [first] * 3,
        [second] * 3,
        vocabulary=triggers + more,
        triggers=triggers,
        longest=16,
        seed=seed,
    )
    end = first + second + 3
    for tokens, trigger, output in zip(drawn.tokens, drawn.trigger, drawn.output, strict=True):
        assert tokens[first] == tokens[end - 1] == trigger < triggers
        assert tokens[first + 1] == output >= triggers
        others = torch.cat([tokens[:first], tokens[first + 2 : end - 1]])
        assert ((others >= triggers) & (others < triggers + more)).all()
        assert (tokens[end:] == PAD).all()
    assert (drawn.ends == end).all()


@pytest.mark.parametrize("family", ["train", "conflict", "pairs"])
def test_lengths_and_tokens_follow_their_law(family):
    law = [0.2, 0.3, 0.5], [2, 3, 5]
    drawn = sample_sequences(*law, 40_000, vocabulary=7, triggers=2, family=family, seed=3)
    one, two, chance = family_pairs(*law, family)
    seen = drawn.first * 100 + drawn.second
    counts = [int((seen == 100 * i + j).sum()) for i, j in zip(one, two, strict=True)]
    assert sum(counts) == 40_000
    # False alarms: 1e-4 for each of the nine tests of this function.
    assert chisquare(counts, 40_000 * chance).pvalue > 1e-4
    assert chisquare(torch.bincount(drawn.output)[2:].numpy()).pvalue > 1e-4
    assert chisquare(torch.bincount(drawn.trigger).numpy()).pvalue > 1e-4
    # Planted fault: a law with a twentieth moved is refused.
    wrong = chance.copy()
    wrong[0] *= 1.2
    assert chisquare(counts, 40_000 * wrong / wrong.sum()).pvalue < 1e-4


def test_same_seed_same_sequences_and_a_generator_goes_on():
    setting = {"vocabulary": 9, "triggers": 2}
    again = [sample_sequences([1.0], [3], 50, seed=1, **setting).tokens for _ in range(2)]
    assert torch.equal(*again)
    other = sample_sequences([1.0], [3], 50, seed=2, **setting).tokens
    assert not torch.equal(again[0], other)
    source = torch.Generator().manual_seed(1)
    first, second = (
        sample_sequences([1.0], [3], 50, seed=source, **setting).tokens for _ in range(2)
    )
    assert torch.equal(first, again[0])
    assert not torch.equal(first, second)


def test_a_law_with_rounded_masses_draws_every_length():
    drawn = sample_sequences(np.full(3, 1 / 3), [1, 2, 9], 500, vocabulary=9, triggers=1)
    assert drawn.first.unique().tolist() == [1, 2, 9]
    assert drawn.tokens.shape == (500, 21)


def test_bad_settings_get_a_sentence(as_reader):
    with pytest.raises(ValueError, match="vocabulary: 2 is given, but more than 2"):
        sequences_at([1], [1], vocabulary=2, triggers=2)
    with pytest.raises(ValueError, match="longest: 4 is given, but a sequence has 5"):
        sequences_at([1], [1], vocabulary=4, triggers=2, longest=4)
    with pytest.raises(ValueError, match="at least one pair is needed"):
        sequences_at([-1], [1], vocabulary=4, triggers=2)
    with pytest.raises(ValueError, match="two equally long lists"):
        sequences_at([1, 2], [1], vocabulary=4, triggers=2)
    with pytest.raises(ValueError, match="samples: 0 is given"):
        sample_sequences([1.0], [1], 0, vocabulary=4, triggers=2)
