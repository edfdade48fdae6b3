"""Worker processes: their answers, their time limit, their death, and their return."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import numpy as np
import plotly.graph_objects as go
import pytest

from softbook.explore import Explorable, explore
from softbook.explore.parts import figure_parts
from softbook.knobs import Linear
from softbook.live.pool import Pool
from softbook.live.worker import answer, main

# Answers each line with itself, after the seconds that it names; ends at a zero.
ECHO = """import json, sys, time
for line in sys.stdin:
    wait = json.loads(line)["wait"]
    if wait == 0: sys.exit(3)
    time.sleep(wait)
    print(line, end="", flush=True)
"""
COMMAND = (sys.executable, "-c", ECHO)


def asked(pool: Pool, *messages):
    async def all_of_them():
        try:
            return [await pool.ask(message) for message in messages]
        finally:
            await pool.end()

    return asyncio.run(all_of_them())


def test_a_real_worker_computes_what_this_process_computes():
    # A value that the grid does not hold.
    settings = {"beta": 7.77}
    message = {"figure": "two-keys", "settings": settings}
    (found,) = asked(Pool(1, 60), message)
    frame = explore("two-keys")(**settings)
    assert found["summary"] == frame.summary
    for path, part in figure_parts(frame.figure).items():
        node = found["figure"]
        for step in path:
            node = node[step]
        if isinstance(part, np.ndarray):
            np.testing.assert_array_equal(np.array(node, dtype=float), part)
        else:
            assert node == part


def test_what_takes_too_long_is_stopped_and_the_next_question_is_answered(monkeypatch):
    monkeypatch.setattr("softbook.live.pool.BIRTH", 0.0)
    start = time.perf_counter()
    late, good = asked(Pool(1, 2.0, COMMAND), {"wait": 60}, {"wait": 0.01})
    assert "longer than 2 s" in late["error"]
    assert good == {"wait": 0.01}
    assert time.perf_counter() - start < 30


def test_a_worker_that_dies_is_told_and_replaced():
    dead, good = asked(Pool(1, 20, COMMAND), {"wait": 0}, {"wait": 0.01})
    assert "without an answer (exit code 3)" in dead["error"]
    assert good == {"wait": 0.01}


def test_two_workers_work_side_by_side():
    async def both():
        pool = Pool(2, 20, COMMAND)
        try:
            await asyncio.gather(*(pool.ask({"wait": 0.01}) for _ in range(2)))
            start = time.perf_counter()
            await asyncio.gather(*(pool.ask({"wait": 1.0}) for _ in range(2)))
            return time.perf_counter() - start
        finally:
            await pool.end()

    assert asyncio.run(both()) < 1.9


def test_a_time_limit_is_a_time():
    with pytest.raises(ValueError, match="limit: 0 is given"):
        Pool(1, 0)


def _noisy(x):
    print("this must not stand between the answers")
    if x > 0.5:
        raise ZeroDivisionError("no such figure")
    return go.Figure(go.Scatter(y=[x, np.nan])), f"x is {x:g}."


NOISY = {"noisy": Explorable("noisy", "Noisy", _noisy, {"x": Linear(0, 1)})}


def test_one_line_in_one_line_out_whatever_a_figure_does(capsys):
    lines = [json.dumps({"figure": "noisy", "settings": {"x": x}}) for x in (0.25, 0.75, 3)]
    said: list[str] = []
    main(NOISY, [*lines, "no json"], said.append)
    good, raised, outside, broken = map(json.loads, said)
    assert good["figure"]["data"][0]["y"] == [0.25, None]
    assert good["summary"] == "x is 0.25."
    assert raised == {"error": "ZeroDivisionError: no such figure"}
    assert outside["error"].startswith("x: 3 is given, but a number from 0 to 1")
    assert "error" in broken
    assert capsys.readouterr().out == ""


def test_an_answer_is_strict_json():
    found = answer('{"figure": "noisy", "settings": {"x": 0}}', NOISY)
    assert "NaN" not in json.dumps(found, allow_nan=False)
