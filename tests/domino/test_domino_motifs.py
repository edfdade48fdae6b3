"""The motifs' matrices: what the file says, and scores against a sum by hand."""

from __future__ import annotations

import pytest
import torch

from softbook.domino.experiment.motifs import PSEUDO_COUNT, best_hits, motifs, scores


def test_a_score_is_the_sum_by_hand() -> None:
    tokens = torch.randint(4, (3, 30), generator=torch.Generator().manual_seed(0))
    for motif in motifs():
        got = scores(tokens, motif)
        odds = (motif.counts + PSEUDO_COUNT / 4) / (motif.counts.sum(1, True) + PSEUDO_COUNT) * 4
        for place in (0, got.shape[1] - 1):
            letters = tokens[1, place : place + len(odds)].tolist()
            hand = sum(odds[i, letter].log() for i, letter in enumerate(letters))
            assert got[1, place] == pytest.approx(float(hand), abs=1e-12)
        assert torch.equal(best_hits(tokens, motif), got.max(1).values)


def test_the_consensus_is_the_best_sequence() -> None:
    for motif in motifs():
        best = motif.log_odds().argmax(1)
        other = best.clone()
        other[0] = motif.log_odds()[0].argmin()
        assert best_hits(best[None], motif) > best_hits(other[None], motif)


def test_bad_tokens_are_named() -> None:
    motif = motifs()[0]
    with pytest.raises(ValueError, match="needs at least 9"):
        scores(torch.zeros(1, 8, dtype=torch.int64), motif)
    for wrong in (4, -1):
        with pytest.raises(ValueError, match="allowed are 0 to 3"):
            scores(torch.full((1, 9), wrong), motif)


def test_every_matrix_is_human_and_named_once() -> None:
    assert [motif.species for motif in motifs()] == [("9606",)] * 10
    assert len({motif.accession for motif in motifs()}) == 10
