"""The register and the record: ids are unique, names are known, files are whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest

from softbook.claims import Claim, claim_by_id, ledger, register, registry
from softbook.claims.record import Entry, load, save


def said(id, **more):
    return Claim(
        id=id, title=id, statement=more.pop("statement", "s"), evidence="quoted", source="x", **more
    )


@pytest.fixture
def clean(monkeypatch):
    ledger()
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))


@pytest.mark.usefixtures("clean")
def test_an_id_belongs_to_one_claim():
    register(said("made-up"))
    # A module that is loaded again registers the same claim.
    register(said("made-up"))
    with pytest.raises(ValueError, match="id: 'made-up' is taken by the claim 'made-up'"):
        register(said("made-up", statement="another"))


@pytest.mark.usefixtures("clean")
def test_a_claim_depends_on_claims_that_there_are():
    register(said("made-up", depends=["relu-two-keys"]))
    assert claim_by_id("made-up").depends == ["relu-two-keys"]
    register(said("made-down", depends=["nowhere"]))
    with pytest.raises(ValueError, match="made-down: depends on 'nowhere', which no claim has as"):
        ledger()


def test_an_unknown_id_is_answered_by_those_that_there_are():
    with pytest.raises(KeyError, match=r"'nowhere' is no claim; there are .*relu-two-keys, "):
        claim_by_id("nowhere")


def test_a_record_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "record.json"
    assert load(file) == {}
    entries = {
        "b": Entry({"x": 0.1, "n": 2, "kind": "a"}, 0.5, 10, 20, 0),
        "a": Entry({}, 1, 1, 1, 3),
    }
    save(entries, file)
    assert load(file) == entries
    assert list(json.loads(file.read_text("utf-8"))) == ["a", "b"]
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_ratio_that_is_no_number_leaves_the_old_record(tmp_path):
    file = tmp_path / "record.json"
    save({"a": Entry({}, 0.5, 1, 1, 0)}, file)
    with pytest.raises(ValueError, match="not JSON compliant"):
        save({"a": Entry({}, float("nan"), 1, 1, 0)}, file)
    assert load(file)["a"].ratio == 0.5


def test_a_failure_before_the_last_step_leaves_the_old_record(tmp_path, monkeypatch):
    file = tmp_path / "record.json"
    save({"a": Entry({}, 0.5, 1, 1, 0)}, file)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        save({"a": Entry({}, 0.75, 1, 1, 0)}, file)
    assert load(file)["a"].ratio == 0.5


def test_a_killed_writer_leaves_a_whole_record(tmp_path):
    file = tmp_path / "record.json"
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from softbook.claims.record import Entry, save
        print("ready", flush=True)
        while True:
            for ratio in (0.25, 0.5):
                many = {{str(k): Entry({{"x": ratio}}, ratio, 1, 1, 0) for k in range(2000)}}
                save(many, Path({str(file)!r}))
        """
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 20
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        writer.kill()
    entries = load(file)
    assert len(entries) == 2000
    assert len({entry.ratio for entry in entries.values()}) == 1
