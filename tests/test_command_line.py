"""The command line: what it prints, what it returns, and that a wrong constant goes red."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

import softbook.commands.check as check_command
from softbook.__main__ import main
from softbook.claims import Claim, ledger, registry
from softbook.claims.record import Entry, load, save
from softbook.commands.check import examine
from softbook.explore import explore
from softbook.knobs import Linear, Log
from softbook.plotting import chart, curve
from softbook.relu_softmax import KAPPA


def gap(beta, z):
    """The gap of the two-key head to ReLU, written out once more."""
    return abs(z) / (1 + np.exp(min(beta * abs(z), 700.0)))


def kappa_claim(constant):
    return Claim(
        id="planted-kappa",
        title="A bound with a constant",
        statement=r"$|z|/(1+e^{\beta|z|}) \le \kappa/\beta$",
        evidence="proved",
        source="own",
        knobs={"beta": Log(0.1, 1000, default=10), "z": Linear(-5, 5, default=0.02)},
        predicted=lambda beta, z: constant / beta,
        measured=gap,
    )


@pytest.fixture
def planted(monkeypatch):
    """A ledger that holds one claim alone, with the constant that is asked for."""

    def plant(constant):
        claim = kappa_claim(constant)
        monkeypatch.setattr(registry, "_REGISTRY", {claim.id: claim})
        monkeypatch.setattr(registry, "load_rooms", lambda room: None)
        return claim

    return plant


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A record in a folder of its own, so that no test writes into the library."""
    file = tmp_path / "record.json"
    monkeypatch.setattr(check_command, "load", lambda: load(file))
    monkeypatch.setattr(check_command, "save", lambda entries: save(entries, file))
    return file


def test_a_wrong_constant_is_reported_and_fails(planted, capsys):
    planted(0.27)
    assert main(["check", "--draws", "200", "--attack", "200"]) == 1
    out = capsys.readouterr().out
    assert "BROKEN planted-kappa" in out
    assert re.search(r"at \{'beta': .*measured .*promised", out)
    assert "0 claims hold, 1 broken" in out


def test_the_right_constant_holds(planted, capsys):
    claim = planted(KAPPA * (1 + 1e-15))
    assert main(["check", "--draws", "200", "--attack", "200"]) == 0
    worst, broken = examine(claim, 200, 200, seed=0)
    assert broken == []
    assert 0.99 < worst.ratio <= 1
    assert "1 claims hold, 0 broken" in capsys.readouterr().out


def test_a_constant_that_is_wrong_in_its_fifth_digit_is_found_by_the_attack():
    worst, broken = examine(kappa_claim(0.27846), 100, 600, seed=0)
    assert broken == [worst]
    assert worst.ratio > 1


def test_one_claim_can_be_chosen(capsys):
    assert main(["check", "--claim", "relu-two-keys", "--draws", "5", "--attack", "5"]) == 0
    assert "1 claims, 10 evaluations" in capsys.readouterr().out


def test_an_unknown_claim_is_wrong_use(capsys):
    assert main(["check", "--claim", "nowhere"]) == 2
    assert "'nowhere' is no claim; there are " in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-3", "ten"])
def test_a_count_is_a_whole_number_above_zero(number, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--draws", number])
    assert f"{number} is given, but an integer >= 1 is needed" in capsys.readouterr().err


def test_the_worst_setting_is_kept_and_never_replaced_by_a_better_one(planted, record, capsys):
    claim = planted(KAPPA * (1 + 1e-15))
    worst = {"beta": 2.0, "z": (1 + KAPPA) / 2}
    save({claim.id: Entry(worst, 0.5, 7, 7, 7), "gone": Entry({}, 1, 1, 1, 1)}, record)
    assert main(["check", "--draws", "3", "--attack", "3", "--record"]) == 0
    kept = load(record)
    assert set(kept) == {claim.id}
    assert kept[claim.id].settings == worst
    # The ratio is computed anew; the one that stood there was wrong.
    assert kept[claim.id].ratio == claim.check(**worst).ratio > 0.99


def test_a_recorded_setting_that_fits_no_knob_any_more_is_replaced(planted, record):
    claim = planted(KAPPA * (1 + 1e-15))
    save({claim.id: Entry({"z": 99.0}, 1.0, 7, 7, 7)}, record)
    assert main(["check", "--draws", "3", "--attack", "3", "--record"]) == 0
    assert load(record)[claim.id].draws == 3


def test_a_break_is_not_recorded(planted, record):
    planted(0.27)
    assert main(["check", "--draws", "50", "--attack", "100", "--record"]) == 1
    assert not record.exists()


def test_the_ledger_lists_every_claim(planted, record, monkeypatch, capsys):
    claim = planted(KAPPA * (1 + 1e-15))
    quoted = Claim(id="said", title="Said", statement="s", evidence="quoted", source="hu2026, p. 1")
    registry._REGISTRY[quoted.id] = quoted
    save({claim.id: Entry({"beta": 2.0}, 0.875, 7, 7, 7)}, record)
    monkeypatch.setattr("softbook.commands.ledger.load", lambda: load(record))
    assert main(["ledger"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [claim.id for claim in ledger()]
    assert lines[0].split()[1:6] == [
        "proved",
        "default",
        f"{claim.check().ratio:.6f}",
        "worst",
        "0.8750000",
    ]
    assert lines[1].split() == ["said", "quoted", "Said", "(hu2026,", "p.", "1)"]


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "softbook", "check", "--claim", "nowhere"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "'nowhere' is no claim" in done.stderr


def test_digests_are_written_compared_and_cleared(tmp_path, monkeypatch, capsys):
    height = [1.0]

    def bump(width):
        x = np.linspace(-1, 1, 21)
        y = height[0] * np.exp(-((x / width) ** 2))
        return chart([curve(x, y, "measured", "bump")], title="A bump", x="x", y="y")

    entry = explore(bump, width=Linear(0.5, 1, points=3))
    monkeypatch.setattr("softbook.commands.digest.explorables", lambda: {entry.id: entry})
    folder = ["--folder", str(tmp_path / "digests")]
    assert main(["digest", *folder]) == 1
    assert "bump: has no digest" in capsys.readouterr().out
    assert main(["digest", "--write", *folder]) == 0
    (tmp_path / "digests" / "gone.json").write_text("{}", "utf-8")
    assert main(["digest", *folder]) == 0
    # Within the tolerance nothing is written: another machine's rounding leaves no trace.
    before = (tmp_path / "digests" / "bump.json").read_text("utf-8")
    height[0] = 1 + 1e-9
    assert main(["digest", "--write", *folder]) == 0
    assert (tmp_path / "digests" / "bump.json").read_text("utf-8") == before
    assert not (tmp_path / "digests" / "gone.json").exists()
    # Off by one in one number: red.
    stored = json.loads(before)
    row = stored['{"width": 0.5}']["data.0.y"]
    row[4] += 1
    (tmp_path / "digests" / "bump.json").write_text(json.dumps(stored), "utf-8")
    capsys.readouterr()
    assert main(["digest", *folder]) == 1
    out = capsys.readouterr().out
    assert 'bump: {"width": 0.5} data.0.y: moved by 1 on a range of' in out
    assert "1 digests compared, 1 differences" in out
