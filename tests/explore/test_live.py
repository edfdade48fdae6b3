"""The live form: few computations in a burst, the last value wins, errors are said."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import plotly.graph_objects as go
import pytest

from softbook.explore import explore
from softbook.explore.live import Latest
from softbook.knobs import Choice, Integer, Linear, Switch
from softbook.plotting import chart, curve


def given(values, pause, work):
    """Give values in a running loop and wait until all work is done; return what it logged."""
    reports = []

    async def session():
        asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
        latest = Latest(work)
        for value in values:
            latest.give(value)
            if pause is not None:
                await asyncio.sleep(pause)
        while not latest._task.done():
            await asyncio.sleep(0.001)

    asyncio.run(session())
    return reports


def test_a_burst_is_worked_on_once_with_its_last_value():
    done = []
    given(range(100), None, done.append)
    assert done == [99]


def test_a_drag_is_painted_on_the_way_and_ends_at_its_last_value():
    done = []

    def slow(value):
        time.sleep(0.01)
        done.append(value)

    given(range(100), 0.0005, slow)
    assert done[-1] == 99
    assert done == sorted(set(done))
    assert 2 < len(done) < 50


def test_two_computations_never_run_at_a_time():
    running, most = [], []

    def work(value):
        running.append(value)
        most.append(len(running))
        time.sleep(0.002)
        running.pop()

    given(range(50), 0.001, work)
    assert set(most) == {1}


def test_an_error_is_reported_and_later_values_are_worked_on():
    done = []

    def fails_at_first(value):
        if value < 3:
            raise ZeroDivisionError(f"at {value}")
        done.append(value)

    reports = given(range(6), 0.01, fails_at_first)
    assert done == [3, 4, 5]
    assert [str(report["exception"]) for report in reports] == ["at 0", "at 1", "at 2"]


def test_a_value_given_by_the_work_itself_is_worked_on_after_an_error():
    done = []

    def work(value):
        done.append(value)
        if value == 0:
            latest[0].give(1)
            raise ValueError("first")

    latest = []

    async def session():
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        latest.append(Latest(work))
        latest[0].give(0)
        await asyncio.sleep(0.05)

    asyncio.run(session())
    assert done == [0, 1]


def test_without_a_loop_it_works_at_once():
    done = []
    latest = Latest(done.append)
    for value in range(3):
        latest.give(value)
    assert done == [0, 1, 2]


X = np.linspace(0, 1, 21)


def wave(n, phase, kind, marked):
    if n == 4:
        raise ValueError("n: 4 is given, but <b> it is not liked")
    if n == 5:
        return {}[kind]
    y = np.sin(n * X + phase)
    traces = [curve(X, y, "measured", f"{kind} {n}")]
    if marked:
        traces.append(curve(X, -y, "bound", "mirror"))
    figure = chart(traces, title=f"n = {n}", x="x", y="y", x_range=(0, 1), y_range=(-1, 1))
    if kind == "thick":
        figure.data[0].line.width = 7
        figure.layout.annotations = [{"text": "thick"}, {"text": f"n = {n}"}]
    return figure, f"n = {n} & {kind}"


@pytest.fixture
def box():
    return explore(
        wave,
        n=Integer(1, 6, default=2),
        phase=Linear(0, 1),
        kind=Choice(["thin", "thick"]),
        marked=Switch(),
    ).widget()


def same(box, **settings):
    """The widget shows what the function returns: data, look and layout."""
    meant = wave(**({"n": 2, "phase": 0.0, "kind": "thin", "marked": False} | settings))[0]
    shown = go.Figure(box.figure.to_plotly_json()).to_plotly_json()
    meant = go.Figure(meant.to_plotly_json()).to_plotly_json()
    for tree in (shown, meant):
        tree["layout"].pop("template", None)
        for trace in tree["data"]:
            trace.pop("uid", None)
    assert shown == meant


def test_the_box_starts_at_the_default(box):
    assert sorted(box.controls) == ["kind", "marked", "n", "phase"]
    assert [type(part).__name__ for part in box.children] == ["HBox", "FigureWidget", "HTML"]
    assert box.summary.value == "<p role='status'>n = 2 &amp; thin</p>"
    same(box)


def test_moving_a_control_moves_the_figure_and_its_sentence(box):
    box.controls["n"].value = 3
    same(box, n=3)
    np.testing.assert_allclose(box.figure.data[0].y, np.sin(3 * X))
    assert box.summary.value == "<p role='status'>n = 3 &amp; thin</p>"
    box.controls["phase"].index = 3
    same(box, n=3, phase=box.controls["phase"].value)


def test_looks_that_go_away_are_taken_back(box):
    box.controls["kind"].value = "thick"
    same(box, kind="thick")
    box.controls["n"].value = 3
    same(box, kind="thick", n=3)
    box.controls["kind"].value = "thin"
    same(box, n=3)


def test_traces_come_and_go(box):
    box.controls["marked"].value = True
    same(box, marked=True)
    box.controls["n"].value = 1
    same(box, marked=True, n=1)
    box.controls["marked"].value = False
    same(box, n=1)


def test_only_what_differs_is_sent(box, monkeypatch):
    sent = []
    monkeypatch.setattr(
        type(box.figure), "_send_update_msg", lambda self, **parts: sent.append(parts)
    )
    box.controls["phase"].index = 5
    (message,) = sent
    assert set(message["restyle_data"]) == {"y"}
    assert not message["relayout_data"]
    box.controls["n"].value = 3
    assert set(sent[1]["restyle_data"]) == {"y", "name"}
    assert set(sent[1]["relayout_data"]) == {"title.text"}


@pytest.mark.parametrize(
    ("n", "sentence"),
    [
        (4, "<p role='alert'>n: 4 is given, but &lt;b&gt; it is not liked</p>"),
        (5, "<p role='alert'>KeyError: &#x27;thin&#x27;</p>"),
    ],
)
def test_an_error_is_said_and_the_last_good_frame_stays(box, n, sentence):
    box.controls["n"].value = 3
    box.controls["n"].value = n
    assert box.summary.value == sentence
    same(box, n=3)
    box.controls["n"].value = 6
    assert box.summary.value == "<p role='status'>n = 6 &amp; thin</p>"
    same(box, n=6)


def test_reset_returns_to_the_first_frame(box):
    box.controls["n"].value = 3
    box.controls["kind"].value = "thick"
    box.controls["marked"].value = True
    box.controls["phase"].index = 9
    box.reset.click()
    assert {name: c.value for name, c in box.controls.items()} == {
        "n": 2,
        "phase": 0.0,
        "kind": "thin",
        "marked": False,
    }
    same(box)


def test_a_figure_without_knobs_has_no_controls():
    still = explore(lambda: go.Figure(go.Scatter(y=[1, 2])), title="Still").widget()
    assert [type(part).__name__ for part in still.children] == ["FigureWidget", "HTML"]
    assert still.summary.value == "<p role='status'>Still.</p>"
