"""What a page may ask, and that nothing else comes through."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softbook.explore import Explorable, explorables
from softbook.knobs import Choice, Integer, Linear, Switch
from softbook.live.messages import Ask, Order, parse, settings_of

FIGURES = {
    "own": Explorable(
        "own",
        "Own",
        lambda **_: None,
        {
            "rate": Linear(0, 1),
            "n": Integer(1, 9),
            "law": Choice([2.0, 3.0, "two"]),
            "mark": Switch(),
        },
    )
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


def sent(**settings) -> str:
    return json.dumps({"figure": "own", "ask": 3, "settings": settings})


def test_settings_come_through_in_their_knobs_types():
    text = sent(rate=0.123, n=4, law=1, mark=True)
    asked = parse(text, FIGURES, ())
    assert isinstance(asked, Ask)
    assert asked.ask == 3
    read = settings_of(FIGURES["own"], asked.sent)
    assert read == {"rate": 0.123, "n": 4, "law": 3.0, "mark": True}
    # A page's 3 is no float; the place of the option is.
    assert type(read["law"]) is float


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "list is given, but an object"),
        ("{}", "figure: None is none of the book's 1 figures"),
        ('{"figure": ["own"]}', "is none of the book's"),
        ('{"figure": "own"}', "ask: None"),
        ('{"figure": "own", "ask": 1, "settings": 3}', "settings: int is given"),
        (sent(rate=2), "rate: 2 is given, but a number from 0 to 1"),
        (sent(rate=None), "rate: a number from 0 to 1 is needed"),
        (sent(n=None), "n: an integer from 1 to 9 in steps of 1 is needed"),
        (sent(law=None), "law: one of 2.0, 3.0, two is needed"),
        (sent(mark=None), "mark: one of False, True is needed"),
        (sent(rate=float("nan")), "rate: nan is given"),
        (sent(n=2.5), "n: 2.5 is given"),
        (sent(law="two"), "law: 'two' is given, but a place from 0 to 2"),
        (sent(law=3), "a place from 0 to 2"),
        (sent(law=True), "a place from 0 to 2"),
        (sent(mark=1), "mark: int is given, but True or False"),
        (sent(other=1), "other is no knob of own"),
        ('{"sweep": "areas", "do": "start"}', "sweep: 'areas' is given; there are none"),
        ('{"sweep": ["areas"], "do": "start"}', "there are none"),
    ],
)
def test_all_else_is_refused_with_a_sentence(text, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        parse(text, FIGURES, ())
    assert words in str(caught.value)


def test_what_is_refused_is_named_as_the_page_names_it():
    knobs = {"n": Integer(0, 60, step=20, label="steps done")}
    entry = Explorable("own", "Own", lambda **_: None, knobs)
    for value, words in ((30, "steps done: 30 is given"), (None, "steps done: an integer from 0")):
        with pytest.raises((TypeError, ValueError), match=words):
            settings_of(entry, {"n": value})
    assert settings_of(entry, {"n": 40}) == {"n": 40}


def test_orders_name_a_sweep_and_what_to_do():
    assert parse('{"sweep": "a", "do": "start"}', {}, {"a"}) == Order("a", "start")
    with pytest.raises(ValueError, match="do: 'erase' is given"):
        parse('{"sweep": "a", "do": "erase"}', {}, {"a"})


@given(JSON)
def test_whatever_json_comes_the_answer_is_a_question_or_a_sentence(content):
    for message in (content, {"figure": "own", "ask": 1, "settings": content}):
        # Any other exception is a fault of the server.
        with contextlib.suppress(TypeError, ValueError):
            asked = parse(json.dumps(message), FIGURES, ("areas",))
            assert isinstance(asked, Ask)
            settings_of(FIGURES["own"], asked.sent)


def test_every_figure_of_the_book_takes_its_defaults_as_a_page_sends_them():
    for id, entry in explorables().items():
        settings = {
            name: knob.index() if knob.kind == "choice" else entry.defaults()[name]
            for name, knob in entry.knobs.items()
        }
        assert settings_of(entry, json.loads(json.dumps(settings))) == entry.defaults(), id
