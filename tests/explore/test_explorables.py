"""Explorables: what a figure function may return, ids, registers, and the two ways to be shown."""

from __future__ import annotations

import functools
import re

import plotly.graph_objects as go
import pytest

from softbook.explore import Explorable, explorable, explorables, explore
from softbook.explore import explorable as _decorator  # noqa: F401
from softbook.explore.digest import differences, digest
from softbook.knobs import Integer, Linear
from softbook.plotting import chart, curve

module = __import__("sys").modules["softbook.explore.explorable"]


def line(slope):
    return chart([curve([0, 1], [0, slope], "measured", "line")], title="A line", x="x", y="y")


SLOPE = Linear(0, 2, default=1, points=3, label="slope s")
LINE = explore(line, title="A line", slope=SLOPE)


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(module, "_REGISTRY", {})
    monkeypatch.setattr(module, "load_rooms", lambda room: None)


def test_a_frame_has_a_sentence_of_its_own_or_is_given_one():
    assert LINE(slope=2).summary == "A line: slope s = 2."
    assert explore(lambda: go.Figure(), title="Nothing")().summary == "Nothing."
    spoken = explore(lambda slope: (line(slope), f"It rises by {slope:g}."), slope=SLOPE)
    assert spoken().summary == "It rises by 1."


@pytest.mark.parametrize(
    ("result", "given"),
    [
        (None, "NoneType"),
        ({"data": []}, "dict"),
        ((go.Figure(), 3), "Figure, int"),
        ((go.Figure(), "a", "b"), "Figure, str, str"),
        (("a", go.Figure()), "str, Figure"),
        ((), "nothing"),
    ],
)
def test_a_function_returns_a_figure_or_a_figure_and_a_sentence(result, given):
    def wrong():
        return result

    with pytest.raises(TypeError, match=rf"wrong returned {given}, but a plotly figure \(or a"):
        explore(wrong)()


def test_settings_are_checked_by_their_knobs():
    assert LINE.validate() == {"slope": 1.0}
    with pytest.raises(TypeError, match="settings: size is no knob of line; it has slope"):
        LINE(size=1)
    with pytest.raises(ValueError, match="slope: 3 is given, but a number from 0 to 2 is needed"):
        LINE(slope=3)
    with pytest.raises(TypeError, match="settings: a is no knob of still; it has none"):
        Explorable("still", "Still", go.Figure, {}).validate(a=1)


def test_the_grid_turns_its_last_knob_fastest():
    entry = explore(lambda a, b: go.Figure(), a=Integer(1, 2), b=Integer(5, 6))
    assert [tuple(s.values()) for s in entry.grid()] == [(1, 5), (1, 6), (2, 5), (2, 6)]
    assert entry.size() == 4
    assert entry.defaults() == {"a": 1, "b": 5}


@pytest.mark.parametrize(
    "id", ["Two", "two_keys", "-two", "two--keys", "two-", "", "zwei-schlüssel"]
)
def test_ids_are_lower_case_words_with_hyphens(id):
    with pytest.raises(ValueError, match=re.escape(f"id: {id!r} is given, but lower-case words")):
        Explorable(id, "t", line, {"slope": SLOPE})


@pytest.mark.parametrize(
    ("function", "id"),
    [
        (lambda: go.Figure(), "lambda"),
        (functools.partial(line, slope=1), "partial"),
        (type("Drawer", (), {"__call__": lambda self: go.Figure()})(), "drawer"),
    ],
)
def test_any_callable_can_be_explored(function, id):
    entry = explore(function)
    assert (entry.id, entry.title) == (id, id)
    assert isinstance(entry().figure, go.Figure)


@pytest.mark.usefixtures("register")
def test_registered_explorables_are_found_by_id():
    entry = explorable("a-line", title="A line", slope=SLOPE)(line)
    assert explore("a-line") is entry is explorables()["a-line"]
    assert entry.knobs["slope"].name == "slope"
    # A cell that is run again registers the same function again.
    again = explorable("a-line", title="A line", slope=SLOPE)(line)
    assert explore("a-line") is again
    with pytest.raises(KeyError, match="'a-curve' is no explorable; there are a-line"):
        explore("a-curve")
    with pytest.raises(TypeError, match="knobs: slope is given, but 'a-line' has its own knobs"):
        explore("a-line", slope=SLOPE)


@pytest.mark.usefixtures("register")
def test_an_id_belongs_to_one_function():
    explorable("a-line", title="A line")(line)

    def other():
        return go.Figure()

    with pytest.raises(ValueError, match=r"id: 'a-line' is taken by .*line"):
        explorable("a-line", title="Another")(other)
    # The same name in another module is another function.
    other.__qualname__ = line.__qualname__
    other.__module__ = "elsewhere"
    with pytest.raises(ValueError, match=r"id: 'a-line' is taken by .*line"):
        explorable("a-line", title="Another")(other)


def test_the_build_shows_the_payload_and_a_kernel_the_widget(monkeypatch):
    monkeypatch.setenv("SOFTBOOK_BUILD", "1")
    built = LINE._repr_mimebundle_()
    assert built[module.MIME] == LINE.payload()
    assert built["text/plain"] == "A line: slope s = 1."
    monkeypatch.delenv("SOFTBOOK_BUILD")
    live = LINE._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in live
    assert module.MIME not in live


def test_a_digest_holds_the_default_and_both_ends_of_each_knob():
    table = digest(LINE)
    assert list(table) == ['{"slope": 1.0}', '{"slope": 0.0}', '{"slope": 2.0}']
    assert table['{"slope": 2.0}']["data.0.y"] == [2, 0, 2, 1, 0, 0, 0, 2, 2]


def test_digests_differ_where_data_do():
    old = digest(LINE)
    assert differences(old, digest(LINE), 1e-6) == []

    def changed(path, value, key='{"slope": 2.0}', at=4):
        new = {k: {p: list(row) for p, row in rows.items()} for k, rows in old.items()}
        new[key][path][at] = value
        return differences(old, new, 1e-6)

    # The planted fault of this kind of check: one number, off by one.
    assert changed("data.0.y", 1.0) == ['{"slope": 2.0} data.0.y: moved by 1 on a range of 2']
    assert changed("data.0.y", 1e-7) == []
    assert changed("data.0.y", 3, at=0) == [
        '{"slope": 2.0} data.0.y: 2 finite values were stored, 3 are drawn'
    ]
    assert changed("data.0.y", float("nan"))
    assert differences(old, {}, 1e-6) == [f"{key}: in one digest only" for key in sorted(old)]
    fewer = {key: {} for key in old}
    assert '{"slope": 2.0} data.0.x: in one digest only' in differences(old, fewer, 1e-6)


def test_a_digest_sees_gaps_and_survives_an_empty_array():
    empty = explore(lambda: chart([curve([], [], "measured", "a")], title="t", x="x", y="y"))
    assert digest(empty)["{}"]["data.0.y"] == [0.0]
    gaps = explore(
        lambda: chart([curve([0, 1], [0, float("nan")], "measured", "a")], title="t", x="x", y="y")
    )
    assert digest(gaps)["{}"]["data.0.y"][0] == 1
    assert differences(digest(gaps), digest(empty), 1.0)
