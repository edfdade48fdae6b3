"""Payloads, read by a decoder that is written here from the format's description alone.

The format. A payload is JSON. `knobs` holds for each knob its `values`, and a setting is one index a
knob. `figure` is plotly's JSON without its numeric arrays. Each entry of `channels` is one array:
`path` says where it goes, `shape` how it is laid out, `axes` on which knobs it depends, and `offset`
and `count` which of the 16-bit words in the blob are its own: one block of the array's size for each
setting of those knobs, in C order. The words stand in `blob`: base64 of raw deflate of a byte
string whose first half holds the low bytes of all words and whose second half the high ones. Within
the words of one channel each is the difference to the one before, modulo 65536. A word from 0 to
65534 is a step between `low` and `high`, linear or (`coding` "log") between their logarithms; 65535
is a gap. With `coding` "float" four words, not differenced, are the bytes of one little-endian
float64. `texts` and `summaries` are tables: `values`, and an `index` into them for each setting of
their `axes`.
"""

from __future__ import annotations

import base64
import copy
import datetime
import itertools
import json
import math
import re
import struct
import zlib
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from softbook.explore import Budget, Explorable, explore
from softbook.explore.decode import Decoder, assert_payload_matches, decode
from softbook.explore.payload import combinations, encode, from_figure, gzipped
from softbook.knobs import Choice, Integer, Linear, Log, Switch
from softbook.plotting import chart, curve, heatmap, note


def words_of(payload):
    """All words of the blob as integers, differences undone."""
    raw = zlib.decompressobj(-15).decompress(base64.b64decode(payload["blob"]))
    half = len(raw) // 2
    words = [raw[k] + 256 * raw[half + k] for k in range(half)]
    for channel in payload["channels"]:
        if channel["coding"] != "float":
            for k in range(channel["offset"] + 1, channel["offset"] + channel["count"]):
                words[k] = (words[k] + words[k - 1]) % 65536
    return words


def block(entry, payload, setting):
    """The place of a setting among those on which an entry depends."""
    number = 0
    for axis in entry["axes"]:
        number = number * len(payload["knobs"][axis]["values"]) + setting[axis]
    return number


def read(payload, words, channel, setting):
    """The numbers of a channel at a setting, None for gaps, in C order."""
    size = math.prod(channel["shape"])
    start = channel["offset"] + block(channel, payload, setting) * size * (
        4 if channel["coding"] == "float" else 1
    )
    if channel["coding"] == "float":
        bytes_ = struct.pack(f"<{4 * size}H", *words[start : start + 4 * size])
        return [None if math.isnan(v) else v for v in struct.unpack(f"<{size}d", bytes_)]
    low, high = channel["low"], channel["high"]
    found = []
    for word in words[start : start + size]:
        share = word / 65534
        if word == 65535:
            found.append(None)
        elif channel["coding"] == "log":
            found.append(math.exp(math.log(low) + (math.log(high) - math.log(low)) * share))
        else:
            found.append(low + (high - low) * share)
    return found


def at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def check(entry):
    """Compare every array, text and sentence at every setting with the function's own."""
    payload = json.loads(json.dumps(entry.payload(), allow_nan=False))
    words = words_of(payload)
    spans = sorted((c["offset"], c["offset"] + c["count"]) for c in payload["channels"])
    assert [end for _, end in spans] == [start for start, _ in spans[1:]] + [len(words)]
    names = [knob["name"] for knob in payload["knobs"]]
    for setting in itertools.product(*(range(len(k["values"])) for k in payload["knobs"])):
        values = [k["values"][i] for k, i in zip(payload["knobs"], setting, strict=True)]
        figure, summary = entry(**dict(zip(names, values, strict=True)))
        for channel in payload["channels"]:
            # `_data` is what the function gave, before plotly writes it in base64.
            key, *rest = channel["path"]
            exact = np.asarray(at({"data": figure._data}[key], rest), dtype=float)
            assert list(exact.shape) == channel["shape"]
            for meant, shown in zip(
                exact.ravel(), read(payload, words, channel, setting), strict=True
            ):
                if shown is None:
                    assert not math.isfinite(meant) or (channel["coding"] == "log" and meant <= 0)
                elif channel["coding"] == "log":
                    assert abs(shown - meant) <= channel["error"] * meant
                else:
                    assert meant == shown or abs(shown - meant) <= channel["error"]
        for text in payload["texts"]:
            shown = text["values"][text["index"][block(text, payload, setting)]]
            assert shown == at(figure.to_plotly_json(), text["path"])
        said = payload["summaries"]
        assert said["values"][said["index"][block(said, payload, setting)]] == summary
    assert payload["summary"] == entry().summary
    assert_payload_matches(payload, entry)
    return payload


