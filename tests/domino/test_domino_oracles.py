"""The committed rewards: disjoint halves, how near the truth they are, the command that makes them."""

from __future__ import annotations

import pytest

from softbook.domino.experiment import oracles
from softbook.domino.experiment.grammar import activity, dna_sequences
from softbook.domino.experiment.oracles import HALVES, halves, load_oracle, main
from softbook.domino.experiment.pretraining import references
from softbook.domino.experiment.weights import load_network
from softbook.domino.model.network import Oracle
from softbook.domino.model.regression import pearson, values


@pytest.fixture(scope="module")
def new():
    return dna_sequences(1500, length=80, seed=123)


def test_the_halves_share_no_row_and_keep_their_labels():
    rows = references()
    parts = halves(rows)
    assert tuple(parts) == HALVES
    (first, one), (second, two) = parts.values()
    assert len(first) == len(second) == 6000
    assert not {tuple(row) for row in first.tolist()} & {tuple(row) for row in second.tolist()}
    for part, targets in ((first, one), (second, two)):
        noise = targets.double() - activity(part)
        # 6000 draws of N(0, .3²): five standard errors of their mean and of their deviation.
        assert abs(float(noise.mean())) < 5 * 0.3 / 6000**0.5
        assert abs(float(noise.std()) - 0.3) < 5 * 0.3 / 12000**0.5


@pytest.mark.parametrize("name", HALVES)
def test_a_committed_oracle_is_as_near_the_truth_as_its_notes_say(name):
    notes = load_network(Oracle, oracles.DATA / f"oracle_{name}.safetensors")[1]
    again = dna_sequences(oracles.NEW, length=80, seed=oracles.NEW_SEED)
    assert pearson(values(load_oracle(name), again), activity(again)) == pytest.approx(
        notes["pearson"], abs=1e-3
    )
    assert notes["pearson"] > 0.75


def test_the_two_oracles_err_differently(new):
    """Else the held-out one could not tell that the other is misled."""
    truth = activity(new)
    first, second = (values(load_oracle(name), new).double() - truth for name in HALVES)
    assert float((first - second).square().mean()) > 0.1 * float(first.square().mean())


def test_an_oracle_that_is_not_there():
    with pytest.raises(ValueError, match="name: 'other' is given, but one of reward, held_out"):
        load_oracle("other")


def test_the_command_writes_both_oracles(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(oracles, "STEPS", 2)
    monkeypatch.setattr(oracles, "references", lambda: dna_sequences(40, length=80, seed=0))
    monkeypatch.setattr(oracles, "NEW", 20)
    main(["--out", str(tmp_path)])
    for name in HALVES:
        _, notes = load_network(Oracle, tmp_path / f"oracle_{name}.safetensors")
        assert (notes["rows"], notes["steps"]) == (20, 2)
    assert capsys.readouterr().out.count("correlation with the truth") == 2
