"""The file of finished runs: torn, flipped, doubled and contradicting lines are all noticed."""

from __future__ import annotations

import math
import os
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.sweep.store import Store

RUNS = {
    f"{number:04x}": {"seed": number, "settings": {"n": number}, "value": [number / 7, math.inf]}
    for number in range(5)
}


def fresh(path):
    return Store(path, {"function": "test"})


def filled(path):
    with fresh(path) as store:
        for key, run in RUNS.items():
            store.append(key, run)
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return filled(tmp_path_factory.mktemp("store") / "runs.jsonl")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("cut") / "runs.jsonl"


def quietly(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return fresh(path).read()


def test_what_is_appended_is_read_in_order(tmp_path):
    assert quietly(tmp_path / "nowhere" / "runs.jsonl") == {}
    filled(tmp_path / "runs.jsonl")
    found = quietly(tmp_path / "runs.jsonl")
    assert found == RUNS
    assert list(found) == list(RUNS)


@given(st.data())
def test_a_file_cut_anywhere_keeps_its_whole_lines_and_is_healed(whole, place, data):
    cut = data.draw(st.integers(0, len(whole)))
    place.write_bytes(whole[:cut])
    lines = max(whole[:cut].count(b"\n") - 1, 0)
    assert quietly(place) == dict(list(RUNS.items())[:lines])
    with fresh(place) as store:
        for key in list(RUNS)[lines:]:
            store.append(key, RUNS[key])
    assert place.read_bytes() == whole


@given(st.data())
def test_a_flipped_bit_is_noticed_and_costs_one_run_only(whole, place, data):
    spot = data.draw(st.integers(0, len(whole) - 1))
    content = bytearray(whole)
    content[spot] ^= 1 << data.draw(st.integers(0, 7))
    place.write_bytes(content)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = fresh(place).read()
    assert all(found[key] == RUNS[key] for key in found)
    # An end of line that is flipped joins two runs, or tears the last.
    assert len(found) >= len(RUNS) - 2
    torn = bytes(content).rfind(b"\n") < len(content) - 1
    assert bool(seen) or torn
    assert all("damaged" in str(one.message) for one in seen)


def test_a_run_that_is_there_twice_is_noticed(tmp_path):
    path = tmp_path / "runs.jsonl"
    whole = filled(path)
    path.write_bytes(whole + whole.splitlines(keepends=True)[2])
    with pytest.warns(RuntimeWarning, match="line 7 of .* repeats a run"):
        assert fresh(path).read() == RUNS


def test_two_values_for_one_run_are_an_error(tmp_path):
    path = tmp_path / "runs.jsonl"
    filled(path)
    with fresh(path) as store:
        store.append("0002", {**RUNS["0002"], "value": [1, 2]})
    with pytest.raises(ValueError, match=r'line 7 of .* another value for .*"seed":2.*"n":2'):
        fresh(path).read()


def test_only_one_writes(tmp_path):
    path = tmp_path / "runs.jsonl"
    with fresh(path), pytest.raises(RuntimeError, match="another sweep is writing"):
        fresh(path).__enter__()
    with fresh(path) as store:
        store.append("0000", RUNS["0000"])
    with pytest.raises(RuntimeError, match="only inside `with`"):
        store.append("0001", RUNS["0001"])


@pytest.mark.parametrize("error", [True, False])
def test_a_full_disk_leaves_no_torn_line(tmp_path, monkeypatch, error):
    path, write = tmp_path / "runs.jsonl", os.write
    before = filled(path)

    def full(handle, line):
        write(handle, line[:20])
        if error:
            raise OSError(28, "No space left on device")
        return 20

    with fresh(path) as store:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match=r"No space|took 20 of"):
            store.append("ffff", RUNS["0000"])
        assert path.read_bytes() == before
        monkeypatch.undo()
        store.append("ffff", RUNS["0000"])
    assert len(quietly(path)) == len(RUNS) + 1


def test_each_line_is_on_disk_before_the_next(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    whole = filled(tmp_path / "runs.jsonl")
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    assert [size for size in synced if size in ends] == ends
