"""`python -m softbook sweep`: the list, the cost said before, and what it returns."""

from __future__ import annotations

import pytest

from softbook.__main__ import main
from softbook.sweep import experiments, registry


def area(seed: int, width: int) -> int:
    if width == 3:
        raise ValueError("too wide")
    return width**2 + seed


@pytest.fixture
def planted(monkeypatch):
    """A registry that holds one sweep alone."""
    monkeypatch.setattr(registry, "_REGISTRY", {})
    monkeypatch.setattr(registry, "load_rooms", lambda room: None)
    registry.experiment(
        "areas", title="Areas of squares", grid={"width": [1, 2, 3]}, seeds=[0, 1], cost_seconds=60
    )(area)


def test_without_a_name_the_sweeps_are_listed_with_their_cost(planted, capsys):
    assert main(["sweep"]) == 0
    out = capsys.readouterr().out
    assert "areas" in out
    assert "6 runs" in out
    assert "60 s" in out


def test_the_cost_is_said_first_and_what_is_kept_costs_nothing(planted, capsys, tmp_path):
    arguments = ["sweep", "areas", "--limit", "2", "--cache", str(tmp_path)]
    assert main(arguments) == 0
    first = capsys.readouterr().out
    assert (
        "2 settings with 2 seeds are 4 runs; 0 are kept, and the other 4 take about 40 s" in first
    )
    assert "4 of 4 runs are kept in" in first
    assert main(arguments) == 0
    assert "4 are kept, and the other 0 take about 0 s" in capsys.readouterr().out


def test_a_run_that_fails_is_named_and_returned(planted, capsys, tmp_path):
    assert main(["sweep", "areas", "--cache", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert told.err.count('FAILED {"width":3}') == 2
    assert "ValueError: too wide" in told.err
    assert "4 of 6 runs are kept" in told.out


def test_wrong_use_gets_a_sentence(planted, capsys, tmp_path):
    assert main(["sweep", "volumes"]) == 2
    assert "'volumes' is no sweep; there are areas" in capsys.readouterr().err
    both = ["sweep", "areas", "--jobs", "2", "--cluster", "tcp://127.0.0.1:9"]
    assert main([*both, "--cache", str(tmp_path)]) == 2
    assert "jobs: 2 is given with a cluster" in capsys.readouterr().err


def test_the_book_s_own_sweeps_are_there_and_their_functions_take_their_grids():
    known = experiments()
    assert {"induction-windows", "induction-training"} <= set(known)
    assert known["induction-windows"].runs == 144
