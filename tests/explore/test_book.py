"""Every explorable of the book, now and later: structure, plotly's validation, digests.

The whole grid is computed, and held to its budget, when the book is built; here each knob has its
default and its ends alone.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import plotly.graph_objects as go
import pytest

from softbook.commands.digest import moved
from softbook.explore import Explorable, explorables
from softbook.explore.decode import assert_payload_matches
from softbook.explore.digest import digest
from softbook.knobs import Choice
from softbook.plotting import palette

DIGESTS = Path(__file__).parents[1] / "data" / "digests"
ENTRIES = explorables()
# 3 × 3 settings are the corners of two knobs.
SETTINGS = 9


@cache
def remembered(id):
    """The explorable with a function that computes each setting once for all tests here."""
    entry = ENTRIES[id]
    frames = {}

    def function(**settings):
        key = json.dumps(settings, sort_keys=True)
        if key not in frames:
            frames[key] = entry(**settings)
        return tuple(frames[key])

    return replace(entry, function=function)


def thinned(entry: Explorable) -> Explorable:
    """The same explorable on the corners of its grid, and the default among them."""
    knobs, settings = {}, 1
    for name, knob in entry.knobs.items():
        grid, default = knob.grid(), knob.grid()[knob.index()]
        values = dict.fromkeys((grid[0], default, grid[-1]))
        if settings * len(values) > SETTINGS:
            values = dict.fromkeys((default,))
        settings *= len(values)
        knobs[name] = Choice(list(values), default=default, label=knob.title)
    return replace(entry, knobs=knobs)


@pytest.fixture(params=sorted(ENTRIES))
def entry(request):
    return remembered(request.param)


def test_its_payload_says_what_its_function_returns(entry):
    few = thinned(entry)
    payload = json.loads(json.dumps(few.payload(), allow_nan=False))
    assert payload["fixed_axes"], "axes need ranges, so that only data move"
    assert_payload_matches(payload, few)


def test_its_grid_fits_its_budget(entry):
    assert entry.size() <= entry.budget.settings
    assert entry.budget.gzipped <= 120_000


def test_its_frames_pass_plotlys_own_validation(entry):
    for settings in thinned(entry).grid():
        go.Figure(entry(**settings).figure.to_plotly_json())


def test_its_words_and_colours_are_those_of_the_book(entry):
    figure, summary = entry()
    layout = figure.layout
    assert entry.title
    assert all(knob.label for knob in entry.knobs.values())
    assert summary.strip().endswith((".", "!", "?"))
    for axis in (layout.xaxis, layout.yaxis):
        assert axis.title.text
    for trace in figure.data:
        assert trace.name or trace.type == "heatmap"
        look = trace.line.color if trace.type == "scatter" and trace.mode == "lines" else None
        assert look is None or look in palette()


def test_its_data_are_those_of_its_digest(entry):
    assert moved(entry, DIGESTS) == []


def test_a_digest_off_by_one_in_one_number_goes_red(tmp_path):
    id = min(ENTRIES)
    stored = digest(remembered(id))
    settings = next(iter(stored))
    path = next(path for path, row in stored[settings].items() if len(row) > 5)
    stored[settings][path][5] += 1
    (tmp_path / f"{id}.json").write_text(json.dumps(stored), "utf-8")
    (line,) = moved(remembered(id), tmp_path)
    assert line.startswith(f"{id}: {settings} {path}: moved by 1 on a range of")


def test_no_digest_is_left_over():
    assert {file.stem for file in DIGESTS.glob("*.json")} <= set(ENTRIES)
