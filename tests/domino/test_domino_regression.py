"""A learned reward: what it learns, seeds, what is refused."""

from __future__ import annotations

import pytest
import torch

from softbook.domino.model.network import Oracle
from softbook.domino.model.regression import pearson, train_oracle, values

QUICK = {"steps": 20, "batch": 16, "channels": 8, "progress": False}


@pytest.fixture(scope="module")
def labelled():
    """Rows whose value is whether 1 follows 2 anywhere: no share of letters tells it."""
    rows = torch.randint(0, 4, (2000, 20), generator=torch.Generator().manual_seed(0))
    return rows, ((rows[:, :-1] == 2) & (rows[:, 1:] == 1)).any(1).float()


def test_an_oracle_learns_what_shares_of_letters_do_not_tell(labelled):
    rows, targets = labelled
    oracle = train_oracle(
        rows[:1500], targets[:1500], steps=150, batch=64, channels=16, progress=False
    )
    shares = torch.cat([torch.ones(len(rows), 1), torch.nn.functional.one_hot(rows, 4).sum(1)], 1)
    best = torch.linalg.lstsq(shares[:1500], targets[:1500, None]).solution
    # What a linear model of the letters' counts reaches: it must be nearer to 1 than to this.
    plain = pearson((shares[1500:] @ best).squeeze(1), targets[1500:])
    assert pearson(values(oracle, rows[1500:]), targets[1500:]) > (1 + plain) / 2


def test_labels_of_other_rows_teach_nothing(labelled):
    """Planted: the labels are moved by one row."""
    rows, targets = labelled
    moved = targets.roll(1)
    oracle = train_oracle(
        rows[:1500], moved[:1500], steps=150, batch=64, channels=16, progress=False
    )
    assert abs(pearson(values(oracle, rows[1500:]), targets[1500:])) < 0.2


def test_same_seed_same_weights_another_seed_others(labelled):
    rows, targets = labelled
    first, second, third = (train_oracle(rows, targets, seed=s, **QUICK) for s in (1, 1, 2))
    assert torch.equal(values(first, rows), values(second, rows))
    assert not torch.equal(values(first, rows), values(third, rows))


def test_training_leaves_the_callers_generator_alone(labelled):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    train_oracle(*labelled, **QUICK)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"steps": 0}, "steps: 0 is given"),
        ({"batch": 0}, "batch: 0 is given"),
        ({"rate": -1.0}, "rate: -1.0 is given, but a number above 0 is needed"),
        ({"decay": -1.0}, "decay: -1.0 is given, but at least 0 is needed"),
        ({"seed": -1}, "seed: -1 is given"),
    ],
)
def test_settings_that_are_not_allowed(labelled, change, sentence):
    with pytest.raises(ValueError, match=sentence):
        train_oracle(*labelled, **{**QUICK, **change})


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("many", "targets"),
    [(3, torch.zeros(2)), (2, torch.tensor([0.0, torch.inf])), (0, torch.zeros(0))],
)
def test_targets_that_are_not_one_finite_number_a_row(many, targets):
    with pytest.raises(ValueError, match=r"targets: shape .* one finite number a row"):
        train_oracle(torch.zeros(many, 5).long(), targets, **QUICK)


def test_values_do_not_depend_on_the_batch(labelled):
    rows, oracle = labelled[0], Oracle(channels=8)
    assert torch.allclose(values(oracle, rows, 7), values(oracle, rows, 2000), rtol=0, atol=1e-5)


def test_correlation_of_a_constant_is_nan():
    assert pearson(torch.ones(3), torch.arange(3.0)) != pearson(torch.ones(3), torch.arange(3.0))
