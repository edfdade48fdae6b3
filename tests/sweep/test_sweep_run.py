"""The sweep in one process: order, what is kept, what failed, and what is looked up."""

from __future__ import annotations

import math
import random
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.sweep import Record, Results, Stopped, plan, sweep

CALLS: list[tuple[int, int]] = []
BROKEN: set[int] = set()


def noisy(seed, n):
    """A run that is counted, and fails where it is told to."""
    CALLS.append((n, seed))
    if n in BROKEN:
        raise ValueError(f"{n} is broken")
    return {"draw": random.Random(f"{seed} {n}").random(), "n": n}


@pytest.fixture(autouse=True)
def fresh():
    CALLS.clear()
    BROKEN.clear()


def quick(grid, cache, seeds=(0, 1), **more):
    return sweep(noisy, grid, seeds=seeds, cache=cache, progress=False, **more)


def test_the_order_is_the_grids_and_a_second_call_computes_nothing(tmp_path):
    first = quick({"n": [3, 1, 2]}, tmp_path)
    assert [(one.settings["n"], one.seed) for one in first] == CALLS
    assert CALLS == [(3, 0), (3, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    again = quick({"n": [3, 1, 2]}, tmp_path)
    assert again == first
    assert len(CALLS) == 6
    assert all(one.kept for one in again)
    assert not any(one.kept for one in first)
    assert [one.seconds for one in again] == [round(one.seconds, 6) for one in first]


def test_other_grids_share_what_is_kept(tmp_path):
    quick({"n": [1, 2]}, tmp_path)
    wider = quick([{"n": n} for n in (2, 3, 1)], tmp_path, seeds=(1, 2))
    assert sorted(CALLS) == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 1), (3, 2)]
    assert [one.settings["n"] for one in wider] == [2, 2, 3, 3, 1, 1]
    assert len(list(tmp_path.glob("noisy-*.jsonl"))) == 1


def test_without_a_cache_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick({"n": [1]}, None)
    quick({"n": [1]}, None)
    assert len(CALLS) == 4
    assert not list(tmp_path.iterdir())


def test_a_failing_setting_is_reported_kept_out_and_tried_again(tmp_path):
    BROKEN.add(2)
    with pytest.warns(
        RuntimeWarning, match=r'2 of 6 runs failed.*\{"n":2\}, seed 0: ValueError: 2 is'
    ):
        results = quick({"n": [1, 2, 3]}, tmp_path)
    assert [one.error for one in results.failed] == ["ValueError: 2 is broken"] * 2
    assert "in noisy" in results.failed[0].trace
    assert [one.error is None for one in results] == [True, True, False, False, True, True]
    with pytest.raises(RuntimeError, match="seed 1 failed: ValueError: 2 is broken"):
        results.value(n=2, seed=1)
    assert np.isnan(results.array("draw")).tolist() == [[False] * 2, [True] * 2, [False] * 2]
    BROKEN.clear()
    CALLS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not quick({"n": [1, 2, 3]}, tmp_path).failed
    assert CALLS == [(2, 0), (2, 1)]


def test_values_that_are_no_json_fail_like_others_and_odd_exits_do_not_stop_the_rest():
    def odd(seed, kind):
        if kind == "exit":
            raise SystemExit(3)
        if kind == "silent":
            raise AssertionError
        return {"set": {1}, "nan": [math.nan, math.inf]}[kind]

    with pytest.warns(RuntimeWarning, match="3 of 4"):
        results = sweep(odd, {"kind": ["exit", "set", "silent", "nan"]}, seeds=[0], cache=None)
    errors = [one.error for one in results]
    assert errors[:3] == ["SystemExit: 3", errors[1], "AssertionError"]
    assert re.match("TypeError: value: set is given, but only what JSON can hold", errors[1])
    assert math.isnan(results[3].value[0])
    assert results[3].value[1] == math.inf


def test_nan_is_kept(tmp_path):
    def diverged(seed, n):
        return {"loss": math.nan, "rate": n}

    grid = {"n": [math.inf, -0.0]}
    for kept in (False, True):
        results = sweep(diverged, grid, seeds=[0], cache=tmp_path)
        assert np.isnan(results.array("loss")).all()
        assert results.value(n=math.inf)["rate"] == math.inf
        assert math.copysign(1, results.value(n=-0.0)["rate"]) == -1
        assert [one.kept for one in results] == [kept] * 2


