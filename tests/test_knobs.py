"""Knobs: every kind keeps to its own domain, says why it refuses, and shows what it stands for."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from softbook.knobs import Choice, Integer, Knob, Linear, Log, Switch, bind

LABELS = st.text(alphabet="abλ<>&\"' x", max_size=8)
UNITS = st.floats(0, 1)


@st.composite
def linears(draw):
    low = draw(st.floats(-1e6, 1e6))
    high = low + draw(st.floats(1e-3, 1e6))
    default = draw(st.none() | st.floats(low, high))
    return Linear(low, high, default, label=draw(LABELS), points=draw(st.integers(2, 60)))


@st.composite
def logs(draw):
    low = draw(st.floats(1e-9, 1e6))
    high = low * draw(st.floats(1.01, 1e9))
    default = draw(st.none() | st.floats(low, high))
    return Log(low, high, default, label=draw(LABELS), unit="ms", points=draw(st.integers(2, 60)))


@st.composite
def integers(draw):
    low, step = draw(st.integers(-1000, 1000)), draw(st.integers(1, 7))
    rungs = draw(st.integers(0, 60))
    high = low + rungs * step + draw(st.integers(0, step - 1))
    default = draw(st.none() | st.integers(0, rungs).map(lambda rung: low + step * rung))
    return Integer(low, high, default, step=step, label=draw(LABELS))


@st.composite
def choices(draw):
    options = draw(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=6, unique=True))
    return Choice(options, draw(st.none() | st.sampled_from(options)), label=draw(LABELS))


switches = st.builds(Switch, st.booleans(), label=LABELS)
KNOBS = st.one_of(linears(), logs(), integers(), choices(), switches)
KINDS = [
    Linear(0, 1, default=0.5),
    Log(1, 100),
    Integer(2, 10, step=2),
    Choice(["a", "b"]),
    Switch(),
]


@given(KNOBS)
def test_the_grid_is_ordered_valid_and_holds_the_default(knob):
    grid = knob.grid()
    assert knob.default in grid
    assert grid[knob.index()] == knob.default
    assert [knob.validate(value) for value in grid] == list(grid)
    assert len(set(grid)) == len(grid)
    if knob.kind in ("linear", "log", "integer"):
        assert list(grid) == sorted(grid)


@given(st.one_of(linears(), logs()))
def test_the_grid_of_a_range_holds_both_ends(knob):
    grid = knob.grid()
    assert (grid[0], grid[-1]) == (knob.low, knob.high)
    assert len(grid) <= knob.points + 1


@given(integers())
def test_a_ladder_starts_low_and_stops_at_its_last_rung(knob):
    grid = knob.grid()
    assert grid[0] == knob.low == knob.from_unit(0.0)
    assert knob.high - knob.step < grid[-1] <= knob.high
    assert grid[-1] == knob.from_unit(1.0)


@given(st.one_of(linears(), logs()))
def test_the_ends_of_the_unit_interval_are_the_ends_of_the_range(knob):
    assert knob.from_unit(0.0) == knob.low
    assert knob.from_unit(1.0) == knob.high


@given(KNOBS, UNITS)
def test_every_place_in_the_unit_interval_is_valid(knob, unit):
    value = knob.from_unit(unit)
    assert knob.validate(value) == value


@given(st.one_of(linears(), logs(), integers()), UNITS, UNITS)
def test_the_order_of_the_unit_interval_is_kept(knob, one, other):
    low, high = sorted((one, other))
    assert knob.from_unit(low) <= knob.from_unit(high)


@given(KNOBS, st.integers(0, 2**32))
def test_draws_are_valid_and_repeat_with_their_seed(knob, seed):
    first, second = (np.random.default_rng(seed) for _ in range(2))
    drawn = [knob.draw(first) for _ in range(5)]
    assert drawn == [knob.draw(second) for _ in range(5)]
    assert [knob.validate(value) for value in drawn] == drawn


# The check of types at run time picks the item that it looks at with `random`.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@given(st.data(), KNOBS)
def test_the_strategy_stays_in_the_domain(data, knob):
    value = data.draw(knob.strategy())
    assert knob.validate(value) == value


@given(KNOBS)
def test_the_texts_of_a_grid_tell_its_values_apart(knob):
    texts = [knob.text(value) for value in knob.grid()]
    assert len(set(texts)) == len(texts)


def test_texts_carry_their_unit():
    assert Linear(0, 1, unit="nats").text(0.25) == "0.25 nats"
    assert Log(1, 1e6).text(1e6) == "10⁶"
    assert Linear(-1, 1).text(-0.5) == "−0.5"
    assert Integer(-3, 3).text(-2) == "−2"
    assert Integer(0, 10_000, unit="heads").text(1200) == "1,200 heads"
    assert Choice(["soft", "hard"]).text("soft") == "soft"
    assert [Switch().text(value) for value in (False, True)] == ["off", "on"]


def test_a_narrow_range_writes_the_digits_that_tell_its_values_apart():
    knob = Linear(1000, 1001, points=5)
    assert [knob.text(v) for v in knob.grid()] == ["1000", "1000.2", "1000.5", "1000.8", "1001"]


def test_zero_stands_in_the_grid_once():
    assert Linear(-0.1, 0.2, default=0, points=31).grid().count(0.0) == 1
    assert min(abs(v) for v in Linear(-0.1, 0.2, default=0, points=31).grid() if v) > 1e-3


def test_a_default_beside_an_end_does_not_push_the_end_out():
    grid = Linear(0, 1, default=1 - 1e-12, points=3).grid()
    assert grid == (0.0, 0.5, 1 - 1e-12, 1.0)


@pytest.mark.parametrize(
    ("knob", "middle"),
    [(Log(1e-300, 1e300), 1.0), (Log(2 / 3, 1.5), 1.0), (Linear(-8e307, 8e307), 0.0)],
)
def test_wide_ranges_have_a_middle(knob, middle):
    assert knob.from_unit(0.5) == pytest.approx(middle, rel=1e-10)
    assert all(map(math.isfinite, knob.grid()))


REFUSED = [
    (Linear(0, 1), math.nan, ValueError, "beta: nan is given, but a number from 0 to 1 is needed"),
    (Linear(0, 1), 1.5, ValueError, "beta: 1.5 is given, but a number from 0 to 1 is needed"),
    (Linear(0, 1), 10**310, ValueError, "but a number from 0 to 1 is needed"),
    (Linear(0, 1, unit="s"), -1, ValueError, "but a number from 0 to 1 s is needed"),
    (Linear(0, 1), True, TypeError, "beta: bool is given, but a number is needed"),
    (Linear(0, 1), "0.5", TypeError, "beta: str is given, but a number is needed"),
    (Linear(0, 1), None, TypeError, "beta: NoneType is given, but a number is needed"),
    (Log(1, 9), 0, ValueError, "beta: 0 is given, but a number from 1 to 9 is needed"),
    (Log(1, 9), math.inf, ValueError, "beta: inf is given, but a number from 1 to 9 is needed"),
    (Integer(2, 8, step=2), 3, ValueError, "beta: 3 is given, but an integer from 2 to 8 in steps"),
    (
        Integer(2, 8),
        2.5,
        ValueError,
        "beta: 2.5 is given, but an integer from 2 to 8 in steps of 1",
    ),
    (Integer(2, 8), 9, ValueError, "beta: 9 is given, but an integer from 2 to 8 in steps of 1"),
    (Integer(2, 8), math.inf, ValueError, "beta: inf is given, but an integer"),
    (Integer(2, 8), math.nan, ValueError, "beta: nan is given, but an integer"),
    (Integer(2, 8), np.bool_(True), TypeError, "beta: bool is given, but a number is needed"),
    (Choice(["a", "b"]), "c", ValueError, "beta: 'c' is given, but one of a, b is needed"),
    (Choice([1, 2]), True, ValueError, "beta: True is given, but one of 1, 2 is needed"),
    (Switch(), 1, TypeError, "beta: int is given, but True or False is needed"),
    (Switch(), "on", TypeError, "beta: str is given, but True or False is needed"),
]


@pytest.mark.parametrize(("knob", "value", "error", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_is_said_in_a_sentence(knob, value, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        knob.named("beta").validate(value)


@pytest.mark.usefixtures("as_reader")
@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Linear(1, 1), ValueError, "low, high: 1 and 1 are given, but finite low < high"),
        (lambda: Linear(0, math.nan), ValueError, "but finite low < high is needed"),
        (lambda: Linear(-1.7e308, 1.7e308), ValueError, "but finite low < high is needed"),
        (lambda: Linear("0", 1), TypeError, "str is given, but a number is needed"),
        (lambda: Linear(0, 1, points=1), ValueError, "points: 1 is given, but an integer >= 2"),
        (lambda: Linear(0, 1, points=2.5), ValueError, "points: 2.5 is given, but an integer"),
        (lambda: Linear(0, 1, default=2), ValueError, "2 is given, but a number from 0 to 1"),
        (lambda: Log(0, 1), ValueError, "low: 0 is given, but a logarithmic knob needs low > 0"),
        (lambda: Log(math.nan, 1), ValueError, "low: nan is given, but a logarithmic knob"),
        (lambda: Integer(3, 2), ValueError, "low, high, step: 3, 2, 1 are given"),
        (lambda: Integer(0, 2, step=0), ValueError, "low <= high and step >= 1 are needed"),
        (lambda: Integer(0.5, 2), TypeError, "low: 0.5 is given, but an integer is needed"),
        (lambda: Choice([]), ValueError, "distinct values are needed, one at least"),
        (lambda: Choice(["a", "a"]), ValueError, "distinct values are needed, one at least"),
        (lambda: Choice(["a"], default="b"), ValueError, "'b' is given, but one of a is needed"),
    ],
)
def test_a_knob_that_cannot_be_is_refused(make, error, sentence):
    with pytest.raises(error, match=re.escape(sentence)):
        make()


@pytest.mark.parametrize("knob", KINDS)
@pytest.mark.parametrize("unit", [-0.25, 1.25, math.nan])
def test_a_place_outside_of_the_unit_interval_is_refused(knob, unit):
    with pytest.raises(ValueError, match=r"unit: .* is given, but a number from 0 to 1 is"):
        knob.from_unit(unit)


def test_numbers_of_numpy_are_numbers():
    assert Linear(0, 1).validate(np.float32(0.5)) == 0.5
    assert Integer(0, 9).validate(np.int64(3)) == 3
    assert type(Integer(0, 9).validate(np.int64(3))) is int
    assert type(Integer(0, 9).validate(4.0)) is int
    assert Integer(0, 2**60).validate(2**53 + 1) == 2**53 + 1
    assert Switch().validate(np.bool_(True)) is True


def test_the_base_is_no_knob():
    for method in (lambda: Knob().grid(), lambda: Knob().validate(1)):
        with pytest.raises(TypeError, match="Knob is abstract: use Linear, Log"):
            method()


@given(KNOBS)
def test_the_widget_offers_the_grid_and_stands_at_the_default(knob):
    widget = knob.named("beta").widget()
    assert widget.value == knob.default
    assert widget.description == (knob.label or "beta")
    if knob.kind != "switch":
        assert [value for _, value in widget.options] == list(knob.grid())
        assert [text for text, _ in widget.options] == [knob.text(v) for v in knob.grid()]


class Controls(HTMLParser):
    """Collects elements; a tag that is not closed, or text that was not escaped, shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.texts: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag != "input":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data