def shape_of(payload, *path):
    return next(c for c in payload["channels"] if c["path"] == ["data", *path])


X = np.linspace(-1, 1, 37)


def three(beta, n, mark, kind):
    """Arrays that depend on none, one, two and all of the knobs."""
    y = np.tanh(beta * X) * n
    y[2] = np.nan
    traces = [
        curve(X, y, "measured", f"n = {n}"),
        curve(X, X**n, "bound", "power", visible=mark),
        curve(X, np.full(37, math.pi), "reference", "constant"),
        curve(X, np.full(37, beta), "reference", "level"),
        heatmap(np.outer(X, X**n), X, X, "z", limits=(-1, 1)),
    ]
    figure = chart(
        traces,
        title="t",
        x="x",
        y="y",
        x_range=(-1, 1),
        y_range=(-4, 4),
        notes=[note(0, 0, f"β = {beta:.3g}", "bound" if kind == "a" else "measured")],
    )
    return figure, f"β = {beta:.3g}, {kind}"


KNOBS = {
    "beta": Log(0.5, 50, default=3, points=4, label="sharpness β"),
    "n": Integer(1, 4, default=2),
    "mark": Switch(),
    "kind": Choice(["a", "b"]),
}


def test_every_setting_is_read_back():
    payload = check(explore(three, **KNOBS))
    assert [knob["kind"] for knob in payload["knobs"]] == ["log", "integer", "switch", "choice"]
    assert payload["knobs"][0]["index"] == KNOBS["beta"].index() == 2
    assert payload["knobs"][1]["texts"] == ["1", "2", "3", "4"]
    assert shape_of(payload, 0, "y")["axes"] == [0, 1]
    assert shape_of(payload, 1, "y")["axes"] == [1]
    assert shape_of(payload, 0, "x")["axes"] == shape_of(payload, 2, "y")["axes"] == []
    assert shape_of(payload, 3, "y")["axes"] == [0]
    assert shape_of(payload, 4, "z")["shape"] == [37, 37]
    changing = {".".join(map(str, text["path"])): text["axes"] for text in payload["texts"]}
    assert changing == {
        "data.0.name": [1],
        "data.1.visible": [2],
        "layout.annotations.0.text": [0],
        "layout.annotations.0.font.color": [3],
    }
    assert payload["summaries"]["axes"] == [0, 3]
    assert payload["fixed_axes"] is True
    assert payload["traces"] == ["scatter"] * 4 + ["heatmap"]
    assert payload["height"] == 420


def test_the_order_of_the_knobs_is_that_of_their_names_in_the_call():
    turned = explore(three, **dict(reversed(KNOBS.items())))
    payload = check(turned)
    assert [knob["name"] for knob in payload["knobs"]] == ["kind", "mark", "n", "beta"]
    assert shape_of(payload, 0, "y")["axes"] == [2, 3]


def test_what_lies_on_a_ladder_is_exact():
    payload = explore(three, **KNOBS).payload()
    assert shape_of(payload, 0, "x")["error"] < 1e-14
    many = np.arange(1000.0)

    def counts(n):
        return chart([curve(many, many % n, "measured", "a")], title="t", x="x", y="y")

    entry = explore(counts, n=Integer(1, 9))
    decoder = Decoder(entry.payload())
    np.testing.assert_array_equal(decoder.parts([6])["data", 0, "x"], many)
    np.testing.assert_array_equal(decoder.parts([6])["data", 0, "y"], many % 7)


def test_the_error_of_a_curve_is_half_a_step():
    payload = explore(three, **KNOBS).payload()
    channel = shape_of(payload, 0, "y")
    assert channel["error"] <= (channel["high"] - channel["low"]) / 65534 / 2 * 1.0001


