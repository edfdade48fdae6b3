"""Metrics of sequences against plain loops and edge cases."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softbook.domino.experiment.grammar import dna_sequences
from softbook.domino.experiment.metrics import (
    gc_share,
    hamming_diversity,
    information,
    kmer_correlation,
    motif_correlation,
    motif_shares,
    position_shares,
    unique_share,
    word_shares,
)
from softbook.domino.experiment.motifs import motifs

SETS = st.integers(1, 5).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 3), min_size=length, max_size=length), min_size=2, max_size=6
    )
)


def pairs_that_differ(rows: list[list[int]]) -> float:
    """Hamming diversity by its definition."""
    found = [
        sum(a != b for a, b in zip(one, two, strict=True)) / len(one)
        for one, two in itertools.combinations(rows, 2)
    ]
    return sum(found) / len(found)


@given(SETS)
def test_diversity_is_the_mean_over_pairs(rows):
    tokens = torch.tensor(rows)
    assert hamming_diversity(tokens) == pytest.approx(pairs_that_differ(rows), abs=1e-12)
    assert unique_share(tokens) == len({tuple(row) for row in rows}) / len(rows)


def test_a_diversity_with_each_row_beside_itself_is_noticed():
    """The planted fault: pairs of a row with itself are counted too."""
    tokens = torch.tensor([[0, 1], [2, 3]])
    with_itself = float(1 - (position_shares(tokens) ** 2).sum(1).mean())
    assert with_itself != pytest.approx(pairs_that_differ(tokens.tolist()), abs=1e-12)


@given(SETS, st.integers(1, 3))
def test_words_are_counted_one_by_one(rows, k):
    tokens = torch.tensor(rows)
    if tokens.shape[1] < k:
        with pytest.raises(ValueError, match=f"length at least {k}"):
            word_shares(tokens, k)
        return
    found = Counter(tuple(row[i : i + k]) for row in rows for i in range(len(row) - k + 1))
    shares = word_shares(tokens, k)
    for number, word in enumerate(itertools.product(range(4), repeat=k)):
        assert float(shares[number]) == pytest.approx(found[word] / sum(found.values()), abs=1e-12)


@given(SETS)
def test_letters_at_each_place(rows):
    tokens = torch.tensor(rows)
    shares = position_shares(tokens)
    for place in range(tokens.shape[1]):
        column = [row[place] for row in rows]
        assert shares[place].tolist() == pytest.approx(
            [column.count(a) / len(rows) for a in range(4)]
        )
        entropy = -sum(p * math.log2(p) for p in shares[place].tolist() if p)
        assert float(information(shares[place])) == pytest.approx(2 - entropy, abs=1e-6)
    gc = [sum(letter in (1, 2) for letter in row) / len(row) for row in rows]
    assert gc_share(tokens).tolist() == pytest.approx(gc)


def test_a_set_without_its_motifs():
    plain = dna_sequences(300, seed=2, planted=False)
    shares = motif_shares(plain)
    assert bool((shares < 0.05).all())
    for number, motif in enumerate(motifs()):
        held = plain.clone()
        word = motif.log_odds().argmax(1)
        held[:150, 7 : 7 + len(word)] = word
        assert 0.5 <= float(motif_shares(held)[number]) < 0.55


def test_correlations():
    one, two = dna_sequences(500, seed=0), dna_sequences(500, seed=1)
    assert kmer_correlation(one, one) == pytest.approx(1.0, abs=1e-12)
    assert 0.9 < kmer_correlation(one, two) < 1
    assert kmer_correlation(one, 3 - one) < kmer_correlation(one, two)
    assert motif_correlation(one, one) == pytest.approx(1.0, abs=1e-12)
    assert math.isnan(motif_correlation(one, torch.zeros(3, 80, dtype=torch.int64)))
    assert math.isnan(hamming_diversity(one[:1]))


@pytest.mark.parametrize(
    "measure",
    [word_shares, motif_shares, hamming_diversity, unique_share, gc_share, position_shares],
)
def test_bad_rows_get_a_sentence(measure, as_reader):
    for wrong, sentence in (
        (torch.zeros(0, 80, dtype=torch.int64), r"shape \(0, 80\)"),
        (torch.zeros(80, dtype=torch.int64), r"shape \(80,\)"),
        (torch.full((1, 80), 4), "4 to 4 are given"),
        (torch.full((1, 80), -1), "-1 to -1 are given"),
    ):
        with pytest.raises(ValueError, match=f"tokens: .*{sentence}"):
            measure(wrong)