@given(KNOBS, st.text(alphabet='ab-"<', min_size=1, max_size=6))
def test_the_native_control_is_labelled(knob, element):
    assume(knob.label.strip())
    page = Controls(knob.named("beta").html(element))
    assert not page.open
    named = dict(page.elements)
    assert set(named) <= {"label", "input", "output", "select", "option"}
    control = named.get("input") or named["select"]
    assert control["id"] == named["label"]["for"] == element
    assert control["data-knob"] == "beta"
    assert page.texts["label"] == knob.label
    if "output" in named:
        assert (control["min"], control["max"]) == ("0", str(len(knob.grid()) - 1))
        assert control["value"] == str(knob.index())
        assert control["aria-valuetext"] == page.texts["output"] == knob.text(knob.default)
        assert named["output"]["for"] == element
    elif "select" in named:
        chosen = [a["value"] for tag, a in page.elements if tag == "option" and "selected" in a]
        assert chosen == [str(knob.index())]
    else:
        assert ("checked" in control) is knob.default


def test_bind_names_knobs_and_refuses_what_is_none():
    bound = bind({"beta": Linear(0, 1), "n": Integer(1, 2)})
    assert [knob.name for knob in bound.values()] == ["beta", "n"]
    assert bound["beta"].title == "beta"


@pytest.mark.usefixtures("as_reader")
def test_bind_refuses_what_is_no_knob():
    with pytest.raises(TypeError, match=r"n: int is given, but a knob \(Linear, Log, ...\) is"):
        bind({"n": 3})