def decades(scale):
    x = np.geomspace(1e-8, 1e8, 60)
    y = scale / x
    y[[0, 7]] = [0.0, -3.0]
    return chart(
        [curve(x, y, "measured", "a")], title="t", x="x", y="y", x_type="log", y_type="log"
    )


def test_a_log_axis_keeps_relative_precision_and_drops_what_it_cannot_show():
    payload = check(explore(decades, scale=Log(1, 100, points=5)))
    channel = shape_of(payload, 0, "y")
    assert channel["coding"] == "log"
    assert channel["error"] < 4e-4
    assert shape_of(payload, 0, "x")["coding"] == "log"
    assert np.isnan(decode(payload, [0])["data", 0, "y"][[0, 7]]).all()


def test_a_second_log_axis_is_seen():
    def twin():
        x = np.linspace(1, 2, 50)
        trace = curve(x, np.exp(9 * x), "measured", "a", yaxis="y2")
        figure = chart([trace], title="t", x="x", y="y")
        figure.layout.yaxis2 = {"type": "log", "overlaying": "y"}
        return figure

    payload = check(explore(twin))
    assert shape_of(payload, 0, "y")["coding"] == "log"
    assert shape_of(payload, 0, "x")["coding"] == "linear"


@pytest.mark.parametrize("default", [False, True])
@pytest.mark.parametrize("lowest", [-1.0, 1e-6])
def test_an_axis_that_turns_logarithmic_loses_no_value(default, lowest):
    def either(log):
        y = np.linspace(lowest, 1, 50)
        return chart(
            [curve(X[:1].repeat(50), y, "measured", "a")],
            title="t",
            x="x",
            y="y",
            y_type="log" if log else "linear",
        )

    payload = check(explore(either, log=Switch(default)))
    assert not np.isnan(decode(payload, [0])["data", 0, "y"]).any()
    assert shape_of(payload, 0, "y")["coding"] == ("linear" if lowest < 0 else "log")


def test_a_figure_without_knobs_has_one_setting():
    def still():
        return chart([curve(X, X**3, "measured", "a")], title="t", x="x", y="y")

    payload = check(explore(still, title="It stands still"))
    assert payload["knobs"] == []
    assert payload["summary"] == "It stands still."
    assert list(combinations(payload)) == [()]


def test_a_plain_figure_becomes_a_payload():
    bars = go.Figure(go.Bar(x=["a", "b"], y=[3, 1]), layout={"title": {"text": "Two bars"}})
    payload = from_figure(bars)
    assert (payload["title"], payload["summary"], payload["knobs"]) == ("Two bars", "Two bars.", [])
    assert re.fullmatch(r"figure-[0-9a-f]{10}", payload["id"])
    assert payload == from_figure(bars.to_plotly_json())
    assert payload["id"] != from_figure(go.Figure(go.Bar(x=["a", "b"], y=[3, 2])))["id"]
    assert read(payload, words_of(payload), payload["channels"][0], ()) == [3.0, 1.0]
    assert payload["figure"]["data"][0]["x"] == ["a", "b"]
    assert from_figure({"data": [], "layout": {"title": "As text"}})["title"] == "As text"
    assert from_figure(go.Figure())["summary"] == "Figure."


def test_traces_of_nothing_but_arrays_keep_their_place():
    payload = from_figure({"data": [{"y": [1, 2]}, {"name": "b", "y": [3, 4]}], "layout": {}})
    assert payload["figure"]["data"] == [{}, {"name": "b"}]
    assert payload["traces"] == ["scatter", "scatter"]
    assert decode(payload, [])["data", 1, "y"].tolist() == [3.0, 4.0]


