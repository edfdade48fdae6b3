"""The synthetic DNA: what is planted is found, and the truth is what the formula says."""

from __future__ import annotations

import math

import pytest
import torch

from softbook.domino.experiment import grammar
from softbook.domino.experiment.grammar import (
    BACKGROUND,
    PAIRS,
    WEIGHTS,
    activity,
    dna_sequences,
    labels,
    occupancies,
)
from softbook.domino.experiment.metrics import gc_share
from softbook.domino.experiment.motifs import motifs, scores


@pytest.fixture(scope="module")
def rows():
    return dna_sequences(3000, seed=4)


def by_hand(row: torch.Tensor) -> float:
    """The activity of one row with plain loops."""
    bound = {}
    for motif in motifs():
        cut = grammar.CUT * sum(float(place.max()) for place in motif.log_odds())
        none = 1.0
        for score in scores(row[None], motif)[0].tolist():
            none *= 1 - 1 / (1 + math.exp(cut - score))
        bound[motif.name] = 1 - none
    share = sum(letter in (1, 2) for letter in row.tolist()) / len(row)
    total = sum(weight * bound[name] for name, weight in WEIGHTS.items())
    total += sum(weight * bound[one] * bound[two] for (one, two), weight in PAIRS.items())
    return total - grammar.GC_PRICE * (share - grammar.GC_MIDDLE) ** 2


def test_the_truth_is_the_formula(rows):
    for row in rows[:20]:
        assert float(activity(row[None])) == pytest.approx(by_hand(row), abs=1e-10)


def test_every_weight_and_pair_names_a_motif():
    names = {motif.name for motif in motifs()}
    assert set(WEIGHTS) == names
    assert {name for pair in PAIRS for name in pair} < names


def test_a_planted_motif_raises_or_lowers_as_its_weight_says():
    base = dna_sequences(200, seed=9, planted=False)
    for motif in motifs():
        word = motif.log_odds().argmax(1)
        changed = base.clone()
        changed[:, 30 : 30 + len(word)] = word
        # The share of G and C changes as well: its price is taken out.
        price = grammar.GC_PRICE * (
            (gc_share(changed) - grammar.GC_MIDDLE) ** 2 - (gc_share(base) - grammar.GC_MIDDLE) ** 2
        )
        gain = (activity(changed) - activity(base) + price).mean()
        assert float(gain) * WEIGHTS[motif.name] > 0


def test_letters_follow_each_other_as_the_background_says():
    plain = dna_sequences(4000, seed=1, planted=False)
    pairs = (plain[:, :-1] * 4 + plain[:, 1:]).flatten().bincount(minlength=16).view(4, 4)
    totals = pairs.sum(1, keepdim=True)
    wanted = torch.tensor(BACKGROUND, dtype=torch.float64)
    errors = (pairs / totals - wanted) / (wanted * (1 - wanted) / totals).sqrt()
    # 16 shares: beyond five standard errors once in a hundred thousand.
    assert float(errors.abs().max()) < 5


def test_rows_of_the_background_sum_to_one():
    assert [sum(row) for row in BACKGROUND] == pytest.approx([1.0] * 4, abs=1e-12)


def test_planting_adds_bound_motifs(rows):
    gains = occupancies(rows).mean(0) - occupancies(
        dna_sequences(3000, seed=4, planted=False)
    ).mean(0)
    assert bool((gains > 0.03).all())


def test_repeats_without_a_motif_are_not_active(rows):
    for unit in ([0, 1, 2, 3], [0, 2], [2, 3, 0], [1, 2, 0, 3, 3]):
        repeat = torch.tensor(unit).repeat(80)[None, :80]
        assert float(activity(repeat)) < float(activity(rows).median())


def test_any_length_from_the_longest_motif_on():
    longest = max(len(motif.counts) for motif in motifs())
    assert dna_sequences(3, length=longest).shape == (3, longest)
    assert activity(dna_sequences(3, length=200)).isfinite().all()
    with pytest.raises(ValueError, match=f"length: {longest - 1} is given, but at least {longest}"):
        dna_sequences(3, length=longest - 1)


def test_seeds_and_noise(rows):
    assert torch.equal(rows, dna_sequences(3000, seed=4))
    assert not torch.equal(rows, dna_sequences(3000, seed=5))
    noise = labels(rows, 2) - activity(rows)
    assert abs(float(noise.mean())) < 5 * grammar.NOISE / 3000**0.5
    assert abs(float(noise.std()) - grammar.NOISE) < 5 * grammar.NOISE / 6000**0.5
    assert torch.equal(labels(rows, 2), labels(rows, 2))


def test_a_sequence_read_backwards_is_noticed(rows, monkeypatch):
    monkeypatch.setattr(grammar, "scores", lambda tokens, motif: scores(tokens.flip(1), motif))
    with pytest.raises(AssertionError):
        test_the_truth_is_the_formula(rows)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"count_": 0}, "count"),
        ({"count_": 2, "length": 0}, "length"),
        ({"count_": 2, "seed": -1}, "seed"),
    ],
)
def test_bad_settings_get_a_sentence(settings, sentence):
    with pytest.raises(ValueError, match=f"{sentence}.*is given"):
        dna_sequences(**settings)
