"""Results are written whole or not at all, and never without their provenance."""

from __future__ import annotations

import json
import os

import pytest

from softbook.provenance import (
    digest,
    provenance,
    read_json,
    read_result,
    versions,
    write_json,
    write_result,
)


def test_a_result_comes_back_with_its_provenance(tmp_path):
    file = tmp_path / "deep" / "result.json"
    write_result(file, {"slope": -1.5, "word": 'a],"b'}, settings={"n": 3}, seeds=[4], seconds=2.04)
    result = read_result(file)
    assert (result["slope"], result["word"]) == (-1.5, 'a],"b')
    record = result["provenance"]
    assert record == {
        "settings": {"n": 3},
        "seeds": [4],
        "versions": versions(),
        "seconds": 2.0,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("-inf")]}])
def test_numbers_that_json_lacks_are_refused_and_the_old_file_stays(tmp_path, value):
    file = tmp_path / "result.json"
    write_json(file, 1)
    with pytest.raises(ValueError, match="finite"):
        write_json(file, value)
    assert read_json(file) == 1


def test_a_kill_between_writing_and_renaming_leaves_the_old_file_alone(tmp_path, monkeypatch):
    file = tmp_path / "result.json"
    write_json(file, "old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_json(file, "new")
    assert read_json(file) == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_half_a_file_and_a_number_without_provenance_are_refused(tmp_path):
    file = tmp_path / "result.json"
    file.write_text('{"a": [1, 2', encoding="utf-8")
    with pytest.raises(ValueError, match=r"result\.json does not hold whole JSON"):
        read_result(file)
    file.write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks provenance: settings, seeds, versions, seconds"):
        read_result(file)
    record = provenance(settings={}, seeds=[], seconds=0)
    del record["seeds"]
    file.write_text(json.dumps({"provenance": record}), encoding="utf-8")
    with pytest.raises(ValueError, match="lacks provenance: seeds"):
        read_result(file)


def test_wrong_arguments_are_named(tmp_path):
    with pytest.raises(ValueError, match="seconds: -1"):
        provenance(settings={}, seeds=[], seconds=-1.0)
    with pytest.raises(ValueError, match="'provenance' is given"):
        write_result(tmp_path / "r", {"provenance": 1}, settings={}, seeds=[], seconds=0.0)


def test_the_digest_sees_values_and_not_the_order_of_keys():
    assert digest({"b": 1, "a": [2]}) == digest({"a": [2], "b": 1})
    assert digest({"a": [2]}) != digest({"a": [2.5]})
    assert digest("ä") == digest("ä") != digest("a")