def test_what_is_no_number_is_a_leaf():
    tree = {
        "data": [
            {
                "text": ["1", None],
                "x": [datetime.date(2026, 1, 2), "b"],
                "y": [None, 2.5],
                "z": [[1, None], [3, 4]],
                "customdata": [[1, "a"], [2, "b"]],
                "marker": {"size": math.nan, "color": (0.5, 1)},
                "selected": np.array(["2026-01-01"], dtype="datetime64[D]"),
                "flags": [True, False],
                "ragged": [[1, 2], [3]],
            }
        ],
        "layout": {"xaxis": {"range": [math.inf, 1.0]}},
    }
    payload = json.loads(json.dumps(from_figure(tree), allow_nan=False))
    assert {c["path"][-1] for c in payload["channels"]} == {"y", "z", "color"}
    trace = payload["figure"]["data"][0]
    assert trace["text"] == ["1", None]
    assert trace["x"] == ["2026-01-02", "b"]
    assert trace["marker"] == {"size": None}
    assert trace["selected"] == ["2026-01-01"]
    assert (trace["flags"], trace["ragged"]) == ([True, False], [[1, 2], [3]])
    assert payload["figure"]["layout"]["xaxis"]["range"] == [None, 1.0]
    z = decode(payload, [])["data", 0, "z"]
    assert np.array_equal(z, [[1, np.nan], [3, 4]], equal_nan=True)


def test_what_json_cannot_hold_is_named():
    def strange(n):
        return go.Figure({"data": [{"meta": {1, 2}}]}, _validate=False)

    with pytest.raises(TypeError, match=r"strange: a page cannot show data.0.meta: a set is given"):
        explore(strange, n=Integer(1, 2)).payload()


EXTREMES = [
    [5e-324, 0.0] * 40,
    [1e-310, 3e-310, 2e-310] * 20,
    [1e300, 1e300 * (1 + 1e-15)] * 40,
    [math.inf, 1.0, -math.inf, 2.0] * 20,
    [math.nan] * 40,
    [0.1 + 0.2, 0.3] * 40,
    [-1e-300, 1e300, 7.0] * 20,
]


@pytest.mark.parametrize("values", EXTREMES)
@pytest.mark.parametrize("kind", ["linear", "log"])
def test_extreme_values_stay_within_their_error(values, kind):
    def extreme(n):
        y = np.array(values) * n
        return chart(
            [curve(np.arange(len(values)), y, "measured", "a")],
            title="t",
            x="x",
            y="y",
            y_type=kind,
        )

    check(explore(extreme, n=Integer(1, 2)))


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_values_that_cannot_be_subtracted_are_refused():
    def wide(n):
        y = np.array([-1.7e308, 1.7e308] * 40) / n
        return chart([curve(np.arange(80), y, "measured", "a")], title="t", x="x", y="y")

    with pytest.raises(ValueError, match=r"wide: data.0.y: its values differ by more than a float"):
        explore(wide, n=Integer(1, 2)).payload()


VALUES = st.floats(-1e9, 1e9) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1e-12])


@settings(max_examples=60)
@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 40)),
        elements=VALUES,
    ),
    st.sampled_from(["linear", "log"]),
    st.sets(st.sampled_from([0, 1])),
)
def test_any_arrays_are_read_back(stack, kind, constant):
    """Random data over two knobs, made constant along some of them."""
    for axis in constant:
        stack = np.take(stack, [0], axis=axis).repeat(stack.shape[axis], axis=axis)

    def any_of(a, b):
        y = stack[a, b]
        return chart(
            [curve(np.arange(len(y)), y, "measured", "a")], title="t", x="x", y="y", y_type=kind
        )

    rows, columns = (Integer(0, n - 1) for n in stack.shape[:2])
    payload = check(explore(any_of, a=rows, b=columns))
    assert not constant & set(shape_of(payload, 0, "y")["axes"])


@settings(max_examples=60)
@given(arrays.arrays(np.float64, st.integers(33, 90), elements=st.floats(-1e6, 1e6)))
def test_the_two_decoders_agree(values):
    payload = from_figure(go.Figure(go.Scatter(y=values)))
    ours = read(payload, words_of(payload), payload["channels"][0], ())
    np.testing.assert_allclose(decode(payload, [])["data", 0, "y"], ours, rtol=1e-12, atol=1e-9)


def plain(a):
    return chart(
        [curve(X, np.sin(a * X), "measured", "a")], title="t", x="x", y="y"
    ), f"a = {a:.2f}"


PLAIN = explore(plain, a=Linear(0.5, 3, points=6))


def test_a_stale_payload_is_caught():
    def since(a):
        return plain(a + 0.01)[0], f"a = {a:.2f}"

    stale = explore(since, a=PLAIN.knobs["a"]).payload()
    with pytest.raises(AssertionError, match=r"plain at {'a': 0.5}: \('data', 0, 'y'\): moved by"):
        assert_payload_matches(stale, PLAIN)