def test_a_function_that_changes_its_settings_changes_nothing_else():
    def greedy(seed, items):
        items.append(seed)
        return items

    results = sweep(greedy, {"items": [[1], (2, 3)]}, seeds=[7, 8], cache=None)
    assert [one.value for one in results] == [[1, 7], [1, 8], [2, 3, 7], [2, 3, 8]]
    assert [one.settings["items"] for one in results] == [[1], [1], [2, 3], [2, 3]]


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path):
    def stops(seed, n, folder):
        from pathlib import Path

        if n == 2 and not Path(folder, "asked").exists():
            Path(folder, "asked").touch()
            raise KeyboardInterrupt
        return n

    grid = {"n": [0, 1, 2, 3], "folder": [str(tmp_path)]}
    with pytest.raises(Stopped, match=r"2 of 4 runs are kept in .*stops-.*the same call goes on"):
        sweep(stops, grid, seeds=[0], cache=tmp_path)
    # The lock is given back, and only the rest is done.
    assert [one.kept for one in sweep(stops, grid, seeds=[0], cache=tmp_path)] == [1, 1, 0, 0]
    (tmp_path / "asked").unlink()
    with pytest.raises(Stopped, match="2 of 4 runs done; none is kept"):
        sweep(stops, grid, seeds=[0], cache=None)


def test_a_damaged_run_is_noticed_and_done_again(tmp_path):
    first = quick({"n": [1, 2, 3]}, tmp_path)
    file = plan(noisy, {"n": [1]}, seeds=[0], cache=tmp_path).place
    # A planted fault: someone changes a value by hand.
    text = file.read_text("utf-8")
    assert text.count('"n":2') == 4
    file.write_text(text.replace('"value":{"draw":0.', '"value":{"draw":9.', 1), "utf-8")
    CALLS.clear()
    with pytest.warns(RuntimeWarning, match="line 2 of .* is damaged"):
        assert quick({"n": [1, 2, 3]}, tmp_path) == first
    assert CALLS == [(1, 0)]


def test_jobs_and_cluster_exclude_each_other():
    with pytest.raises(ValueError, match="jobs: 2 is given with a cluster"):
        quick({"n": [1]}, None, jobs=2, cluster="tcp://127.0.0.1:1")


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(("jobs", "kind"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
def test_jobs_are_a_count(jobs, kind):
    with pytest.raises(kind, match="jobs: "):
        quick({"n": [1]}, None, jobs=jobs)


def test_progress_is_shown_with_failures_and_time_left(capsys, monkeypatch):
    BROKEN.add(1)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with pytest.warns(RuntimeWarning, match="1 of 2"):
        sweep(noisy, {"n": [1, 2]}, seeds=[0], cache=None)
    shown = capsys.readouterr().err
    assert "noisy: 100%" in shown
    assert "2/2 [00:00<00:00" in shown
    assert "failed=1" in shown


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
    st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True),
)
def test_an_array_has_the_grids_shape_and_lookups_agree(numbers, letters, seeds):
    def place(seed, n, letter):
        return n + 0.1 * seed + (1000.0 if letter == "b" else 0.0)

    results = sweep(place, {"n": numbers, "letter": letters}, seeds=seeds, cache=None)
    array = results.array()
    assert array.shape == results.shape == (len(numbers), len(letters), len(seeds))
    for row, n in enumerate(numbers):
        assert len(results.select(n=n)) == len(letters) * len(seeds)
        for column, letter in enumerate(letters):
            for depth, seed in enumerate(seeds):
                assert results.value(n=n, letter=letter, seed=seed) == array[row, column, depth]


def test_results_are_a_sequence_that_says_what_it_is():
    rows = [Record({"n": n}, 0, n) for n in range(4)]
    results = Results(rows)
    assert results[-1] == rows[-1]
    assert results[1:3] == Results(rows[1:3])
    assert results != Results(rows[::-1])
    assert rows[1] in results
    assert results.index(rows[2]) == 2
    assert repr(results) == "Results(4 records, 0 failed, shape (4,))"
    with pytest.raises(KeyError, match="'m' is given, but the settings are n, seed"):
        results.select(m=1)
    with pytest.raises(KeyError, match="0 records have the settings"):
        results.value(n=1.0)
    with pytest.raises(ValueError, match="shape"):
        Results(rows, shape=(3,))