def test_a_shuffled_grid_is_caught():
    payload = PLAIN.payload()
    payload["knobs"][0]["values"].reverse()
    with pytest.raises(AssertionError, match="plain: the grid of a is another one"):
        assert_payload_matches(payload, PLAIN)
    backward = replace(PLAIN, function=lambda a: plain(3.5 - a)).payload()
    with pytest.raises(AssertionError, match=r"moved by .*; the sentence reads otherwise"):
        assert_payload_matches(backward, PLAIN)


def test_a_wrong_word_a_lost_gap_and_a_wrong_text_are_caught():
    payload = PLAIN.payload()
    moved = copy.deepcopy(payload)
    shape_of(moved, 0, "y")["high"] += 1e-3
    with pytest.raises(AssertionError, match=r"\('data', 0, 'y'\): moved by"):
        assert_payload_matches(moved, PLAIN)
    renamed = copy.deepcopy(payload)
    renamed["figure"]["data"][0]["name"] = "b"
    with pytest.raises(AssertionError, match=r"\('data', 0, 'name'\): reads otherwise"):
        assert_payload_matches(renamed, PLAIN)
    gone = copy.deepcopy(payload)
    gone["figure"]["data"][0].pop("name")
    with pytest.raises(AssertionError, match=r"\('data', 0, 'name'\) stands on one side only"):
        assert_payload_matches(gone, PLAIN)

    def gap(a):
        figure, summary = plain(a)
        figure.data[0].y = np.where(np.arange(37) == 3, np.nan, figure.data[0].y)
        return figure, summary

    with pytest.raises(AssertionError, match="its gaps or its shape are others"):
        assert_payload_matches(replace(PLAIN, function=gap).payload(), PLAIN)


@pytest.mark.parametrize("indices", [[], [6], [-1], [0, 0]])
def test_places_outside_of_the_grid_are_refused(indices):
    with pytest.raises(
        ValueError, match=r"indices: .* is given, but one place in each of the grids"
    ):
        decode(PLAIN.payload(), indices)


def refused(function, error, sentence, budget=None, **knobs):
    with pytest.raises(error, match=re.escape(sentence)):
        encode(Explorable("odd", "Odd", function, knobs, budget or Budget()))


def test_a_grid_beyond_its_budget_is_refused_before_anything_is_computed():
    def never(**_):
        raise RuntimeError("computed")

    knobs = {"a": Linear(0, 1, points=65), "b": Linear(0, 1, points=65)}
    sentence = (
        "odd: its grid has 4225 settings, but the budget is 4096; give the knobs fewer points"
    )
    refused(never, ValueError, sentence, **knobs)


def test_bytes_beyond_the_budget_are_refused():
    noise = np.random.default_rng(0).normal(size=(4, 500))

    def noisy(n):
        return chart([curve(np.arange(500), noise[n], "measured", "a")], title="t", x="x", y="y")

    knobs = {"n": Integer(0, 3)}
    size = gzipped(encode(Explorable("odd", "Odd", noisy, knobs)))
    sentence = f"odd: its data take {size} bytes after gzip, but the budget is {size - 1}; give the"
    refused(noisy, ValueError, sentence, Budget(gzipped=size - 1), **knobs)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda f, n: f.add_scatter(y=[1, 2]) if n > 1 else f,
            "data.1.type stands in some settings",
        ),
        (
            lambda f, n: f.update_traces(x=X[:-n], y=X[:-n]),
            "data.0.x has shape (36,) at one setting and (35,) at another; pad with NaN to one length",
        ),
        (
            lambda f, n: f.update_traces(x=list("ab")) if n > 1 else f,
            "data.0.x is numeric in some settings only",
        ),
        (lambda f, n: f.add_annotation(text="a") if n > 1 else f, "stands in some settings only"),
    ],
)
def test_a_structure_that_changes_is_refused(change, sentence):
    def changing(n):
        return change(go.Figure(go.Scatter(x=X, y=X)), n)

    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        explore(changing, n=Integer(1, 2)).payload()
    assert "changing: a page cannot follow {'n': 2}: " in str(caught.value)
